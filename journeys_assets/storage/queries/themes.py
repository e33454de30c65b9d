"""What a map of themes is made from: names of journeys, how many users have each, and their vectors."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl


def names_of(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """journey_name, n_users of the journeys of ``day``; sorted by name."""
    return con.execute(
        "SELECT journey_name, count(DISTINCT user_id) AS n_users FROM main.user_journeys "
        "WHERE partition_date = $day AND journey_name IS NOT NULL GROUP BY ALL ORDER BY ALL",
        {"day": day},
    ).pl()
