"""What judges of journeys are shown, and what they said."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.judging.sampling import USERS_SCHEMA
from journeys_assets.storage.queries.annotation import JUDGEMENTS
from journeys_assets.storage.queries.identities import with_logged_ids


def users_with_journeys(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Every user with a journey on ``day``: ``USERS_SCHEMA``."""
    return con.execute(
        """
        SELECT user_id, count(*)::BIGINT AS n_journeys, min_by(kind, rank) AS kind,
               min(days_since_last_engaged)::BIGINT AS days_since_last_engaged
        FROM main.user_journeys WHERE partition_date = $day GROUP BY user_id ORDER BY user_id
        """,
        {"day": day},
    ).pl().select(pl.col(name).cast(dtype) for name, dtype in USERS_SCHEMA.items())  # fmt: skip


def best_journeys(con: duckdb.DuckDBPyConnection, users: pl.DataFrame, day: date, top_k: int) -> pl.DataFrame:
    """The ``top_k`` journeys of each of ``users`` (user_id) on ``day``: user_id, journey_id."""
    con.register("wanted_users", users.select("user_id").to_arrow())
    rows = con.execute(
        """
        SELECT user_id, journey_id FROM main.user_journeys SEMI JOIN wanted_users USING (user_id)
        WHERE partition_date = $day QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY rank, journey_id) <= $top
        ORDER BY user_id, rank, journey_id
        """,
        {"day": day, "top": top_k},
    ).pl()
    con.unregister("wanted_users")
    return rows


def of_output(con: duckdb.DuckDBPyConnection, journeys: pl.DataFrame, day: date) -> pl.DataFrame:
    """user_id, journey_id, rank, keywords of each of ``journeys`` (user_id, journey_id) in the output of ``day``."""
    con.register("wanted_journeys", journeys.select("user_id", "journey_id").unique().to_arrow())
    rows = con.execute(
        """
        SELECT user_id, journey_id, rank, keywords FROM main.user_journeys
        SEMI JOIN wanted_journeys USING (user_id, journey_id) WHERE partition_date = $day ORDER BY ALL
        """,
        {"day": day},
    ).pl()
    con.unregister("wanted_journeys")
    return rows


INFERRED: Mapping[str, tuple[str, str]] = {
    "pipeline": ("main.inference_ledger", "(FROM main.journey_clusters WHERE inferred_by = 'pipeline')"),
    "language_model": ("(FROM main.llm_inferences WHERE is_inferred)", "main.llm_journeys"),
}
"""By who infers: the inferences, and the groups of keywords that came out."""
_OUTPUT = ("main.inference_ledger", "main.journey_clusters")


def items(con: duckdb.DuckDBPyConnection, journeys: pl.DataFrame, day: date, weeks: int, most: int) -> pl.DataFrame:
    """What a judge is shown of each of ``journeys`` (user_id, journey_id, rank, keywords) as of ``day``.

    Args:
        weeks: Weeks that end on ``day``.
        most: Most keywords of a journey.

    Returns:
        user_id, journey_id, rank, keywords (best first), days_by_week (days with an engagement, the oldest week first),
        days_since_last (null without an engagement in these weeks), user_active_days_28d; by user and rank.
    """
    con.register("wanted_journeys", journeys.select("user_id", "journey_id", "rank", "keywords").to_arrow())
    ids = with_logged_ids(con, journeys.select("user_id").unique(), on=day)
    con.register("wanted_ids", ids.select("user_id", "logged_id").to_arrow())
    rows = con.execute(
        """
        WITH wanted AS MATERIALIZED (FROM wanted_journeys), active AS (
          SELECT user_id, max(user_active_days_28d) AS user_active_days_28d FROM main.journey_features
          WHERE partition_date = $day GROUP BY user_id
        ), members AS (
          SELECT user_id, logged_id, journey_id, unnest(keywords) AS keyword FROM wanted JOIN wanted_ids USING (user_id)
        ), days AS MATERIALIZED (
          SELECT DISTINCT m.user_id, m.journey_id, $day - k.partition_date AS age FROM main.keyword_table k
          JOIN members m ON m.logged_id = k.user_id AND m.keyword = k.keyword
          WHERE k.partition_date <= $day AND k.partition_date > $day - 7 * $weeks::INTEGER
        ), weekly AS (
          SELECT user_id, journey_id, age // 7 AS week, count(*) AS n FROM days GROUP BY ALL
        ), by_week AS (
          SELECT w.user_id, w.journey_id, list(coalesce(n, 0)::BIGINT ORDER BY all_weeks.week DESC) AS days_by_week
          FROM wanted w CROSS JOIN (SELECT unnest(range($weeks::INTEGER)) AS week) all_weeks
          LEFT JOIN weekly y ON y.user_id = w.user_id AND y.journey_id = w.journey_id AND y.week = all_weeks.week
          GROUP BY w.user_id, w.journey_id
        ), last_days AS (
          SELECT user_id, journey_id, min(age)::BIGINT AS days_since_last FROM days GROUP BY ALL
        )
        SELECT w.user_id, w.journey_id, w.rank, w.keywords[1:$most::INTEGER] AS keywords, b.days_by_week,
               l.days_since_last, a.user_active_days_28d
        FROM wanted w JOIN by_week b USING (user_id, journey_id) LEFT JOIN last_days l USING (user_id, journey_id)
        LEFT JOIN active a USING (user_id)
        ORDER BY w.user_id, w.rank, w.journey_id
        """,
        {"day": day, "weeks": weeks, "most": most},
    ).pl()
    con.unregister("wanted_journeys")
    con.unregister("wanted_ids")
    return rows


