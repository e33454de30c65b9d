"""The rubric: levels of relevance without a model, from counts and vectors, by rules that anybody can check.

It follows the guideline of annotators (``domain.annotation.sampling.LEVELS``). Two questions give the level:

1. **Do the keywords belong together?** The *margin* is the mean cosine between the members, minus their mean cosine to
   the user's other groups of keywords (``rubric_unrelated`` where there are none). Both are needed: the keywords of a
   cook are all similar. From ``rubric_together`` on they belong together, below ``rubric_apart`` they have nothing in
   common. A single keyword has no margin, and gets 3 where it was pursued on enough days and is not over, else 2.
2. **Was it pursued, and is it now?** *Pursued*: ``rubric_active_days`` days with an engagement or more, and
   ``rubric_keywords`` keywords or more. *A passing look*: one day at most, and fewer keywords. *Recent*: the last
   engagement is at most ``rubric_recent_days`` ago; *over*: more than ``rubric_over_days``.

| level | when |
|---|---|
| 1 | nothing in common |
| 2 | a common thread at most and not pursued; or a passing look |
| 3 | a common thread and pursued; or together and either over or not pursued |
| 4 | together and pursued, but not recent; or together and recent with either the days or the keywords |
| 5 | together, pursued and recent |

It never abstains, and its draws would all be the same. It does not use the confidence of the pipeline, because it
judges it. No threshold was fitted to judgements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.judging.shown import Item, View

JUDGED_BY = "rubric"

Vectors = Mapping[str, NDArray[np.float32]]
"""Unit vectors by keyword."""


def judge_by_rubric(view: View, vectors: Vectors, params: JudgingParams) -> list[tuple[int, str]]:
    """Level (1 to 5) and explanation of each item of ``view``, in order.

    Keywords without a vector are not compared. Where fewer than two have one, the explanation says so, and the level is
    that of a single keyword.
    """
    return [level_of(item, margin_of(item, view, vectors, params), params) for item in view.items]


def margin_of(item: Item, view: View, vectors: Vectors, params: JudgingParams) -> float | None:
    """How much nearer the keywords are to each other than to the user's other groups; None for fewer than two."""
    members = _matrix(item.keywords[: params.keywords_shown], vectors)
    if len(members) < 2:
        return None
    n = len(members)
    total = members.sum(axis=0)
    within = (float(total @ total) - n) / (n * (n - 1))
    others = _matrix([group.keywords[0] for group in view.groups if group.group_id != item.journey_id], vectors)
    between = float((others @ total).mean()) / n if len(others) else params.rubric_unrelated
    return within - between


def level_of(item: Item, margin: float | None, params: JudgingParams) -> tuple[int, str]:
    """Level and explanation of one item."""
    days, silent = item.active_days, item.days_since_last
    has_days = days >= params.rubric_active_days
    has_keywords = len(item.keywords) >= params.rubric_keywords
    is_recent = silent is not None and silent <= params.rubric_recent_days
    is_over = silent is None or silent > params.rubric_over_days
    is_glance = days <= 1 and not has_keywords
    if margin is None:
        level = 3 if has_days and not is_over else 2
        thread = "one keyword" if len(item.keywords) == 1 else "not compared for want of vectors"
    elif margin < params.rubric_apart:
        level, thread = 1, "nothing in common"
    elif margin < params.rubric_together:
        level, thread = (3 if has_days and has_keywords else 2), "a common thread"
    else:
        thread = "belong together"
        if is_glance:
            level = 2
        elif is_over or not (has_days or has_keywords):
            level = 3
        elif has_days and has_keywords:
            level = 5 if is_recent else 4
        else:
            level = 4 if is_recent else 3
    nearer = "" if margin is None else f" (margin {margin:+.2f})"
    last = "none lately" if silent is None else f"the last one {silent} days ago"
    return level, f"{len(item.keywords)} keywords, {thread}{nearer}; {days} days with an engagement, {last}"


def _matrix(keywords: Sequence[str], vectors: Vectors) -> NDArray[np.float64]:
    known = [vectors[keyword] for keyword in keywords if keyword in vectors]
    return np.array(known, dtype=np.float64) if known else np.zeros((0, 0))
