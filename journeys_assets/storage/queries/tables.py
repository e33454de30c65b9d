"""Whole partitions and row counts of the main tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl


def partition(con: duckdb.DuckDBPyConnection, table: str, day: date) -> pl.DataFrame:
    """One partition of a table of the main schema."""
    return con.sql(f"SELECT * FROM main.{table} WHERE partition_date = $day", params={"day": day}).pl()


def row_counts(con: duckdb.DuckDBPyConnection, tables: Sequence[str], day: date) -> dict[str, tuple[int, int]]:
    """Rows of each table on ``day``, and on all days."""
    counts = " UNION ALL ".join(
        f"SELECT '{table}', count(*) FILTER (partition_date = $day), count(*) FROM main.{table}" for table in tables
    )
    return {name: (n_on_day, n_all) for name, n_on_day, n_all in con.execute(counts, {"day": day}).fetchall()}
