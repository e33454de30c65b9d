"""Which days, and which users on them, are stale, and why.

Staleness is not stored: every answer is a query over what was ingested (``landing.ingested_days``, and the
``ingest_seq`` of every landing row) and what was computed (``keyword_days``, ``closed_days``). So after a lost tick, a
crashed run or a missed schedule, the day is simply still stale.

The output of a day depends on all earlier days. Therefore ``closed_days`` has, for each day, the ``ingest_seq`` up to
which *all* events dated up to that day are part of its output (``covered_seq``). A day is stale if an event dated up to
it has a higher one. Days before the first closed day have no output; for those only the keywords matter.

The output begins on the first day that ``domain.scheduling.log_days`` chooses (``start``). Earlier days are history:
they are never stale, and what was computed for one of them, because a run named it, is not kept up to date.

``domain.scheduling.requests`` decides what to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

NEW_EVENTS = "new_events"
LATE_EVENTS = "late_events"
NEVER_COMPUTED = "never_computed"
ALGORITHM_VERSION = "algorithm_version"
REASONS = (NEVER_COMPUTED, LATE_EVENTS, NEW_EVENTS, ALGORITHM_VERSION)
"""Why a day, or a user on a day, is stale. If several reasons hold, the first is reported."""

VersionPeriods = Sequence[tuple[date, str]]
"""The algorithm version that a day should have: each holds from its day on, until the next one. Oldest first, from
``date.min`` on; a released model begins a new period."""

KEYWORD_SOURCES = ("search_events", "pin_engagements", "board_pins", "pins", "identity_events")
"""Sources that have keywords, and events that a link gave to another user. The others change only the output."""

EVENT_SOURCES = ("search_events", "pin_engagements", "board_pins", "journey_feedback", "notification_events")
"""Sources whose days are days of the log. Versions of items and users change days, but do not add any."""

_CLOSED = """
    closed AS (
      SELECT partition_date, covered_seq, algorithm_version FROM main.closed_days WHERE partition_date >= $start
    ),
    bounds AS (SELECT min(partition_date) AS first_closed, max(partition_date) AS last_closed FROM closed)
"""
"""The closed days of the output."""

_INGESTED = f"""
    ingested AS (
      SELECT event_date, max(ingest_seq) AS ingest_seq,
             max(ingest_seq) FILTER (source IN {KEYWORD_SOURCES}) AS keyword_seq,
             bool_or(source IN {EVENT_SOURCES}) AS has_events
      FROM landing.ingested_days WHERE event_date <= $today GROUP BY event_date
    )
