"""Deliveries of one part of a log: which rows of it count.

Vendors deliver parts of a log again: a table of a day, or an event. Rows that an importer marks have

* ``log_part``: the part that they belong to, such as a table of a day; null where each event is a part by itself,
  which ``event_id`` then identifies;
* ``part_version``: ``RANK|FILE|CALL``, of which each may be empty.

Of a part, the rows of the highest rank count; of these, for each file, those of the latest call. Of an event that is a
part by itself, the rows with the earliest time count, and of these those of the first user. What counts is therefore a
function of what was delivered. The order of calls matters only where the version has the number of the call (``CALL``).

A stored row that no longer counts is deleted, unless the new delivery has it too: then it stays and gets the new
version. A day that loses a row is recorded as changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb
import polars as pl

from journeys_assets.domain.tables.landing import LANDING, LANDING_TABLES, PART_SOURCES
from journeys_assets.importers.base import CALL
from journeys_assets.storage.ingest.scratch import EVENT_TIME, Scratch

REDELIVERED = "replaced by another delivery of the same event or table"
"""Why a row of a part is skipped."""
MAX_SHIFT_DAYS = 31
"""How far the time of an event may move between two deliveries. Rows further away are not looked at."""

_CALL_DIGITS = 12


@dataclass
class Redelivered:
    """What a call replaces.

    Attributes:
        is_any: Whether a row of the call does not count; then ``surviving`` must be called for each block.
        days: For each source, event_date, n_events and n_users of the stored rows that were deleted.
    """

    is_any: bool = False
    days: Mapping[str, pl.DataFrame] = field(default_factory=dict)


def with_call(rows: pl.DataFrame, seq: int) -> pl.DataFrame:
    """The rows with the number of the call in their versions."""
    number = f"{seq:0{_CALL_DIGITS}d}"
    return rows.with_columns(pl.col("part_version").str.replace(CALL, number, literal=True))


def replace_parts(
    con: duckdb.DuckDBPyConnection, scratch: Scratch, numbers: Mapping[str, Sequence[int]], seq: int
) -> Redelivered:
    """Delete the stored rows that the call ``seq`` replaces, and find the rows of the call that do not count.

    Args:
        numbers: For each source, the numbers of the files of the call that have rows of it.
    """
    sources = [source for source in PART_SOURCES if numbers.get(source)]
    n_rows = {source: _collect(con, scratch, source, numbers[source], seq) for source in sources}
    if not any(n_rows.values()):
        return Redelivered()
    for source in PART_SOURCES:
        _collect_stored(con, source)
    given = " UNION ALL BY NAME ".join(f"SELECT * FROM {_deliveries(name)}" for name in _all_deliveries())
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE deliveries AS
        WITH given AS ({given}), ranked AS (
          SELECT *, max(rank) OVER (PARTITION BY is_event, key) AS best_rank,
                 max(call) OVER (PARTITION BY is_event, key, rank, file) AS last_call,
                 row_number() OVER (
                   PARTITION BY is_event, key ORDER BY rank DESC, file, call DESC, time, user_id) AS place
          FROM (SELECT DISTINCT * FROM given)
        )
        SELECT is_event, key, version, time, user_id,
               CASE WHEN is_event THEN place = 1 ELSE rank = best_rank AND call = last_call END AS counts
        FROM ranked
        """
    )
    days = {source: _forget(con, source, source in sources) for source in PART_SOURCES}
    is_any = bool(con.sql("SELECT EXISTS (FROM deliveries WHERE NOT counts)").fetchall()[0][0])
    for name in _all_deliveries():
        con.execute(f"DROP TABLE IF EXISTS {name}")
    return Redelivered(is_any, {source: found for source, found in days.items() if found.height})


