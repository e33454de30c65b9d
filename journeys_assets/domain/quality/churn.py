"""Share of journeys that change their id or name from one day to the next."""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.history.events import _KEY, best_matches, overlaps, users_with_other_members
from journeys_assets.domain.quality.monitors import OFFENDERS, Monitor, bounded, unmeasured


def churn(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    min_jaccard: float = 0.5,
    maximum_ids: float = 0.05,
    maximum_names: float = 0.15,
) -> tuple[Monitor, Monitor]:
    """How often a continuing journey gets another id, and how often a journey that keeps its id gets another name.

    Args:
        before, after: user_id, journey_id, journey_name, keywords; one row per journey.
        min_jaccard: Two journeys that are each other's best match, with at least this Jaccard index, are the same one.

    Returns:
        ``id_churn``, over the journeys that continue, and ``name_churn``, over the journeys whose id is in both.
    """
    names = after.select(*_KEY, "journey_name").join(before.select(*_KEY, before_name="journey_name"), on=_KEY)
    renamed = names.filter(pl.col("journey_name") != pl.col("before_name"))
    # Users whose journeys all kept their keywords need no matching: every journey continues.
    touched = users_with_other_members(before, after)
    quiet = after.join(touched, on="user_id", how="anti").height
    moved = best_matches(overlaps(*(rows.join(touched, on="user_id", how="semi") for rows in (before, after))))
    same = moved.filter(pl.col("jaccard") >= min_jaccard)
    swapped = same.filter(pl.col("before_id") != pl.col("after_id"))
    earlier_names = before.select("user_id", "journey_name", before_id="journey_id")
    id_offenders = (
        swapped.sort("jaccard", "user_id", "before_id", descending=[True, False, False])
        .head(OFFENDERS)
        .join(earlier_names, on=["user_id", "before_id"], maintain_order="left")
        .select("user_id", "journey_name", "before_id", "after_id", "jaccard")
    )
    name_offenders = renamed.sort(_KEY).head(OFFENDERS).select(*_KEY, "before_name", "journey_name")
    return (
        _at_most(
            "id_churn",
            swapped.height,
            quiet + same.height,
            maximum_ids,
            id_offenders,
            "check journey_events (reidentified, split, merged): late events, or a changed algorithm",
        ),
        _at_most(
            "name_churn",
            renamed.height,
            names.height,
            maximum_names,
            name_offenders,
            "check journey_events (renamed): names depend on small differences of keywords, or the algorithm changed",
        ),
    )


def _at_most(name: str, part: int, whole: int, maximum: float, offenders: pl.DataFrame, advice: str) -> Monitor:
    if not whole:
        return unmeasured(name, "nothing to measure: no journey continues from the day before")
    return bounded(name, part / whole, upper=maximum, offenders=offenders, advice=advice)
