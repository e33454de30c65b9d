"""Labels for the ranker, from responses to notifications, from judgements and from later engagement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from journeys_assets.domain.ranking.params import RankingParams

LABEL_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "day": pl.Date(),
        "user_id": pl.String(),
        "journey_id": pl.String(),
        "label": pl.Int64(),
        "weight": pl.Float64(),
        "known_on": pl.Date(),
    }
)
"""One row per label.

``day``: the partition of its features. ``known_on``: the last day of data that the label depends on; only models
trained as of that day or later may use it. ``source``: one of ``SOURCES``.
"""

SOURCES = ("annotation", "engagement", "feedback")
"""Sources of labels: human judgements, later engagement of the user, and responses to notifications."""


# ── labels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def feedback_labels(sends: pl.DataFrame, *, as_of: date, params: RankingParams) -> pl.DataFrame:
    """Labels from responses to notifications: 1 = clicked within ``response_days`` and did not unsubscribe.

    Only sends of the journey arm with a journey, whose propensity was logged or which were drawn at random, are used:
    the selection of the others is unknown. Each send is weighted with the inverse of its propensity, clipped at
    ``max_propensity_weight``; weights are scaled to mean 1. Sends within the last ``response_days`` are left out, and
    data after ``as_of`` is ignored. The features of a send are those of the partition that planned it, the day before.

    Args:
        sends: user_id, journey_id, arm, sent_at, clicked_at, unsubscribed_at, propensity, is_random_slot.

    Returns:
        Columns of ``LABEL_SCHEMA``, sorted. If one journey was sent twice in a day, the later send counts.
    """
    respond_by = pl.col("sent_at") + pl.duration(days=params.response_days)
    known_by = pl.lit(as_of).cast(pl.Datetime("us")) + pl.duration(days=1)
    is_random = pl.col("is_random_slot").fill_null(False)
    is_known = is_random if params.random_slot_only else is_random | (pl.col("propensity") > 0).fill_null(False)
    clicked = (pl.col("clicked_at").is_not_null() & (pl.col("clicked_at") < respond_by)).fill_null(False)
    unsubscribed = (pl.col("unsubscribed_at").is_not_null() & (pl.col("unsubscribed_at") < respond_by)).fill_null(False)
    propensity = pl.when(pl.col("propensity") > 0).then(pl.col("propensity")).otherwise(1.0).clip(upper_bound=1.0)
    weight = (
        pl.lit(1.0) if params.random_slot_only else (1.0 / propensity).clip(upper_bound=params.max_propensity_weight)
    )
    rows = (
        sends.filter((pl.col("arm") == "journey") & pl.col("journey_id").is_not_null() & is_known)
        .filter(respond_by <= known_by)
        .select(
            "user_id",
            "journey_id",
            "sent_at",
            source=pl.lit("feedback"),
            day=pl.col("sent_at").dt.date() - pl.duration(days=1),
            label=(clicked & ~unsubscribed).cast(pl.Int64),
            weight=weight,
            known_on=(respond_by - pl.duration(microseconds=1)).dt.date(),
        )
        .sort("day", "user_id", "journey_id", "sent_at", "label", "weight")
        .unique(["day", "user_id", "journey_id"], keep="last", maintain_order=True)
    )
    return _as_labels(rows.with_columns(pl.col("weight") / pl.col("weight").sort().mean()))


def annotation_labels(
    annotations: pl.DataFrame, journeys: pl.DataFrame, *, as_of: date, params: RankingParams
) -> pl.DataFrame:
    """Labels from human judgements (``judged_journeys``): 1 = real and current.

    A label is 1 if the annotators' median relevance is at least ``annotation_positive_from`` and at most half of the
    annotators who gave a stage chose ``ended``.

    Args:
        annotations: As for ``judged_journeys``, with relevance (1-5) and stage (nullable).
        journeys: partition_date, user_id, journey_id, keywords of the relevant days.

    Returns:
        Columns of ``LABEL_SCHEMA``, sorted, weight 1; one row per day, user and journey.
    """
    judged = judged_journeys(annotations, journeys, as_of=as_of, params=params)
    rows = judged.group_by("day", "user_id", "journey_id").agg(
        label=(
            (pl.col("relevance").median() >= params.annotation_positive_from)
            & ((pl.col("stage") == "ended").mean() <= 0.5).fill_null(True)
        ).cast(pl.Int64),
        known_on=pl.col("judged_on").max(),
    )
    return _as_labels(rows.with_columns(source=pl.lit("annotation"), weight=pl.lit(1.0)))


def judged_journeys(
    annotations: pl.DataFrame, journeys: pl.DataFrame, *, as_of: date, params: RankingParams
) -> pl.DataFrame:
    """The journey, as of a day, that each judgement refers to.

    The day of a judgement is ``as_of_date`` (annotators saw no later data, so the label belongs to that day whenever it
    was given), else the day of ``annotated_at``, else ``as_of``. Candidates are the user's journeys of the last day
    with journeys, up to that day. The judgement refers to the candidate with its journey_id. Otherwise it refers to the
    candidate that contains the largest share of its keywords, at least ``annotation_min_overlap``; ties go to the
    larger Jaccard index, then to the smaller journey_id. Judgements of days after ``as_of`` and judgements that match
    no journey are left out. If one annotator judged a journey twice on a day, the later judgement counts.

    Args:
        annotations: user_id, journey_id (nullable), keywords (nullable list, normalised), relevance, annotator_id,
            annotated_at (nullable), as_of_date (nullable), and any other columns.
        journeys: partition_date, user_id, journey_id, keywords of the relevant days.

    Returns:
        One row per day, user, journey and annotator: day (of the journeys), judged_on, user_id, journey_id (of the
        user's journey), annotator_id and the other columns of ``annotations``.
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
    return latest.with_columns(journey_id="own_id").select(*annotations.columns, "judged_on", "day")


def engagement_labels(
    journeys: pl.DataFrame, engagements: pl.DataFrame, *, as_of: date, params: RankingParams
) -> pl.DataFrame:
    """Labels from later engagement: 1 = the user engaged with the journey in the ``engagement_days`` after its day.

    The user engaged with a journey if they engaged with any keyword that it had on its day. A label exists only if its
    window has ended by ``as_of``. Users who were not active at all in the window are left out. So the labels answer
    *which* of their journeys users return to, and not which users return.

    Args:
        journeys: partition_date, user_id, journey_id, keywords of the relevant days.
        engagements: user_id, keyword, engaged_on: every keyword that each user engaged with, by day. Rows outside the
            windows are ignored.

    Returns:
        Columns of ``LABEL_SCHEMA``, sorted, weight 1; one row per day, user and journey.
    """
    over = journeys.filter(pl.col("partition_date") + pl.duration(days=params.engagement_days) <= as_of)
    marks = future_engagement(over, engagements, params.engagement_days).filter("user_returned")
    return _as_labels(
        marks.select(
            "user_id",
            "journey_id",
            source=pl.lit("engagement"),
            day="partition_date",
            label=pl.col("is_engaged").cast(pl.Int64),
            weight=pl.lit(1.0),
            known_on=pl.col("partition_date") + pl.duration(days=params.engagement_days),
        )
    )


def future_engagement(journeys: pl.DataFrame, engagements: pl.DataFrame, n_days: int) -> pl.DataFrame:
    """Whether the user engages with each journey in the ``n_days`` after its day, (D, D + n_days].

    Args:
        journeys: partition_date, user_id, journey_id, keywords; one row per day, user and journey.
        engagements: user_id, keyword, engaged_on (a day).

    Returns:
        partition_date, user_id, journey_id, is_engaged (with any keyword of the journey), user_returned (the user
        engaged with any keyword); sorted by the first three.
    """
    by_user = engagements.select("user_id", "engaged_on").unique()
    by_keyword = engagements.select("user_id", "keyword", "engaged_on").unique()
    after = pl.col("engaged_on") - pl.col("partition_date")
    in_window = (after > pl.duration(days=0)) & (after <= pl.duration(days=n_days))
    user_days = journeys.select("partition_date", "user_id").unique()
    returned = user_days.join(by_user, on="user_id").filter(in_window).select("partition_date", "user_id").unique()
    keys = ["partition_date", "user_id", "journey_id"]
    members = journeys.select(*keys, keyword="keywords").explode("keyword")
    engaged = members.join(by_keyword, on=["user_id", "keyword"]).filter(in_window).select(keys).unique()
    return (
        journeys.select(keys)
        .join(engaged.with_columns(is_engaged=pl.lit(True)), on=keys, how="left")
        .join(returned.with_columns(user_returned=pl.lit(True)), on=["partition_date", "user_id"], how="left")
        .with_columns(pl.col("is_engaged", "user_returned").fill_null(False))
        .sort(keys)
    )


def training_rows(labels: pl.DataFrame, features: pl.DataFrame) -> pl.DataFrame:
    """Labels with the features of their day. Labels whose journey has no features on that day are left out.

    Args:
        labels: columns of ``LABEL_SCHEMA``.
        features: partition_date, user_id, journey_id and the features of ``journey_features``.

    Returns:
        Columns of ``LABEL_SCHEMA`` and the features, sorted by day, user_id, journey_id, source.
    """
    by_day = features.rename({"partition_date": "day"})
    return labels.join(by_day, on=["day", "user_id", "journey_id"], how="inner").sort(
        "day", "user_id", "journey_id", "source"
    )


def ndcg_by_user(rows: pl.DataFrame, at: Sequence[int]) -> pl.DataFrame:
    """How high relevant journeys rank, per user: NDCG@k (Järvelin and Kekäläinen 2002) and the reciprocal rank.

    Only days on which a user has both relevant and other journeys count; on other days every order is correct.

    Args:
        rows: partition_date, user_id, journey_id, score, is_relevant. Equal scores are ordered by journey_id, which is
            as good as random.
        at: The values of k.

    Returns:
        user_id, ``ndcg_<k>`` for each k and reciprocal_rank (of the first relevant journey), each 0..1, as means over
        the user's days; sorted by user_id. Users without such a day are left out.
    """
    day = ["partition_date", "user_id"]
    relevant = pl.col("is_relevant").cast(pl.Int64)
    ranked = (
        rows.select(*day, "journey_id", "score", relevant=relevant)
        .filter(pl.col("relevant").max().over(day) > pl.col("relevant").min().over(day))
        .sort(*day, "score", "journey_id", descending=[False, False, True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1).over(day))
    )
    discount = 1.0 / (pl.col("rank") + 1).cast(pl.Float64).log(2.0)
    n_relevant = pl.col("relevant").sum()
    gained = [
        (
            (pl.col("relevant") * discount).filter(pl.col("rank") <= k).sum()
            / discount.filter(pl.col("rank") <= pl.min_horizontal(n_relevant, pl.lit(k))).sum()
        ).alias(f"ndcg_{k}")
        for k in at
    ]
    first = (1.0 / pl.col("rank").filter(pl.col("relevant") == 1).min()).alias("reciprocal_rank")
    by_day = ranked.group_by(day).agg(*gained, first).sort(day)
    return (
        by_day.group_by("user_id", maintain_order=True)
        .agg(pl.col("^ndcg_.*$").mean(), pl.col("reciprocal_rank").mean())
        .sort("user_id")
    )


def _as_labels(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(name).cast(dtype) for name, dtype in LABEL_SCHEMA.items()).sort(
        "day", "user_id", "journey_id"
    )