def surviving(con: duckdb.DuckDBPyConnection, source: str, block: pl.DataFrame) -> pl.DataFrame:
    """The rows of a block that count."""
    rows = block.select(
        is_event=pl.col("log_part").is_null(),
        key=pl.coalesce("log_part", "event_id"),
        version="part_version",
        time=pl.when(pl.col("log_part").is_null()).then(pl.col(EVENT_TIME[source])),
        user_id=pl.when(pl.col("log_part").is_null()).then("user_id"),
    ).with_row_index("row_no")
    con.register("block_parts", rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
    lost = con.sql(
        f"SELECT row_no FROM block_parts SEMI JOIN (FROM deliveries WHERE NOT counts) AS d ON {_same('block_parts')}"
    ).pl()["row_no"]
    con.unregister("block_parts")
    return block if lost.is_empty() else block.filter(~pl.int_range(pl.len()).is_in(lost.implode()))


def forget_deliveries(con: duckdb.DuckDBPyConnection) -> None:
    """Drop what ``surviving`` reads."""
    con.execute("DROP TABLE IF EXISTS deliveries")


def _same(rows: str) -> str:
    return (
        f"d.is_event = {rows}.is_event AND d.key = {rows}.key AND d.version = {rows}.version "
        f"AND d.time IS NOT DISTINCT FROM {rows}.time AND d.user_id IS NOT DISTINCT FROM {rows}.user_id"
    )


def _all_deliveries() -> list[str]:
    return [f"{when}_{source}" for when in ("given", "kept") for source in PART_SOURCES]


def _deliveries(table: str) -> str:
    """What each row of a collected table is a delivery of."""
    return f"""(
        SELECT is_event, key, part_version AS version, CASE WHEN is_event THEN time END AS time,
               CASE WHEN is_event THEN user_id END AS user_id, split_part(part_version, '|', 1) AS rank,
               split_part(part_version, '|', 2) AS file, split_part(part_version, '|', 3) AS call
        FROM {table})"""


def _collected(source: str, rows: str) -> str:
    grain = ", ".join(LANDING[source].grain)
    return f"""
        SELECT {grain}, part_version, log_part IS NULL AS is_event, coalesce(log_part, event_id) AS key,
               {EVENT_TIME[source]} AS time
        FROM {rows} WHERE part_version IS NOT NULL AND coalesce(log_part, event_id) IS NOT NULL
    """


def _collect(con: duckdb.DuckDBPyConnection, scratch: Scratch, source: str, numbers: Sequence[int], seq: int) -> int:
    """Make ``given_SOURCE``: what identifies the rows of parts in the call. Returns their number."""
    table = f"given_{source}"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {table} AS {_collected(source, LANDING_TABLES[source].qualified_name)} LIMIT 0"
    )
    for block in scratch.blocks(source, numbers):
        rows = block.filter(pl.col("part_version").is_not_null())
        if rows.height:
            con.register("block_rows", with_call(rows, seq).to_arrow(compat_level=pl.CompatLevel.oldest()))
            con.execute(f"INSERT INTO {table} BY NAME {_collected(source, 'block_rows')}")
            con.unregister("block_rows")
    return int(con.sql(f"SELECT count(*) FROM {table}").fetchall()[0][0])


def _collect_stored(con: duckdb.DuckDBPyConnection, source: str) -> None:
    """Make ``kept_SOURCE``: the same of the stored rows of these parts."""
    given = [f"given_{name}" for name in PART_SOURCES]
    for table in given:
        other = LANDING_TABLES[table.removeprefix("given_")]
        con.execute(
            f"CREATE TEMP TABLE IF NOT EXISTS {table} AS {_collected(other.name, other.qualified_name)} LIMIT 0"
        )
    keys = " UNION ".join(f"SELECT is_event, key FROM {table}" for table in given)
    times = " UNION ALL ".join(f"SELECT min(time) AS low, max(time) AS high FROM {table}" for table in given)
    time = EVENT_TIME[source]
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE kept_{source} AS
        WITH stored AS (
          SELECT * FROM {LANDING_TABLES[source].qualified_name}
          WHERE part_version IS NOT NULL
            AND {time} >= (SELECT min(low) FROM ({times})) - INTERVAL {MAX_SHIFT_DAYS} DAY
            AND {time} <= (SELECT max(high) FROM ({times})) + INTERVAL {MAX_SHIFT_DAYS} DAY
        )
        SELECT * FROM ({_collected(source, "stored")}) SEMI JOIN ({keys}) USING (is_event, key)
        """
    )


def _forget(con: duckdb.DuckDBPyConnection, source: str, is_given: bool) -> pl.DataFrame:
    """Delete the stored rows that do not count. Those that the call has too stay, with the version that counts.

    Returns:
        event_date, n_events, n_users of the deleted rows.
    """
    table, time = LANDING_TABLES[source].qualified_name, EVENT_TIME[source]
    row_of = " AND ".join(f"lost.{name} IS NOT DISTINCT FROM stored.{name}" for name in LANDING[source].grain)
    given_of = row_of.replace("stored.", "given.")
    rows = """SELECT * EXCLUDE (time, user_id), user_id, CASE WHEN is_event THEN time END AS time,
        CASE WHEN is_event THEN user_id END AS of_user FROM"""
    same = _same("r").replace("r.version", "r.part_version").replace("r.user_id", "r.of_user")
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE lost AS
        WITH lost AS (
          SELECT r.* EXCLUDE (time, of_user) FROM ({rows} kept_{source}) AS r
          SEMI JOIN (FROM deliveries WHERE NOT counts) AS d ON {same}
        ), given AS (
          SELECT r.* FROM ({rows} given_{source}) AS r SEMI JOIN (FROM deliveries WHERE counts) AS d ON {same}
        )
        SELECT lost.*, (
          SELECT max(given.part_version) FROM given WHERE given.key = lost.key AND {given_of}) AS new_version
        FROM lost
        """
    )
    is_marked = "stored.part_version = lost.part_version"
    con.execute(
        f"""
        UPDATE {table} AS stored SET part_version = lost.new_version FROM lost
        WHERE lost.new_version IS NOT NULL AND {row_of} AND {is_marked}
        """
    )
    deleted = con.sql(
        f"""
        DELETE FROM {table} AS stored USING lost WHERE lost.new_version IS NULL AND {row_of} AND {is_marked}
        RETURNING stored.{time}::DATE AS event_date, stored.user_id
        """
    )
    rows_deleted = (
        pl.DataFrame(schema={"event_date": pl.Date, "user_id": pl.String}) if deleted is None else deleted.pl()
    )
    con.execute("DROP TABLE lost")
    return rows_deleted.group_by("event_date").agg(n_events=pl.len(), n_users=pl.col("user_id").n_unique())
