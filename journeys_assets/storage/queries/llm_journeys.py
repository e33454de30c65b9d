"""Journeys that a language model inferred."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl


def users_inferred_on(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Users whom the model inferred in partition ``day``: user_id, window_end_date; sorted."""
    return con.execute(
        "SELECT user_id, window_end_date FROM main.llm_inferences WHERE partition_date = $day AND is_inferred "
        "ORDER BY user_id",
        {"day": day},
    ).pl()


def latest_journeys(
    con: duckdb.DuckDBPyConnection,
    users: pl.DataFrame,
    day: date,
    version: str,
    *,
    since: date,
    columns: Sequence[str],
) -> pl.DataFrame:
    """``columns`` of llm_journeys of the latest inference of each user, if it covers the window of ``users``.

    Args:
        users: user_id, window_end_date.
        day: Last partition that counts.
        version: Only inferences of this algorithm version count.
        since: First partition that counts.

    Returns:
        Sorted by user_id and journey_id; users whom the model did not infer are missing.
    """
    con.register("wanted_users", users.select("user_id", "window_end_date").to_arrow())
    selected = ", ".join(f"l.{column}" for column in columns)
    rows = con.execute(
        f"""
        WITH latest AS (
          SELECT user_id, max(partition_date) AS partition_date
          FROM main.llm_inferences JOIN wanted_users USING (user_id, window_end_date)
          WHERE is_inferred AND partition_date BETWEEN $since AND $day AND algorithm_version = $version
          GROUP BY user_id
        )
        SELECT {selected} FROM main.llm_journeys l JOIN latest USING (user_id, partition_date)
        ORDER BY l.user_id, l.journey_id
        """,
        {"day": day, "since": since, "version": version},
    ).pl()
    con.unregister("wanted_users")
    return rows


def names_of_model(con: duckdb.DuckDBPyConnection, states: pl.DataFrame) -> pl.DataFrame:
    """The names that the model gave the journeys of ``states``, where the journeys are the model's.

    Args:
        states: user_id, partition_date of inferences of the pipeline.

    Returns:
        user_id, journey_id, suggested_name (not empty), inferred_by; sorted.
    """
    con.register("states", states.to_arrow())
    rows = con.sql(
        """
        SELECT user_id, journey_id, l.suggested_name, l.inferred_by
        FROM main.journey_clusters c JOIN states USING (user_id, partition_date)
        JOIN main.llm_journeys l USING (user_id, journey_id)
        WHERE c.is_journey AND l.suggested_name <> '' AND l.inferred_by = c.inferred_by
          AND l.window_end_date = c.window_end_date AND l.partition_date <= c.partition_date
        QUALIFY row_number() OVER (PARTITION BY user_id, journey_id ORDER BY l.partition_date DESC) = 1
        ORDER BY user_id, journey_id
        """
    ).pl()
    con.unregister("states")
    return rows


def inferences_of_day(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Rows of llm_inferences of ``day``, by user_id."""
    return con.execute(
        "SELECT * FROM main.llm_inferences WHERE partition_date = $day ORDER BY user_id", {"day": day}
    ).pl()


def journeys_of_model(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Journeys that the model inferred on ``day``: user_id, journey_id, name, kind, stage; sorted.

    The name is the model's where it was accepted, otherwise the medoid.
    """
    return con.execute(
        """
        SELECT user_id, journey_id, CASE WHEN verdict = 'accepted' THEN suggested_name ELSE medoid END AS name,
               kind, stage
        FROM main.llm_journeys WHERE partition_date = $day AND is_journey ORDER BY user_id, journey_id
        """,
        {"day": day},
    ).pl()


def output_beside(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Journeys in the output of ``day`` of the users whom the model inferred on it.

    Returns:
        user_id, journey_id, journey_name, kind, stage, inferred_by; sorted.
    """
    return con.execute(
        """
        SELECT user_id, journey_id, journey_name, kind, stage, inferred_by FROM main.user_journeys
        SEMI JOIN (FROM main.llm_inferences WHERE partition_date = $day AND is_inferred) USING (user_id)
        WHERE partition_date = $day ORDER BY user_id, journey_id
        """,
        {"day": day},
    ).pl()
