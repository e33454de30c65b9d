"""Messages to other systems: their content, and the keys by which a receiver recognises one that it has already.

A key is a hash of what makes a message the same one. A send is the same one for a user and a day, whatever the journey:
a user gets one message a day, so a plan that is made again never adds a second. Traits are the same ones for a user, a
day and a content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl


@dataclass(frozen=True, slots=True)
class Audience:
    """Users with an ongoing journey of a certain kind.

    Attributes:
        name: Name of the audience, as receivers get it.
        about: Words; a journey belongs to the audience if its name or one of its keywords has one of them as a word or
            a sequence of words. Empty: journeys of any theme.
        min_confidence: Least confidence of the journey, 0 to 1.
        kinds, intents: Kinds and intents that belong to it; empty: all.
    """

    name: str
    about: tuple[str, ...] = ()
    min_confidence: float = 0.5
    kinds: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()

    def holds(self, journey: Mapping[str, Any]) -> bool:
        """Whether a journey (row of ``traits_of``) makes its user a member."""
        texts = [f" {text.casefold()} " for text in (journey["journey_name"], *journey["keywords"])]
        return (
            journey["confidence"] >= self.min_confidence
            and (not self.kinds or journey["kind"] in self.kinds)
            and (not self.intents or journey["intent"] in self.intents)
            and (not self.about or any(f" {word.casefold()} " in text for word in self.about for text in texts))
        )


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed over once.

    Attributes:
        key: 32 hex digits.
        kind: ``notification``, ``cancellation`` or ``traits``.
        content: Plain JSON values.
    """

    key: str
    kind: str
    user_id: str
    content: Mapping[str, Any]
    journey_id: str | None = None
    channel: str | None = None
    send_date: date | None = None


def traits_of(
    journeys: pl.DataFrame, before: Mapping[str, str], audiences: Sequence[Audience], day: date
) -> list[Message]:
    """The traits of each user that differ from those that the receiver has.

    Args:
        journeys: user_id, journey_id, journey_name, keywords, kind, intent, confidence, rank of all ongoing journeys
            that may be shown.
        before: Content of the traits that were handed over last (``as_json``), by user. A user without an ongoing
            journey who is in it gets empty traits.
        audiences: The audiences of the deployment.
        day: The day of the journeys.

    Returns:
        Messages in order of users.
    """
    rows: dict[str, list[dict[str, Any]]] = {user: [] for user in before}
    for row in journeys.sort("user_id", "rank").iter_rows(named=True):
        rows.setdefault(row["user_id"], []).append(row)
    contents = {user: _traits(rows[user], audiences) for user in sorted(rows)}
    return [
        Message(key_of("traits", user, day.isoformat(), as_json(content)), "traits", user, content)
        for user, content in contents.items()
        if before.get(user) != as_json(content)
    ]


def _traits(journeys: Sequence[Mapping[str, Any]], audiences: Sequence[Audience]) -> dict[str, Any]:
    return {
        "journeys": [
            {
                "journey_id": journey["journey_id"],
                "name": journey["journey_name"],
                "kind": journey["kind"],
                "intent": journey["intent"],
                "confidence": round(journey["confidence"], 2),
            }
            for journey in journeys
        ],
        "audiences": {audience.name: any(audience.holds(journey) for journey in journeys) for audience in audiences},
    }


def notifications_of(sends: pl.DataFrame) -> list[Message]:
    """The messages for planned sends.

    Args:
        sends: user_id, journey_id, channel, arm, title_text, confidence, timezone, send_window_start_at,
            send_window_end_at, send_date; one row a user and day.
    """
    return [
        Message(
            key_of("notification", row["user_id"], row["send_date"].isoformat()),
            "notification",
            row["user_id"],
            {
                "journey_id": row["journey_id"],
                "channel": row["channel"],
                "arm": row["arm"],
                "title": row["title_text"],
                "confidence": round(row["confidence"], 2),
                "timezone": row["timezone"],
                "send_after": _iso(row["send_window_start_at"]),
                "send_before": _iso(row["send_window_end_at"]),
            },
            row["journey_id"],
            row["channel"],
            row["send_date"],
        )
        for row in sends.sort("user_id", "send_date").iter_rows(named=True)
    ]


def cancellations_of(withdrawn: pl.DataFrame) -> list[Message]:
    """Messages that take back sends that may no longer be carried out.

    Args:
        withdrawn: key, user_id, journey_id, channel, send_date, reason of sends that were handed over.
    """
    return [
        Message(
            key_of("cancellation", row["key"]),
            "cancellation",
            row["user_id"],
            {"notification_key": row["key"], "reason": row["reason"]},
            row["journey_id"],
            row["channel"],
            row["send_date"],
        )
        for row in withdrawn.sort("key").iter_rows(named=True)
    ]


def key_of(*parts: str) -> str:
    """32 hex digits over the parts."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def as_json(content: Mapping[str, Any]) -> str:
    """The content as the ledger has it: equal contents are equal texts."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def _iso(at: datetime) -> str:
    return f"{at.isoformat(timespec='seconds')}Z"
