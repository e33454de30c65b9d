"""Differences between the journeys that two algorithm versions find in one log.

Journeys are matched as in ``domain.history.events``: the first version is the earlier moment, the second the later one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from journeys_assets.domain.history import events as history
from journeys_assets.domain.history.params import EvolutionParams
from journeys_assets.domain.statistics.partitions import agreement

CHANGES = (
    "unchanged",
    "changed_members",
    "split",
    "merged",
    "appeared",
    "gone",
    "reidentified",
    "renamed",
    "changed_kind",
    "changed_stage",
    "changed_area",
    "changed_top_journey",
)
_EVENT_OF = {
    "born": "appeared",
    "expired": "gone",
    "split": "split",
    "merged": "merged",
    "reidentified": "reidentified",
}
_KEY = ["user_id", "journey_id"]
KEYWORDS_SHOWN = 4
USERS_SHOWN = 10
EXAMPLE_SCHEMA = {"change": pl.String, "user_id": pl.String, "journey_name": pl.String, "detail": pl.String}


@dataclass(frozen=True, slots=True)
class PerUser:
    """Journeys per user, of users with a journey: mean, median, most, and the share of users with exactly one. All are
    0 without such a user."""

    mean: float
    median: float
    most: int
    share_with_one: float

    @staticmethod
    def of(journeys: pl.DataFrame) -> PerUser:
        """Those of ``journeys`` (user_id; one row per journey)."""
        n = journeys.group_by("user_id").len()["len"].to_numpy()
        if not len(n):
            return PerUser(0.0, 0.0, 0, 0.0)
        return PerUser(float(n.mean()), float(np.median(n)), int(n.max()), float((n == 1).mean()))


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences of a second set of journeys from a first.

    Attributes:
        n_users, n_journeys, n_keywords: Numbers in the first and the second set; keywords are counted per user.
        n_users_in_both: Users with a journey in both sets.
        n_keywords_in_both: Keywords, counted per user, that are in one of the user's journeys in both sets.
        counts: Number of journeys per entry of ``CHANGES``; changed_top_journey counts users. An ``unchanged`` journey
            has the same id, name, keywords, kind, stage and area. A journey may have several other changes at once,
            but only one of reidentified, split, merged, appeared and gone.
        bcubed_f1, adjusted_rand: Agreement of the two partitions of each user's keywords that are in both sets, mean
            over users; None where no user has such a keyword.
        examples: A few journeys of each change except unchanged: change, user_id, journey_name, detail.
        per_user: Journeys per user in the first and the second set.
        n_users_changed: Users whose keywords are grouped in another way, of all users with a journey in either set.
        users: A sample of them: user_id, before, after (names of the user's journeys, by rank).
    """

    n_users: tuple[int, int]
    n_journeys: tuple[int, int]
    n_keywords: tuple[int, int]
    n_users_in_both: int
    n_keywords_in_both: int
    counts: dict[str, int]
    bcubed_f1: float | None
    adjusted_rand: float | None
    examples: pl.DataFrame
    per_user: tuple[PerUser, PerUser]
    n_users_changed: int
    users: pl.DataFrame


