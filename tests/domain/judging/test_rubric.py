"""The rubric: its levels follow its table, and a mixture is no journey."""

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.judging.rubric import judge_by_rubric, level_of, margin_of
from journeys_assets.domain.judging.shown import Group, Item, View, with_control

PARAMS = JudgingParams()
DAY = date(2026, 3, 2)


def item(n_keywords: int, days: int, silent: int | None) -> Item:
    return Item("j1", tuple(f"k{n}" for n in range(n_keywords)), 1, (0,) * 12 + (days,), silent)


@pytest.mark.parametrize(
    ("n_keywords", "margin", "days", "silent", "level"),
    [
        (5, 0.0, 5, 0, 1),
        (5, 0.1, 5, 0, 3),
        (5, 0.1, 1, 0, 2),
        (2, 0.4, 1, 0, 2),
        (5, 0.4, 5, 90, 3),
        (2, 0.4, 2, 3, 3),
        (2, 0.4, 5, 3, 4),
        (5, 0.4, 1, 3, 4),
        (5, 0.4, 5, 30, 4),
        (5, 0.4, 5, 3, 5),
        (5, 0.4, 5, None, 3),
        (1, None, 5, 3, 3),
        (1, None, 1, 3, 2),
        (5, None, 5, 3, 3),
    ],
)
def test_the_levels_of_the_table(
    n_keywords: int, margin: float | None, days: int, silent: int | None, level: int
) -> None:
    found, why = level_of(item(n_keywords, days, silent), margin, PARAMS)
    assert found == level
    assert f"{n_keywords} keywords" in why
    assert ("for want of vectors" in why) == (margin is None and n_keywords > 1)


@given(
    st.integers(1, 12),
    st.one_of(st.none(), st.floats(-1, 1)),
    st.integers(0, 90),
    st.one_of(st.none(), st.integers(0, 90)),
)
def test_it_never_abstains_and_more_evidence_never_lowers_a_level(
    n_keywords: int, margin: float | None, days: int, silent: int | None
) -> None:
    level, _ = level_of(item(n_keywords, days, silent), margin, PARAMS)
    assert 1 <= level <= 5
    assert level_of(item(n_keywords, days + 1, silent), margin, PARAMS)[0] >= level
    assert level_of(item(n_keywords, days, 0), margin, PARAMS)[0] >= level
    if margin is not None:
        assert level_of(item(n_keywords, days, silent), margin + 0.1, PARAMS)[0] >= level


def test_the_margin_compares_members_with_the_users_other_groups() -> None:
    vectors = {"a1": np.array([1, 0, 0]), "a2": np.array([0.8, 0.6, 0]), "b1": np.array([0, 0, 1.0])}
    journey = Item("j1", ("a1", "a2"), 1, (1,) * 13, 0)
    own, other = Group("j1", "x", ("a1", "a2"), 0), Group("j2", "y", ("b1",), 0)
    view = View("ann", DAY, (journey,), (own, other), 5)
    assert margin_of(journey, view, vectors, PARAMS) == pytest.approx(0.8 - 0.0)
    alone = View("ann", DAY, (journey,), (own,), 5)
    assert margin_of(journey, alone, vectors, PARAMS) == pytest.approx(0.8 - PARAMS.rubric_unrelated)
    assert margin_of(journey, view, {"a1": vectors["a1"]}, PARAMS) is None


def test_a_control_is_judged_below_the_journeys_that_it_mixes() -> None:
    rng = np.random.default_rng(1)
    centres = np.eye(8)[:3]
    words = {f"{area}{n}": centres[a] + rng.normal(0, 0.2, 8) for a, area in enumerate("xyz") for n in range(4)}
    vectors = {word: (v / np.linalg.norm(v)).astype(np.float32) for word, v in words.items()}
    areas = [tuple(f"{area}{n}" for n in range(4)) for area in "xyz"]
    items = tuple(Item(f"j{a}", keywords, a + 1, (0,) * 10 + (2, 2, 2), 1) for a, keywords in enumerate(areas))
    groups = tuple(Group(f"j{a}", f"a{a}", keywords, 1) for a, keywords in enumerate(areas))
    full = with_control(View("ann", DAY, items, groups, 9), [], PARAMS)
    levels = [level for level, _ in judge_by_rubric(full, vectors, PARAMS)]
    assert levels[:3] == [5, 5, 5]
    assert levels[3] <= 2
