"""The world as Segment and RudderStack log it: raw calls as JSON lines, and the tables of a warehouse.

The shape, the names and the types are those of the vendors' documentation, with what makes them awkward. In the lines:
calls without ``timestamp``, whose time follows from three others, and calls that came twice. In the tables: ``tracks``
without properties, lists as text that is not always JSON, columns in upper case, ``_timestamp`` where the name is a
reserved word, and ``users`` and ``pages`` beside the events.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.commerce import CommerceEvent, commerce_events, snake_case

SKEW = timedelta(minutes=7)
"""How far the clocks of devices are behind."""
_DELAY = timedelta(seconds=40)
"""How long a call waits on the device."""


def write_segment(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    """The first half of the events as the tables of a warehouse, in CSV; the second half as raw lines."""
    events = list(commerce_events(landing))
    half = len(events) // 2
    for name, rows in _tables(events[:half], _segment_context()).items():
        _table(rows).write_csv(logs / f"{name}.csv")
    _write_lines(events[half:], logs / "segment-logs", {"library": {"name": "analytics.js", "version": "2.11.1"}}, {})


def write_rudderstack(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    """The first third of the events as tables of Snowflake, the second of a data lake, the last as raw lines."""
    events = list(commerce_events(landing))
    third = len(events) // 3
    for folder, part in (("snowflake", events[:third]), ("lake", events[third : 2 * third])):
        (logs / folder).mkdir()
        for name, rows in _tables(part, _rudder_context()).items():
            table = _table(rows)
            is_lake = folder == "lake"
            renamed = {c: "_timestamp" if is_lake and c == "timestamp" else c for c in table.columns}
            table = table.rename(renamed if is_lake else {c: c.upper() for c in table.columns})
            table.write_parquet(logs / folder / f"{name}.parquet")
    library = {"library": {"name": "RudderLabs JavaScript SDK", "version": "3.0.3"}}
    own = {"rudderId": "r-1", "request_ip": "0.0.0.0", "channel": "web"}
    _write_lines(events[2 * third :], logs / "rudder-logs", library, own)


def _segment_context() -> dict[str, Any]:
    return {"context_library_name": "analytics.js", "context_page_path": "/"}


def _rudder_context() -> dict[str, Any]:
    return {
        "channel": "web",
        "context_library_name": "RudderLabs JavaScript SDK",
        "context_passed_ip": "0.0.0.0",
        "context_request_ip": "0.0.0.0",
        "context_source_id": "s1",
        "context_destination_type": "SNOWFLAKE",
    }


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _tables(events: Iterable[CommerceEvent], context: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each table by its name."""
    tables: dict[str, list[dict[str, Any]]] = {"users": []}
    for event in events:
        common = _row(event, context)
        if event.name is None:
            tables.setdefault("pages", []).append({**common, "name": "Search", **event.properties})
            continue
        named = {**common, "event": snake_case(event.name), "event_text": event.name}
        tables.setdefault("tracks", []).append(named)
        columns = {name: _column(value, event.number) for name, value in event.properties.items()}
        tables.setdefault(snake_case(event.name), []).append({**named, **columns})
        tables["users"].append({"id": event.user, "received_at": event.at, "uuid_ts": event.at, **context})
    return tables


def _row(event: CommerceEvent, context: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": event.message_id,
        "anonymous_id": event.device,
        "user_id": event.user,
        "received_at": event.at + _DELAY,
        "original_timestamp": event.at - SKEW,
        "sent_at": event.at - SKEW + _DELAY,
        "timestamp": event.at,
        "uuid_ts": event.at + timedelta(hours=1),
        **context,
    }


def _column(value: Any, number: int) -> Any:
    """A property as a column has it: lists as text, JSON or not."""
    if not isinstance(value, list):
        return value
    return json.dumps(value, ensure_ascii=False) if number % 2 else str(value)


def _table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    table = pl.DataFrame(rows, infer_schema_length=None)
    # A column appears with its first value.
    return table.select(column for column in table if column.null_count() < table.height)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_lines(
    events: Iterable[CommerceEvent], folder: Path, context: Mapping[str, Any], own: Mapping[str, Any]
) -> None:
    by_day: dict[str, list[str]] = {}
    for event in events:
        line = json.dumps({**_call(event, context), **own}, ensure_ascii=False) + "\n"
        by_day.setdefault(f"{event.at:%Y%m%d}", []).extend([line] * (2 if event.number % 10 == 0 else 1))
    folder.mkdir(parents=True, exist_ok=True)
    for day, lines in by_day.items():
        with gzip.open(folder / f"{day}.json.gz", "wt", encoding="utf-8", compresslevel=1) as file:
            file.writelines(lines)


def _call(event: CommerceEvent, context: Mapping[str, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {"type": "page", "name": "Search"} if event.name is None else {"type": "track"}
    if event.name is not None:
        named["event"] = event.name
    # A call waits on the device, and the device's clock is behind: received − (sent − original) is when it happened.
    times = {
        "originalTimestamp": _iso(event.at - SKEW),
        "sentAt": _iso(event.at - SKEW + _DELAY),
        "receivedAt": _iso(event.at + _DELAY),
    }
    if event.number % 3:
        times["timestamp"] = _iso(event.at)
    return {
        "messageId": event.message_id,
        "anonymousId": event.device,
        "userId": event.user,
        **named,
        "properties": event.properties,
        "context": context,
        "integrations": {},
        **times,
    }


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="microseconds") + "Z"
