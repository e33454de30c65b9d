"""The days that the rows of an ingest call change, for ``ingested_days``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.tables.landing import INGESTED_DAYS
from journeys_assets.storage.warehouse.base import append_rows

CATALOGUE = "catalogue"
"""In ``ingested_days``: the days whose keyword_commonness changes, because the catalogue does."""


def record_days(
    con: duckdb.DuckDBPyConnection, source: str, days: Sequence[pl.DataFrame], seq: int, today: date
) -> None:
    """Record in ``ingested_days`` the days that the rows of the call ``seq`` change; call it after their insertion.

    A day that is recorded is stale, and so is every later one. Judgements change no day.

    Args:
        days: event_date, n_events, n_users of the events accepted, where the day follows from the event alone.
    """
    if source in ("pins", "users", "notification_events"):
        con.execute(f"CREATE OR REPLACE TEMP VIEW added AS FROM landing.{source} WHERE ingest_seq = {seq}")
        con.execute(f"CREATE OR REPLACE TEMP VIEW stored AS FROM landing.{source} WHERE ingest_seq < {seq}")
        if source == "pins":
            _record(con, "pins", _DAYS_OF_PINS, seq)
            _record(con, CATALOGUE, _days_of_catalogue(today), seq)
        else:
            _record(con, source, _DAYS_OF_USERS if source == "users" else _DAYS_OF_SENDS, seq)
        con.execute("DROP VIEW added")
        con.execute("DROP VIEW stored")
    elif days:
        counted = pl.concat(days).group_by("event_date").sum().sort("event_date")
        rows = counted.with_columns(ingest_seq=pl.lit(seq), source=pl.lit(source))
        append_rows(con, INGESTED_DAYS, rows.cast(INGESTED_DAYS.polars_schema))


def _record(con: duckdb.DuckDBPyConnection, source: str, touched: str, seq: int) -> None:
    con.execute(
        f"""
        INSERT INTO landing.ingested_days BY NAME
        SELECT {seq}::BIGINT AS ingest_seq, '{source}' AS source, event_date, count(*) AS n_events,
               count(DISTINCT user_id) AS n_users
        FROM ({touched}) WHERE event_date IS NOT NULL GROUP BY event_date ORDER BY event_date
        """
    )


_ENGAGED = """
    SELECT user_id, pin_id, engaged_at::DATE AS event_date FROM landing.pin_engagements
    UNION ALL SELECT user_id, pin_id, saved_at::DATE FROM landing.board_pins
"""

_DAYS_OF_PINS = f"""
    WITH engaged AS ({_ENGAGED}), periods AS (
      -- The days for which a new version counts. The first version of a pin counts before its own time, too.
      SELECT pin_id,
             CASE WHEN updated_at IS NULL OR NOT EXISTS (
               FROM stored AS old
               WHERE old.pin_id = added.pin_id AND (old.updated_at IS NULL OR old.updated_at <= added.updated_at)
             ) THEN DATE '0001-01-01' ELSE updated_at::DATE END AS first_day,
             coalesce((
               SELECT min(later.updated_at)::DATE FROM stored AS later
               WHERE later.pin_id = added.pin_id AND later.updated_at > added.updated_at
             ), DATE '9999-12-31') AS day_after
      FROM added SEMI JOIN engaged USING (pin_id)
    )
    SELECT user_id, event_date FROM engaged JOIN periods USING (pin_id)
    WHERE event_date >= first_day AND event_date < day_after
"""


def _days_of_catalogue(today: date) -> str:
    """What is common in the catalogue changes from a version's day on. Without a time, the present output changes."""
    return f"""
        SELECT NULL AS user_id, coalesce(updated_at::DATE, (
          SELECT max(event_date) FROM (
            {_ENGAGED} UNION ALL SELECT user_id, NULL, searched_at::DATE FROM landing.search_events
          ) WHERE event_date <= DATE '{today}'
        )) AS event_date FROM added
    """


_DAYS_OF_USERS = """
    -- The plan of a day is for the day after, and an opt-out holds on its own day. A version without a time changes the
    -- plans to come; those of the past were carried out.
    SELECT user_id, updated_at::DATE AS event_date FROM added WHERE updated_at IS NOT NULL
    UNION ALL
    SELECT user_id, updated_at::DATE - 1 FROM added
    WHERE updated_at IS NOT NULL
      AND (NOT coalesce(email_opt_in AND push_opt_in, false) OR NOT coalesce(sensitive_opt_in, true))
"""

_DAYS_OF_SENDS = """
    -- The send counts for caps and cool-downs, and an unsubscribe holds sends from its own day on. Opens and clicks
    -- change no plan.
    SELECT user_id, sent_at::DATE AS event_date FROM added
    WHERE notification_id NOT IN (SELECT notification_id FROM stored)
    UNION ALL
    SELECT user_id, unsubscribed_at::DATE - 1 FROM added ANTI JOIN stored
    ON stored.notification_id = added.notification_id AND stored.channel = added.channel
      AND stored.user_id = added.user_id AND stored.unsubscribed_at = added.unsubscribed_at
    WHERE unsubscribed_at IS NOT NULL
"""
