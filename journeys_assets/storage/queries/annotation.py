"""Annotation sheets: the journeys to sample from, their evidence, and stored judgements.

``domain.annotation.sampling`` draws the sample, ``importers.annotation_sheet`` interprets the answers, and
``operations.annotation_sheets`` writes the sheets.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import duckdb
import polars as pl

from journeys_assets.domain.actions import Action, count_columns
from journeys_assets.domain.annotation.agreement import JUDGEMENT_SCHEMA
from journeys_assets.domain.annotation.params import AnnotationParams
from journeys_assets.domain.annotation.sampling import CANDIDATE_SCHEMA
from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.storage.queries.identities import with_logged_ids
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

JUDGEMENTS = """(
  FROM landing.journey_annotations QUALIFY row_number() OVER (
    PARTITION BY user_id, journey_id, keywords, annotator_id, annotated_at, as_of_date
    ORDER BY ingest_seq DESC, relevance, stage, better_name, comment) = 1
)"""
"""The latest version of each judgement."""

_JUDGED_ON = "coalesce(as_of_date, annotated_at::DATE)"


def days_with_journeys(con: duckdb.DuckDBPyConnection, last: date, n: int, *, apart: int) -> list[date]:
    """At most ``n`` days whose journeys and features are kept, ``apart`` days from each other, the latest at ``last``.

    Returns:
        In order. A missing day is left out and not replaced.
    """
    wanted = [last - timedelta(days=apart * i) for i in range(n)]
    days: list[date] = con.execute(
        """
        SELECT DISTINCT partition_date AS day FROM main.user_journeys SEMI JOIN main.journey_features
        USING (partition_date) WHERE partition_date IN (SELECT unnest($days)) ORDER BY day
        """,
        {"days": wanted},
    ).pl()["day"].to_list()  # fmt: skip
    return days


def candidates(con: duckdb.DuckDBPyConnection, days: Sequence[date], actions: Sequence[Action]) -> pl.DataFrame:
    """Every journey on each of ``days`` (``CANDIDATE_SCHEMA``), without journeys that were judged on one of them."""
    return con.execute(
        f"""
        SELECT partition_date AS as_of_date, user_id, journey_id, journey_name, keywords, kind, stage, confidence,
               {" + ".join(f"{column}_90d" for column in count_columns(actions))} AS n_engagements_90d
        FROM main.user_journeys
        WHERE partition_date IN (SELECT unnest($days)) AND (user_id, journey_id) NOT IN (
          SELECT (user_id, journey_id) FROM {JUDGEMENTS}
          WHERE journey_id IS NOT NULL AND {_JUDGED_ON} IN (SELECT unnest($days)))
        ORDER BY 1, 2, 3
        """,
        {"days": list(days)},
    ).pl().select(pl.col(name).cast(dtype) for name, dtype in CANDIDATE_SCHEMA.items())  # fmt: skip


def evidence(
    con: duckdb.DuckDBPyConnection, items: pl.DataFrame, params: AnnotationParams, *, min_users: int
) -> pl.DataFrame:
    """What each user did for each journey in the weeks up to its day. Later events are not used.

    Args:
        items: row_key, user_id, as_of_date, keywords.
        min_users: Keywords and searches of fewer users than this (up to the last of the days) are not shown, because a
            search that nobody else made may identify the user. Items come from the catalogue and are always shown.

    Returns:
        row_key, shown (keywords of enough users, in their order), weeks (engagements, oldest first), days_ago (of the
        last engagement, days), searches and items (examples, most frequent first).
    """
    con.register("sheet_items", items.select("row_key", "user_id", "as_of_date", "keywords").to_arrow())
    ids = with_logged_ids(con, items.select("user_id", "as_of_date").unique(), on="as_of_date")
    con.register("sheet_ids", ids.select("user_id", "as_of_date", "logged_id").to_arrow())
    rows = con.execute(
        """
        WITH members AS (
          SELECT row_key, user_id, as_of_date, unnest(keywords) AS keyword, generate_subscripts(keywords, 1) AS place
          FROM sheet_items
        ), common AS MATERIALIZED (
          SELECT keyword, count(DISTINCT user_id) AS n_users FROM main.keyword_table
          WHERE keyword IN (SELECT keyword FROM members) AND partition_date <= (SELECT max(as_of_date) FROM members)
          GROUP BY keyword HAVING count(DISTINCT user_id) >= $min_users
        ), acts AS MATERIALIZED (
          SELECT m.row_key, m.as_of_date, e.keyword, e.display_form, e.source, e.action, e.item_id, e.engaged_at,
                 (m.as_of_date - e.event_date) AS age
          FROM main.int_keyword_events e
          JOIN (FROM members JOIN sheet_ids USING (user_id, as_of_date)) m
            ON e.user_id = m.logged_id AND e.keyword = m.keyword
          WHERE e.event_date <= m.as_of_date AND e.event_date > m.as_of_date - 7 * $weeks::INTEGER
            AND e.event_date > (SELECT min(as_of_date) FROM members) - 7 * $weeks::INTEGER
        ), distinct_acts AS (
          SELECT DISTINCT row_key, action, item_id, engaged_at, age FROM acts
        ), weekly AS (
          SELECT row_key, age // 7 AS week, count(*) AS n FROM distinct_acts GROUP BY ALL
        ), every_week AS (
          SELECT i.row_key, list(coalesce(w.n, 0) ORDER BY age.week DESC) AS weeks
          FROM sheet_items i CROSS JOIN (SELECT unnest(range($weeks::INTEGER)) AS week) age
          LEFT JOIN weekly w ON w.row_key = i.row_key AND w.week = age.week GROUP BY i.row_key
        ), per_row AS (
          SELECT row_key, min(age) AS days_ago FROM distinct_acts GROUP BY row_key
        ), searches AS (
          SELECT row_key, list(display_form ORDER BY n DESC, display_form)[1:$examples::INTEGER] AS searches
          FROM (
            SELECT row_key, min(display_form) AS display_form, count(*) AS n FROM acts SEMI JOIN common USING (keyword)
            WHERE source = 'query' GROUP BY row_key, keyword
          ) GROUP BY row_key
        ), titled AS (
          SELECT a.row_key, p.title, count(DISTINCT a.engaged_at) AS n FROM acts a
          JOIN main.stg_pins p
            ON p.pin_id = a.item_id AND a.as_of_date >= p.valid_from AND a.as_of_date < p.valid_to
          WHERE p.title IS NOT NULL GROUP BY ALL
        ), titles AS (
          SELECT row_key, list(title ORDER BY n DESC, title)[1:$examples::INTEGER] AS items FROM titled GROUP BY row_key
        ), shown AS (
          SELECT row_key, list(keyword ORDER BY place)[1:$keywords::INTEGER] AS shown FROM members
          SEMI JOIN common USING (keyword) GROUP BY row_key
        )
        SELECT i.row_key, coalesce(s.shown, []) AS shown,
               w.weeks, r.days_ago, coalesce(q.searches, []) AS searches, coalesce(t.items, []) AS items
        FROM sheet_items i JOIN every_week w USING (row_key) LEFT JOIN per_row r USING (row_key)
        LEFT JOIN shown s USING (row_key) LEFT JOIN searches q USING (row_key) LEFT JOIN titles t USING (row_key)
        ORDER BY i.row_key
        """,
        {
            "min_users": min_users,
            "weeks": params.weeks_shown,
            "examples": params.examples_shown,
            "keywords": params.keywords_shown,
        },
    ).pl()
    con.unregister("sheet_items")
    con.unregister("sheet_ids")
    return rows


def store_items(warehouse: Warehouse, items: pl.DataFrame, now: datetime) -> None:
    """Store the journey behind each row_key. Keys that are stored already stay unchanged."""
    warehouse.append_new(ANNOTATION_ITEMS, items.with_columns(exported_at=pl.lit(now, dtype=pl.Datetime("us"))))


def exported_names(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """row_key, journey_name of every item that was ever exported, as it was first exported."""
    return con.sql("SELECT row_key, journey_name FROM landing.annotation_items ORDER BY row_key").pl()


def stored_judgements(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The latest judgement of every item and annotator: ``JUDGEMENT_SCHEMA``.

    An item is a journey (by id or, without one, by its keywords) as of a day.
    """
    rows = con.sql(
        f"""
        SELECT user_id || chr(31) || coalesce(journey_id, array_to_string(list_sort(keywords), chr(30))) || chr(31)
               || coalesce({_JUDGED_ON}::VARCHAR, '') AS item, user_id, annotator_id, relevance, stage
        FROM {JUDGEMENTS}
        QUALIFY row_number() OVER (
          PARTITION BY item, annotator_id ORDER BY annotated_at DESC NULLS LAST, ingest_seq DESC, relevance, stage) = 1
        ORDER BY item, annotator_id
        """
    ).pl()
    return rows.select(pl.col(name).cast(dtype) for name, dtype in JUDGEMENT_SCHEMA.items())


def n_untrainable(con: duckdb.DuckDBPyConnection) -> int:
    """Number of judgements of days whose features were deleted. They count for agreement, but train no ranker."""
    return int(
        con.sql(
            f"""
            SELECT count(*) AS n FROM {JUDGEMENTS}
            WHERE as_of_date IS NOT NULL
              AND as_of_date NOT IN (SELECT DISTINCT partition_date FROM main.journey_features)
            """
        ).pl()["n"][0]
    )
