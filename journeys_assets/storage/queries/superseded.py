"""Inferences that nothing can read any more, and their removal.

Everything reads, as of some day, the latest inference of each user. So an inference is superseded once a later one of
the same user comes before every day that is still read: before the days whose journeys are kept, or that a run is
computing; before the days with which monitors compare them; and before the earliest snapshot of a training as of the
last closed day. Superseded inferences are deleted, the row of the ledger with the clusters, so that they count as never
made. A run over a day before those that are kept makes them again from the log.

The latest inference of a user is never deleted, however old.
"""

from __future__ import annotations

from datetime import date

import duckdb

from journeys_assets.storage.warehouse.duckdb_file import Warehouse

_SUPERSEDED = """
    WITH days AS (
      SELECT partition_date FROM main.user_journeys
      UNION ALL SELECT partition_date FROM main.closed_days
      UNION ALL SELECT partition_date FROM main.opened_days
    ), kept AS (
      SELECT least(
        (SELECT min(partition_date) FROM days) - $trailing_days::INTEGER,
        (SELECT max(partition_date) FROM main.closed_days) - $training_days::INTEGER
      ) AS first_day
    )
    SELECT user_id, partition_date, first_day FROM main.inference_ledger, kept WHERE partition_date < first_day
    QUALIFY partition_date < max(partition_date) OVER (PARTITION BY user_id)
"""

LEAST_SHARE = 0.05
"""They are deleted once they are this share of all inferences: DuckDB rewrites what is left beside deleted rows, so a
few at a time would cost as much as many."""

_KEPT_FROM = "inferences are kept from "
"""Begins the comment of inference_ledger, which ends with the day."""


def delete_superseded(
    warehouse: Warehouse, *, trailing_days: int, training_days: int, least_share: float = LEAST_SHARE
) -> int:
    """Delete the superseded inferences; returns the number of clusters deleted.

    Args:
        trailing_days: Days before a kept day with which its clusters are compared.
        training_days: Days before the last closed day whose journeys a training follows.
        least_share: Nothing is deleted while fewer than this share of the inferences (0..1) are superseded.
    """
    days = {"trailing_days": trailing_days, "training_days": training_days}
    counts = f"SELECT (SELECT count(*) FROM ({_SUPERSEDED})), (SELECT count(*) FROM main.inference_ledger)"
    with warehouse.reading() as con:
        ((n_superseded, n_all),) = con.execute(counts, days).fetchall()
    if not n_superseded or n_superseded < least_share * n_all:
        return 0
    # Neither table is published, so publishing need not know which days lose rows.
    with warehouse.writing({}) as con:
        con.execute(f"CREATE TEMP TABLE superseded AS {_SUPERSEDED}", days)
        ((first,),) = con.execute("SELECT max(first_day) FROM superseded").fetchall()
        n_deleted = [
            con.execute(
                f"DELETE FROM main.{table} AS old USING superseded AS s "
                "WHERE old.user_id = s.user_id AND old.partition_date = s.partition_date"
            ).fetchall()[0][0]
            for table in ("journey_clusters", "inference_ledger")
        ]
        con.execute("DROP TABLE temp.superseded")
        if first is not None:
            con.execute(f"COMMENT ON TABLE main.inference_ledger IS '{_KEPT_FROM}{first}'")
    return int(n_deleted[0])


def kept_from(con: duckdb.DuckDBPyConnection) -> date:
    """The first day as of which the latest inference of every user is kept; ``date.min`` where none was deleted."""
    row = con.execute(
        "SELECT comment FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'main' "
        "AND table_name = 'inference_ledger' AND comment IS NOT NULL"
    ).fetchone()
    return date.fromisoformat(row[0].removeprefix(_KEPT_FROM)) if row else date.min
