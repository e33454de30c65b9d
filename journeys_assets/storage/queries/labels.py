"""Training data: sends, judgements, what became of journeys, and the features of the day of each.

``domain.ranking.labels`` and ``domain.lifecycle.evidence`` define what counts as a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import duckdb
import polars as pl

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.lifecycle import evidence
from journeys_assets.domain.naming import labels as naming_labels
from journeys_assets.domain.naming.given import BY_USER
from journeys_assets.domain.naming.suggestions import name_fault
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.ranking import labels as ranking_labels
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.vocabulary import RENAME
from journeys_assets.storage.queries import inference, superseded
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.annotation import JUDGEMENTS
from journeys_assets.storage.queries.edits import edits_as_of


def training_rows(
    con: duckdb.DuckDBPyConnection, as_of: date, params: RankingParams, features: Sequence[str]
) -> pl.DataFrame:
    """Labels that are known by the end of ``as_of``, each with the features of its own day.

    Args:
        features: Columns of journey_features that a ranker reads (``prior.features``).

    Returns:
        Columns of ``ranking_labels.LABEL_SCHEMA`` and ``features``; empty if there are no labels. Labels of
        partitions that were never computed, or have been deleted, are left out.
    """
    annotations = _annotations(con)
    labels = pl.concat(
        [
            ranking_labels.feedback_labels(_sends(con, as_of), as_of=as_of, params=params),
            ranking_labels.annotation_labels(
                annotations, _judged_journeys(con, annotations, as_of), as_of=as_of, params=params
            ),
            _engagement_labels(con, as_of, params),
        ]
    )
    return ranking_labels.training_rows(labels, _features(con, labels, features))


def stage_training_rows(
    con: duckdb.DuckDBPyConnection, as_of: date, params: AlgorithmParams, *, n_snapshots: int | None = None
) -> pl.DataFrame:
    """Journeys as they were on some days, a week apart, with what had become of them by the end of ``as_of``.

    The journeys are those that were inferred at the time, and the features use no later events.

    Args:
        n_snapshots: At most this many days; by default ``LifecycleParams.training_snapshots``.

    Returns:
        day, user_id, journey_id, ``evidence.FEATURES``, label (1: ended); empty if the log is too short. Days whose
        inferences are no longer kept are left out: only users who hardly came since would be left of them.
    """
    days = params.lifecycle.training_snapshots if n_snapshots is None else n_snapshots
    last = as_of - timedelta(days=params.lifecycle.label_days)
    wanted = [last - timedelta(weeks=week) for week in range(days)]
    kept_from = superseded.kept_from(con)
    snapshots = [stage_snapshot(con, day, params) for day in wanted if day >= kept_from]
    if not snapshots:
        return stage_snapshot(con, last, params).clear()
    return pl.concat(snapshots).filter(pl.col("label").is_not_null()).sort("day", "user_id", "journey_id")


def stage_snapshot(con: duckdb.DuckDBPyConnection, day: date, params: AlgorithmParams) -> pl.DataFrame:
    """Every journey of ``day``: day, user_id, journey_id, ``evidence.FEATURES``, label (null if it is unknown).

    The label needs the log of the ``label_days`` days after ``day``. The caller must make sure that it is complete.
    """
    states = inference.live_states(con, day, params.keywords.horizon_days)
    until = day + timedelta(days=params.lifecycle.label_days)
    journeys, visits = inference.engagement_history(con, states, day, until, params)
    features = evidence.silence_features(journeys, visits, day, params.lifecycle)
    labels = evidence.ended_labels(journeys, visits, day, params.lifecycle)
    return features.join(labels, on=["user_id", "journey_id"], how="left").select(
        pl.lit(day).alias("day"), "user_id", "journey_id", *evidence.FEATURES, "label"
    )


NAMING_COLUMNS = ("user_id", "journey_id", "window_end_date", "keywords", "keyword_theme_centralities")
"""Columns of journey_clusters that names are made from."""


def naming_rows(con: duckdb.DuckDBPyConnection, as_of: date, params: AlgorithmParams) -> pl.DataFrame:
    """Journeys that annotators or their users named, or whose name annotators judged, up to ``as_of``.

    Each is as it was on its day.

    Returns:
        Rows of ``naming_labels.ROW_SCHEMA``, sorted; empty if no judgement concerns a name. Judgements of an unknown
        journey, or of a day that has been deleted, are left out.
    """
    on_sheet = ["user_id", "journey_id", "as_of_date"]
    annotations = (
        pl.concat([_annotations(con), _renames(con, as_of)])
        .join(_shown_names(con), on=on_sheet, how="left", maintain_order="left")
        # Without a sheet, an annotator who judged keywords saw no name; one who judged a journey by its id may have.
        .with_columns(is_blind=pl.coalesce("shows_no_name", pl.col("journey_id").is_null()))
    )
    judged = ranking_labels.judged_journeys(
        annotations, _judged_journeys(con, annotations, as_of), as_of=as_of, params=params.ranking
    )
    wanted = naming_labels.wanted_names(
        judged, params.ranking.annotation_positive_from, params.name_training.accepted_grade
    )
    rows = [naming_labels.ROW_SCHEMA.to_frame()]
    for (day,), of_day in sorted(wanted.partition_by("day", as_dict=True).items()):
        states = inference.live_states(con, day, params.keywords.horizon_days).join(of_day, on="user_id", how="semi")
        clusters = inference.journeys_in(con, states, NAMING_COLUMNS)
        facts = keyword_queries.keyword_facts(con, clusters, day, params.keywords)
        rows.append(naming_labels.graded_members(of_day, clusters, facts, day, params.naming))
    return naming_labels.weighted_by_journey(pl.concat(rows))


def _shown_names(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Journeys on sheets: user_id, journey_id, as_of_date, shows_no_name, shown_name."""
    return con.sql(
        """
        SELECT user_id, journey_id, as_of_date, bool_and(journey_name = '') AS shows_no_name,
               min(journey_name) FILTER (journey_name <> '') AS shown_name
        FROM landing.annotation_items GROUP BY ALL ORDER BY ALL
        """
    ).pl()


