"""Objects and lists in columns of logs: nested values, or JSON as text."""

from __future__ import annotations

import json
from typing import Any


def as_object(value: Any) -> dict[str, Any]:
    """The object that a value is, or that a text holds as JSON; empty if it is none."""
    found = _parsed(value)
    return found if isinstance(found, dict) else {}


def as_list(value: Any) -> list[Any]:
    """The list that a value is, or that a text holds as JSON; empty if it is none."""
    found = _parsed(value)
    return found if isinstance(found, list) else []


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
