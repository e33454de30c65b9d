"""Loads prepared rows into the landing tables: de-duplicates them as set operations, in one transaction.

An event is identified by its grain. If it is in the warehouse already, or twice in a call, it is stored once. Of an
entity (a pin, a user, …) every version is stored, and the latest counts. A call with exactly the versions that are the
latest already changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.tables.landing import (
    INGEST_LEDGER,
    INGESTED_DAYS,
    LANDING,
    LANDING_TABLES,
    QUARANTINED_ROWS,
)
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.warehouse.base import create_tables, quoted, quoted_pattern
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

VERSIONED = ("pins", "users", "notification_events", "board_pins")
"""Sources of which the latest version of a row counts."""

EVENT_TIME = {
    "search_events": "searched_at",
    "pin_engagements": "engaged_at",
    "board_pins": "saved_at",
    "journey_feedback": "given_at",
    "notification_events": "sent_at",
}
"""The time of each source's event, if it has one that is never null."""

KEYWORD_EVENTS = ("search_events", "pin_engagements", "board_pins")
"""Sources whose events can start a user's history."""


@dataclass
class PreparedFile:
    """The rows of one source in one file, read and checked: what the ledger records."""

    number: int
    batch_id: str
    source: str
    file: str
    sha256: str
    n_good: int = 0
    n_quarantined: int = 0
    n_skipped: int = 0


@dataclass(frozen=True)
class Loaded:
    """The result of one transaction: rows accepted by (source, file number), and the day of the earliest event."""

    ingest_seq: int
    accepted: Mapping[tuple[str, int], int]
    first_day: date | None


INGEST_TABLES = (*LANDING_TABLES.values(), INGEST_LEDGER, INGESTED_DAYS, QUARANTINED_ROWS)
"""All tables that ingestion writes."""


def ensure_landing(warehouse: Warehouse) -> None:
    """Create the landing tables, the ledger and the quarantine if they do not exist."""
    warehouse.ensure(*INGEST_TABLES)


def known_batches(warehouse: Warehouse) -> tuple[set[str], int]:
    """Batch ids in the ledger, and its highest ingest_seq (0 if it is empty)."""
    ledger = warehouse.query("SELECT batch_id, ingest_seq FROM landing.ingest_ledger")
    return set(ledger["batch_id"]), int(ledger["ingest_seq"].max() or 0)  # type: ignore[arg-type]


def load(
    warehouse: Warehouse,
    scratch: Path,
    files: Sequence[PreparedFile],
    quarantined: pl.DataFrame,
    precedence: Mapping[str, str],
    now: datetime,
) -> Loaded:
    """Insert all prepared rows, their ledger rows and the quarantined rows; on any error, insert nothing.

    Args:
        scratch: Folder with a folder of Parquet files for each source: the landing columns, ``file_no``, ``line``.
        quarantined: Columns of ``QUARANTINED_ROWS``.
        precedence: For each source: see ``importers.base.Importer``.
    """
    accepted: dict[tuple[str, int], int] = {}
    first_days: list[date] = []
    with warehouse.writing() as con:
        con.execute(f"SET temp_directory = '{quoted(scratch / 'spill')}'")
        create_tables(con, INGEST_TABLES)
        seq = int(con.sql("SELECT coalesce(max(ingest_seq), 0) + 1 FROM landing.ingest_ledger").fetchall()[0][0])
        # Another call may have loaded the same file while this one was reading.
        known = {row[0] for row in con.sql("SELECT batch_id FROM landing.ingest_ledger").fetchall()}
        new = [file for file in files if file.batch_id not in known]
        for source in sorted({file.source for file in new if file.n_good}):
            numbers = [file.number for file in new if file.source == source]
            counts, first_day = _load_source(con, source, scratch, numbers, precedence.get(source), seq)
            accepted |= {(source, number): n for number, n in counts.items()}
            first_days += [first_day] if first_day else []
        _append(con, QUARANTINED_ROWS, quarantined.filter(pl.col("batch_id").is_in([f.batch_id for f in new])))
        _append(con, INGEST_LEDGER, _ledger(new, accepted, seq, now))
    return Loaded(seq, accepted, min(first_days, default=None))


