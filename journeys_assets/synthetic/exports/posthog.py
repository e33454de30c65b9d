"""The world as PostHog's batch export of events and persons.

The shape, the names and the types are those of the vendor's documentation, with what makes it awkward: ``properties``
as text with JSON in Parquet and as an object in JSON lines, files named ``.parquet.zst`` that are plain Parquet, events
of PostHog's own (``$pageview``), a column that older files do not have, and persons who were merged after their events
were ingested, so that only the export of persons knows the person of a ``distinct_id``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.synthetic.exports.commerce import CommerceEvent, commerce_events, snake_case

EVENTS_SCHEMA = pl.Schema(
    {
        "uuid": pl.String(),
        "event": pl.String(),
        "distinct_id": pl.String(),
        "person_id": pl.String(),
        "properties": pl.String(),
        "person_properties": pl.String(),
        "elements_chain": pl.String(),
        "timestamp": pl.Datetime("us", "UTC"),
        "created_at": pl.Datetime("us", "UTC"),
        "_inserted_at": pl.Datetime("us", "UTC"),
    }
)
PERSONS_SCHEMA = pl.Schema(
    {
        "team_id": pl.Int64(),
        "distinct_id": pl.String(),
        "person_id": pl.String(),
        "properties": pl.String(),
        "person_distinct_id_version": pl.Int64(),
        "person_version": pl.Int64(),
        "created_at": pl.Datetime("us", "UTC"),
        "is_deleted": pl.Boolean(),
    }
)
MERGED_LATER = 3
"""One user of so many was another person when the events were ingested."""


def write_posthog(landing: Mapping[str, pl.DataFrame], logs: Path) -> None:
    """Write ``events/…`` and ``persons/…`` with their manifests.

    Args:
        landing: ``World.landing``.
    """
    events = list(posthog_events(landing))
    half = len(events) // 2
    (logs / "events").mkdir(exist_ok=True)
    (logs / "persons").mkdir(exist_ok=True)
    texts = [
        {**row, "properties": json.dumps(row["properties"], ensure_ascii=False), "person_properties": "{}"}
        for row in events[:half]
    ]
    # Files of an earlier time lack the last column.
    older = pl.DataFrame(texts, schema=EVENTS_SCHEMA).drop("elements_chain", "_inserted_at")
    older.write_parquet(logs / "events" / "2026-03-02-0.parquet.zst")
    with (logs / "events" / "2026-03-05-0.jsonl").open("w", encoding="utf-8") as file:
        for row in events[half:]:
            times = {name: row[name].isoformat() for name in ("timestamp", "created_at", "_inserted_at")}
            file.write(json.dumps({**row, **times}, ensure_ascii=False) + "\n")
    persons = pl.DataFrame(list(posthog_persons(landing)), schema=PERSONS_SCHEMA)
    persons.write_parquet(logs / "persons" / "2026-03-05-0.parquet.zst")
    for name in ("events", "persons"):
        (logs / name / "manifest.json").write_text(json.dumps({"files": [f"{name}/2026-03-05-0"]}))


def posthog_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """The rows of the export of events, with nested properties, in the order of time."""
    users = sorted(landing["users"]["user_id"])
    merged = set(users[::MERGED_LATER])
    for event in commerce_events(landing):
        yield _event(event, _earlier_person(event.user) if event.user in merged else event.user)


def posthog_persons(landing: Mapping[str, pl.DataFrame]) -> Iterator[dict[str, Any]]:
    """The rows of the export of persons: one per ``distinct_id``, and an earlier version of those who were merged."""
    for number, user in enumerate(sorted(landing["users"]["user_id"])):
        versions = [(1, user)] if number % MERGED_LATER else [(2, user), (1, _earlier_person(user))]
        for version, person in versions:
            yield {
                "team_id": 2,
                "distinct_id": f"device-{user}",
                "person_id": person,
                "properties": "{}",
                "person_distinct_id_version": version,
                "person_version": 5 - version,
                "created_at": datetime(2026, 1, 1, tzinfo=UTC),
                "is_deleted": False,
            }


def _earlier_person(user: str) -> str:
    return f"earlier-{user}"


def _event(event: CommerceEvent, person: str) -> dict[str, Any]:
    at = event.at.replace(tzinfo=UTC)
    return {
        "uuid": event.message_id,
        "event": "$pageview" if event.name is None else snake_case(event.name),
        "distinct_id": event.device,
        "person_id": person,
        "properties": {"$lib": "web", "$current_url": "https://shop.example/", **event.properties},
        "person_properties": {},
        "elements_chain": "",
        "timestamp": at,
        "created_at": at + timedelta(seconds=2),
        "_inserted_at": at + timedelta(seconds=90),
    }
