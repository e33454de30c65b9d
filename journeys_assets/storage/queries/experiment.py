"""Data for the readout of an experiment: its users, what they were sent, what they did."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from journeys_assets.storage.queries.staleness import EVENT_SOURCES


def population(con: duckdb.DuckDBPyConnection, last: date) -> pl.DataFrame:
    """Every user in a text-bearing source by the end of ``last``: user_id.

    Whether a user is among them does not depend on sends, because nobody is sent anything before. So the arms stay
    comparable.
    """
    return con.execute(
        """
        SELECT user_id FROM main.stg_search_events WHERE searched_at < ($last + 1)::TIMESTAMP
        UNION SELECT user_id FROM main.stg_pin_engagements WHERE engaged_at < ($last + 1)::TIMESTAMP
        UNION SELECT user_id FROM landing.board_pins WHERE saved_at < ($last + 1)::TIMESTAMP ORDER BY user_id
        """,
        {"last": last},
    ).pl()


def sends(con: duckdb.DuckDBPyConnection, first: date, last: date) -> pl.DataFrame:
    """Logged sends from ``first`` to ``last``: user_id, arm, sent_at, opened_at, clicked_at, unsubscribed_at."""
    return con.execute(
        """
        SELECT user_id, arm, sent_at, opened_at, clicked_at, unsubscribed_at FROM main.stg_notification_events
        WHERE sent_at >= $first::TIMESTAMP AND sent_at < ($last + 1)::TIMESTAMP ORDER BY ALL
        """,
        {"first": first, "last": last},
    ).pl()


def engagements(con: duckdb.DuckDBPyConnection, first: date, last: date) -> pl.DataFrame:
    """Actions on pins by user and day: user_id, day, n."""
    return con.execute(
        """
        SELECT user_id, engaged_at::DATE AS day, count(*) AS n FROM main.stg_pin_engagements
        WHERE engaged_at >= $first::TIMESTAMP AND engaged_at < ($last + 1)::TIMESTAMP GROUP BY ALL ORDER BY ALL
        """,
        {"first": first, "last": last},
    ).pl()


def sends_by_day(con: duckdb.DuckDBPyConnection) -> dict[date, int]:
    """Number of logged sends of each day that has any, in order of days."""
    return dict(
        con.sql(
            "SELECT sent_at::DATE AS day, count(*) FROM main.stg_notification_events GROUP BY day ORDER BY day"
        ).fetchall()
    )


def last_day_of_log(con: duckdb.DuckDBPyConnection) -> date | None:
    """The last day with an event of any source; None if there is none."""
    query = f"SELECT max(event_date) AS last FROM landing.ingested_days WHERE source IN {EVENT_SOURCES}"
    last: date | None = con.sql(query).pl()["last"][0]
    return last
