"""How journeys change between two moments: born, split, merged, re-identified, renamed, paused, resumed, expired.

What belongs here: relating the journeys of two moments by the keywords that they share, within a user, and saying what
became of each. What does not: which moments are compared, and reading them.

A journey goes on under its own id for as long as that id is there. Each id that is new, and each that is gone, gets
exactly one of the events born, split, reidentified (new) and merged, reidentified, expired (gone); only a
re-identification speaks for one of both.
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.history.params import EvolutionParams

_KEY = ["user_id", "journey_id"]


def overlaps(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Each pair of an earlier and a later journey of one user that share a keyword.

    Args:
        before, after: user_id, journey_id, keywords (list); one row a journey.

    Returns:
        user_id, before_id, after_id, n_shared, n_before, n_after (keywords), jaccard (0..1), in no order.
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
    """The pairs whose journeys are each other's best match: at most one a journey.

    The best is the one of the highest Jaccard index; ties go to the same id, then to the smaller id, so that the answer
    depends on no order of rows.

    Args:
        pairs: What :func:`overlaps` gives.
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
    """The journeys that go on, under their own id or, re-identified, under another.

    Args:
        before, after: user_id, journey_id, keywords; one row a journey.

    Returns:
        user_id, before_id, after_id, sorted.
    """
    same_id = after.join(before, on=_KEY, how="semi").select(
        "user_id", before_id=pl.col("journey_id"), after_id=pl.col("journey_id")
    )
    others = _reidentified(_changed_overlaps(before, after), before, after, params)
    return pl.concat([same_id, others.select(same_id.columns)]).sort("user_id", "before_id")


