"""Names of journeys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl


def names_of_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> pl.DataFrame:
    """The distinct names of journeys on ``days``: partition_date (the first of the days), journey_name; sorted."""
    return con.execute(
        """
        SELECT min(partition_date) AS partition_date, journey_name FROM main.journey_names
        WHERE partition_date IN (SELECT unnest($days::DATE[])) GROUP BY journey_name ORDER BY ALL
        """,
        {"days": list(days)},
    ).pl()
