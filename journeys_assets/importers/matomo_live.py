"""Matomo's API ``Live.getLastVisitsDetails``: a visit with all its actions, as the rows of the log tables.

The rows have the names and texts themselves, in columns of their own (``NAMED``), where those of the tables have
numbers that refer to ``log_action``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from journeys_assets.importers.json_values import object_of_line
from journeys_assets.importers.paths import as_text

NAMED = ("name", "type", "url", "url_type", "event_action", "sku", "product", *(f"category{n}" for n in range(1, 6)))
"""What a row has itself, in columns with ``live_`` before the name."""
LIVE = "live_row"
"""The column that is not null in such rows."""

_OUTLINK, _DOWNLOAD, _TITLE, _SEARCH = "2", "3", "4", "8"
_ORDERS = {"ecommerceOrder": None, "ecommerceAbandonedCart": "0"}
"""The types of actions that have items; a cart has the order 0."""


def parse_line(text: str) -> list[Any]:
    """The records of a line: a row of a table, or the rows of a visit.

    Raises:
        ValueError: it is no JSON object.
    """
    row = object_of_line(text)
    return list(_rows_of(row)) if is_visit(row) else [row]


def is_visit(row: Mapping[str, Any]) -> bool:
    """Whether a record is a visit with its actions."""
    return isinstance(row.get("actionDetails"), list)


def _rows_of(visit: Mapping[str, Any]) -> Iterator[Any]:
    common = {
        LIVE: "1",
        "idvisit": visit.get("idVisit"),
        "idvisitor": visit.get("visitorId"),
        "user_id": visit.get("userId"),
    }
    for number, action in enumerate(visit["actionDetails"]):
        if not isinstance(action, dict):
            yield action  # It is refused, because it is no record.
            continue
        row = {**common, "server_time": _time(action.get("timestamp"))}
        kind = as_text(action.get("type"))
        if kind in _ORDERS:
            order = action.get("orderId") if _ORDERS[kind] is None else _ORDERS[kind]
            items = action.get("itemDetails")
            for item in [] if items is None else items if isinstance(items, list) else [items]:
                if not isinstance(item, dict):
                    yield item
                    continue
                categories = item.get("categories") or item.get("itemCategory")
                named = _named(name=item.get("itemName"), sku=item.get("itemSKU"), categories=categories)
                yield {**row, "idorder": order, "deleted": "0", **named}
            continue
        own = action.get("idlink_va") or action.get("pageId") or f"{visit.get('idVisit')}-{number}"
        yield {**row, "idlink_va": own, **_of_action(kind, action)}


def _of_action(kind: Any, action: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "search":
        return _named(name=action.get("siteSearchKeyword"), type=_SEARCH)
    if kind == "event":
        return _named(name=action.get("eventName"), event_action=action.get("eventAction"))
    if kind in ("outlink", "download"):
        return _named(url=action.get("url"), url_type=_OUTLINK if kind == "outlink" else _DOWNLOAD)
    return _named(
        name=action.get("pageTitle"),
        type=_TITLE,
        url=action.get("url"),
        sku=action.get("productViewSku"),
        product=action.get("productViewName"),
        categories=action.get("productViewCategories") or action.get("productViewCategory1"),
    )


def _named(categories: Any = None, **values: Any) -> dict[str, Any]:
    names = categories if isinstance(categories, list) else [categories] if categories else []
    numbered = {f"live_category{n}": name for n, name in enumerate(names[:5], start=1)}
    return {**{f"live_{name}": value for name, value in values.items()}, **numbered}


def _time(seconds: Any) -> str | None:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat()
    except (TypeError, ValueError, OverflowError, OSError):
        return None if seconds is None else str(seconds)
