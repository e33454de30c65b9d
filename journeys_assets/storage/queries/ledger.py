"""What became of all rows and records that were ingested."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

_LAST = """
    FROM landing.ingest_ledger
    QUALIFY row_number() OVER (PARTITION BY sha256, source ORDER BY ingest_seq DESC, batch_id) = 1
"""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Rows of all loads; read = accepted + duplicate + noise + quarantined + skipped.

    A file that was loaded twice was read twice; then its rows are duplicates.

    Attributes:
        wrong_files: Files whose counts do not add up.
    """

    n_files: int
    n_rows: int
    n_accepted: int
    n_duplicate: int
    n_noise: int
    n_quarantined: int
    n_skipped: int
    skipped: tuple[tuple[str, int], ...]
    wrong_files: tuple[str, ...]

    @property
    def text(self) -> str:
        """One sentence for people."""
        reasons = f" ({', '.join(f'{n:,} {reason}' for reason, n in self.skipped)})" if self.skipped else ""
        return (
            f"{self.n_rows:,} rows read = {self.n_accepted:,} accepted + {self.n_duplicate:,} duplicate + "
            f"{self.n_noise:,} noise + {self.n_quarantined:,} quarantined + {self.n_skipped:,} skipped{reasons}"
        )


def reconciliation(con: duckdb.DuckDBPyConnection) -> Reconciliation:
    """The counts of all loads together, and the most frequent reasons for which rows were skipped."""
    counts = con.sql(
        """
        SELECT count(DISTINCT sha256), coalesce(sum(n_rows), 0)::BIGINT, coalesce(sum(n_accepted), 0)::BIGINT,
               coalesce(sum(n_duplicate), 0)::BIGINT, coalesce(sum(n_noise), 0)::BIGINT,
               coalesce(sum(n_quarantined), 0)::BIGINT, coalesce(sum(n_skipped), 0)::BIGINT
        FROM landing.ingest_ledger
        """
    ).fetchall()[0]
    skipped = con.sql(
        """
        SELECT outcome[10:] AS reason, sum(n)::BIGINT AS n FROM landing.ingest_outcomes
        WHERE starts_with(outcome, 'skipped: ')
        GROUP BY ALL ORDER BY n DESC, reason LIMIT 10
        """
    ).fetchall()
    wrong = con.sql(
        """
        SELECT DISTINCT file FROM landing.ingest_ledger
        WHERE n_rows <> n_accepted + n_duplicate + coalesce(n_noise, 0) + n_quarantined + n_skipped ORDER BY file
        """
    ).fetchall()
    n_files, n_rows, n_accepted, n_duplicate, n_noise, n_quarantined, n_skipped = counts
    return Reconciliation(
        n_files,
        n_rows,
        n_accepted,
        n_duplicate,
        n_noise,
        n_quarantined,
        n_skipped,
        tuple(skipped),
        tuple(file for (file,) in wrong),
    )


def largest_events(con: duckdb.DuckDBPyConnection, most: int) -> list[tuple[str, int, str]]:
    """The most frequent types of events as of the last load of each file: type, records, what became of them."""
    return con.execute(
        f"""
        WITH counted AS (
          SELECT event, outcome, sum(n)::BIGINT AS n FROM landing.ingest_outcomes
          WHERE event IS NOT NULL AND batch_id IN (SELECT batch_id FROM ({_LAST})) GROUP BY ALL
        )
        SELECT event, sum(n)::BIGINT AS total,
               string_agg(format('{{:,}} {{}}', n, outcome), ', ' ORDER BY n DESC, outcome) AS outcomes
        FROM counted GROUP BY event ORDER BY total DESC, event LIMIT $most
        """,
        {"most": most},
    ).fetchall()
