"""The world as Google Analytics 4 exports it to BigQuery: one table of events per UTC day.

The shape, the names and the types are those of the vendor's schema, with what makes it awkward: INT64 as text, a search
term that looks like a number in ``int_value``, nulls in every value that is not set, ``(not set)`` for a missing
category, events in batches, and pages and lists that are no sign of interest. Boards and annotations are not kept: an
item has its title and up to five categories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

EVENTS = {"closeup": "view_item", "save": "add_to_wishlist", "clickthrough": "purchase"}
"""The type of the event by the action of the landing contract."""
CATEGORIES = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")
_EPOCH = datetime(1970, 1, 1)


def ga4_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[tuple[date, dict[str, Any]]]:
    """The rows of the export with their UTC day, in the order of time.

    Args:
        landing: ``World.landing``.
    """
    pins = {row["pin_id"]: _item(row) for row in landing["pins"].iter_rows(named=True)}
    rows = events_by_time(landing)
    for number, row in enumerate(rows.iter_rows(named=True)):
        at: datetime = row["at"]
        if row["text"] is not None:
            yield (
                at.date(),
                _event(row, "page_view", number, 0, [_text("page_location", "https://shop.example/search")]),
            )
            yield at.date(), _event(row, "view_search_results", number, 1, [_term(row["text"])])
        else:
            item = pins[row["pin_id"]]
            if row["action"] == "closeup":
                yield at.date(), _event(row, "view_item_list", number, 0, [], [item, pins[min(pins)]])
            yield at.date(), _event(row, EVENTS[row["action"]], number, 1, [], [item])


def _event(
    row: Mapping[str, Any],
    name: str,
    number: int,
    index: int,
    parameters: list[dict[str, Any]],
    items: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    at: datetime = row["at"]
    session = _text("ga_session_id", None) if number % 7 == 0 else _parameter("ga_session_id", int_value=str(number))
    return {
        "event_date": at.strftime("%Y%m%d"),
        "event_timestamp": str(_microseconds(at)),
        "event_name": name,
        "event_params": [*parameters, session, _parameter("engagement_time_msec", int_value=str(100 + index))],
        "event_bundle_sequence_id": str(number % 1000),
        "user_id": row["user_id"],
        "user_pseudo_id": f"{sum(row['user_id'].encode()):010d}.{number % 3}",
        "device": {"category": "mobile", "language": "en-us", "web_info": {"browser": "Chrome"}},
        "geo": {"country": "Germany"},
        "platform": "WEB",
        "stream_id": "1234567890",
        "items": items or [],
        "batch_page_id": str(1_700_000_000_000 + number),
        "batch_ordering_id": "1",
        "batch_event_index": str(index),
    }


def _microseconds(at: datetime) -> int:
    passed = at - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _item(pin: Mapping[str, Any]) -> dict[str, Any]:
    categories = list(pin["interests"] or [])[: len(CATEGORIES)]
    named = dict(zip(CATEGORIES, [*categories, *["(not set)"] * len(CATEGORIES)], strict=False))
    return {"item_id": pin["pin_id"], "item_name": pin["title"], "item_brand": None, **named, "quantity": "1"}


def _term(text: str) -> dict[str, Any]:
    is_number = text.isascii() and text.isdigit() and str(int(text)) == text
    return _parameter("search_term", int_value=text) if is_number else _text("search_term", text)


def _text(key: str, value: str | None) -> dict[str, Any]:
    return _parameter(key, string_value=value)


def _parameter(key: str, **value: str | None) -> dict[str, Any]:
    nothing = dict.fromkeys(("string_value", "int_value", "float_value", "double_value"))
    return {"key": key, "value": {**nothing, **value}}
