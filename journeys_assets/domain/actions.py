"""What users do with items: the registry of actions, and the counts that follow from it.

A deployment adds an action by one entry of its settings. The landing contract, the count columns of the tables,
weights, ranking features, intent and evidence are derived from the registry. Searches and pins put on boards have
landing sources of their own; they are no actions of the registry, but they are counted beside them.

What belongs here: which actions there are and what each stands for. What does not: what is computed from their counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal, get_args

Strength = Literal["look", "keep", "act"]
STRENGTHS: tuple[Strength, ...] = get_args(Strength)

SEARCH, BOARD_PIN = "search", "board_pin"
"""Counted actions with landing sources of their own."""

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_OTHER_COUNTS = ("searches", "board_pins", "items")
"""Plurals whose columns ``n_<plural>`` are taken."""


@dataclass(frozen=True, slots=True)
class Action:
    """One kind of action on an item.

    Raises:
        ValueError: a name is not in snake_case or is taken, or the weight is not positive and finite.
    """

    name: str
    """What the landing column ``action`` holds, in snake_case."""
    plural: str = ""
    """Names the count columns ``n_<plural>``, in snake_case; by default the name and an s."""
    weight: float = 1.0
    """How much one action says of the keywords of its item; a search has ``KeywordParams.search_weight``."""
    strength: Strength = "look"
    """Whether the user looks at the item, keeps it or acts on it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "plural", self.plural or f"{self.name}s")
        object.__setattr__(self, "weight", float(self.weight))
        for what, value in {"name": self.name, "plural": self.plural}.items():
            if not _NAME.fullmatch(value):
                raise ValueError(
                    f"{what} of action {self.name!r} is {value!r}; it must be in snake_case, like add_to_cart"
                )
        if self.name in (SEARCH, BOARD_PIN):
            raise ValueError(f"action {self.name!r} has a landing source of its own; choose another name")
        if self.plural in _OTHER_COUNTS:
            raise ValueError(f"plural {self.plural!r} of action {self.name!r} is taken; choose another one")
        if not 0 < self.weight < math.inf:
            raise ValueError(f"weight of action {self.name!r} is {self.weight}; it must be above 0 and finite")
        if self.strength not in STRENGTHS:
            raise ValueError(
                f"strength of action {self.name!r} is {self.strength!r}; it is one of {', '.join(STRENGTHS)}"
            )


DEFAULT_ACTIONS = (
    Action("closeup", weight=0.3, strength="look"),
    Action("save", weight=1.0, strength="keep"),
    Action("clickthrough", weight=0.7, strength="act"),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """An action that tables count: a search, one of the registry, or a pin put on a board."""

    action: str
    plural: str
    description: str
    """What is counted, as a sentence begins with it."""

    @property
    def column(self) -> str:
        """The column that counts it; columns over a window add its days, as in ``n_saves_7d``."""
        return f"n_{self.plural}"


def counted(actions: Sequence[Action]) -> tuple[Counted, ...]:
    """Everything that tables count, in the order of their columns."""
    return (
        Counted(SEARCH, "searches", "Searches"),
        *(Counted(a.name, a.plural, a.plural.replace("_", " ").capitalize()) for a in actions),
        Counted(BOARD_PIN, "board_pins", "Pins put on boards"),
    )


def count_columns(actions: Sequence[Action]) -> tuple[str, ...]:
    """Columns of keyword_table that count actions."""
    return tuple(one.column for one in counted(actions))


def with_actions(actions: Sequence[Action], added: Iterable[Action]) -> tuple[Action, ...]:
    """``actions`` with those of ``added`` in the place of the ones of the same name, or at the end.

    Raises:
        ValueError: two actions share a plural.
    """
    by_name = {action.name: action for action in actions}
    by_name |= {action.name: action for action in added}
    refuse_shared_plurals(by_name.values())
    return tuple(by_name.values())


def refuse_shared_plurals(actions: Iterable[Action]) -> None:
    """Raise where two actions would be counted in one column.

    Raises:
        ValueError: naming the two.
    """
    by_plural: dict[str, str] = {}
    for action in actions:
        other = by_plural.setdefault(action.plural, action.name)
        if other != action.name:
            raise ValueError(f"actions {other!r} and {action.name!r} have the same plural {action.plural!r}")


def sql_variables(actions: Sequence[Action]) -> dict[str, object]:
    """The dbt vars that stand for the registry: ``actions``, and ``counts``, which has all that is counted."""
    return {
        "actions": [asdict(action) for action in actions],
        "counts": [{"action": one.action, "column": one.column} for one in counted(actions)],
    }
