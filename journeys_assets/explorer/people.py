"""Everything published about one user."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

Rows = list[dict[str, Any]]
ITEMS = "journey_items"
"""Table of the items to show for each journey; a deployment need not have it."""
N_EVENTS, EVENT_DAYS = 60, 180


@dataclass(frozen=True, slots=True)
class Person:
    """One user's rows, as of one day.

    Attributes:
        journeys: Rows of current_journeys, best first.
        events: Rows of journey_events of the last ``EVENT_DAYS`` days, the latest first, at most ``N_EVENTS``; each
            with journey_name, which is null where the journey is not live.
        plans: Rows of notification_candidates of the day, by journey_id.
        related: Rows of related_journeys of the day, best first, with from_journey_name.
        items: Items to show, best first, by journey_id; none where the deployment has no table journey_items.
    """

    user_id: str
    journeys: Rows
    events: Rows
    plans: dict[str, Rows]
    related: Rows
    items: dict[str, list[str]]

    @property
    def is_known(self) -> bool:
        """Whether anything is published about the user."""
        return bool(self.journeys or self.events)

    def areas(self) -> list[dict[str, Any]]:
        """Areas of more than one journey: name and journeys."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.journeys:
            found.setdefault(one["area_id"], {"name": one["area_name"], "journeys": []})["journeys"].append(one)
        return [area for area in found.values() if len(area["journeys"]) > 1]


def read_person(con: duckdb.DuckDBPyConnection, user_id: str, day: date, tables: Collection[str]) -> Person:
    """The user's rows; all empty for a user without any."""
    asked = {"user": user_id, "day": day}
    journeys = _rows(con, "SELECT * FROM current_journeys WHERE user_id = $user ORDER BY rank", {"user": user_id})
    names = {one["journey_id"]: one["journey_name"] for one in journeys}
    events = _rows(
        con,
        f"SELECT * FROM journey_events WHERE user_id = $user AND partition_date > $day - {EVENT_DAYS} "
        f"ORDER BY partition_date DESC, journey_id, event LIMIT {N_EVENTS}",
        asked,
    )
    plans: dict[str, Rows] = {}
    for plan in _rows(
        con,
        "SELECT * FROM notification_candidates WHERE partition_date = $day AND user_id = $user ORDER BY channel",
        asked,
    ):
        plans.setdefault(plan["journey_id"], []).append(plan)
    related: Rows = []
    if "related_journeys" in tables:
        related = _rows(
            con,
            "SELECT * FROM related_journeys WHERE partition_date = $day AND user_id = $user ORDER BY rank",
            asked,
        )
    items: dict[str, list[str]] = {}
    if ITEMS in tables:
        found = con.execute(
            f"SELECT journey_id, item_ids FROM {ITEMS} WHERE partition_date = $day AND user_id = $user", asked
        )
        items = dict(found.fetchall())
    return Person(
        user_id,
        journeys,
        [event | {"journey_name": names.get(event["journey_id"])} for event in events],
        plans,
        [one | {"from_journey_name": names.get(one["from_journey_id"])} for one in related],
        items,
    )


def _rows(con: duckdb.DuckDBPyConnection, query: str, params: dict[str, Any]) -> Rows:
    return con.execute(query, params).pl().to_dicts()
