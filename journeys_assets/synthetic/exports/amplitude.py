"""The world as Amplitude exports it: events by the hour in which they were uploaded, and merges of ids.

The shape and the names are those of the vendor's schema, with what makes it awkward: times without a zone, a session id
of -1, rows that a backfill repeats, properties as each application names them, orders with a list of products, and
events that are no sign of interest. Boards and annotations are not kept: an item has its title and its categories.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

EVENTS = {"closeup": "Product Viewed", "save": "Product Added to Wishlist", "clickthrough": "Order Completed"}
"""The type of the event by the action of the landing contract."""
_EPOCH = datetime(1970, 1, 1)


def amplitude_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """The rows of the export with the hour of their upload, in the order of upload.

    Args:
        landing: ``World.landing``.
    """
    pins = {row["pin_id"]: row for row in landing["pins"].iter_rows(named=True)}
    rows = events_by_time(landing)
    for number, row in enumerate(rows.iter_rows(named=True)):
        if row["text"] is not None:
            yield from _uploaded(row, "Page Viewed", 2 * number, {"path": "/search"})
            yield from _uploaded(row, "Search Performed", 2 * number + 1, {"Search Term": row["text"]})
        else:
            product = _product(pins[row["pin_id"]])
            is_order = row["action"] == "clickthrough"
            properties = {"products": [product], "order_id": str(number)} if is_order else product
            yield from _uploaded(row, EVENTS[row["action"]], 2 * number, properties)


def amplitude_merges(landing: Mapping[str, pl.DataFrame]) -> list[dict[str, Any]]:
    """Merges of the ids of some users' devices into those of the users."""
    users = sorted(landing["users"]["user_id"].unique())
    times = {"merge_time": 1_772_409_600_000, "merge_server_time": 1_772_409_601_000}
    return [
        {"scope": 123_456, **times, "amplitude_id": _amplitude_id(user), "merged_amplitude_id": _amplitude_id(user) + 1}
        for user in users[::7]
    ]


def _product(pin: Mapping[str, Any]) -> dict[str, Any]:
    return {"product_id": pin["pin_id"], "product_name": pin["title"], "category": list(pin["interests"] or [])}


def _uploaded(
    row: Mapping[str, Any], event: str, number: int, properties: dict[str, Any]
) -> Iterator[tuple[datetime, dict[str, Any]]]:
    """The event once, or twice where a backfill repeats it."""
    at: datetime = row["at"]
    uploaded = at + timedelta(seconds=number % 5, hours=number % 11 == 0)
    hour = uploaded.replace(minute=0, second=0, microsecond=0)
    user = row["user_id"]
    record = {
        "$insert_id": f"i{number:08d}" if number % 4 else None,
        "amplitude_id": _amplitude_id(user),
        "app": 123_456,
        "client_event_time": _time(at),
        "client_upload_time": _time(uploaded),
        "country": "Germany",
        "data": {},
        "device_id": f"device-{user}",
        "event_id": number,
        "event_properties": properties,
        "event_time": _time(at),
        "event_type": event,
        "groups": {},
        "platform": "Web",
        "server_upload_time": _time(uploaded),
        "session_id": -1 if number % 3 == 0 else (at - _EPOCH) // timedelta(milliseconds=1),
        "user_id": user,
        "user_properties": {},
        "uuid": f"00000000-0000-4000-8000-{number:012d}",
    }
    for _ in range(1 + (number % 13 == 0)):
        yield hour, record


def _amplitude_id(user: str) -> int:
    return 100 * int.from_bytes(user.encode()[-6:], "big")


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")
