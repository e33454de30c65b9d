"""Data for the quality monitors: one function for each question, and reads of what was measured.

A monitor needs few columns, and only counts of the trailing days, so the counts are aggregated here.
``domain.quality.monitors`` and ``domain.quality.drift`` judge them.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import inference, staleness

KEYWORD_SOURCES = ("search_events", "pin_engagements", "board_pins")
"""Sources in which every event has a keyword."""

CONFIDENCE_DIGITS = 2
"""Confidences are counted in hundredths, which is finer than any decile needs."""


def keywords_and_whether_embedded(con: duckdb.DuckDBPyConnection, day: date, embedding_model: str) -> pl.DataFrame:
    """The distinct keywords of ``day``: keyword, is_embedded (whether ``embedding_model`` has a vector for it)."""
    return con.execute(
        """
        SELECT keyword, keyword IN (
          SELECT keyword FROM main.keyword_embeddings WHERE embedding_model = $model
        ) AS is_embedded
        FROM (SELECT DISTINCT keyword FROM main.keyword_table WHERE partition_date = $day) ORDER BY keyword
        """,
        {"day": day, "model": embedding_model},
    ).pl()


def cluster_sizes(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The clusters that were computed on ``day``: user_id, n_keywords."""
    return con.execute(
        "SELECT user_id, n_keywords FROM main.journey_clusters WHERE partition_date = $day", {"day": day}
    ).pl()


