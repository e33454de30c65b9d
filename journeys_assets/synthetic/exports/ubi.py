"""The world as the indices ``ubi_queries`` and ``ubi_events`` of User Behavior Insights.

The shape and the names are those of the specification, with what makes dumps awkward: a query has the id of a client
only, and its user is that of the event ``on_search``, which repeats the query; times are ISO with Z, without a zone, or
numbers of milliseconds; ids of objects are text or numbers; the user is in the event or in its attributes; impressions
and filters are no sign of interest. Boards and the text of items are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

ACTIONS = {"closeup": "click_through", "save": "add_to_cart", "clickthrough": "purchase"}
"""The name of the action by that of the landing contract."""
QUERIES, EVENTS = "ubi_queries", "ubi_events"
_EPOCH = datetime(1970, 1, 1)


def ubi_records(landing: Mapping[str, pl.DataFrame]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The documents of both indices with the name of the index, in the order of time.

    Args:
        landing: ``World.landing``.
    """
    rows = events_by_time(landing)
    last_query: dict[str, str] = {}
    for number, row in enumerate(rows.iter_rows(named=True)):
        user, client = row["user_id"], f"client-{row['user_id']}"
        if row["text"] is not None:
            query_id = last_query[user] = f"q{number:08d}"
            yield QUERIES, _query(row, query_id, client, number)
            event = {"message_type": "QUERY", "message": row["text"]}
            yield EVENTS, _event(row, "on_search", query_id, client, number, {}) | event
        else:
            of_query = last_query.get(user)
            thing = {"object": {"object_id": _object_id(row["pin_id"], number), "object_id_field": "id"}}
            attributes = thing | {"position": {"ordinal": number % 10}}
            if row["action"] == "closeup":
                yield EVENTS, _event(row, "impression", of_query, client, number, attributes)
            yield EVENTS, _event(row, ACTIONS[row["action"]], of_query, client, number, attributes)


def _query(row: Mapping[str, Any], query_id: str, client: str, number: int) -> dict[str, Any]:
    return {
        "application": "shop",
        "query_id": query_id,
        "client_id": client,
        "user_query": row["text"],
        "query_attributes": {},
        "object_id_field": "id",
        "timestamp": _time(row["at"], number),
        "query_response_id": f"r{number}",
        "query_response_hit_ids": ["1", "2"],
    }


def _event(
    row: Mapping[str, Any], action: str, query_id: str | None, client: str, number: int, attributes: dict[str, Any]
) -> dict[str, Any]:
    is_inside = number % 2 == 0
    inside = {"user_id": row["user_id"], "session_id": f"s{number // 20}"} if is_inside else {}
    return {
        "application": "shop",
        "action_name": action,
        "query_id": query_id,
        "client_id": client,
        **({} if is_inside else {"user_id": row["user_id"]}),
        "timestamp": _time(row["at"], number),
        "event_attributes": attributes | inside,
    }


def _object_id(pin_id: str, number: int) -> str | int:
    return int(pin_id) if number % 2 and pin_id.isdigit() and str(int(pin_id)) == pin_id else pin_id


def _time(at: datetime, number: int) -> str | int:
    passed = at - _EPOCH
    if at.microsecond % 1000 == 0 and number % 3 == 0:
        return (passed.days * 86_400 + passed.seconds) * 1000 + at.microsecond // 1000
    return at.isoformat() + ("Z" if number % 3 == 1 else "")