def compare_versions(
    one: pl.DataFrame, other: pl.DataFrame, params: EvolutionParams, *, n_examples: int = 3
) -> Comparison:
    """Compare two sets of journeys.

    Args:
        one, other: Rows of user_journeys as of one day: user_id, journey_id, journey_name, keywords, kind, stage,
            stage_reason, rank, last_engaged_at, area_id, area_name, n_area_journeys (null if a version has no areas).
        n_examples: Number of examples of each change.
    """
    events = history.journey_events(one, other, params)
    pairs = _pairs(one, other, params)
    differs = {
        "changed_members": pl.col("added").list.len() + pl.col("removed").list.len() > 0,
        "renamed": pl.col("journey_name") != pl.col("journey_name_before"),
        "changed_kind": pl.col("kind") != pl.col("kind_before"),
        "changed_stage": pl.col("stage") != pl.col("stage_before"),
        "changed_area": pl.struct("area_id", "n_area_journeys").ne_missing(
            pl.struct(area_id="area_id_before", n_area_journeys="n_area_journeys_before")
        ),
    }
    found = {change: _of_event(events, one, other, event) for event, change in _EVENT_OF.items()}
    found |= {change: _of_pair(pairs.filter(condition), change) for change, condition in differs.items()}
    found["changed_top_journey"] = _changed_top(one, other, pairs)
    counts = {change: frame.height for change, frame in found.items()}
    same_id = pl.col("before_id") == pl.col("journey_id")
    counts["unchanged"] = pairs.filter(same_id, *(~condition for condition in differs.values())).height
    keywords = [_keywords(rows) for rows in (one, other)]
    shared = keywords[0].join(keywords[1], on=["user_id", "keyword"], suffix="_after")
    touched = history.users_with_other_members(one, other)
    bcubed_f1, adjusted_rand = _agreement(shared, touched)
    regrouped = _regrouped(one, other, touched)
    return Comparison(
        n_users=(one["user_id"].n_unique(), other["user_id"].n_unique()),
        n_journeys=(one.height, other.height),
        n_keywords=(keywords[0].height, keywords[1].height),
        n_users_in_both=one.select("user_id").unique().join(other, on="user_id", how="semi").height,
        n_keywords_in_both=shared.height,
        counts={change: counts[change] for change in CHANGES},
        bcubed_f1=bcubed_f1,
        adjusted_rand=adjusted_rand,
        examples=_examples(found, n_examples),
        per_user=(PerUser.of(one), PerUser.of(other)),
        n_users_changed=regrouped.len(),
        users=_names_of(one, other, regrouped, USERS_SHOWN),
    )


def _keywords(journeys: pl.DataFrame) -> pl.DataFrame:
    return journeys.select(*_KEY, pl.col("keywords").list.unique().alias("keyword")).explode("keyword")


def _regrouped(one: pl.DataFrame, other: pl.DataFrame, touched: pl.DataFrame) -> pl.Series:
    """user_id, sorted, of users in whose journeys other keywords are together; other ids alone do not count."""
    groups = [
        rows.join(touched, on="user_id", how="semi")
        .select("user_id", group=pl.col("keywords").list.unique().list.sort())
        .sort("user_id", "group")
        .group_by("user_id", maintain_order=True)
        .agg("group")
        for rows in (one, other)
    ]
    both = groups[0].join(groups[1], on="user_id", how="full", coalesce=True, suffix="_after")
    return both.filter(pl.col("group").ne_missing(pl.col("group_after")))["user_id"].sort()


def _names_of(one: pl.DataFrame, other: pl.DataFrame, users: pl.Series, n: int) -> pl.DataFrame:
    """user_id, before, after (names by rank) of ``n`` of the users, those with the lowest MD5 of their id."""
    chosen = pl.DataFrame({"user_id": sorted(users, key=_md5)[:n]}, schema={"user_id": pl.String})
    for side, rows in (("before", one), ("after", other)):
        names = rows.sort("user_id", "rank", "journey_id").group_by("user_id").agg(pl.col("journey_name").alias(side))
        chosen = chosen.join(names, on="user_id", how="left", maintain_order="left")
    return chosen.with_columns(pl.col("before", "after").fill_null([]))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _agreement(shared: pl.DataFrame, touched: pl.DataFrame) -> tuple[float | None, float | None]:
    """Mean over users of B-cubed F1 and adjusted Rand index; both are 1 for users who are not in ``touched``."""
    per_user = (
        shared.sort("user_id", "keyword").group_by("user_id", maintain_order=True).agg("journey_id", "journey_id_after")
    )
    if per_user.is_empty():
        return None, None
    changed = per_user.join(touched, on="user_id", how="semi", maintain_order="left")
    scores = [
        agreement(before.to_numpy(), after.to_numpy())
        for before, after in zip(changed["journey_id"], changed["journey_id_after"], strict=True)
    ]
    n_unchanged = per_user.height - changed.height
    return (
        (n_unchanged + sum(score.bcubed_f1 for score in scores)) / per_user.height,
        (n_unchanged + sum(score.adjusted_rand for score in scores)) / per_user.height,
    )


