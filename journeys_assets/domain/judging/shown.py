"""What a judge is shown of one user: the user, the other keywords, and journeys in a shuffled order with a control.

A judge sees what an annotator sees: keywords, and on how many days of each week the user came to them. It sees no rank,
no confidence, no name, and nothing of later days.

**Control.** Among the journeys is one group of keywords that is no journey, as long as one of them and with its days,
so that only its keywords tell it apart. Its keywords are the user's own, in turn from different areas; a user of a
single area gets keywords of the item catalogue. So no control holds anything of another user. A judge that takes
controls for journeys does not read. Where there is no material, there is no control.

**Order.** Each draw has an order of its own, a hash of user, day, draw and journey. The order is kept, and an answer is
by number, so the position of a journey does not decide which answer is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.judging.sampling import uniform_of
from journeys_assets.domain.keywords.personal import holds_personal_data

CONTROL = "control"
"""journey_id of a control."""
MAX_ITEMS = 12
"""Most journeys in one question."""


@dataclass(frozen=True, slots=True)
class Item:
    """A journey or a control.

    Attributes:
        keywords: Members, best first.
        rank: Rank of the journey; None for a control.
        days_by_week: Days (0 to 7) with an engagement in each week, the oldest first.
        days_since_last: Days since the last engagement; None where there was none in these weeks.
    """

    journey_id: str
    keywords: tuple[str, ...]
    rank: int | None
    days_by_week: tuple[int, ...]
    days_since_last: int | None

    @property
    def is_control(self) -> bool:
        return self.journey_id == CONTROL

    @property
    def active_days(self) -> int:
        return sum(self.days_by_week)


@dataclass(frozen=True, slots=True)
class Group:
    """Keywords of the user that belong together, a journey or not.

    Attributes:
        group_id: The journey_id.
        area_id: The area that it lies in.
        keywords: Members, the most central first.
        days_since_last: Days since the last engagement.
    """

    group_id: str
    area_id: str
    keywords: tuple[str, ...]
    days_since_last: int


@dataclass(frozen=True, slots=True)
class View:
    """One user on one day.

    Attributes:
        items: What is judged.
        groups: All groups of the user's keywords, those of the items included; the largest first.
        active_days: Days with an engagement in 28 days.
    """

    user_id: str
    day: date
    items: tuple[Item, ...]
    groups: tuple[Group, ...]
    active_days: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One question.

    Attributes:
        user_id: The user; the model is not shown it.
        draw: Number of the draw, from 1.
        journey_ids: The items in the order shown; in ``data`` they are ``journey_1``, ``journey_2``, …
        data: Plain JSON values.
        worth: Greater for users that come first in the sample.
    """

    user_id: str
    draw: int
    journey_ids: tuple[str, ...]
    data: Mapping[str, Any]
    worth: float = 0.0


def with_control(view: View, catalogue: Sequence[str], params: JudgingParams) -> View:
    """``view`` with a control among its items, if there is material for one.

    Args:
        catalogue: Keywords of the item catalogue, sorted.
    """
    seed = (params.seed, view.day, view.user_id)
    long = [item for item in view.items if len(item.keywords) > 1]
    if not long:
        return view
    like = min(long, key=lambda item: (uniform_of("like", *seed, item.journey_id), item.journey_id))
    n = min(len(like.keywords), params.keywords_shown)
    keywords = _mixture(view.groups, n, seed) or _of_catalogue(view.groups, catalogue, n, seed)
    if len(keywords) < n:
        return view
    control = replace(like, journey_id=CONTROL, keywords=tuple(keywords), rank=None)
    return replace(view, items=(*view.items, control))


def _mixture(groups: Sequence[Group], n: int, seed: tuple[object, ...]) -> list[str]:
    """``n`` keywords in turn from the areas of a user; empty where there are fewer than two, or too few keywords."""
    areas: dict[str, list[str]] = {}
    for group in groups:
        areas.setdefault(group.area_id, []).extend(group.keywords)
    if len(areas) < 2:
        return []
    piles = [
        sorted(set(areas[area]), key=lambda keyword: (uniform_of("mix", *seed, keyword), keyword))
        for area in sorted(areas, key=lambda area: (uniform_of("area", *seed, area), area))
    ]
    mixed = list(dict.fromkeys(pile[turn] for turn in range(n) for pile in piles if turn < len(pile)))[:n]
    # One keyword of another area among eleven is nearly a journey.
    is_mixed = all(2 * len(set(mixed) & set(pile)) <= n + 1 for pile in piles)
    return mixed if len(mixed) == n and is_mixed else []


def _of_catalogue(groups: Sequence[Group], catalogue: Sequence[str], n: int, seed: tuple[object, ...]) -> list[str]:
    own = {keyword for group in groups for keyword in group.keywords}
    picked: dict[str, None] = {}
    for turn in range(4 * n if catalogue else 0):
        keyword = catalogue[int(uniform_of("catalogue", *seed, turn) * len(catalogue))]
        if keyword not in own and len(picked) < n:
            picked[keyword] = None
    return list(picked)


def in_order(items: Sequence[Item], user_id: str, day: date, draw: int, seed: int) -> list[Item]:
    """The items in the order of a draw."""
    return sorted(
        items, key=lambda item: (uniform_of("order", seed, day, user_id, draw, item.journey_id), item.journey_id)
    )


def texts_of(view: View) -> set[str]:
    """Every text that a question about ``view`` may hold."""
    return {keyword for item in view.items for keyword in item.keywords} | {group.keywords[0] for group in view.groups}


def to_ask(
    view: View, draw: int, forbidden: Collection[str], params: JudgingParams, *, worth: float = 0.0
) -> Iterator[Shown]:
    """The questions of one draw: one, or more where there are more than ``MAX_ITEMS`` items.

    Texts with personal data and those of ``forbidden`` are left out, and items of which nothing is left.
    """

    def kept(keywords: Sequence[str]) -> list[str]:
        return [text for text in keywords if text not in forbidden and not holds_personal_data(text)]

    ordered = in_order(view.items, view.user_id, view.day, draw, params.seed)
    shown = [(item, keywords[: params.keywords_shown]) for item in ordered if (keywords := kept(item.keywords))]
    for start in range(0, len(shown), MAX_ITEMS):
        of_question = shown[start : start + MAX_ITEMS]
        data = {
            "user": {
                "active_days_of_28": view.active_days,
                "groups_of_keywords": len(view.groups),
                "keywords": sum(len(group.keywords) for group in view.groups),
            },
            "other_groups": _history(view, {item.journey_id for item, _ in of_question}, kept, params),
            "journeys": {
                f"journey_{number}": {
                    "keywords": keywords,
                    "days_by_week": list(item.days_by_week),
                    "days_since_last": item.days_since_last,
                }
                for number, (item, keywords) in enumerate(of_question, 1)
            },
            # Draws whose orders happen to agree are questions of their own.
            "reading": draw,
        }
        yield Shown(view.user_id, draw, tuple(item.journey_id for item, _ in of_question), data, worth)


def _history(
    view: View, left_out: Collection[str], kept: Callable[[Sequence[str]], list[str]], params: JudgingParams
) -> list[dict[str, Any]]:
    """The user's other groups, each as its most central keyword and counts; the largest first."""
    others = [group for group in view.groups if group.group_id not in left_out]
    return [
        {"keyword": first[0], "keywords": len(group.keywords), "days_since_last": group.days_since_last}
        for group in others
        if (first := kept(group.keywords[:1]))
    ][: params.groups_shown]
