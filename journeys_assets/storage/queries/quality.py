"""What the quality monitors read: one function per question, each naming the days it needs.

A monitor needs few columns, and of the trailing days counts only, so those are aggregated here.

What belongs here: SELECTs whose answer feeds ``domain.quality.monitors`` or ``domain.quality.drift``, and those that
read what was measured. What does not: judging.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import inference, staleness

KEYWORD_SOURCES = ("search_events", "pin_engagements", "board_pins")
"""Sources whose every event brings a keyword."""

CONFIDENCE_DIGITS = 2
"""Confidences are counted by the hundredth: finer than any decile needs."""


def keywords_and_whether_embedded(con: duckdb.DuckDBPyConnection, day: date, embedding_model: str) -> pl.DataFrame:
    """The distinct keywords of ``day``: keyword, is_embedded (whether ``embedding_model`` has a vector of it)."""
    return con.sql(
        """
        SELECT keyword, keyword IN (
          SELECT keyword FROM main.keyword_embeddings WHERE embedding_model = $model
        ) AS is_embedded
        FROM (SELECT DISTINCT keyword FROM main.keyword_table WHERE partition_date = $day) ORDER BY keyword
        """,
        params={"day": day, "model": embedding_model},
    ).pl()


def cluster_sizes(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The clusters that were computed on ``day``: user_id, n_keywords."""
    return con.sql(
        "SELECT user_id, n_keywords FROM main.journey_clusters WHERE partition_date = $day", params={"day": day}
    ).pl()


