"""Objects and lists in columns of logs: nested values, or text that holds them."""

from __future__ import annotations

import ast
import json
from typing import Any


def object_of_line(text: str) -> dict[str, Any]:
    """The object of a line of JSON.

    Raises:
        ValueError: it is no JSON object.
    """
    row = json.loads(text)
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
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _as_python_writes(text) if "'" in text else None
    return parsed_text(found) if isinstance(found, str) else found


def _as_python_writes(text: str) -> Any:
    try:
        found = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _parsed(value: Any) -> Any:
    return parsed_text(value) if isinstance(value, str) else value
