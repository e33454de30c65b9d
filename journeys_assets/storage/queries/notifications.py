"""Data for the notification plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.sends import longest_memory_days
from journeys_assets.domain.vocabulary import VERDICTS, WITHDRAWN
from journeys_assets.storage.queries.identities import events_as_of, stored_for
from journeys_assets.storage.queries.inference import journeys_in, live_states
from journeys_assets.storage.queries.shards import EVERYONE, Shard
from journeys_assets.storage.queries.tables import by_day, partitions


def active_hours(
    con: duckdb.DuckDBPyConnection, day: date, look_back_days: int, shard: Shard = EVERYONE
) -> pl.DataFrame:
    """How often each user engaged in each UTC hour of the day: user_id, hour_utc (0-23), n."""
    staged = """(
        SELECT user_id, searched_at AS engaged_at FROM main.stg_search_events
        UNION ALL SELECT user_id, engaged_at FROM main.stg_pin_engagements
    )"""
    return con.execute(
        f"""
        SELECT user_id, hour(engaged_at)::BIGINT AS hour_utc, count(*) AS n
        FROM {events_as_of(con, staged, "$day::DATE")}
        WHERE engaged_at >= ($day - $days::INTEGER + 1)::TIMESTAMP AND engaged_at < ($day + 1)::TIMESTAMP
          AND {shard.sql()}
        GROUP BY ALL ORDER BY ALL
        """,
        {"day": day, "days": look_back_days},
    ).pl()


def planned_before(
    con: duckdb.DuckDBPyConnection, day: date, params: NotificationParams, shard: Shard = EVERYONE
) -> pl.DataFrame:
    """Sends that partitions before ``day`` planned: user_id (as of the partition), journey_id, channel, sent_date."""
    return con.execute(
        f"""
        SELECT user_id, journey_id, channel, partition_date + 1 AS sent_date FROM main.notification_candidates
        WHERE decision = 'send' AND partition_date >= $day - $days::INTEGER AND partition_date < $day
          AND {stored_for(shard)}
        """,
        {"day": day, "days": longest_memory_days(params)},
    ).pl()


def logged_sends(
    con: duckdb.DuckDBPyConnection, first: date, last: date, params: NotificationParams, shard: Shard = EVERYONE
) -> pl.DataFrame:
    """Sends that were logged, as far back as any cap of a partition from ``first`` to ``last`` reaches.

    Returns:
        user_id, journey_id, channel, sent_date.
    """
    return con.execute(
        f"""
        SELECT user_id, journey_id, channel, sent_at::DATE AS sent_date FROM main.stg_notification_events
        WHERE sent_at >= ($first - $days::INTEGER)::TIMESTAMP AND sent_at < ($last + 1)::TIMESTAMP
          AND {stored_for(shard)}
        """,
        {"first": first, "last": last, "days": longest_memory_days(params)},
    ).pl()


def planned_after(
    con: duckdb.DuckDBPyConnection, day: date, last: date, params: NotificationParams, shard: Shard = EVERYONE
) -> pl.DataFrame:
    """Sends that partitions after ``last`` planned, as far after ``day`` as any cap reaches.

    Args:
        day: The partition that is planned.
        last: The last partition of the run, which plans all up to it anew.

    Returns:
        user_id, journey_id, channel, sent_date.
    """
    return con.execute(
        f"""
        SELECT user_id, journey_id, channel, partition_date + 1 AS sent_date FROM main.notification_candidates
        WHERE decision = 'send' AND partition_date > $last AND partition_date <= $day + $days::INTEGER
          AND {stored_for(shard)} ORDER BY ALL
        """,
        {"day": day, "last": last, "days": max(params.journey_cool_down_days, 7)},
    ).pl()


def journeys_to_send(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], shard: Shard = EVERYONE
) -> dict[date, pl.DataFrame]:
    """The live journeys that sends are chosen from, by day.

    Returns:
        partition_date, user_id, journey_id, journey_name, stage, intent, confidence, rank, diversified_score, feedback,
        safety_decision, item_ids (null where no items were looked for).
    """
    rows = con.execute(
        f"""
        SELECT j.partition_date, j.user_id, j.journey_id, j.journey_name, j.stage, j.intent, j.confidence, j.rank,
               r.diversified_score, j.feedback, j.safety_decision, i.item_ids
        FROM main.user_journeys j
        LEFT JOIN main.ranked_journeys r USING (partition_date, user_id, journey_id)
        LEFT JOIN main.journey_items i USING (partition_date, user_id, journey_id)
        WHERE j.partition_date IN (SELECT unnest($days::DATE[])) AND {shard.sql("j.user_id")}
        ORDER BY j.partition_date, j.user_id, j.rank
        """,
        {"days": list(days)},
    ).pl()
    return by_day(rows, days)


def interests_to_send(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], shard: Shard = EVERYONE
) -> dict[date, pl.DataFrame]:
    """The top interest of users of the interest arm, by day: partition_date, user_id, interest_name, item_ids."""
    columns = ("partition_date", "user_id", "interest_name", "item_ids")
    return partitions(con, "interest_items", days, columns, shard)


def centroids_to_remember(
    con: duckdb.DuckDBPyConnection,
    sent: pl.DataFrame,
    day: date,
    params: NotificationParams,
    horizon_days: int,
    shard: Shard = EVERYONE,
) -> pl.DataFrame:
    """The journeys, as of ``day``, of users who were sent something; none if ``memory_penalty`` is off.

    Args:
        sent: user_id and other columns.

    Returns:
        user_id, journey_id, centroid.
    """
    if sent.is_empty() or params.memory_penalty == 1.0:
        return pl.DataFrame(schema={"user_id": pl.String, "journey_id": pl.String, "centroid": pl.Binary})
    states = live_states(con, day, horizon_days, shard).join(sent, on="user_id", how="semi")
    return journeys_in(con, states, ("user_id", "journey_id", "centroid"))


def feedback_by_day(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, pl.DataFrame]:
    """:func:`feedback_as_of` each of ``days``."""
    return {day: feedback_as_of(con, day) for day in days}


def feedback_as_of(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The verdicts of each user on each journey by the end of ``day``, without what the user took back by then.

    Returns:
        user_id, journey_id, wish (the latest of not_mine, mute and more; of two at the same time, the stricter one),
        more_at and finished_at (the latest time of each), said_at (the latest time of any); null if never given.
    """
    return con.execute(
        f"""
        SELECT user_id, journey_id,
               -- more < mute < not_mine: alphabetical order happens to be the order of strictness
               max_by(verdict, {{'at': given_at, 'verdict': verdict}}) FILTER (verdict <> 'finished') AS wish,
               max(given_at) FILTER (verdict = 'more') AS more_at,
               max(given_at) FILTER (verdict = 'finished') AS finished_at,
               max(given_at) AS said_at
        FROM (
          SELECT *, max(given_at) FILTER (verdict = 'withdrawn') OVER (PARTITION BY user_id, journey_id) AS withdrawn_at
          FROM (
            SELECT coalesce(a.owner_id, f.user_id) AS user_id, f.* EXCLUDE (user_id)
            FROM main.stg_journey_feedback AS f LEFT JOIN landing.identity_aliases AS a
              ON a.user_id = f.user_id AND a.from_date <= $day AND a.until_date > $day
            WHERE event_date <= $day AND verdict IN {(*VERDICTS, WITHDRAWN)}
          )
        ) WHERE withdrawn_at IS NULL OR given_at > withdrawn_at GROUP BY ALL ORDER BY ALL
        """,
        {"day": day},
    ).pl()