def journey_names_of_day(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The live journeys of ``day``: user_id, journey_id, journey_name."""
    return con.sql(
        "SELECT user_id, journey_id, journey_name FROM main.user_journeys WHERE partition_date = $day "
        "ORDER BY user_id, journey_id",
        params={"day": day},
    ).pl()


def areas_of_day(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The areas of the live journeys of ``day``: user_id, area_id, a row a journey."""
    return con.sql(
        "SELECT user_id, area_id FROM main.user_journeys WHERE partition_date = $day", params={"day": day}
    ).pl()


def sends_of_week(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """One row per planned send of the seven days that end on ``day``: user_id."""
    return con.sql(
        """
        SELECT user_id FROM main.notification_candidates
        WHERE decision = 'send' AND partition_date > $day - 7 AND partition_date <= $day
        """,
        params={"day": day},
    ).pl()


def rows_read_and_refused(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Rows of all files so far, and those of them that were quarantined."""
    row = con.sql(
        "SELECT coalesce(sum(n_rows), 0)::BIGINT, coalesce(sum(n_quarantined), 0)::BIGINT FROM landing.ingest_ledger"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def newest_event_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The newest day that has an event of a source of keywords; None where nothing has landed."""
    day: date | None = con.sql(
        f"SELECT max(event_date) AS day FROM landing.ingested_days WHERE source IN {KEYWORD_SOURCES}"
    ).pl()["day"][0]
    return day


def newest_computed_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The newest day that has clusters, journeys, or was run to the end; None where none has."""
    day: date | None = con.sql(
        """
        SELECT greatest((SELECT max(partition_date) FROM main.inference_ledger),
                        (SELECT max(partition_date) FROM main.user_journeys),
                        (SELECT max(partition_date) FROM main.closed_days)) AS day
        """
    ).pl()["day"][0]
    return day


def event_days(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """The days with events of each source of keywords, of ``trailing_days`` that end on ``day``: source, event_date."""
    return con.sql(
        f"""
        SELECT DISTINCT source, event_date FROM landing.ingested_days
        WHERE source IN {KEYWORD_SOURCES} AND event_date > $day - $days::INTEGER AND event_date <= $day ORDER BY ALL
        """,
        params={"day": day, "days": trailing_days},
    ).pl()


def cluster_size_counts(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Live journeys of ``day`` and each day before by their number of keywords: partition_date, value, n."""
    return _counts(con, "n_keywords", "main.user_journeys WHERE true", day, trailing_days)


def confidence_counts(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Live journeys of ``day`` and each day before by their confidence: partition_date, value, n."""
    return _counts(con, f"round(confidence, {CONFIDENCE_DIGITS})", "main.user_journeys WHERE true", day, trailing_days)


def new_cluster_size_counts(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Journeys computed on ``day`` and each day before by their number of keywords: partition_date, value, n."""
    return _counts(con, "n_keywords", "main.journey_clusters WHERE is_journey", day, trailing_days)


def _counts(con: duckdb.DuckDBPyConnection, value: str, source: str, day: date, trailing_days: int) -> pl.DataFrame:
    return con.sql(
        f"""
        SELECT partition_date, {value} AS value, count(*) AS n
        FROM {source} AND partition_date >= $day - $days::INTEGER AND partition_date <= $day
        GROUP BY ALL ORDER BY ALL
        """,
        params={"day": day, "days": trailing_days},
    ).pl()


def daily_clusters(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """What was clustered on ``day`` and each of the days before.

    Returns:
        partition_date, made_by (algorithm version), n_users, n_users_with_journeys, n_clusters, n_singletons.
    """
    return con.sql(
        """
        SELECT partition_date, max(algorithm_version) AS made_by, count(DISTINCT user_id) AS n_users,
               count(DISTINCT user_id) FILTER (is_journey) AS n_users_with_journeys,
               count(*) AS n_clusters, count(*) FILTER (n_keywords = 1) AS n_singletons
        FROM main.journey_clusters WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day
        GROUP BY 1 ORDER BY 1
        """,
        params={"day": day, "days": trailing_days},
    ).pl()


def daily_journeys(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Live journeys of ``day`` and each of the days before, and how they are spread over users.

    Returns:
        partition_date, made_by (algorithm version and ranker), n_users, n_journeys, mean_journeys, sd_journeys (over
        users; 0 for one user).
    """
    return con.sql(
        """
        SELECT partition_date, max(version) || ' ' || max(ranker) AS made_by, count(*) AS n_users,
               sum(n)::BIGINT AS n_journeys, avg(n) AS mean_journeys, stddev_pop(n) AS sd_journeys
        FROM (
          SELECT partition_date, user_id, count(*) AS n, max(algorithm_version) AS version, max(scored_by) AS ranker
          FROM main.user_journeys WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day GROUP BY ALL
        ) GROUP BY 1 ORDER BY 1
        """,
        params={"day": day, "days": trailing_days},
    ).pl()


def daily_sends(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Planned sends of ``day`` and each of the days before that were planned: partition_date, made_by, n (may be 0)."""
    return con.sql(
        """
        SELECT partition_date, max(algorithm_version) AS made_by, count(*) FILTER (decision = 'send') AS n
        FROM main.notification_candidates
        WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day GROUP BY 1 ORDER BY 1
        """,
        params={"day": day, "days": trailing_days},
    ).pl()


def stages_of_flipped_journeys(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Stages, over ``trailing_days`` up to ``day``, of the journeys whose stage is another than on the day before.

    Returns:
        user_id, journey_id, partition_date, stage.
    """
    return con.sql(
        """
        WITH flipped AS (
          SELECT user_id, journey_id FROM main.user_journeys WHERE partition_date IN ($day::DATE, $day::DATE - 1)
          GROUP BY ALL HAVING count(DISTINCT stage) > 1
        )
        SELECT user_id, journey_id, partition_date, stage
        FROM main.user_journeys JOIN flipped USING (user_id, journey_id)
        WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day ORDER BY ALL
        """,
        params={"day": day, "days": trailing_days},
    ).pl()


def measured(con: duckdb.DuckDBPyConnection, last: date, days: int) -> pl.DataFrame:
    """What was measured of the ``days`` days that end on ``last``: rows of quality_metrics, by day and monitor."""
    return con.sql(
        """
        SELECT * FROM main.quality_metrics WHERE partition_date > $last - $days::INTEGER AND partition_date <= $last
        ORDER BY partition_date, monitor
        """,
        params={"last": last, "days": days},
    ).pl()


def measured_on(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """What was measured of ``day``: rows of quality_metrics, those that fired first."""
    return con.sql(
        "SELECT * FROM main.quality_metrics WHERE partition_date = $day ORDER BY passed, asset, monitor",
        params={"day": day},
    ).pl()


def journeys_before_and_on(
    con: duckdb.DuckDBPyConnection, day: date, keep_days: int
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Journeys of the latest day before ``day`` and of ``day``: user_id, journey_id, journey_name, keywords.

    None where no day before is kept.
    """
    before = day_queries.snapshot_before(con, day, keep_days=keep_days)
    if before is None:
        return None
    sql = "SELECT user_id, journey_id, journey_name, keywords FROM main.user_journeys WHERE partition_date = $day"
    return con.sql(sql, params={"day": before}).pl(), con.sql(sql, params={"day": day}).pl()


def live_and_stale_users(
    con: duckdb.DuckDBPyConnection, day: date, versions: staleness.VersionPeriods, horizon_days: int
) -> tuple[int, pl.DataFrame]:
    """Number of live users as of ``day``, and those whose output of the day is behind: user_id, day, reason."""
    stale = staleness.stale_users(con, versions, horizon_days=horizon_days, today=day)
    mine = stale.filter(pl.col("partition_date") == day).select("user_id", "reason", day="partition_date")
    return inference.live_states(con, day, horizon_days).height, mine
