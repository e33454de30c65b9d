"""Objects and lists in columns of logs: nested values, or text that holds them."""

from __future__ import annotations

import ast
import json
import warnings
from typing import Any

MAX_DEPTH = 100
"""How deeply objects and lists of a log may be nested."""


def loaded(text: str) -> Any:
    """The value that JSON holds.

    Raises:
        ValueError: it is not JSON, or is nested too deeply.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    return value


def object_of_line(text: str) -> dict[str, Any]:
    """The object of a line of JSON.

    Raises:
        ValueError: it is no JSON object, or is nested too deeply.
    """
    row = loaded(text)
    if not isinstance(row, dict):
        raise ValueError("it is not an object")
    return row


def as_object(value: Any) -> dict[str, Any]:
    """The object that a value is, or that a text holds; empty if it is none."""
    found = _parsed(value)
    return found if isinstance(found, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The list that a value is, or that a text holds; empty if it is none."""
    found = _parsed(value)
    return found if isinstance(found, list) else []


def parsed_text(text: str) -> Any:
    """The object or list that a text holds; None if it holds none.

    The text is JSON, JSON that was written as text again (``"{\\"key\\": 1}"``), or what Python writes for such a value
    (``[{'key': None}]``). Data frames are often saved so.
    """
    first = text.lstrip()[:2]
    if first[:1] not in ("{", "[") and first not in ('"{', '"['):
        return None
    try:
        found = loaded(text)
    except ValueError:
        return _as_python_writes(text) if "'" in text else None
    return parsed_text(found) if isinstance(found, str) else found


def _as_python_writes(text: str) -> Any:
    """None too if it has what JSON has not: bytes, sets, complex numbers, or keys that are no text."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of backslashes in texts
            found = _as_json_has_it(ast.literal_eval(text.strip()), MAX_DEPTH)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _as_json_has_it(value: Any, depth: int) -> Any:
    if depth < 0:
        raise ValueError(_TOO_DEEP)
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _as_json_has_it(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json_has_it(item, depth - 1) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError(f"{type(value).__name__} is not in JSON")


_TOO_DEEP = f"it is nested more than {MAX_DEPTH} levels deep"


def _check_depth(value: Any) -> None:
    """Raise ``ValueError`` if the value is nested too deeply."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _parsed(value: Any) -> Any:
    return parsed_text(value) if isinstance(value, str) else value
