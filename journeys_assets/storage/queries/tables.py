"""Whole partitions and row counts of tables."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl


def partition(con: duckdb.DuckDBPyConnection, table: str, day: date) -> pl.DataFrame:
    """One partition of a table of the main schema."""
    return con.sql(f"SELECT * FROM main.{table} WHERE partition_date = $day", params={"day": day}).pl()


STAGE_TABLES = (
    "keyword_table",
    "keyword_embeddings",
    "journey_clusters",
    "journey_names",
    "journey_features",
    "ranked_journeys",
    "stage_evidence",
    "stage_labels",
    "user_journeys",
    "notification_candidates",
    "journey_events",
)


def row_counts(con: duckdb.DuckDBPyConnection, day: date | None) -> dict[str, int]:
    """Number of rows in each stage's table: those of ``day``, or all."""
    where = "" if day is None else f"WHERE partition_date = DATE '{day}'"
    return {t: int(con.sql(f"SELECT count(*) AS n FROM main.{t} {where}").pl()["n"][0]) for t in STAGE_TABLES}
