"""What is left out of the log as noise, counted from the landing tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.noise.params import NoiseParams
from journeys_assets.domain.noise.rules import NOISY_SOURCES
from journeys_assets.domain.vocabulary import RATE
from journeys_assets.storage.ingest.scratch import EVENT_TIME
from journeys_assets.storage.sql_models import SqlModel


def noise_counts(
    con: duckdb.DuckDBPyConnection, models: Mapping[str, SqlModel], params: NoiseParams, first: date, last: date
) -> pl.DataFrame:
    """The rows that are marked as noise or exceed a rate, from ``first`` to ``last``.

    Args:
        models: The SQL models. ``stg_SOURCE`` has the rule for rates, which is not repeated here.
        params: A reason that they do not leave out is counted all the same, but for rates.

    Returns:
        source, reason, rows, users, example (a user), sorted.
    """
    found = []
    for source in NOISY_SOURCES:
        time = EVENT_TIME[source]
        of_days = f"{time} >= $first::TIMESTAMP AND {time} < ($last::DATE + 1)::TIMESTAMP"
        has_text = "AND keyword <> ''" if source == "search_events" else ""
        found.append(
            con.execute(
                f"""
                SELECT $source AS source, noise AS reason, count(*) AS rows, count(DISTINCT user_id) AS users,
                       min(user_id) AS example
                FROM landing.{source} WHERE noise IS NOT NULL AND {of_days} GROUP BY noise
                """,
                {"source": source, "first": first, "last": last},
            ).pl()
        )
        if RATE not in params.left_out:
            continue
        found.append(
            con.execute(
                f"""
                WITH days AS (
                  SELECT user_id, {time}::DATE AS event_date, count(*) AS n FROM landing.{source}
                  WHERE (noise IS NULL OR NOT list_contains($left_out, noise)) AND {of_days} {has_text} GROUP BY ALL
                ), kept AS (
                  SELECT user_id, event_date FROM ({models[f"stg_{source}"].render({})})
                  WHERE event_date BETWEEN $first AND $last GROUP BY ALL
                )
                SELECT $source AS source, '{RATE}' AS reason, sum(n)::BIGINT AS rows,
                       count(DISTINCT user_id) AS users, min(user_id) AS example
                FROM days ANTI JOIN kept USING (user_id, event_date) HAVING count(*) > 0
                """,
                {"source": source, "first": first, "last": last, "left_out": list(params.left_out)},
            ).pl()
        )
    return pl.concat(found).sort("source", "reason")
