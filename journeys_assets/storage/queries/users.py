"""Users, and everything about one user."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl


def users(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    return con.sql("SELECT user_id, timezone, email_opt_in, push_opt_in FROM main.stg_users ORDER BY user_id").pl()


def journeys_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """One user's rows of user_journeys on ``day``, best first."""
    return con.sql(
        "SELECT * FROM main.user_journeys WHERE partition_date = $day AND user_id = $user ORDER BY rank",
        params={"day": day, "user": user_id},
    ).pl()


def features_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date) -> pl.DataFrame:
    """One user's rows of journey_features on ``day``."""
    return con.sql(
        "SELECT * FROM main.journey_features WHERE partition_date = $day AND user_id = $user ORDER BY journey_id",
        params={"day": day, "user": user_id},
    ).pl()


def evidence_of_user(con: duckdb.DuckDBPyConnection, user_id: str, day: date, days: int) -> pl.DataFrame:
    """The actions of one user in the ``days`` days that end on ``day``: one row per action and keyword.

    Returns:
        keyword, source, action, item_id, engaged_at, event_date.
    """
    return con.sql(
        """
        SELECT keyword, source, action, item_id, engaged_at, event_date FROM main.int_keyword_events
        WHERE user_id = $user AND event_date > $day - $days::INTEGER AND event_date <= $day ORDER BY ALL
        """,
        params={"day": day, "days": days, "user": user_id},
    ).pl()


def users_with_most_journeys(con: duckdb.DuckDBPyConnection, day: date, n: int) -> list[str]:
    """Up to ``n`` users that make good examples: those with 2 to 6 journeys, by total confidence."""
    return (
        con.sql(
            """
            SELECT user_id FROM main.user_journeys WHERE partition_date = $day
            GROUP BY user_id HAVING count(*) BETWEEN 2 AND 6
            ORDER BY sum(confidence) DESC, user_id LIMIT $n
            """,
            params={"day": day, "n": n},
        )
        .pl()["user_id"]
        .to_list()
    )


def user_is_known(con: duckdb.DuckDBPyConnection, user_id: str) -> bool:
    """Whether any text-bearing source has an event of the user."""
    return bool(
        con.sql(
            """
            SELECT EXISTS (FROM landing.search_events WHERE user_id = $user)
                OR EXISTS (FROM landing.pin_engagements WHERE user_id = $user)
                OR EXISTS (FROM landing.board_pins WHERE user_id = $user) AS known
            """,
            params={"user": user_id},
        ).pl()["known"][0]
    )
