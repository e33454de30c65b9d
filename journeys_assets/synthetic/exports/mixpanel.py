"""The world as Mixpanel exports its raw events: JSON lines by day.

The shape and the names are those of the vendor, with what makes it awkward: times in whole seconds, ids that are any
of those of one person, events around midnight that are in the exports of two days, and events that are no sign of
interest. Boards, annotations and fractions of a second are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

EVENTS = {"closeup": "Product Viewed", "save": "Product Added", "clickthrough": "Purchase"}
"""The type of the event by the action of the landing contract."""
_EPOCH = datetime(1970, 1, 1)
_OVERLAP = timedelta(hours=1)
"""How much of a day the export of the next one has too."""


def mixpanel_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[tuple[date, dict[str, Any]]]:
    """The rows of the export with the day in whose export they are, in the order of time.

    Args:
        landing: ``World.landing``.
    """
    pins = {row["pin_id"]: row for row in landing["pins"].iter_rows(named=True)}
    rows = events_by_time(landing)
    for number, row in enumerate(rows.iter_rows(named=True)):
        if row["text"] is not None:
            events = [
                ("Page View", {"page": "/search"}),
                ("Search", {"search_term": row["text"], "$browser": "Chrome"}),
            ]
        else:
            pin = pins[row["pin_id"]]
            product = {"product_id": pin["pin_id"], "name": pin["title"], "category": list(pin["interests"] or [])}
            properties = {"items": [product]} if row["action"] == "clickthrough" else product
            events = [(EVENTS[row["action"]], properties)]
        for index, (event, properties) in enumerate(events):
            record = _event(row, event, 2 * number + index, properties)
            yield row["at"].date(), record
            later = (row["at"] + _OVERLAP).date()
            if later != row["at"].date():
                yield later, record


def _event(row: Mapping[str, Any], event: str, number: int, properties: Mapping[str, Any]) -> dict[str, Any]:
    seconds = (row["at"] - _EPOCH) // timedelta(seconds=1)
    user = row["user_id"]
    ids = {"distinct_id": f"$device:{user}-1" if number % 3 == 0 else user, "$device_id": f"{user}-1", "$user_id": user}
    return {
        "event": event,
        "properties": {
            "time": seconds,
            **ids,
            **({"$insert_id": f"insert{number:08d}"} if number % 5 else {"$event_number": number}),
            "$mp_api_timestamp_ms": seconds * 1000 + 250,
            "mp_processing_time_ms": seconds * 1000 + 900,
            "mp_lib": "web",
            **properties,
        },
    }