def groups(
    con: duckdb.DuckDBPyConnection, users: pl.DataFrame, day: date, horizon_days: int, by: str | None = None
) -> pl.DataFrame:
    """All groups of keywords of ``users`` (user_id) by the latest inference at or before ``day``, journeys or not.

    Args:
        by: Who inferred them, of ``INFERRED``; None: those that feed the output.

    Returns:
        user_id, group_id, area_id, keywords (the most central first), is_journey, weight, days_since_last; by user, the
        largest first.
    """
    con.register("wanted_users", users.select("user_id").unique().to_arrow())
    inferences, source = _OUTPUT if by is None else INFERRED[by]
    rows = con.execute(
        f"""
        WITH latest AS (
          SELECT user_id, max(partition_date) AS partition_date FROM {inferences}
          SEMI JOIN wanted_users USING (user_id)
          WHERE partition_date > $day - $horizon::INTEGER AND partition_date <= $day GROUP BY user_id
        )
        SELECT user_id, journey_id AS group_id, area_id, keywords, is_journey, list_sum(keyword_weights) AS weight,
               greatest(0, $day - last_engaged_at::DATE)::BIGINT AS days_since_last
        FROM {source} JOIN latest USING (user_id, partition_date)
        ORDER BY user_id, n_keywords DESC, group_id
        """,
        {"day": day, "horizon": horizon_days},
    ).pl()
    con.unregister("wanted_users")
    return rows


def catalogue_keywords(con: duckdb.DuckDBPyConnection, day: date) -> list[str]:
    """Keywords that several items of the catalogue carry, as of ``day``; sorted."""
    found: list[str] = con.execute(
        "SELECT keyword FROM main.keyword_commonness WHERE partition_date = $day ORDER BY keyword", {"day": day}
    ).pl()["keyword"].to_list()  # fmt: skip
    return found


def judged_lately(con: duckdb.DuckDBPyConnection, day: date, days: int) -> pl.DataFrame:
    """What was judged in the ``days`` days that end with ``day``, abstentions and missing answers included.

    Returns:
        partition_date, user_id, journey_id, draw, is_control, sampling_weight, outcome, level, judged_by, agreement.
    """
    return con.execute(
        """
        SELECT partition_date, user_id, journey_id, draw, is_control, sampling_weight, outcome, level, judged_by,
               agreement
        FROM main.judged_journeys
        WHERE partition_date > $day - $days::INTEGER AND partition_date <= $day ORDER BY ALL
        """,
        {"day": day, "days": days},
    ).pl()


def human_judgements(con: duckdb.DuckDBPyConnection, until: date) -> pl.DataFrame:
    """The latest judgement by each person of journeys that the output of their day still holds.

    Args:
        until: Last day that the journeys may be of.

    Returns:
        user_id, journey_id, as_of_date, annotator_id, relevance, rank.
    """
    return con.execute(
        f"""
        SELECT j.user_id, j.journey_id, j.as_of_date, j.annotator_id, j.relevance::BIGINT AS relevance, u.rank
        FROM {JUDGEMENTS} j JOIN main.user_journeys u
          ON u.partition_date = j.as_of_date AND u.user_id = j.user_id AND u.journey_id = j.journey_id
        WHERE j.as_of_date <= $until
        QUALIFY row_number() OVER (
          PARTITION BY j.user_id, j.journey_id, j.as_of_date, j.annotator_id
          ORDER BY j.annotated_at DESC NULLS LAST, j.ingest_seq DESC, j.relevance) = 1
        ORDER BY ALL
        """,
        {"until": until},
    ).pl()
