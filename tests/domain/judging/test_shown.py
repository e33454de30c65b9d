"""What a judge is shown: orders that are kept, controls of the user's own, and nothing that may not leave."""

import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.judging.shown import (
    CONTROL,
    MAX_ITEMS,
    Group,
    Item,
    View,
    in_order,
    texts_of,
    to_ask,
    with_control,
)

DAY = date(2026, 3, 2)
PARAMS = JudgingParams()
WEEKS = (0,) * 10 + (1, 2, 1)


def view(*areas: tuple[str, ...], user: str = "ann") -> View:
    """A user with one journey in each area."""
    items = tuple(Item(f"j{n}", keywords, n, WEEKS, 2) for n, keywords in enumerate(areas, 1))
    groups = tuple(Group(f"j{n}", f"a{n}", keywords, 2) for n, keywords in enumerate(areas, 1))
    return View(user, DAY, items, groups, 9)


GARDEN = ("garden beds", "garden paths", "compost bin", "raised beds")
GUITAR = ("guitar chords", "guitar songs", "guitar strings")
THREE = view(GARDEN, GUITAR, ("wedding cake",))

keywords = st.lists(st.text(alphabet="abcdefg", min_size=1, max_size=5), min_size=1, max_size=8, unique=True)


def test_a_control_mixes_the_users_own_areas_and_is_as_long_as_a_journey() -> None:
    control = with_control(THREE, [], PARAMS).items[-1]
    assert control.is_control
    assert control.rank is None
    assert len(control.keywords) in (len(GARDEN), len(GUITAR))
    assert set(control.keywords) <= {*GARDEN, *GUITAR, "wedding cake"}
    for area in (GARDEN, GUITAR):
        assert 2 * len(set(control.keywords) & set(area)) <= len(control.keywords) + 1
    assert control.days_by_week == WEEKS


def test_a_user_of_one_area_gets_keywords_of_the_catalogue_and_none_of_their_own() -> None:
    catalogue = sorted([*GARDEN, "bicycle repair", "birthday cake", "curtains", "desk lamp", "oil paint"])
    control = with_control(view(GARDEN), catalogue, PARAMS).items[-1]
    assert control.is_control
    assert len(set(control.keywords)) == len(GARDEN)
    assert not set(control.keywords) & set(GARDEN)
    assert with_control(view(GARDEN), [], PARAMS) == view(GARDEN)
    assert with_control(view(("one",)), catalogue, PARAMS) == view(("one",))


@given(st.lists(keywords, min_size=1, max_size=5))
def test_controls_hold_nothing_of_others_and_depend_on_the_user_alone(areas: list[list[str]]) -> None:
    own = view(*map(tuple, areas))
    found = with_control(own, [], PARAMS)
    assert found == with_control(own, [], PARAMS)
    assert found.items[: len(own.items)] == own.items
    assert texts_of(found) <= texts_of(own)


def test_each_draw_has_its_own_order_and_the_numbers_lead_back_to_the_journeys() -> None:
    full = with_control(THREE, [], PARAMS)
    orders = set()
    for draw in range(1, 8):
        (one,) = to_ask(full, draw, (), PARAMS)
        orders.add(one.journey_ids)
        by_id = {item.journey_id: item for item in full.items}
        assert sorted(one.journey_ids) == sorted(by_id)
        assert list(one.journey_ids) == [i.journey_id for i in in_order(full.items, "ann", DAY, draw, PARAMS.seed)]
        for number, journey_id in enumerate(one.journey_ids, 1):
            assert one.data["journeys"][f"journey_{number}"]["keywords"] == list(by_id[journey_id].keywords)
    assert len(orders) > 3


@pytest.mark.parametrize("journey_id", ["j1", "j2", "j3", CONTROL])
def test_every_journey_comes_in_every_place(journey_id: str) -> None:
    places = set()
    for n in range(60):
        full = with_control(replace(THREE, user_id=f"u{n}"), [], PARAMS)
        (one,) = to_ask(full, 1, (), PARAMS)
        places.add(one.journey_ids.index(journey_id))
    assert places == {0, 1, 2, 3}


def test_what_may_not_be_sent_is_left_out_and_so_is_a_journey_of_nothing_else() -> None:
    private = view(("garden beds", "call 0171 555 0134"), ("jo@example.org",), ("white power", "guitar songs"))
    (one,) = to_ask(private, 1, {"white power"}, PARAMS)
    assert sorted(one.journey_ids) == ["j1", "j3"]
    text = json.dumps(one.data)
    assert "garden beds" in text
    assert "guitar songs" in text
    assert not any(word in text for word in ("0134", "example.org", "white power", "ann", "j1", "2026"))


def test_many_journeys_are_several_questions_and_none_is_asked_twice() -> None:
    many = view(*((f"word {n}", f"other {n}") for n in range(2 * MAX_ITEMS + 1)))
    asked = list(to_ask(many, 1, (), PARAMS))
    assert [len(one.journey_ids) for one in asked] == [MAX_ITEMS, MAX_ITEMS, 1]
    assert len({journey for one in asked for journey in one.journey_ids}) == 2 * MAX_ITEMS + 1
    for one in asked:
        others = {group["keyword"] for group in one.data["other_groups"]}
        shown = {words["keywords"][0] for words in one.data["journeys"].values()}
        assert not others & shown
        assert len(others) <= PARAMS.groups_shown
