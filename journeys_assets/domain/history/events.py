"""How journeys change between two moments: born, split, merged, re-identified, renamed, paused, resumed, expired.

The journeys of a user at two moments are matched by the keywords that they share.

A journey with the same id at both moments continues. Each new id gets exactly one of the events born, split and
reidentified; each gone id gets exactly one of merged, expired and reidentified. A reidentified event covers one new id
and one gone id.
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.history.params import EvolutionParams

_KEY = ["user_id", "journey_id"]


def overlaps(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Every pair of an earlier and a later journey of one user that share a keyword.

    Args:
        before, after: user_id, journey_id, keywords (list); one row per journey.

    Returns:
        user_id, before_id, after_id, n_shared, n_before, n_after (numbers of keywords), jaccard (0..1), unordered.
    """
    earlier, later = _members(before, "before"), _members(after, "after")
    shared = (
        earlier.join(later, on=["user_id", "keyword"])
        .group_by("user_id", "before_id", "after_id")
        .agg(n_shared=pl.len().cast(pl.Int64), n_before=pl.col("n_before").first(), n_after=pl.col("n_after").first())
    )
    union = pl.col("n_before") + pl.col("n_after") - pl.col("n_shared")
    return shared.with_columns(jaccard=pl.col("n_shared") / union)


