"""Scores of journeys without a model, and the labels that a model learns from.

What belongs here: the features that describe a journey to a ranker, the documented prior score, and the pure functions
that turn notification feedback and human annotations into training labels. What does not: fitting or loading a model
(``models.ranker``) and re-ordering similar journeys (``domain.diversification``).
"""

from __future__ import annotations

from datetime import date

import polars as pl

from journeys_assets.domain.parameters import RankingParams

FEATURES: tuple[str, ...] = (
    "n_keywords",
    "cohesion",
    "separation",
    *(
        f"{count}_{days}d"
        for count in ("n_searches", "n_closeups", "n_saves", "n_clickthroughs", "n_board_pins")
        for days in (1, 7, 28, 90)
    ),
    "engagement_weight_7d",
    "engagement_weight_28d",
    "engagement_weight_90d",
    "active_days_7d",
    "active_days_28d",
    "active_days_90d",
    "active_weeks_90d",
    "days_since_last_engaged",
    "days_since_first_engaged",
    "span_days",
    "n_sources",
    "share_of_user_engagement_28d",
    "user_active_days_28d",
    "user_engagement_weight_28d",
    "n_user_journeys",
)
"""Columns of ``journey_features`` that a ranker reads, in the order in which it reads them."""

PRIOR = "prior"
"""What ``scored_by`` says where no model was used."""

LABEL_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "day": pl.Date(),
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "label": pl.Int64(),
        "weight": pl.Float64(),
    }
)
"""One label. ``day``: the partition whose features go with it. ``source``: 'feedback' or 'annotation'."""


def prior_probability(params: RankingParams) -> pl.Expr:
    """The prior: P(real) x P(current), in (0, 1), as an expression over columns of ``journey_features``.

    P(current) = 0.5 ^ (days_since_last_engaged / half-life). P(real) = logistic(intercept + weights x evidence) with
    the logarithms of engagement, active days and size, and the cohesion. It rises with each kind of evidence and falls
    with silence. No data has calibrated it: it is a stated belief, bounded, and replaced by the first released ranker.
    """
    evidence = (
        pl.lit(params.prior_intercept)
        + params.prior_volume_weight * pl.col("engagement_weight_90d").clip(lower_bound=0.0).log1p()
        + params.prior_active_days_weight * pl.col("active_days_90d").cast(pl.Float64).log1p()
        + params.prior_size_weight * pl.col("n_keywords").cast(pl.Float64).log1p()
        + params.prior_cohesion_weight * pl.col("cohesion").clip(-1.0, 1.0)
    )
    days_silent = pl.col("days_since_last_engaged").clip(lower_bound=0).cast(pl.Float64)
    is_current = (days_silent * (-_LN_2 / params.recency_half_life_days)).exp()
    return is_current / (1.0 + (-evidence).exp())


_LN_2 = 0.6931471805599453