def _sends(con: duckdb.DuckDBPyConnection, as_of: date) -> pl.DataFrame:
    return con.execute(
        """
        SELECT user_id, journey_id, arm, sent_at, clicked_at, unsubscribed_at, propensity, is_random_slot
        FROM main.stg_notification_events WHERE sent_at < $end::TIMESTAMP ORDER BY ALL
        """,
        {"end": as_of + timedelta(days=1)},
    ).pl()


def _annotations(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    rows = con.sql(
        f"""
        SELECT user_id, journey_id, keywords, relevance, stage, better_name, annotator_id, annotated_at, as_of_date
        FROM {JUDGEMENTS} ORDER BY ALL
        """
    ).pl()
    keywords = [None if own is None else [normalise(keyword) for keyword in own] for own in rows["keywords"].to_list()]
    return rows.with_columns(keywords=pl.Series(keywords, dtype=pl.List(pl.String)))


def _renames(con: duckdb.DuckDBPyConnection, as_of: date) -> pl.DataFrame:
    """The names that users gave their journeys by ``as_of``, as judgements: columns of :func:`_annotations`."""
    rows = edits_as_of(con, as_of).filter(pl.col("verdict") == RENAME)
    can_name = pl.Series([name_fault(name) is None for name in rows["new_name"]], dtype=pl.Boolean)
    return rows.filter(can_name).select(
        "user_id",
        "journey_id",
        "keywords",
        relevance=pl.lit(5, dtype=pl.Int64),
        stage=pl.lit(None, dtype=pl.String),
        better_name="new_name",
        annotator_id=pl.lit(BY_USER),
        annotated_at="given_at",
        as_of_date=pl.lit(None, dtype=pl.Date),
    )


def _judged_journeys(con: duckdb.DuckDBPyConnection, annotations: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Journeys of annotated users on the last computed day at or before the day of each judgement."""
    judged_on = pl.coalesce("as_of_date", pl.col("annotated_at").dt.date(), pl.lit(as_of))
    con.register("judged", annotations.select("user_id", judged_on=judged_on).unique().to_arrow())
    rows = con.execute(
        """
        WITH days AS (
          SELECT DISTINCT user_id, partition_date FROM main.user_journeys
          WHERE partition_date <= $as_of AND user_id IN (SELECT user_id FROM judged)
        ), wanted AS (
          SELECT DISTINCT days.user_id, max(days.partition_date) OVER (PARTITION BY judged.user_id, judged_on)
                 AS partition_date
          FROM judged JOIN days ON days.user_id = judged.user_id AND days.partition_date <= judged_on
        )
        SELECT partition_date, user_id, journey_id, keywords
        FROM main.user_journeys JOIN wanted USING (partition_date, user_id) ORDER BY 1, 2, 3
        """,
        {"as_of": as_of},
    ).pl()
    con.unregister("judged")
    return rows


def _engagement_labels(con: duckdb.DuckDBPyConnection, as_of: date, params: RankingParams) -> pl.DataFrame:
    journeys = _followed_journeys(con, as_of, params)
    return ranking_labels.engagement_labels(
        journeys, engagements_after(con, journeys, params.engagement_days), as_of=as_of, params=params
    )


def _followed_journeys(con: duckdb.DuckDBPyConnection, as_of: date, params: RankingParams) -> pl.DataFrame:
    """Journeys of the last computed day in each ``engagement_every_days`` whose label window ends by ``as_of``.

    If there are more than ``max_engagement_labels``, a fixed random sample of the users of each day.
    """
    return con.execute(
        """
        WITH days AS (
          SELECT max(partition_date) AS partition_date
          FROM (SELECT DISTINCT partition_date FROM main.user_journeys WHERE partition_date <= $last)
          GROUP BY ($last - partition_date) // $every
        ), sizes AS (
          SELECT partition_date, user_id, count(*) AS n
          FROM main.user_journeys JOIN days USING (partition_date) GROUP BY ALL
        ), picked AS (
          SELECT partition_date, user_id FROM sizes
          QUALIFY sum(n) OVER (
            ORDER BY md5(user_id || partition_date::VARCHAR), user_id, partition_date ROWS UNBOUNDED PRECEDING
          ) <= $most
        )
        SELECT partition_date, user_id, journey_id, keywords
        FROM main.user_journeys JOIN picked USING (partition_date, user_id) ORDER BY 1, 2, 3
        """,
        {
            "last": as_of - timedelta(days=params.engagement_days),
            "every": params.engagement_every_days,
            "most": params.max_engagement_labels,
        },
    ).pl()


def engagements_after(con: duckdb.DuckDBPyConnection, journeys: pl.DataFrame, n_days: int) -> pl.DataFrame:
    """What the users of ``journeys`` engaged with in the ``n_days`` after each day on which they have journeys.

    Args:
        journeys: partition_date, user_id. Other columns and duplicates are ignored.

    Returns:
        user_id, keyword, engaged_on; sorted.
    """
    con.register("followed", journeys.select("partition_date", "user_id").unique().to_arrow())
    rows = con.execute(
        """
        SELECT DISTINCT k.user_id, k.keyword, k.partition_date AS engaged_on
        FROM main.keyword_table k JOIN followed f
          ON k.user_id = f.user_id AND k.partition_date > f.partition_date
          AND k.partition_date <= f.partition_date + $n_days::INTEGER
        ORDER BY ALL
        """,
        {"n_days": n_days},
    ).pl()
    con.unregister("followed")
    return rows


def _features(con: duckdb.DuckDBPyConnection, labels: pl.DataFrame, features: Sequence[str]) -> pl.DataFrame:
    con.register("wanted_labels", labels.select("day", "user_id", "journey_id").unique().to_arrow())
    rows = con.sql(
        f"""
        SELECT f.partition_date, f.user_id, f.journey_id, {", ".join(features)}
        FROM main.journey_features f
        JOIN wanted_labels w ON f.partition_date = w.day AND f.user_id = w.user_id AND f.journey_id = w.journey_id
        """
    ).pl()
    con.unregister("wanted_labels")
    return rows
