"""Whole partitions and row counts of the main tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.storage.queries.identities import stored_for
from journeys_assets.storage.queries.shards import EVERYONE, Shard


def partition(con: duckdb.DuckDBPyConnection, table: str, day: date) -> pl.DataFrame:
    """One partition of a table of the main schema."""
    return con.execute(f"SELECT * FROM main.{table} WHERE partition_date = $day", {"day": day}).pl()


def partitions(
    con: duckdb.DuckDBPyConnection,
    table: str,
    days: Sequence[date],
    columns: Sequence[str] = ("*",),
    shard: Shard = EVERYONE,
    *,
    is_by_owner: bool = False,
) -> dict[date, pl.DataFrame]:
    """Several partitions of a table of the main schema, by day; ``columns`` include partition_date.

    Args:
        shard: Whose rows; the table has users if these are not all.
        is_by_owner: Also the rows of ids that are linked to a user of ``shard``.
    """
    return by_day(rows_on(con, table, days, columns, shard, is_by_owner=is_by_owner), days)


def rows_on(
    con: duckdb.DuckDBPyConnection,
    table: str,
    days: Sequence[date],
    columns: Sequence[str] = ("*",),
    shard: Shard = EVERYONE,
    *,
    is_by_owner: bool = False,
) -> pl.DataFrame:
    """The rows of several partitions of a table of the main schema; the others as for :func:`partitions`."""
    condition = stored_for(shard) if is_by_owner else shard.sql()
    return con.execute(
        f"SELECT {', '.join(columns)} FROM main.{table} "
        f"WHERE partition_date IN (SELECT unnest($days::DATE[])) AND {condition}",
        {"days": list(days)},
    ).pl()


def by_day(rows: pl.DataFrame, days: Sequence[date]) -> dict[date, pl.DataFrame]:
    """``rows`` (partition_date, …) of each of ``days``, in their order; a day without a row has an empty frame."""
    found = rows.partition_by("partition_date", as_dict=True)
    return {day: found.get((day,), rows.clear()) for day in days}


def row_counts(con: duckdb.DuckDBPyConnection, tables: Sequence[str], day: date) -> dict[str, tuple[int, int]]:
    """Rows of each table on ``day``, and on all days."""
    counts = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FILTER (partition_date = $day), count(*) FROM main.{table}" for table in tables
    )
    return {name: (n_on_day, n_all) for name, n_on_day, n_all in con.execute(counts, {"day": day}).fetchall()}


def counts_by_day(con: duckdb.DuckDBPyConnection, table: str, days: Sequence[date]) -> dict[date, tuple[int, int]]:
    """Rows and users of a table with users, for each of ``days``."""
    rows = con.execute(
        f"SELECT partition_date, count(*), count(DISTINCT user_id) FROM main.{table} "
        "WHERE partition_date IN (SELECT unnest($days::DATE[])) GROUP BY ALL",
        {"days": list(days)},
    ).fetchall()
    return dict.fromkeys(days, (0, 0)) | {day: (n_rows, n_users) for day, n_rows, n_users in rows}


def example_rows(con: duckdb.DuckDBPyConnection, table: str, day: date, n_rows: int) -> pl.DataFrame:
    """The first rows of one partition by user and journey."""
    return con.execute(
        f"SELECT * FROM main.{table} WHERE partition_date = $day ORDER BY user_id, journey_id LIMIT {n_rows}",
        {"day": day},
    ).pl()


def content_digest(con: duckdb.DuckDBPyConnection, table: str, until: date) -> str:
    """A digest of the rows of a table of the main schema up to and including a day; their order makes no difference."""
    found = con.execute(
        f"SELECT count(*), sum(hash(rows))::VARCHAR FROM main.{table} AS rows WHERE partition_date <= $day",
        {"day": until},
    )
    return repr(found.fetchone())


def versions_on(con: duckdb.DuckDBPyConnection, table: str, day: date) -> set[str]:
    """The algorithm versions of the rows of one partition."""
    found = con.execute(
        f"SELECT DISTINCT algorithm_version FROM main.{table} WHERE partition_date = $day", {"day": day}
    )
    return {version for (version,) in found.fetchall()}