def _load_source(
    con: duckdb.DuckDBPyConnection,
    source: str,
    scratch: Path,
    numbers: Sequence[int],
    precedence: str | None,
    seq: int,
) -> tuple[dict[int, int], date | None]:
    table = LANDING_TABLES[source]
    pattern = quoted_pattern(scratch / source, "*.parquet")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT * FROM read_parquet('{pattern}') "
        "WHERE file_no IN (SELECT unnest($1))",
        [list(numbers)],
    )
    if source not in VERSIONED:
        con.execute(_new_events(con, table))
    else:
        con.execute(_new_versions(table) if precedence is None else _better_versions(table, precedence))
    con.execute(_ingested_days(source, seq))
    columns = ", ".join(name for name in table.column_names if name != "ingest_seq")
    con.execute(
        f"INSERT INTO {table.qualified_name} BY NAME SELECT {columns}, {seq}::BIGINT AS ingest_seq FROM fresh "
        f"ORDER BY {', '.join(_order(table))}"
    )
    counts = {int(n): int(k) for n, k in con.sql("SELECT file_no, count(*) FROM fresh GROUP BY file_no").fetchall()}
    first_day = None
    if source in KEYWORD_EVENTS:
        first_day = con.sql(f"SELECT min({EVENT_TIME[source]})::DATE FROM fresh").fetchall()[0][0]
    con.execute("DROP TABLE fresh")
    con.execute("DROP TABLE incoming")
    return counts, first_day


def _contract(table: Table) -> list[str]:
    return [column.name for column in LANDING[table.name].columns]


def _order(table: Table) -> list[str]:
    """Columns to sort by. Time comes first, so that reading a few days touches few row groups."""
    time = EVENT_TIME.get(table.name)
    return [*([time] if time else []), *(name for name in _contract(table) if name != time)]


def _same(left: str, right: str, columns: Sequence[str]) -> str:
    return " AND ".join(f"{left}.{name} IS NOT DISTINCT FROM {right}.{name}" for name in columns)


def _new_events(con: duckdb.DuckDBPyConnection, table: Table) -> str:
    """SQL for ``fresh``: one row for each new event (by grain). If rows of an event differ, the choice is fixed."""
    others = [name for name in _contract(table) if name not in table.grain]
    bounds = ""
    if time := EVENT_TIME.get(table.name):
        # Avoids a scan of the whole history: only rows of the same time can be the same event.
        low, high = con.sql(f"SELECT min({time}), max({time}) FROM incoming").fetchall()[0]
        bounds = f" AND existing.{time} BETWEEN TIMESTAMP '{low}' AND TIMESTAMP '{high}'"
    return f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT * FROM (
          SELECT * FROM incoming
          QUALIFY row_number() OVER (
            PARTITION BY {", ".join(table.grain)} ORDER BY {", ".join([*others, "file_no", "line"])}) = 1
        ) AS event
        WHERE NOT EXISTS (
          SELECT 1 FROM {table.qualified_name} AS existing WHERE {_same("existing", "event", table.grain)}{bounds})
    """


def _latest(table: Table) -> str:
    grain = ", ".join(table.grain)
    return f"""
        SELECT * FROM {table.qualified_name} WHERE ({grain}) IN (SELECT ({grain}) FROM incoming)
        QUALIFY rank() OVER (PARTITION BY {grain} ORDER BY ingest_seq DESC) = 1
    """


def _new_versions(table: Table) -> str:
    """SQL for ``fresh``: the distinct versions of every entity whose versions differ from its latest ones."""
    grain, columns = ", ".join(table.grain), ", ".join(_contract(table))
    return f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        WITH given AS (
          SELECT * FROM incoming QUALIFY row_number() OVER (PARTITION BY {columns} ORDER BY file_no, line) = 1
        ), latest AS ({_latest(table)}), changed AS (
          (SELECT {columns} FROM given EXCEPT SELECT {columns} FROM latest)
          UNION ALL (SELECT {columns} FROM latest EXCEPT SELECT {columns} FROM given)
        )
        SELECT * FROM given WHERE ({grain}) IN (SELECT ({grain}) FROM changed)
    """