def journey_events(before: pl.DataFrame, after: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """What became of the journeys of all users from one moment to a later one.

    Args:
        before, after: user_id, journey_id, journey_name, keywords (list), stage, stage_reason, last_engaged_at; one row
            a journey, in any order.

    Returns:
        One row an event, sorted by user_id, journey_id, event: user_id, journey_id (of the later moment; of the earlier
        one for what is gone), event, related_journey_ids (journeys of the other moment that share its keywords, most
        shared first), n_keywords, n_shared_keywords (with the related ones; renamed, paused, resumed: with itself
        before), detail (the evidence, to be read).
    """
    pairs = _changed_overlaps(before, after)
    goes_on = _reidentified(pairs, before, after, params)
    came = after.join(before, on=_KEY, how="anti").join(
        goes_on, left_on=_KEY, right_on=["user_id", "after_id"], how="anti"
    )
    went = before.join(after, on=_KEY, how="anti").join(
        goes_on, left_on=_KEY, right_on=["user_id", "before_id"], how="anti"
    )
    events = [
        _came(came, _related(pairs, "after_id", "before_id", before), params),
        _went(went, _related(pairs, "before_id", "after_id", after), params),
        _went_on_under_another_id(goes_on, before, after),
        *_changed(before, after, goes_on),
    ]
    return pl.concat(events).sort("user_id", "journey_id", "event")


def users_with_other_members(before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """Users whose journeys are not, id for id, the same sets of keywords: user_id.

    Args:
        before, after: user_id, journey_id, keywords; one row a journey.
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
    """:func:`overlaps` of the users that have a new id or miss one; nothing else needs keywords to be compared."""
    ids = [rows.select(_KEY) for rows in (before, after)]
    users = pl.concat([ids[0].join(ids[1], on=_KEY, how="anti"), ids[1].join(ids[0], on=_KEY, how="anti")])
    return overlaps(*(rows.join(users, on="user_id", how="semi") for rows in (before, after)))


def _reidentified(
    pairs: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame, params: EvolutionParams
) -> pl.DataFrame:
    """The pairs of a gone id and a new one under which the same journey goes on."""
    enough = pl.col("n_shared") >= params.min_overlap * pl.min_horizontal("n_before", "n_after")
    return (
        best_matches(pairs)
        .filter(enough)
        .join(after, left_on=["user_id", "before_id"], right_on=_KEY, how="anti")
        .join(before, left_on=["user_id", "after_id"], right_on=_KEY, how="anti")
    )


def _related(pairs: pl.DataFrame, of: str, other: str, others: pl.DataFrame) -> pl.DataFrame:
    """For each journey ``of``: the ``other`` ones that share its keywords, most shared first, and the first one's name.

    Returns:
        user_id, journey_id, related_journey_ids, n_shared_keywords (with all of them), n_first, first_name.
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
    """``journeys`` with what :func:`_related` found of each, nothing shared where it found none."""
    return journeys.join(related, on=_KEY, how="left").with_columns(
        pl.col("related_journey_ids").fill_null([]),
        pl.col("n_shared_keywords", "n_first").fill_null(0),
        pl.col("first_name").fill_null(""),
        n_keywords=pl.col("keywords").list.n_unique().cast(pl.Int64),
    )


def _came(journeys: pl.DataFrame, related: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """New journeys: split if most of their keywords were in journeys before, else born."""
    n, shared, first = pl.col("n_keywords"), pl.col("n_shared_keywords"), pl.col("n_first")
    is_split = shared > params.mostly * n
    unseen = pl.format("{} of {} keywords were in no journey before", n - shared, n)
    rest = pl.when(shared > first).then(pl.format(", {} from other journeys", shared - first)).otherwise(pl.lit(""))
    came = pl.format("{} of {} keywords came from '{}'{}", first, n, "first_name", rest)
    return _with_related(journeys, related).select(
        *_KEY,
        pl.when(is_split).then(pl.lit("split")).otherwise(pl.lit("born")).alias("event"),
        "related_journey_ids",
        "n_keywords",
        "n_shared_keywords",
        pl.when(is_split).then(came).otherwise(unseen).alias("detail"),
    )


def _went(journeys: pl.DataFrame, related: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """Gone journeys: merged if others took up enough of their keywords, else expired."""
    n, shared, first = pl.col("n_keywords"), pl.col("n_shared_keywords"), pl.col("n_first")
    is_merged = (shared > 0) & (shared >= params.min_taken_up * n)
    rest = pl.when(shared > first).then(pl.format(", {} in other journeys", shared - first)).otherwise(pl.lit(""))
    lost = pl.when(shared < n).then(pl.format(", {} in none", n - shared)).otherwise(pl.lit(""))
    taken = pl.format("{} of {} keywords are now in '{}'{}{}", first, n, "first_name", rest, lost)
    left = pl.format(
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
        pl.when(is_merged).then(taken).otherwise(left).alias("detail"),
    )


def _went_on_under_another_id(goes_on: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    names = before.select("user_id", before_id="journey_id", first_name="journey_name")
    return goes_on.join(names, on=["user_id", "before_id"]).select(
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


def _changed(before: pl.DataFrame, after: pl.DataFrame, goes_on: pl.DataFrame) -> list[pl.DataFrame]:
    """Journeys that go on with another name (under the same id) or in another stage."""
    by_id = after.join(before, on=_KEY, suffix="_before").with_columns(
        related_journey_ids=pl.lit([], dtype=pl.List(pl.String))
    )
    by_match = (
        after.join(goes_on.select("user_id", "before_id", journey_id="after_id"), on=_KEY)
        .join(before, left_on=["user_id", "before_id"], right_on=_KEY, suffix="_before")
        .with_columns(related_journey_ids=pl.concat_list("before_id"))
    )
    named = by_id.filter(pl.col("journey_name") != pl.col("journey_name_before"))
    staged = pl.concat([rows.select(by_id.columns) for rows in (by_id, by_match)]).filter(
        pl.col("stage") != pl.col("stage_before")
    )
    last, last_before = (pl.col(name).dt.date() for name in ("last_engaged_at", "last_engaged_at_before"))
    said = pl.col("stage_reason") == "user_said_finished"
    paused = (
        pl.when(said)
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
        _of_one(named, "renamed", pl.format("'{}' is now '{}'", "journey_name_before", "journey_name")),
        _of_one(staged.filter(pl.col("stage") == "ended"), "paused", paused),
        _of_one(staged.filter(pl.col("stage") == "ongoing"), "resumed", resumed),
    ]


def _of_one(rows: pl.DataFrame, event: str, detail: pl.Expr) -> pl.DataFrame:
    """Events of journeys that are there at both moments: ``keywords`` and ``keywords_before``."""
    shared = pl.col("keywords").list.set_intersection("keywords_before").list.len()
    return rows.select(
        *_KEY,
        pl.lit(event).alias("event"),
        "related_journey_ids",
        pl.col("keywords").list.n_unique().cast(pl.Int64).alias("n_keywords"),
        shared.cast(pl.Int64).alias("n_shared_keywords"),
        detail.alias("detail"),
    )
