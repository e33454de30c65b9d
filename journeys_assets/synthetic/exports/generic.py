"""The world as a log that no vendor has: JSON lines with nested properties, and a mapping that reads them.

It has what such logs have: times with an offset, names of events and of properties of its own, a list of items, an id
for every event, and events that are no sign of interest. Boards and annotations are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

EVENTS = {"closeup": "article opened", "save": "article bookmarked", "clickthrough": "articles ordered"}
"""The type of the event by the action of the landing contract."""

MAPPING_TOML = """\
user = ["member.id", "device"]
time = "at"
event = "what"
event_id = "key"

[[searches]]
when = { what = ["looked for"] }
query = "details.words[]"

[[engagements]]
item = "details.articles[].number"
title = "details.articles[].name"
annotations = ["details.articles[].name"]
interests = ["details.articles[].shelves"]
[engagements.actions]
"article opened" = "look"
"article bookmarked" = "keep"
"articles ordered" = "act"
"article scrolled by" = "ignore"

[[identities]]
user = "member.id"
other = "device"
"""
"""The mapping of this log."""


def generic_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """The records in the order of time.

    Args:
        landing: ``World.landing``.
    """
    pins = {row["pin_id"]: row for row in landing["pins"].iter_rows(named=True)}
    for number, row in enumerate(events_by_time(landing).iter_rows(named=True)):
        if row["text"] is not None:
            yield _record(row, "looked for", number, {"words": row["text"].split(" ")})
            continue
        pin = pins[row["pin_id"]]
        articles = [{"number": pin["pin_id"], "name": pin["title"], "shelves": list(pin["interests"] or [])}]
        if row["action"] == "closeup":
            yield _record(row, "article scrolled by", number, {"articles": articles}) | {"key": f"scroll-{number}"}
        yield _record(row, EVENTS[row["action"]], number, {"articles": articles})


def _record(row: Mapping[str, Any], what: str, number: int, details: Mapping[str, Any]) -> dict[str, Any]:
    at: datetime = row["at"]
    user = row["user_id"]
    return {
        "key": f"k{number}",
        "what": what,
        "at": at.isoformat(timespec="microseconds") + "+00:00",
        "member": {"id": user},
        "device": f"device-{user}",
        "details": details,
    }