def _pairs(one: pl.DataFrame, other: pl.DataFrame, params: EvolutionParams) -> pl.DataFrame:
    """The journeys of the second set that continue one of the first, with columns of both and changed keywords."""
    return (
        history.continued(one, other, params)
        .rename({"after_id": "journey_id"})
        .join(other, on=_KEY, maintain_order="left")
        .join(one, left_on=["user_id", "before_id"], right_on=_KEY, suffix="_before", maintain_order="left")
        .with_columns(
            added=pl.col("keywords").list.set_difference("keywords_before").list.sort(),
            removed=pl.col("keywords_before").list.set_difference("keywords").list.sort(),
            size=pl.col("keywords").list.n_unique(),
        )
    )


def _of_event(events: pl.DataFrame, one: pl.DataFrame, other: pl.DataFrame, event: str) -> pl.DataFrame:
    names = pl.concat([rows.select(*_KEY, "journey_name") for rows in (other, one)]).unique(
        _KEY, keep="first", maintain_order=True
    )
    mine = events.filter(pl.col("event") == event).join(names, on=_KEY, maintain_order="left")
    return mine.select("user_id", "journey_id", "journey_name", "detail", size="n_keywords")


def _of_pair(pairs: pl.DataFrame, change: str) -> pl.DataFrame:
    details = {
        "changed_members": pl.format(
            "{} keywords: {} added{}, {} removed{}",
            "size",
            pl.col("added").list.len(),
            _first_few("added"),
            pl.col("removed").list.len(),
            _first_few("removed"),
        ),
        "renamed": pl.format("was '{}'", "journey_name_before"),
        "changed_kind": pl.format("{} → {}", "kind_before", "kind"),
        "changed_stage": pl.format("{} ({}) → {} ({})", "stage_before", "stage_reason_before", "stage", "stage_reason"),
        "changed_area": pl.format("{} → {}", _area("_before"), _area("")),
    }
    moved = pl.col("added").list.len() + pl.col("removed").list.len()
    size = moved if change == "changed_members" else pl.col("size")
    return pairs.select("user_id", "journey_id", "journey_name", details[change].alias("detail"), size.alias("size"))


def _area(side: str) -> pl.Expr:
    """A description of the area whose columns have the suffix ``side``."""
    description = pl.format("'{}' of {} journeys", f"area_name{side}", f"n_area_journeys{side}")
    return description.fill_null("no area")


def _first_few(column: str) -> pl.Expr:
    """The first ``KEYWORDS_SHOWN`` keywords of a list in parentheses; empty for an empty list."""
    values = pl.col(column)
    more = pl.when(values.list.len() > KEYWORDS_SHOWN).then(pl.lit(", …")).otherwise(pl.lit(""))
    shown = pl.format(" ({}{})", values.list.head(KEYWORDS_SHOWN).list.join(", "), more)
    return pl.when(values.list.len() > 0).then(shown).otherwise(pl.lit(""))


def _changed_top(one: pl.DataFrame, other: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """Users of both sets whose top journey in the second set does not continue their top journey in the first."""
    first, second = (rows.filter(pl.col("rank") == 1).sort("user_id") for rows in (one, other))
    tops = second.join(first, on="user_id", suffix="_before")
    moved = tops.join(
        pairs.select("user_id", "journey_id", journey_id_before="before_id"),
        on=["user_id", "journey_id", "journey_id_before"],
        how="anti",
    )
    return moved.select(
        *_KEY,
        "journey_name",
        pl.format("'{}' was first", "journey_name_before").alias("detail"),
        pl.col("keywords").list.n_unique().alias("size"),
    )


def _examples(found: dict[str, pl.DataFrame], n: int) -> pl.DataFrame:
    """``n`` examples per change: for changed_members those with most changed keywords, else the largest journeys."""
    shown: Sequence[pl.DataFrame] = [
        found[change]
        .sort("size", *_KEY, descending=[True, False, False])
        .head(n)
        .select(pl.lit(change).alias("change"), "user_id", "journey_name", "detail")
        for change in CHANGES
        if change in found
    ]
    return pl.concat([pl.DataFrame(schema=EXAMPLE_SCHEMA), *shown])