def best_matches(pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs whose journeys are each other's best match: at most one pair per journey.

    The best match has the highest Jaccard index. Ties go to the same id, then to the smaller id, so the result does not
    depend on the order of rows.

    Args:
        pairs: Result of :func:`overlaps`.
    """
    ordered = pairs.sort(
        "user_id",
        "jaccard",
        pl.col("before_id") == pl.col("after_id"),
        "before_id",
        "after_id",
        descending=[False, True, True, False, False],
    )
    of_earlier = ordered.unique(["user_id", "before_id"], keep="first", maintain_order=True)
    of_later = ordered.unique(["user_id", "after_id"], keep="first", maintain_order=True)
    return of_earlier.join(of_later, on=["user_id", "before_id", "after_id"], how="semi", maintain_order="left")


def continued(before: pl.DataFrame, after: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """The journeys that continue, under the same id or, re-identified, under another.

    Args:
        before, after: user_id, journey_id, keywords; one row per journey.

    Returns:
        user_id, before_id, after_id, sorted.
    """
    same_id = after.join(before, on=_KEY, how="semi").select(
        "user_id", before_id=pl.col("journey_id"), after_id=pl.col("journey_id")
    )
    others = _reidentified(_changed_overlaps(before, after), before, after, params)
    return pl.concat([same_id, others.select(same_id.columns)]).sort("user_id", "before_id")


def journey_events(before: pl.DataFrame, after: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """The changes of all users' journeys from one moment to a later one.

    Args:
        before, after: user_id, journey_id, journey_name, keywords (list), stage, stage_reason, last_engaged_at; one row
            per journey, in any order.

    Returns:
        One row per event, sorted by user_id, journey_id, event: user_id, journey_id (of the later moment; of the
        earlier one for gone journeys), event, related_journey_ids (journeys of the other moment that share its
        keywords, most shared first), n_keywords, n_shared_keywords (with the related journeys; for renamed, paused and
        resumed with the journey itself at the earlier moment), detail (the evidence, for people).
    """
    pairs = _changed_overlaps(before, after)
    reidentified = _reidentified(pairs, before, after, params)
    new = after.join(before, on=_KEY, how="anti").join(
        reidentified, left_on=_KEY, right_on=["user_id", "after_id"], how="anti"
    )
    gone = before.join(after, on=_KEY, how="anti").join(
        reidentified, left_on=_KEY, right_on=["user_id", "before_id"], how="anti"
    )
    events = [
        _born_or_split(new, _related(pairs, "after_id", "before_id", before), params),
        _merged_or_expired(gone, _related(pairs, "before_id", "after_id", after), params),
        _reidentified_events(reidentified, before, after),
        *_changed(before, after, reidentified),
    ]
    return pl.concat(events).sort("user_id", "journey_id", "event")


def users_with_other_members(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """user_id of users who have a new or gone journey id, or a journey with other keywords than before.

    Args:
        before, after: user_id, journey_id, keywords; one row per journey.
    """
    sides = [rows.select(*_KEY, pl.col("keywords").list.unique().list.sort()) for rows in (before, after)]
    both = sides[0].join(sides[1], on=_KEY, how="full", suffix="_after")
    other = both.filter(pl.col("keywords").ne_missing(pl.col("keywords_after")))
    return other.select(pl.coalesce("user_id", "user_id_after").alias("user_id")).unique()


def _members(journeys: pl.DataFrame, side: str) -> pl.DataFrame:
    """One row per journey and keyword: user_id, ``side``_id, n_``side``, keyword."""
    return journeys.select(
        "user_id",
        pl.col("journey_id").alias(f"{side}_id"),
        pl.col("keywords").list.unique().alias("keyword"),
        pl.col("keywords").list.n_unique().cast(pl.Int64).alias(f"n_{side}"),
    ).explode("keyword")


def _changed_overlaps(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """:func:`overlaps` of users with a new or a gone id; journeys of other users need no comparison of keywords."""
    ids = [rows.select(_KEY) for rows in (before, after)]
    users = pl.concat([ids[0].join(ids[1], on=_KEY, how="anti"), ids[1].join(ids[0], on=_KEY, how="anti")])
    return overlaps(*(rows.join(users, on="user_id", how="semi") for rows in (before, after)))


def _reidentified(
    pairs: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame, params: EvolutionParams
) -> pl.DataFrame:
    """The pairs of a gone id and a new id under which the same journey continues."""
    enough = pl.col("n_shared") >= params.min_overlap * pl.min_horizontal("n_before", "n_after")
    return (
        best_matches(pairs)
        .filter(enough)
        .join(after, left_on=["user_id", "before_id"], right_on=_KEY, how="anti")
        .join(before, left_on=["user_id", "after_id"], right_on=_KEY, how="anti")
    )


def _related(pairs: pl.DataFrame, of: str, other: str, others: pl.DataFrame) -> pl.DataFrame:
    """For each journey ``of``: the ``other`` journeys that share its keywords, most shared first.

    Returns:
        user_id, journey_id, related_journey_ids, n_shared_keywords (with all of them), n_first (shared with the first
        one), first_name (its name).
    """
    names = others.select("user_id", pl.col("journey_id").alias(other), "journey_name")
    return (
        pairs.join(names, on=["user_id", other])
        .sort("user_id", of, "n_shared", other, descending=[False, False, True, False])
        .group_by("user_id", pl.col(of).alias("journey_id"), maintain_order=True)
        .agg(
            related_journey_ids=pl.col(other),
            n_shared_keywords=pl.col("n_shared").sum(),
            n_first=pl.col("n_shared").first(),
            first_name=pl.col("journey_name").first(),
        )
    )


def _with_related(journeys: pl.DataFrame, related: pl.DataFrame) -> pl.DataFrame:
    """``journeys`` with the columns of :func:`_related`; zero and empty where a journey has no related one."""
    return journeys.join(related, on=_KEY, how="left").with_columns(
        pl.col("related_journey_ids").fill_null([]),
        pl.col("n_shared_keywords", "n_first").fill_null(0),
        pl.col("first_name").fill_null(""),
        n_keywords=pl.col("keywords").list.n_unique().cast(pl.Int64),
    )


def _born_or_split(journeys: pl.DataFrame, related: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """Events of new journeys: split if most of their keywords were in earlier journeys, else born."""
    n, shared, first = pl.col("n_keywords"), pl.col("n_shared_keywords"), pl.col("n_first")
    is_split = shared > params.mostly * n
    born_detail = pl.format("{} of {} keywords were in no journey before", n - shared, n)
    rest = pl.when(shared > first).then(pl.format(", {} from other journeys", shared - first)).otherwise(pl.lit(""))
    split_detail = pl.format("{} of {} keywords came from '{}'{}", first, n, "first_name", rest)
    return _with_related(journeys, related).select(
        *_KEY,
        pl.when(is_split).then(pl.lit("split")).otherwise(pl.lit("born")).alias("event"),
        "related_journey_ids",
        "n_keywords",
        "n_shared_keywords",
        pl.when(is_split).then(split_detail).otherwise(born_detail).alias("detail"),
    )


def _merged_or_expired(journeys: pl.DataFrame, related: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """Events of gone journeys: merged if later journeys contain enough of their keywords, else expired."""
    n, shared, first = pl.col("n_keywords"), pl.col("n_shared_keywords"), pl.col("n_first")
    is_merged = (shared > 0) & (shared >= params.min_taken_up * n)
    rest = pl.when(shared > first).then(pl.format(", {} in other journeys", shared - first)).otherwise(pl.lit(""))
    lost = pl.when(shared < n).then(pl.format(", {} in none", n - shared)).otherwise(pl.lit(""))
    merged_detail = pl.format("{} of {} keywords are now in '{}'{}{}", first, n, "first_name", rest, lost)
    expired_detail = pl.format(
        "{} of {} keywords are in no journey any more; last engaged with on {}",
        n - shared,
        n,
        pl.col("last_engaged_at").dt.date().cast(pl.String),
    )
    return _with_related(journeys, related).select(
        *_KEY,
        pl.when(is_merged).then(pl.lit("merged")).otherwise(pl.lit("expired")).alias("event"),
        "related_journey_ids",
        "n_keywords",
        "n_shared_keywords",
        pl.when(is_merged).then(merged_detail).otherwise(expired_detail).alias("detail"),
    )


def _reidentified_events(reidentified: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    names = before.select("user_id", before_id="journey_id", first_name="journey_name")
    return reidentified.join(names, on=["user_id", "before_id"]).select(
        "user_id",
        pl.col("after_id").alias("journey_id"),
        pl.lit("reidentified").alias("event"),
        pl.concat_list("before_id").alias("related_journey_ids"),
        pl.col("n_after").alias("n_keywords"),
        pl.col("n_shared").alias("n_shared_keywords"),
        pl.format(
            "{} of {} keywords came from '{}', whose id {} is gone", "n_shared", "n_after", "first_name", "before_id"
        ).alias("detail"),
    )


def _changed(before: pl.DataFrame, after: pl.DataFrame, reidentified: pl.DataFrame) -> list[pl.DataFrame]:
    """Events of journeys that continue with another name (under the same id) or in another stage."""
    by_id = after.join(before, on=_KEY, suffix="_before").with_columns(
        related_journey_ids=pl.lit([], dtype=pl.List(pl.String))
    )
    by_match = (
        after.join(reidentified.select("user_id", "before_id", journey_id="after_id"), on=_KEY)
        .join(before, left_on=["user_id", "before_id"], right_on=_KEY, suffix="_before")
        .with_columns(related_journey_ids=pl.concat_list("before_id"))
    )
    named = by_id.filter(pl.col("journey_name") != pl.col("journey_name_before"))
    staged = pl.concat([rows.select(by_id.columns) for rows in (by_id, by_match)]).filter(
        pl.col("stage") != pl.col("stage_before")
    )
    last, last_before = (pl.col(name).dt.date() for name in ("last_engaged_at", "last_engaged_at_before"))
    is_finished_by_user = pl.col("stage_reason") == "user_said_finished"
    paused = (
        pl.when(is_finished_by_user)
        .then(pl.lit("the user called it finished"))
        .otherwise(pl.format("last engaged with on {}", last.cast(pl.String)))
    )
    resumed = (
        pl.when(last > last_before)
        .then(
            pl.format("engaged with again on {}, before that on {}", last.cast(pl.String), last_before.cast(pl.String))
        )
        .otherwise(pl.format("counts as ongoing again: {}", "stage_reason"))
    )
    return [
        _of_continuing(named, "renamed", pl.format("'{}' is now '{}'", "journey_name_before", "journey_name")),
        _of_continuing(staged.filter(pl.col("stage") == "ended"), "paused", paused),
        _of_continuing(staged.filter(pl.col("stage") == "ongoing"), "resumed", resumed),
    ]


def _of_continuing(rows: pl.DataFrame, event: str, detail: pl.Expr) -> pl.DataFrame:
    """Events of journeys that exist at both moments, with ``keywords`` and ``keywords_before``."""
    shared = pl.col("keywords").list.set_intersection("keywords_before").list.len()
    return rows.select(
        *_KEY,
        pl.lit(event).alias("event"),
        "related_journey_ids",
        pl.col("keywords").list.n_unique().cast(pl.Int64).alias("n_keywords"),
        shared.cast(pl.Int64).alias("n_shared_keywords"),
        detail.alias("detail"),
    )
