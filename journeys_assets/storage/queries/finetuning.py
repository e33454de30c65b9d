"""What a small language model is taught from."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl


def output_of(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The journeys in the output of ``day``, as one model is asked for them: by user and journey."""
    return con.execute(
        """
        SELECT user_id, journey_id, journey_name, keywords, kind, stage, intent, confidence
        FROM main.user_journeys WHERE partition_date = $day ORDER BY user_id, journey_id
        """,
        {"day": day},
    ).pl()
