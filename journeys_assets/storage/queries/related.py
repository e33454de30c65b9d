"""Data for related journeys: every journey of every user as of a day, and the live journeys of a day."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl


def journeys_as_of(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Every journey that the kept days up to ``day`` have, each once, without those that are not the user's and those
    that policy does not allow to send anything about.

    Returns:
        user_id, journey_id, journey_name (of the latest day), started_on (the first engagement that any kept day
        knows); sorted.
    """
    return con.execute(
        """
        SELECT user_id, journey_id, max_by(journey_name, partition_date) AS journey_name,
               min(first_engaged_at)::DATE AS started_on
        FROM main.user_journeys WHERE partition_date <= $day GROUP BY ALL
        HAVING coalesce(max_by(coalesce(feedback, ''), partition_date), '') <> 'not_mine'
           AND max_by(safety_decision, partition_date) = 'allow'
        ORDER BY 1, 2
        """,
        {"day": day},
    ).pl()


def live_journeys(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The live journeys of ``day``.

    Returns:
        user_id, journey_id, journey_name, confidence, is_source (ongoing, not sensitive, and the user did not say that
        it is finished, not theirs or muted); sorted.
    """
    return con.execute(
        """
        SELECT user_id, journey_id, journey_name, confidence,
               stage = 'ongoing' AND safety_decision = 'allow' AND coalesce(feedback, 'more') = 'more' AS is_source
        FROM main.user_journeys WHERE partition_date = $day ORDER BY 1, 2
        """,
        {"day": day},
    ).pl()


def related_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """What a user may start next, as of ``day``, best first.

    Returns:
        rank, related_name, relation, from_journey_id, from_journey_name, score, made_by, release.
    """
    return con.execute(
        """
        SELECT r.rank, r.related_name, r.relation, r.from_journey_id, j.journey_name AS from_journey_name, r.score,
               r.made_by, r.release
        FROM main.related_journeys r
        LEFT JOIN main.user_journeys j
          ON j.partition_date = r.partition_date AND j.user_id = r.user_id AND j.journey_id = r.from_journey_id
        WHERE r.partition_date = $day AND r.user_id = $user ORDER BY r.rank
        """,
        {"day": day, "user": user_id},
    ).pl()
