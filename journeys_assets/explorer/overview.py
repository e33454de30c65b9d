"""What the home page shows: counts of the last day and of the weeks before it. Every number is one SELECT's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import duckdb
import polars as pl

N_WEEKS = 13

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Overview:
    """Counts over all users.

    Attributes:
        totals: Of the last day: users, journeys, ongoing journeys, journeys per user (mean), planned sends.
        journeys: partition_date, kind, stage, intent, n: live journeys of each week's day.
        users: partition_date, n: users with a live journey.
        events: week (its last day), event, n: journey events of the seven days that end on it.
        plans: decision, reason, channel, n: the notification plan of the last day.
        metrics: Rows of quality_metrics of its last day.
        histories: monitor, values (oldest first, up to 90 days).
        versions: algorithm versions of user_journeys with their days.
        examples: Users that make good examples.
    """

    totals: dict[str, Any]
    journeys: pl.DataFrame
    users: pl.DataFrame
    events: pl.DataFrame
    plans: pl.DataFrame
    metrics: Rows
    histories: dict[str, list[float | None]]
    versions: list[tuple[str, date, date, int]]
    examples: list[str]


def last_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The last day of the output; None if there are no rows."""
    found = con.execute("SELECT max(partition_date) FROM user_journeys").fetchone()
    return None if found is None else found[0]


def week_days(con: duckdb.DuckDBPyConnection, day: date) -> list[date]:
    """``day`` and the days whole weeks before it that are published, oldest first, at most ``N_WEEKS``."""
    wanted = [day - timedelta(weeks=n) for n in range(N_WEEKS)]
    rows = con.execute(
        "SELECT DISTINCT partition_date FROM user_journeys "
        "WHERE partition_date IN (SELECT unnest($days::DATE[])) ORDER BY 1",
        {"days": wanted},
    ).fetchall()
    return [found for (found,) in rows]


def read_overview(con: duckdb.DuckDBPyConnection, day: date, weeks: Sequence[date]) -> Overview:
    """The counts as of ``day``, over ``weeks`` (oldest first, ``day`` last)."""
    listed = {"weeks": list(weeks)}
    within = "partition_date IN (SELECT unnest($weeks::DATE[]))"
    return Overview(
        totals=_totals(con, day),
        journeys=con.execute(
            "SELECT partition_date, kind, stage, intent, count(*) AS n FROM user_journeys "
            f"WHERE {within} GROUP BY ALL ORDER BY ALL",
            listed,
        ).pl(),
        users=con.execute(
            f"SELECT partition_date, count(DISTINCT user_id) AS n FROM user_journeys WHERE {within} "
            "GROUP BY ALL ORDER BY ALL",
            listed,
        ).pl(),
        events=con.execute(
            """
            SELECT ($day - 7 * ((($day - partition_date) // 7)::INTEGER))::DATE AS week, event, count(*) AS n
            FROM journey_events WHERE partition_date > $first - 7 AND partition_date <= $day GROUP BY ALL ORDER BY ALL
            """,
            {"day": day, "first": weeks[0]},
        ).pl(),
        plans=con.execute(
            "SELECT decision, reason, channel, count(*) AS n FROM notification_candidates "
            "WHERE partition_date = $day GROUP BY ALL ORDER BY decision DESC, n DESC, reason, channel",
            {"day": day},
        ).pl(),
        metrics=con.execute(
            "SELECT * FROM quality_metrics WHERE partition_date = (SELECT max(partition_date) FROM quality_metrics) "
            "ORDER BY passed, asset, monitor"
        )
        .pl()
        .to_dicts(),
        histories=dict(
            con.execute(
                "SELECT monitor, list(value ORDER BY partition_date) FROM quality_metrics "
                "WHERE partition_date > $day - 90 GROUP BY monitor",
                {"day": day},
            ).fetchall()
        ),
        versions=[
            (version, first, last, n)
            for version, first, last, n in con.execute(
                "SELECT algorithm_version, min(partition_date), max(partition_date), count(DISTINCT partition_date) "
                "FROM user_journeys GROUP BY 1 ORDER BY 3 DESC, 1"
            ).fetchall()
        ],
        examples=[
            user
            for (user,) in con.execute(
                "SELECT user_id FROM current_journeys GROUP BY 1 ORDER BY abs(count(*) - 5), sum(confidence) DESC, 1 "
                "LIMIT 12"
            ).fetchall()
        ],
    )


def _totals(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, Any]:
    row = con.execute(
        """
        SELECT count(DISTINCT user_id) AS users, count(*) AS journeys,
               count(*) FILTER (stage = 'ongoing') AS ongoing,
               count(*) / greatest(count(DISTINCT user_id), 1) AS journeys_per_user,
               count(DISTINCT area_id || chr(0) || user_id) AS areas
        FROM current_journeys
        """
    ).pl()
    sends = con.execute(
        "SELECT count(*) FILTER (decision = 'send') AS sends, count(DISTINCT user_id) FILTER (decision = 'send') "
        "AS users_to_notify, count(DISTINCT user_id) AS planned_users "
        "FROM notification_candidates WHERE partition_date = $day",
        {"day": day},
    ).pl()
    return row.to_dicts()[0] | sends.to_dicts()[0]