def _better_versions(table: Table, precedence: str) -> str:
    """SQL for ``fresh``: the best version of every entity if it takes precedence over the stored one."""
    grain, columns = ", ".join(table.grain), ", ".join(_contract(table))
    return f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        WITH latest AS ({_latest(table)}), versions AS (
          SELECT {columns}, 0 AS is_new, -1 AS file_no, -1 AS line FROM latest
          UNION ALL SELECT {columns}, 1 AS is_new, file_no, line FROM incoming
        ), best AS (
          SELECT * FROM versions
          QUALIFY row_number() OVER (PARTITION BY {grain} ORDER BY {precedence}, is_new, file_no, line) = 1
        )
        SELECT incoming.* FROM incoming JOIN best USING (file_no, line) WHERE best.is_new = 1
    """


def _ingested_days(source: str, seq: int) -> str:
    """SQL that records the days that ``fresh`` changes; run it before ``fresh`` is inserted.

    Users and judgements change no day.
    """
    if source == "pins":
        # Pins have no dates: a pin that is new or changed affects the days on which users engaged with it.
        touched = """
            SELECT user_id, engaged_at::DATE AS event_date FROM landing.pin_engagements
            WHERE pin_id IN (SELECT pin_id FROM fresh)
            UNION ALL SELECT user_id, saved_at::DATE FROM landing.board_pins
            WHERE pin_id IN (SELECT pin_id FROM fresh)
        """
    elif source == "notification_events":
        # Only the send counts for caps and cool-downs; opens and clicks that come later change no plan.
        touched = """
            SELECT user_id, sent_at::DATE AS event_date FROM fresh
            WHERE notification_id NOT IN (SELECT notification_id FROM landing.notification_events)
        """
    elif source in EVENT_TIME:
        touched = f"SELECT user_id, {EVENT_TIME[source]}::DATE AS event_date FROM fresh"
    else:
        touched = "SELECT NULL::VARCHAR AS user_id, NULL::DATE AS event_date WHERE false"
    return f"""
        INSERT INTO landing.ingested_days BY NAME
        SELECT {seq}::BIGINT AS ingest_seq, '{source}' AS source, event_date, count(*) AS n_events,
               count(DISTINCT user_id) AS n_users
        FROM ({touched}) GROUP BY event_date ORDER BY event_date
    """


def _append(con: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame) -> None:
    con.register("rows_to_append", frame.select(table.column_names).to_arrow())
    con.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM rows_to_append")
    con.unregister("rows_to_append")


def _ledger(
    files: Sequence[PreparedFile], accepted: Mapping[tuple[str, int], int], seq: int, now: datetime
) -> pl.DataFrame:
    rows = []
    for file in files:
        n_accepted = accepted.get((file.source, file.number), 0)
        rows.append(
            {
                "batch_id": file.batch_id,
                "ingest_seq": seq,
                "source": file.source,
                "file": file.file,
                "sha256": file.sha256,
                "n_rows": file.n_good + file.n_quarantined + file.n_skipped,
                "n_accepted": n_accepted,
                "n_duplicate": file.n_good - n_accepted,
                "n_quarantined": file.n_quarantined,
                "n_skipped": file.n_skipped,
                "ingested_at": now,
            }
        )
    return pl.DataFrame(rows, schema=INGEST_LEDGER.polars_schema)
