"""The registry of actions: what an entry may be, and what is counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action, count_columns, counted, with_actions

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(_[a-z0-9]{1,5}){0,2}", fullmatch=True)


def test_the_defaults_keep_their_columns_and_weights() -> None:
    assert count_columns(DEFAULT_ACTIONS) == ("n_searches", "n_closeups", "n_saves", "n_clickthroughs", "n_board_pins")
    assert [(a.name, a.weight, a.strength) for a in DEFAULT_ACTIONS] == [
        ("closeup", 0.3, "look"),
        ("save", 1.0, "keep"),
        ("clickthrough", 0.7, "act"),
    ]


TAKEN = {"n_items", *count_columns(DEFAULT_ACTIONS)}


@given(NAMES.filter(lambda name: name not in ("search", "board_pin") and f"n_{name}s" not in TAKEN))
def test_an_added_action_is_counted_before_board_pins(name: str) -> None:
    actions = with_actions(DEFAULT_ACTIONS, [Action(name)])
    assert count_columns(actions) == (*count_columns(DEFAULT_ACTIONS)[:-1], f"n_{name}s", "n_board_pins")
    assert len(set(count_columns(actions))) == len(actions) + 2


def test_an_action_of_a_known_name_replaces_it_in_its_place() -> None:
    actions = with_actions(DEFAULT_ACTIONS, [Action("save", weight=3, strength="act")])
    assert [a.name for a in actions] == ["closeup", "save", "clickthrough"]
    assert (actions[1].weight, actions[1].strength) == (3.0, "act")


def test_a_plural_can_be_given_and_is_shown_in_words() -> None:
    one = counted([Action("add_to_cart", plural="cart_additions")])[1]
    assert (one.action, one.column, one.description) == ("add_to_cart", "n_cart_additions", "Cart additions")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "Purchase"}, "name of action 'Purchase' is 'Purchase'; it must be in snake_case"),
        ({"name": "add to cart"}, "snake_case"),
        ({"name": "x'; drop table"}, "snake_case"),
        ({"name": ""}, "snake_case"),
        ({"name": "box", "plural": "Boxes"}, "plural of action 'box' is 'Boxes'"),
        ({"name": "search"}, "'search' has a landing source of its own"),
        ({"name": "board_pin"}, "'board_pin' has a landing source of its own"),
        ({"name": "look_up", "plural": "searches"}, "plural 'searches' of action 'look_up' is taken"),
        ({"name": "item"}, "plural 'items' of action 'item' is taken"),
        ({"name": "purchase", "weight": 0}, "weight of action 'purchase' is 0.0; it must be above 0"),
        ({"name": "purchase", "weight": -1}, "must be above 0"),
        ({"name": "purchase", "weight": float("nan")}, "must be above 0 and finite"),
        ({"name": "purchase", "weight": float("inf")}, "must be above 0 and finite"),
        (
            {"name": "purchase", "strength": "buy"},
            "strength of action 'purchase' is 'buy'; it is one of look, keep, act",
        ),
    ],
)
def test_a_wrong_entry_is_refused(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Action(**entry)  # type: ignore[arg-type]


def test_two_actions_cannot_share_a_column() -> None:
    with pytest.raises(ValueError, match="actions 'save' and 'keep' have the same plural 'saves'"):
        with_actions(DEFAULT_ACTIONS, [Action("keep", plural="saves")])