def journey_names_of_day(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The live journeys of ``day``: user_id, journey_id, journey_name."""
    return con.execute(
        "SELECT user_id, journey_id, journey_name FROM main.user_journeys WHERE partition_date = $day "
        "ORDER BY user_id, journey_id",
        {"day": day},
    ).pl()


def areas_of_day(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """The areas of the live journeys of ``day``: user_id, area_id, one row per journey."""
    return con.execute("SELECT user_id, area_id FROM main.user_journeys WHERE partition_date = $day", {"day": day}).pl()


def sends_of_week(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """One row per planned send of the seven days that end on ``day``: user_id."""
    return con.execute(
        """
        SELECT user_id FROM main.notification_candidates
        WHERE decision = 'send' AND partition_date > $day - 7 AND partition_date <= $day
        """,
        {"day": day},
    ).pl()


def rows_read_and_refused(con: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Number of rows in all files so far, and number of those that were quarantined. The last load of a file counts."""
    row = con.sql(
        """
        SELECT coalesce(sum(n_rows), 0)::BIGINT, coalesce(sum(n_quarantined), 0)::BIGINT FROM (
          FROM landing.ingest_ledger
          QUALIFY row_number() OVER (PARTITION BY sha256, source ORDER BY ingest_seq DESC, batch_id) = 1)
        """
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def newest_event_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The newest day with an event of a source of keywords; None if there is none.

    An event that was dated after the day on which it was loaded counts as of that day: no run could compute it then.
    """
    day: date | None = con.sql(
        f"""
        WITH calls AS (SELECT ingest_seq, max(ingested_at)::DATE AS day FROM landing.ingest_ledger GROUP BY ingest_seq)
        SELECT max(least(event_date, calls.day)) AS day FROM landing.ingested_days LEFT JOIN calls USING (ingest_seq)
        WHERE source IN {KEYWORD_SOURCES}
        """
    ).pl()["day"][0]
    return day


def newest_computed_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The newest day that has clusters or journeys or was completed; None if there is none."""
    day: date | None = con.sql(
        """
        SELECT greatest((SELECT max(partition_date) FROM main.inference_ledger),
                        (SELECT max(partition_date) FROM main.user_journeys),
                        (SELECT max(partition_date) FROM main.closed_days)) AS day
        """
    ).pl()["day"][0]
    return day


def event_days(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """The days with events of each keyword source, in the ``trailing_days`` that end on ``day``: source, event_date."""
    return con.execute(
        f"""
        SELECT DISTINCT source, event_date FROM landing.ingested_days
        WHERE source IN {KEYWORD_SOURCES} AND event_date > $day - $days::INTEGER AND event_date <= $day ORDER BY ALL
        """,
        {"day": day, "days": trailing_days},
    ).pl()


def newest_day_upto(con: duckdb.DuckDBPyConnection, last: date) -> date | None:
    """The newest day up to ``last`` that has a search, an action or a board pin; None if there is none."""
    row = con.execute(
        f"SELECT max(event_date) FROM landing.ingested_days WHERE source IN {KEYWORD_SOURCES} AND event_date <= $last",
        {"last": last},
    ).fetchone()
    return None if row is None else row[0]


def days_of_call(con: duckdb.DuckDBPyConnection, ingest_seq: int) -> pl.DataFrame:
    """The days whose searches, actions and board pins an ingest call changed: source, event_date, sorted."""
    return con.execute(
        f"""
        SELECT source, event_date FROM landing.ingested_days
        WHERE ingest_seq = $seq AND source IN {KEYWORD_SOURCES} ORDER BY ALL
        """,
        {"seq": ingest_seq},
    ).pl()


def daily_rows(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Rows that are no noise of each source of keywords, on ``day`` and each trailing day.

    If no later day has a row, ``day`` may not be over. Then only rows up to the time of day of its last row count, on
    every day, so that like is compared with like.

    Returns:
        source, partition_date, n, upto (time of day of the last row that counts; null if all count). A source has a row
        for each day from its first one in the period on.
    """
    rows = con.execute(
        """
        WITH events AS (
          SELECT 'search_events' AS source, searched_at AS moment, noise FROM landing.search_events
          UNION ALL SELECT 'pin_engagements', engaged_at, noise FROM landing.pin_engagements
          UNION ALL SELECT 'board_pins', saved_at, NULL FROM landing.board_pins
        ), newest AS (
          SELECT max(moment)::TIME AS upto FROM events
          WHERE moment >= $day::TIMESTAMP AND moment < ($day + 1)::TIMESTAMP
            AND NOT EXISTS (FROM events WHERE moment >= ($day + 1)::TIMESTAMP)
        )
        SELECT source, moment::DATE AS partition_date, any_value(upto) AS upto,
               count(*) FILTER (moment::TIME <= coalesce(upto, TIME '24:00:00')) AS n
        FROM events CROSS JOIN newest
        WHERE moment >= ($day - $days::INTEGER)::TIMESTAMP AND moment < ($day + 1)::TIMESTAMP AND noise IS NULL
        GROUP BY ALL ORDER BY ALL
        """,
        {"day": day, "days": trailing_days},
    ).pl()
    first = rows.group_by("source").agg(partition_date=pl.date_ranges(pl.col("partition_date").min(), day).first())
    upto = rows["upto"].first() if rows.height else None
    days = first.explode("partition_date").sort("source", "partition_date")
    counted = days.join(rows.drop("upto"), on=["source", "partition_date"], how="left", maintain_order="left")
    return counted.with_columns(pl.col("n").fill_null(0), upto=pl.lit(upto, dtype=pl.Time))


def cluster_size_counts(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Live journeys by number of keywords, on ``day`` and each trailing day: partition_date, value, n."""
    return _counts(con, "n_keywords", "main.user_journeys WHERE true", day, trailing_days)


def confidence_counts(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Live journeys by confidence, on ``day`` and each trailing day: partition_date, value, n."""
    return _counts(con, f"round(confidence, {CONFIDENCE_DIGITS})", "main.user_journeys WHERE true", day, trailing_days)


def new_cluster_size_counts(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Newly computed journeys by number of keywords, on ``day`` and each trailing day: partition_date, value, n."""
    return _counts(con, "n_keywords", "main.journey_clusters WHERE is_journey", day, trailing_days)


def _counts(con: duckdb.DuckDBPyConnection, value: str, source: str, day: date, trailing_days: int) -> pl.DataFrame:
    return con.execute(
        f"""
        SELECT partition_date, {value} AS value, count(*) AS n
        FROM {source} AND partition_date >= $day - $days::INTEGER AND partition_date <= $day
        GROUP BY ALL ORDER BY ALL
        """,
        {"day": day, "days": trailing_days},
    ).pl()


def daily_clusters(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Counts of what was clustered on ``day`` and each trailing day.

    Returns:
        partition_date, made_by (algorithm version), n_users, n_users_with_journeys, n_clusters, n_singletons.
    """
    return con.execute(
        """
        SELECT partition_date, max(algorithm_version) AS made_by, count(DISTINCT user_id) AS n_users,
               count(DISTINCT user_id) FILTER (is_journey) AS n_users_with_journeys,
               count(*) AS n_clusters, count(*) FILTER (n_keywords = 1) AS n_singletons
        FROM main.journey_clusters WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day
        GROUP BY 1 ORDER BY 1
        """,
        {"day": day, "days": trailing_days},
    ).pl()


def daily_journeys(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Live journeys on ``day`` and each trailing day, and how they are distributed over users.

    Returns:
        partition_date, made_by (algorithm version and ranker), n_users, n_journeys, mean_journeys, sd_journeys (over
        users; 0 for one user).
    """
    return con.execute(
        """
        SELECT partition_date, max(version) || ' ' || max(ranker) AS made_by, count(*) AS n_users,
               sum(n)::BIGINT AS n_journeys, avg(n) AS mean_journeys, stddev_pop(n) AS sd_journeys
        FROM (
          SELECT partition_date, user_id, count(*) AS n, max(algorithm_version) AS version, max(scored_by) AS ranker
          FROM main.user_journeys WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day GROUP BY ALL
        ) GROUP BY 1 ORDER BY 1
        """,
        {"day": day, "days": trailing_days},
    ).pl()


def daily_sends(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Planned sends on ``day`` and each trailing day that has a plan: partition_date, made_by, n (may be 0)."""
    return con.execute(
        """
        SELECT partition_date, max(algorithm_version) AS made_by, count(*) FILTER (decision = 'send') AS n
        FROM main.notification_candidates
        WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day GROUP BY 1 ORDER BY 1
        """,
        {"day": day, "days": trailing_days},
    ).pl()


def stages_of_flipped_journeys(con: duckdb.DuckDBPyConnection, day: date, trailing_days: int) -> pl.DataFrame:
    """Stages, over the ``trailing_days`` up to ``day``, of the journeys whose stage differs from the day before.

    Returns:
        user_id, journey_id, partition_date, stage.
    """
    return con.execute(
        """
        WITH flipped AS (
          SELECT user_id, journey_id FROM main.user_journeys WHERE partition_date IN ($day::DATE, $day::DATE - 1)
          GROUP BY ALL HAVING count(DISTINCT stage) > 1
        )
        SELECT user_id, journey_id, partition_date, stage
        FROM main.user_journeys JOIN flipped USING (user_id, journey_id)
        WHERE partition_date >= $day - $days::INTEGER AND partition_date <= $day ORDER BY ALL
        """,
        {"day": day, "days": trailing_days},
    ).pl()


def measurements(con: duckdb.DuckDBPyConnection, last: date, days: int) -> pl.DataFrame:
    """Measurements of the ``days`` days that end on ``last``: rows of quality_metrics, by day and monitor."""
    return con.execute(
        """
        SELECT * FROM main.quality_metrics WHERE partition_date > $last - $days::INTEGER AND partition_date <= $last
        ORDER BY partition_date, monitor
        """,
        {"last": last, "days": days},
    ).pl()


def measurements_of_day(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Measurements of ``day``: rows of quality_metrics, failed ones first."""
    return con.execute(
        "SELECT * FROM main.quality_metrics WHERE partition_date = $day ORDER BY passed, asset, monitor",
        {"day": day},
    ).pl()


def journeys_before_and_on(
    con: duckdb.DuckDBPyConnection, day: date, keep_days: int
) -> tuple[pl.DataFrame, pl.DataFrame] | None:
    """Journeys of the latest kept day before ``day`` and of ``day``: user_id, journey_id, journey_name, keywords.

    Users whose journeys all kept id and keywords, in the same order, have empty lists of keywords on both days: most
    users have, and the lists are most of what there is to read. None if no earlier day is kept.
    """
    before = day_queries.snapshot_before(con, day, keep_days=keep_days)
    if before is None:
        return None
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE touched_users AS
        SELECT user_id FROM (
          SELECT user_id, bit_xor(own) FILTER (partition_date = $day) AS now,
                 bit_xor(own) FILTER (partition_date <> $day) AS was
          FROM (
            SELECT user_id, partition_date, hash(hash(journey_id, keywords)) AS own
            FROM main.user_journeys WHERE partition_date IN ($day, $before)
          ) GROUP BY user_id
        ) WHERE now IS DISTINCT FROM was
        """,
        {"day": day, "before": before},
    )
    sql = """
        SELECT j.user_id, journey_id, journey_name, CASE WHEN t.user_id IS NULL THEN [] ELSE keywords END AS keywords
        FROM main.user_journeys AS j LEFT JOIN touched_users AS t USING (user_id) WHERE partition_date = $day
    """
    found = con.execute(sql, {"day": before}).pl(), con.execute(sql, {"day": day}).pl()
    con.execute("DROP TABLE touched_users")
    return found


def live_and_stale_users(
    con: duckdb.DuckDBPyConnection,
    day: date,
    versions: staleness.VersionPeriods,
    horizon_days: int,
    first_partition_date: date | None,
) -> tuple[int, pl.DataFrame]:
    """Number of live users as of ``day``, and the users whose output of the day is stale: user_id, day, reason."""
    log = day_queries.log_days(con, today=day, horizon_days=horizon_days, first_partition_date=first_partition_date)
    stale = staleness.stale_users(con, versions, horizon_days=horizon_days, start=log.start, today=day)
    mine = stale.filter(pl.col("partition_date") == day).select("user_id", "reason", day="partition_date")
    return inference.live_states(con, day, horizon_days).height, mine
