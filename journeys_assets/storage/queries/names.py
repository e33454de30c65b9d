"""Names of journeys and their vectors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl


def names_of_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> pl.DataFrame:
    """The distinct names of journeys on ``days``: partition_date (the first of the days), journey_name; sorted."""
    return con.sql(
        """
        SELECT min(partition_date) AS partition_date, journey_name FROM main.journey_names
        WHERE partition_date IN (SELECT unnest($days::DATE[])) GROUP BY journey_name ORDER BY ALL
        """,
        params={"days": list(days)},
    ).pl()


def names_with_vectors(con: duckdb.DuckDBPyConnection, names: pl.Series, embedding_model: str) -> pl.DataFrame:
    """Those of ``names`` (normalised) that have a vector by one model: name; sorted."""
    return name_vectors(con, names, embedding_model).select("name")


def name_vectors(con: duckdb.DuckDBPyConnection, names: pl.Series, embedding_model: str) -> pl.DataFrame:
    """The stored vectors of ``names`` (normalised) by one model: name, embedding (float16 bytes); sorted by name."""
    con.register("wanted_names", names.unique().alias("name").to_frame().to_arrow())
    rows = con.sql(
        """
        SELECT name, any_value(embedding) AS embedding FROM main.name_embeddings
        JOIN wanted_names USING (name) WHERE embedding_model = $model GROUP BY name ORDER BY name
        """,
        params={"model": embedding_model},
    ).pl()
    con.unregister("wanted_names")
    return rows