"""
"""``ingested``: the highest ingest_seq of the events of each day; ``keyword_seq``: the same for sources of keywords."""


@dataclass(frozen=True, slots=True)
class Watermarks:
    """The state of the log that a run starting now can rely on; see ``opened_days``."""

    ingest_seq: int
    covered_seq: int


def stale_days(con: duckdb.DuckDBPyConnection, versions: VersionPeriods, *, start: date, today: date) -> pl.DataFrame:
    """Days whose output lags behind the log or the algorithm, oldest first: partition_date, reason.

    Days count from the first closed day (if there is none, the first day with a keyword) to the last day that has an
    event or was closed, but not before ``start`` nor beyond ``today``.

    Args:
        versions: The algorithm versions that the output should have.
        start: The first day of the output.
    """
    periods = pl.DataFrame(versions, schema={"begins": pl.Date, "algorithm_version": pl.String}, orient="row")
    con.register("periods", periods.to_arrow())
    rows = con.execute(
        f"""
        WITH {_CLOSED}, {_INGESTED}, days AS (
          SELECT unnest(generate_series(
            coalesce(
              (SELECT first_closed FROM bounds),
              (SELECT min(event_date) FROM ingested WHERE event_date >= $start AND keyword_seq IS NOT NULL)
            ),
            greatest((SELECT last_closed FROM bounds), (SELECT max(event_date) FROM ingested WHERE has_events)),
            INTERVAL 1 DAY
          ))::DATE AS partition_date
        ), needed AS (
          SELECT d.partition_date, max(i.ingest_seq) AS needed_seq,
                 max(i.ingest_seq) FILTER (i.event_date = d.partition_date) AS own_seq
          FROM days d LEFT JOIN ingested i ON i.event_date <= d.partition_date GROUP BY d.partition_date
        ), judged AS (
          SELECT n.partition_date, CASE
            WHEN c.partition_date IS NULL AND n.own_seq IS NOT NULL
              AND n.partition_date > coalesce((SELECT last_closed FROM bounds), DATE '0001-01-01') THEN '{NEW_EVENTS}'
            WHEN c.partition_date IS NULL THEN '{NEVER_COMPUTED}'
            WHEN n.needed_seq > c.covered_seq AND n.own_seq > c.covered_seq
              AND n.partition_date = (SELECT last_closed FROM bounds) THEN '{NEW_EVENTS}'
            WHEN n.needed_seq > c.covered_seq THEN '{LATE_EVENTS}'
            WHEN c.algorithm_version <> p.algorithm_version THEN '{ALGORITHM_VERSION}'
          END AS reason
          FROM needed n LEFT JOIN closed c USING (partition_date) ASOF JOIN periods p ON n.partition_date >= p.begins
        )
        SELECT partition_date, reason FROM judged WHERE reason IS NOT NULL ORDER BY partition_date
        """,
        {"start": start, "today": today},
    ).pl()
    con.unregister("periods")
    return rows


def stale_keyword_days(con: duckdb.DuckDBPyConnection, version: str, *, before: date) -> list[date]:
    """Landed days before ``before`` whose keywords are behind the log or of another version, oldest first.

    Args:
        version: The algorithm version that keyword_days should have.
    """
    return (
        con.execute(
            f"""
            WITH {_INGESTED}
            SELECT event_date FROM ingested LEFT JOIN main.keyword_days k ON k.partition_date = event_date
            WHERE event_date < $before AND keyword_seq IS NOT NULL
              AND (keyword_seq > coalesce(k.ingest_seq, 0) OR k.algorithm_version <> $version)
            ORDER BY event_date
            """,
            {"today": before, "before": before, "version": version},
        )
        .pl()["event_date"]
        .to_list()
    )


def watermarks(con: duckdb.DuckDBPyConnection, first: date, *, start: date) -> Watermarks:
    """The watermarks for a run over days from ``first`` on. Call it before the run reads anything else.

    Args:
        start: The first day of the output.
    """
    row = con.execute(
        f"""
        WITH {_CLOSED}, log AS (SELECT coalesce(max(ingest_seq), 0) AS ingest_seq FROM landing.ingest_ledger),
        waiting AS (
          -- Events that an earlier day lacks. Users who were not active since then depend on the state of that day.
          SELECT min(i.ingest_seq) AS ingest_seq FROM landing.ingested_days i
          JOIN closed c ON i.event_date <= c.partition_date AND i.ingest_seq > c.covered_seq
          WHERE c.partition_date < $first
          UNION ALL
          SELECT min(i.ingest_seq) FROM landing.ingested_days i
          LEFT JOIN main.keyword_days k ON k.partition_date = i.event_date
          WHERE i.source IN {KEYWORD_SOURCES} AND i.ingest_seq > coalesce(k.ingest_seq, 0)
            AND i.event_date < least($first, coalesce((SELECT first_closed FROM bounds), $first))
        ), gap AS (
          SELECT $first > first_closed
             AND (SELECT count(*) FROM closed WHERE partition_date < $first) < $first - first_closed AS is_open
          FROM bounds
        )
        SELECT any_value(log.ingest_seq) AS ingest_seq, CASE
          WHEN coalesce(any_value(gap.is_open), false) THEN 0
          ELSE least(any_value(log.ingest_seq), coalesce(min(waiting.ingest_seq) - 1, any_value(log.ingest_seq)))
          END AS covered_seq
        FROM log CROSS JOIN waiting CROSS JOIN gap
        """,
        {"first": first, "start": start},
    ).pl()
    return Watermarks(int(row["ingest_seq"][0]), int(row["covered_seq"][0]))


def is_complete(con: duckdb.DuckDBPyConnection, day: date) -> bool:
    """Whether ``day`` was closed by the run that opened it last, and covers all events dated up to it."""
    row = con.execute(
        """
        SELECT count(*) FROM main.closed_days c JOIN main.opened_days o USING (partition_date, run_id)
        WHERE partition_date = $day AND c.covered_seq >= (
          SELECT coalesce(max(ingest_seq), 0) FROM landing.ingested_days WHERE event_date <= $day
        )
        """,
        {"day": day},
    ).fetchone()
    return row == (1,)


def stale_users(
    con: duckdb.DuckDBPyConnection, versions: VersionPeriods, *, horizon_days: int, start: date, today: date
) -> pl.DataFrame:
    """Every (user, day) pair whose output is stale, with the reason.

    Of days with another algorithm version only the last closed one is listed, because it is the current one.

    Returns:
        user_id, partition_date, reason, last_ingest_seq (of the events not yet covered; null if there are none),
        covered_seq (null on days that were never closed); sorted by day and user.
    """
    days = stale_days(con, versions, start=start, today=today)
    con.register("stale", days.to_arrow())
    rows = con.execute(
        f"""
        WITH {_CLOSED}, judged AS (
          SELECT s.partition_date, s.reason, c.covered_seq FROM stale s LEFT JOIN closed c USING (partition_date)
        ), lowest AS (SELECT coalesce(min(coalesce(covered_seq, 0)), 0) AS seq FROM judged),
        events AS (
          SELECT user_id, event_date, max(ingest_seq) AS ingest_seq FROM (
            SELECT user_id, searched_at::DATE AS event_date, ingest_seq FROM landing.search_events
            UNION ALL SELECT user_id, engaged_at::DATE, ingest_seq FROM landing.pin_engagements
            UNION ALL SELECT user_id, saved_at::DATE, ingest_seq FROM landing.board_pins
            UNION ALL SELECT user_id, given_at::DATE, ingest_seq FROM landing.journey_feedback
            UNION ALL SELECT user_id, sent_at::DATE, min(ingest_seq) FROM landing.notification_events
              GROUP BY notification_id, user_id, sent_at::DATE
            UNION ALL SELECT a.user_id, a.event_date, p.ingest_seq
              FROM (SELECT user_id, pin_id, engaged_at::DATE AS event_date FROM landing.pin_engagements
                    UNION SELECT user_id, pin_id, saved_at::DATE FROM landing.board_pins) a
              JOIN (SELECT pin_id, ingest_seq FROM landing.pins WHERE ingest_seq > (SELECT seq FROM lowest)) p
                USING (pin_id)
            UNION ALL SELECT user_id, updated_at::DATE, ingest_seq FROM landing.users WHERE updated_at IS NOT NULL
            UNION ALL SELECT user_id, unsubscribed_at::DATE - 1, ingest_seq FROM landing.refused_unsubscribes
            UNION ALL SELECT unnest([user_id, other_id]), CASE WHEN unlinked THEN first_at ELSE linked_at END::DATE,
                             ingest_seq
              FROM (SELECT *, min(linked_at) OVER (PARTITION BY user_id, other_id) AS first_at FROM landing.identities)
          )
          WHERE ingest_seq > (SELECT seq FROM lowest) AND event_date <= $today GROUP BY user_id, event_date
        ), behind AS (
          SELECT e.user_id, j.partition_date, max(e.ingest_seq) AS last_ingest_seq,
                 any_value(j.covered_seq) AS covered_seq,
                 bool_or(e.event_date = j.partition_date) AS has_own_events, any_value(j.reason) AS day_reason
          FROM judged j JOIN events e
            ON e.event_date <= j.partition_date AND e.ingest_seq > coalesce(j.covered_seq, 0)
            AND (j.covered_seq IS NOT NULL OR e.event_date = j.partition_date)
          GROUP BY e.user_id, j.partition_date
        ), inferred AS (
          SELECT user_id, min(partition_date) AS first_inferred FROM main.inference_ledger GROUP BY user_id
        ), live AS (
          -- On a day that was never closed, or has another version, every live user is stale.
          SELECT l.user_id, j.partition_date, any_value(j.covered_seq) AS covered_seq, any_value(j.reason) AS day_reason
          FROM judged j JOIN main.inference_ledger l
            ON l.partition_date <= j.partition_date AND l.window_end_date > j.partition_date - $horizon::INTEGER
          WHERE j.covered_seq IS NULL
             OR (j.reason = '{ALGORITHM_VERSION}' AND j.partition_date = (SELECT max(partition_date) FROM closed))
          GROUP BY l.user_id, j.partition_date
        )
        SELECT coalesce(b.user_id, l.user_id) AS user_id,
               coalesce(b.partition_date, l.partition_date) AS partition_date,
               CASE
                 WHEN b.user_id IS NULL THEN l.day_reason
                 WHEN i.first_inferred IS NULL THEN '{NEVER_COMPUTED}'
                 WHEN b.has_own_events AND b.day_reason <> '{LATE_EVENTS}' THEN '{NEW_EVENTS}'
                 ELSE '{LATE_EVENTS}'
               END AS reason,
               b.last_ingest_seq, coalesce(b.covered_seq, l.covered_seq) AS covered_seq
        FROM behind b FULL JOIN live l ON b.user_id = l.user_id AND b.partition_date = l.partition_date
        LEFT JOIN inferred i ON i.user_id = b.user_id
        ORDER BY 2, 1
        """,
        {"start": start, "today": today, "horizon": horizon_days},
    ).pl()
    con.unregister("stale")
    return rows.with_columns(
        reason=pl.when((pl.col("reason") == NEW_EVENTS) & pl.col("last_ingest_seq").is_null())
        .then(pl.lit(NEVER_COMPUTED))
        .otherwise("reason")
    )