def score_by_prior(features: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """Score and confidence of every journey from the documented prior alone.

    Args:
        features: rows of ``journey_features`` of one day.

    Returns:
        user_id, journey_id, score, confidence (both the prior probability, in (0, 1)), scored_by = 'prior'; sorted by
        user_id, journey_id.
    """
    return features.select(
        "user_id",
        "journey_id",
        score=prior_probability(params),
        confidence=prior_probability(params),
        scored_by=pl.lit(PRIOR),
    ).sort("user_id", "journey_id")


# ── labels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def feedback_labels(sends: pl.DataFrame, *, as_of: date, params: RankingParams) -> pl.DataFrame:
    """Labels from what came of sent notifications: 1 = clicked in time and did not unsubscribe.

    Only sends whose selection is known teach anything: those of the journey arm with a journey, whose propensity was
    logged or which were drawn at random. Each is weighted with the inverse of its propensity, clipped at
    ``max_propensity_weight``, and the weights are scaled to mean 1. Sends younger than ``response_days`` are left out,
    and nothing that happened after ``as_of`` is looked at. The features that go with a send are those of the partition
    that planned it, the day before.

    Args:
        sends: user_id, journey_id, arm, sent_at, clicked_at, unsubscribed_at, propensity, is_random_slot.

    Returns:
        Columns of ``LABEL_SCHEMA``, sorted; the latest send counts where one journey was sent twice in a day.
    """
    answer_by = pl.col("sent_at") + pl.duration(days=params.response_days)
    known_by = pl.lit(as_of).cast(pl.Datetime("us")) + pl.duration(days=1)
    is_random = pl.col("is_random_slot").fill_null(False)
    is_known = is_random if params.random_slot_only else is_random | (pl.col("propensity") > 0).fill_null(False)
    clicked = (pl.col("clicked_at").is_not_null() & (pl.col("clicked_at") < answer_by)).fill_null(False)
    left = (pl.col("unsubscribed_at").is_not_null() & (pl.col("unsubscribed_at") < answer_by)).fill_null(False)
    propensity = pl.when(pl.col("propensity") > 0).then(pl.col("propensity")).otherwise(1.0).clip(upper_bound=1.0)
    weight = (
        pl.lit(1.0) if params.random_slot_only else (1.0 / propensity).clip(upper_bound=params.max_propensity_weight)
    )
    rows = (
        sends.filter((pl.col("arm") == "journey") & pl.col("journey_id").is_not_null() & is_known)
        .filter(answer_by <= known_by)
        .select(
            "user_id",
            "journey_id",
            "sent_at",
            source=pl.lit("feedback"),
            day=pl.col("sent_at").dt.date() - pl.duration(days=1),
            label=(clicked & ~left).cast(pl.Int64),
            weight=weight,
        )
        .sort("day", "user_id", "journey_id", "sent_at", "label", "weight")
        .unique(["day", "user_id", "journey_id"], keep="last", maintain_order=True)
    )
    return _as_labels(rows.with_columns(pl.col("weight") / pl.col("weight").sort().mean()))


def annotation_labels(
    annotations: pl.DataFrame, journeys: pl.DataFrame, *, as_of: date, params: RankingParams
) -> pl.DataFrame:
    """Labels from human judgements: 1 = the annotators' median relevance is ``annotation_positive_from`` or more.

    A judgement belongs to the user's journey of that id or, where it names none of them, to the journey that holds the
    largest share of the keywords judged (at least ``annotation_min_overlap``; ties by Jaccard overlap, then by
    journey_id), among the user's journeys of the last day with journeys at or before the judgement's own. That is
    ``as_of_date`` (annotators saw nothing later, so it is a label of that day whenever it was given), else the day of
    ``annotated_at``, else ``as_of``. Judgements of days after ``as_of`` are not looked at; those that match no journey
    are left out. Where one annotator judged a journey twice on a day, the later judgement counts.

    Args:
        annotations: user_id, journey_id (nullable), keywords (nullable list, normalised), relevance (1-5),
            annotator_id, annotated_at (nullable), as_of_date (nullable).
        journeys: partition_date, user_id, journey_id, keywords of the days in question.

    Returns:
        Columns of ``LABEL_SCHEMA``, sorted, weight 1; one row per day, user and journey.
    """
    judged = (
        annotations.with_columns(judged_on=pl.coalesce("as_of_date", pl.col("annotated_at").dt.date(), pl.lit(as_of)))
        .filter(pl.col("judged_on") <= as_of)
        .sort("judged_on", "user_id", "annotator_id", "annotated_at", "relevance")
        .with_row_index("judgement")
    )
    days = journeys.select("user_id", day="partition_date").unique().sort("day")
    dated = judged.join_asof(days, left_on="judged_on", right_on="day", by="user_id", check_sortedness=False)
    owned = journeys.select("user_id", pl.col("partition_date").alias("day"), own_id="journey_id", own="keywords")
    pairs = dated.filter(pl.col("day").is_not_null()).join(owned, on=["user_id", "day"])
    wanted = pl.col("keywords").fill_null(pl.lit([], dtype=pl.List(pl.String))).list.unique()
    common = wanted.list.set_intersection("own").list.len().cast(pl.Float64)
    matched = (
        pairs.with_columns(
            is_named=(pl.col("journey_id") == pl.col("own_id")).fill_null(False),
            share=pl.when(wanted.list.len() > 0).then(common / wanted.list.len()).otherwise(0.0),
            jaccard=common / wanted.list.set_union("own").list.len().clip(lower_bound=1),
        )
        .filter(pl.col("is_named") | (pl.col("share") >= params.annotation_min_overlap))
        .sort("judgement", "is_named", "share", "jaccard", "own_id", descending=[False, True, True, True, False])
        .unique("judgement", keep="first", maintain_order=True)
    )
    latest = matched.unique(["day", "user_id", "own_id", "annotator_id"], keep="last", maintain_order=True)
    rows = latest.group_by("day", "user_id", pl.col("own_id").alias("journey_id")).agg(
        label=(pl.col("relevance").median() >= params.annotation_positive_from).cast(pl.Int64)
    )
    return _as_labels(rows.with_columns(source=pl.lit("annotation"), weight=pl.lit(1.0)))


def training_rows(labels: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """Labels with the features of their own day; labels whose journey has no features that day are left out.

    Args:
        labels: columns of ``LABEL_SCHEMA``.
        features: rows of ``journey_features`` (partition_date, user_id, journey_id, ``FEATURES``).

    Returns:
        Columns of ``LABEL_SCHEMA`` and ``FEATURES``, sorted by day, user_id, journey_id, source.
    """
    by_day = features.select(pl.col("partition_date").alias("day"), "user_id", "journey_id", *FEATURES)
    return labels.join(by_day, on=["day", "user_id", "journey_id"], how="inner").sort(
        "day", "user_id", "journey_id", "source"
    )


def _as_labels(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in LABEL_SCHEMA.items()).sort(
        "day", "user_id", "journey_id"
    )
