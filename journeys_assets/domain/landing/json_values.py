"""Which values of JSON and Parquet fit a column. The rule is the same for both; values of CSV are text.

Every value becomes text in the notation that the contract reads. A value that does not fit becomes null, with the
problem.

===========  ========================================================================================================
kind         accepted values
===========  ========================================================================================================
text         text; a whole number below 2**53, or an integer of any size, as its digits (``101.0`` is ``101``, because
             data frames write ids so when one is missing)
number       numbers; text
boolean      true and false; whole numbers; text
time         text (and times of Parquet). A number is refused, because it may count seconds or milliseconds.
list         a list of texts, in which items follow the rule for text and nulls are dropped; text
none         as text, and any number as it is written (importers read their columns themselves)
===========  ========================================================================================================

Objects, and lists, booleans and broken numbers where text is meant, are never converted to text.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "number", "boolean", "list", "time"]
"""What the values of a column are. ``list`` is a list of texts; ``time`` is a time or a day."""

MAX_WHOLE = 2**53
"""Whole numbers below this, in magnitude, are exact as floating-point numbers."""

NOT_WHOLE = "is not a whole number, so it is not text"
NUMBER_AS_TIME = "is a number, not a time; write it as 2026-01-31T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Value:
    """A value as text; null with a problem if it does not fit its column."""

    text: str | None = None
    problem: str | None = None


_NULL = Value()


def json_text(value: Any, kind: Kind | None) -> Value:
    """A JSON value as text."""
    if type(value) is str:
        return Value(value)
    if value is None:
        return _NULL
    if isinstance(value, dict):
        return Value(problem=_object_problem(value, kind))
    if isinstance(value, list):
        return _list_text(value) if kind == "list" else Value(problem=f"is a JSON array, not {_meant(kind)}")
    if isinstance(value, bool):
        if kind == "boolean":
            return Value("true" if value else "false")
        return Value(problem=f"is a JSON boolean, not {_meant(kind)}")
    return _number_text(value, kind)


def whole_text(value: float) -> str | None:
    """The digits of a whole number; None if it is not whole or too large to be exact."""
    return str(int(value)) if abs(value) < MAX_WHOLE and value == int(value) else None


def _number_text(value: float, kind: Kind | None) -> Value:
    if kind == "time":
        return Value(problem=NUMBER_AS_TIME)
    if kind == "list":
        return Value(problem="is a JSON number, not a list of texts")
    whole = str(value) if isinstance(value, int) else whole_text(value)
    if kind is None or kind == "number":
        return Value(json.dumps(value) if whole is None else whole)
    return Value(whole) if whole is not None else Value(problem=NOT_WHOLE if kind == "text" else "is no boolean")


def _list_text(items: list[Any]) -> Value:
    texts = []
    for item in items:
        value = json_text(item, "text")
        if value.problem:
            return Value(problem=f"has an item that {value.problem}")
        texts.append(value.text)
    return Value(json.dumps(texts, ensure_ascii=False))


def _object_problem(value: dict[str, Any], kind: Kind | None) -> str:
    if len(value) == 1 and next(iter(value)).startswith("$"):
        return f"is an object of MongoDB, not {_meant(kind)}; write the value alone, without {next(iter(value))!r}"
    return f"is a JSON object, not {_meant(kind)}"


def _meant(kind: Kind | None) -> str:
    return {"list": "a list of texts", "time": "a time", "number": "a number", "boolean": "a boolean"}.get(
        kind or "", "text"
    )
