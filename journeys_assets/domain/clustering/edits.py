"""What a person says of which keywords are one journey, applied to the groups that keywords of that user are in.

A *merge* names the keywords of two journeys, a *split* those of two halves, as they were when the person said it. Edits
are applied to what the cut made, one after the other in the order in which they were given:

* **merge**: the groups that hold the two sides become one. A side is held by the group with most of its keywords, and
  by each other one with at least ``LEAST_SHARE`` of them. Groups of which at least ``LEAST_PART`` are keywords of the
  sides belong to it, too: a finer cut may have made several of one. So a stray keyword draws in no other journey.
* **split**: each group with keywords of both sides becomes two. Its other keywords go to the side whose keywords are
  nearer, by mean cosine.

So a later edit wins over an earlier one that it contradicts, and keywords that come later fall on one side or the
other. An edit has no effect on a user who has no keyword of one of its sides any more.

The same rule is applied to the themes that journey ids come from (``domain.clustering.identity``). After a merge the
themes of both journeys are one, so the id of the older one lives on, whichever has more keywords later. After a split
each half has its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.vocabulary import MERGE, SPLIT

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SHARE = 1 / 3
"""Part of the keywords of a side from which on a group holds the side, beside the group with most of them."""
LEAST_PART = 1 / 2
"""Part of the keywords of a group from which on it belongs to the sides of a merge that have these keywords."""

EDITS_SCHEMA = pl.Schema(
    {
        "user_id": pl.String(),
        "given_at": pl.Datetime("us"),
        "verdict": pl.String(),
        "journey_id": pl.String(),
        "edit_id": pl.String(),
        "keywords": pl.List(pl.String()),
        "other_keywords": pl.List(pl.String()),
        "new_name": pl.String(),
    }
)
"""Edits that were not taken back; keywords are normalised."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A merge or a split.

    Attributes:
        verdict: ``MERGE`` or ``SPLIT``.
        sides: The keywords of each side: distinct, sorted, the smaller side first in the order of texts.
    """

    verdict: str
    sides: tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Edited:
    """Groups after edits.

    Attributes:
        labels: (n,), the group of each keyword. Groups that no edit changed keep their number; others have new ones.
        as_said: The groups that a person said are one journey.
    """

    labels: NDArray[np.int64]
    as_said: frozenset[int]


def edits_by_user(edits: pl.DataFrame) -> dict[str, tuple[Edit, ...]]:
    """The merges and splits of each user who has any, in the order in which they apply.

    Args:
        edits: Rows of ``EDITS_SCHEMA``, in any order. Of those of one moment, splits come after merges.
    """
    found: dict[str, list[tuple[tuple[Any, ...], Edit]]] = {}
    rows = edits.filter(pl.col("verdict").is_in([MERGE, SPLIT]))
    for user, at, verdict, one, other in rows.select(
        "user_id", "given_at", "verdict", "keywords", "other_keywords"
    ).iter_rows():
        first, second = sorted((tuple(sorted(set(one or ()))), tuple(sorted(set(other or ())))))
        if verdict == SPLIT:
            second = tuple(keyword for keyword in second if keyword not in set(first))
        if first and second:
            found.setdefault(user, []).append(((at, verdict, first, second), Edit(verdict, (first, second))))
    return {user: tuple(edit for _, edit in sorted(own, key=lambda pair: pair[0])) for user, own in found.items()}


def edited_groups(
    keywords: Sequence[str],
    labels: NDArray[np.int64],
    edits: Sequence[Edit],
    vectors: KeywordVectors,
    known: frozenset[str],
    *,
    most: bool = False,
) -> Edited:
    """The groups of one user's keywords after ``edits``.

    Args:
        keywords: n distinct keywords of the user.
        labels: (n,), the group of each; numbers from 0.
        edits: In the order in which they apply.
        vectors: A unit vector for each of ``known``.
        known: Every keyword that the user has engaged with, ``keywords`` among them. A side is as near as those of its
            keywords that are known.
        most: A side is held by the group with most of its keywords alone.
    """
    place_of = {keyword: place for place, keyword in enumerate(keywords)}
    groups = np.array(labels, dtype=np.int64)
    matrix: NDArray[np.float64] | None = None
    next_group = int(groups.max()) + 1 if len(groups) else 0
    as_said: set[int] = set()
    for edit in edits:
        sides = [np.array([place_of[k] for k in side if k in place_of], dtype=np.int64) for side in edit.sides]
        if not all(map(len, sides)):
            continue
        if edit.verdict == MERGE:
            held = {group for side in sides for group in _holding(groups[side], most=most)}
            if not most:
                held |= _made_of(groups, np.union1d(*sides))
            if len(held) > 1:
                groups[np.isin(groups, list(held))] = next_group
                as_said = (as_said - held) | {next_group}
                next_group += 1
            continue
        both = np.intersect1d(groups[sides[0]], groups[sides[1]])
        if not len(both):
            continue
        if matrix is None:
            matrix = vectors.rows_for(keywords).astype(np.float64)
        means = [_mean([k for k in side if k in known], vectors) for side in edit.sides]
        # Sums of single rows, so that a keyword falls on the same side whatever other keywords there are.
        is_second = (matrix * means[1]).sum(axis=1) > (matrix * means[0]).sum(axis=1)
        is_second[sides[0]], is_second[sides[1]] = False, True
        for group in both.tolist():
            as_said.discard(group)
            for side, is_in_half in zip(sides, (~is_second, is_second), strict=True):
                half = (groups == group) & is_in_half
                groups[half] = next_group
                if half[side].sum() >= LEAST_SHARE * len(side):
                    as_said.add(next_group)
                next_group += 1
    return Edited(groups, frozenset(as_said))


def _holding(groups: NDArray[np.int64], *, most: bool) -> list[int]:
    """The groups that hold a side, from the group of each of its keywords."""
    found, counts = np.unique(groups, return_counts=True)
    share = counts.max() if most else min(counts.max(), LEAST_SHARE * len(groups))
    held: list[int] = found[counts >= share].tolist()
    return held[:1] if most else held


def _made_of(groups: NDArray[np.int64], places: NDArray[np.int64]) -> set[int]:
    """The groups of which at least ``LEAST_PART`` are the keywords at ``places``."""
    found, counts = np.unique(groups[places], return_counts=True)
    sizes = np.array([(groups == group).sum() for group in found])
    return set(found[counts >= LEAST_PART * sizes].tolist())


def _mean(keywords: Sequence[str], vectors: KeywordVectors) -> NDArray[np.float64]:
    """The mean vector of a side: its product with a unit vector is the mean cosine."""
    mean: NDArray[np.float64] = vectors.rows_for(keywords).astype(np.float64).mean(axis=0)
    return mean


def with_edited_themes(
    themes: pl.DataFrame, edits: Mapping[str, Sequence[Edit]], vectors: KeywordVectors
) -> pl.DataFrame:
    """The result of ``identity.founders`` with the themes of users after their edits.

    A keyword's theme is still the same for ever: it follows from the past and from the edits alone. The oldest keyword
    of a theme is its founder.

    Args:
        themes: Result of ``founders``.
        edits: Of each user who has any.
        vectors: A unit vector for each keyword of ``themes``.
    """
    is_edited = pl.col("user_id").is_in(list(edits))
    parts = [themes.filter(~is_edited)]
    for (user,), own in themes.filter(is_edited).partition_by("user_id", as_dict=True, maintain_order=True).items():
        keywords = own["keyword"].to_list()
        labels = own["founder_place"].rank("dense").to_numpy().astype(np.int64) - 1
        found = edited_groups(keywords, labels, edits[str(user)], vectors, frozenset(keywords), most=True)
        grouped = own.with_columns(group=pl.Series(found.labels)).sort("place")
        first = {name: pl.col(name).first().over("group") for name in ("keyword", "engaged_as", "place")}
        parts.append(
            grouped.with_columns(
                founder=first["keyword"],
                founded_as=first["engaged_as"],
                founder_place=first["place"],
                theme_size=pl.len().over("group").cast(themes.schema["theme_size"]),
            ).select(themes.columns)
        )
    return pl.concat(parts).sort("place")


def edit_pairs(edits: pl.DataFrame, rows: pl.DataFrame, vectors: KeywordVectors) -> pl.DataFrame:
    """Merges and splits as judged pairs of keywords: a yes for a merge, a no for a split.

    A pair has the keyword of either side that is nearest to the mean of the side, of those that the user still has. One
    pair stands for an edit, because an edit is one judgement. Of edits about the same pair, the latest counts.

    Args:
        edits: Rows of ``EDITS_SCHEMA``.
        rows: user_id, keyword of what users have now.
        vectors: A unit vector for each keyword of ``rows``.

    Returns:
        user_id, keyword_a, keyword_b, same; sorted. An edit of which a side is gone makes no pair.
    """
    by_user = edits_by_user(edits)
    own = rows.filter(pl.col("user_id").is_in(list(by_user)))
    known = {user: set(keywords) for user, keywords in own.group_by("user_id").agg("keyword").iter_rows()}
    found: dict[tuple[str, str, str], bool] = {}
    for user, of_user in by_user.items():
        for edit in of_user:
            sides = [[keyword for keyword in side if keyword in known.get(user, ())] for side in edit.sides]
            if all(sides):
                a, b = sorted(_central(side, vectors) for side in sides)
                found[user, a, b] = edit.verdict == MERGE
    pairs = [(*key, same) for key, same in sorted(found.items()) if key[1] != key[2]]
    schema = {"user_id": pl.String, "keyword_a": pl.String, "keyword_b": pl.String, "same": pl.Boolean}
    return pl.DataFrame(pairs, schema=schema, orient="row")


def _central(keywords: Sequence[str], vectors: KeywordVectors) -> str:
    rows = vectors.rows_for(keywords).astype(np.float64)
    return keywords[int((rows @ rows.mean(axis=0)).argmax())]
