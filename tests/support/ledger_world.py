"""A simulated year of plans and hand-overs, and a record of what a receiver took; without a warehouse.

The planner and the rules of a hand-over are those of the package. The ledger is a dictionary that follows the table
``activation.handed_over``. Each day people change their minds, move and change their habits. The plan of the day before
is made, sometimes without the plans of earlier days, or not at all. Old days are planned again. Plans are handed over
at several hours, or late; calls are killed before or after the receiver took a batch; receivers refuse.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from journeys_assets.domain.activation.due import due_sends
from journeys_assets.domain.activation.messages import Message, as_json
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.plan import plan_notifications
from journeys_assets.domain.notifications.sends import longest_memory_days, sends_before, sends_of_plan
from journeys_assets.domain.tables.activation import HANDED_OVER
from tests.support.consent_world import ZONES

PARAMS = NotificationParams(
    weekly_cap_per_user=3, journey_cool_down_days=3, journey_arm_share=0.7, interest_arm_share=0.15
)
JOURNEYS = ("j1", "j2", "j3")
MEMORY_DAYS = longest_memory_days(PARAMS) + 7
"""Rows of the ledger that are older can touch no rule; leaving them out keeps a day cheap."""
FAULTS = (
    "plan skipped",
    "plan without earlier plans",
    "old day planned again",
    "late call",
    "killed before the receiver",
    "killed after the receiver",
    "refused",
    "refused ones tried again",
)


@dataclass
class Person:
    """What is true of a user now."""

    user_id: str
    zone: str
    opted_in: dict[str, bool]
    unsubscribed: dict[str, bool]
    active_hour: int
    """UTC hour in which the user was mostly active lately."""

    def may_be_sent(self, channel: str) -> bool:
        return self.opted_in[channel] and not self.unsubscribed[channel]


@dataclass(frozen=True)
class Taken:
    """A send that the receiver took, with what was true of the user at that moment."""

    message: Message
    at: datetime
    zone: str
    was_allowed: bool


@dataclass
class LedgerWorld:
    """The simulation.

    Attributes:
        sends: What the receiver took, by key; each key once.
        taken_back: Keys of sends that were cancelled.
        missed: Sends that consent was withdrawn from before their window was over, and that were not cancelled by a
            call that came in time.
    """

    first: date
    seed: int
    sends: dict[str, Taken] = field(default_factory=dict)
    taken_back: set[str] = field(default_factory=set)
    withheld: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(FAULTS, 0)))
    missed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._people = [
            Person(user, zone, {"push": True, "email": True}, {"push": False, "email": False}, n * 5 % 24)
            for n, (user, zone) in enumerate(ZONES.items())
        ]
        self._plans: dict[date, pl.DataFrame] = {}
        self._planned: dict[date, pl.DataFrame] = {}
        self._ledger: dict[str, dict[str, Any]] = {}

    def live(self, n_days: int) -> None:
        for n in range(n_days):
            self._one_day(self.first + timedelta(days=n))

    def _happens(self, probability: float, fault: str = "") -> bool:
        does = self._rng.random() < probability
        if does and fault:
            self.faults[fault] += 1
        return does

    def _one_day(self, day: date) -> None:
        """The UTC day after partition ``day``."""
        midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
        self._change_minds()
        if not self._happens(0.1, "plan skipped"):
            self._plan(day)
        self._change_minds()
        self._hand_over(day, midnight + timedelta(hours=self._rng.choice((0, 1, 5))))
        if self._happens(0.35):
            self._change_minds()
            if self._happens(0.5):
                self._plan(day)
            self._hand_over(day, midnight + timedelta(hours=self._rng.choice((6, 12, 20))))
        if day > self.first and self._happens(0.15, "old day planned again"):
            old = day - timedelta(days=self._rng.choice((1, 1, 2, 6)))
            self._plan(max(old, self.first))
        if day > self.first and self._happens(0.15, "late call"):
            self._hand_over(day - timedelta(days=1), midnight + timedelta(hours=2))

    def _change_minds(self) -> None:
        for person in self._people:
            if not self._happens(0.08):
                continue
            channel = self._rng.choice(("push", "push", "email"))
            match self._rng.choice(("opt", "opt", "unsubscribe", "move", "habit", "habit")):
                case "opt":
                    person.opted_in[channel] = self._happens(0.7)
                case "unsubscribe":
                    person.unsubscribed[channel] = self._happens(0.3)
                case "move":
                    person.zone = self._rng.choice(list(ZONES.values()))
                case _:
                    person.active_hour = self._rng.randrange(24)

    # ── plans ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _plan(self, day: date) -> None:
        planned = [sends for other, sends in self._planned.items() if abs((other - day).days) < MEMORY_DAYS]
        every = pl.concat(planned) if planned else _NO_SENDS
        if self._happens(0.3, "plan without earlier plans"):
            every = _NO_SENDS
        scores = [self._rng.random() for _ in self._people for _ in JOURNEYS]
        journeys = pl.DataFrame(
            {
                "user_id": [person.user_id for person in self._people for _ in JOURNEYS],
                "journey_id": [journey for _ in self._people for journey in JOURNEYS],
                "journey_name": "Kitchen",
                "stage": "ongoing",
                "intent": "exploring",
                "confidence": 0.9,
                "rank": [rank for _ in self._people for rank in (1, 2, 3)],
                "diversified_score": scores,
                "feedback": None,
                "safety_decision": "allow",
                "item_ids": [[] for _ in scores],
            },
            schema_overrides={"feedback": pl.String, "item_ids": pl.List(pl.String)},
        )
        hours = [(person.user_id, person.active_hour, 5) for person in self._people]
        logged = _NO_SENDS
        plan = plan_notifications(
            journeys,
            self._consent().with_columns(locale=pl.lit(None, pl.String)),
            pl.DataFrame(hours, schema=["user_id", "hour_utc", "n"], orient="row"),
            sends_before(every, logged, day, PARAMS),
            pl.DataFrame(schema={"user_id": pl.String, "journey_id": pl.String, "n_similar_sends": pl.Int64}),
            day,
            PARAMS,
            planned_later=every.filter(pl.col("sent_date") > day + timedelta(days=1)),
        )
        self._plans[day] = plan.filter(pl.col("decision") == "send").with_columns(
            partition_date=pl.lit(day), send_date=pl.lit(day + timedelta(days=1))
        )
        self._planned[day] = sends_of_plan(self._plans[day])

    def _consent(self) -> pl.DataFrame:
        return pl.DataFrame(
            [
                {"user_id": person.user_id, "timezone": person.zone or None}
                | {f"{channel}_opt_in": person.opted_in[channel] for channel in ("push", "email")}
                | {f"{channel}_unsubscribed": person.unsubscribed[channel] for channel in ("push", "email")}
                for person in self._people
            ]
        )

    # ── hand-over ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _hand_over(self, day: date, now: datetime) -> None:
        if day not in self._plans:
            return
        again = self._happens(0.2, "refused ones tried again")
        states = ("pending", "refused") if again else ("pending",)
        rows = [row for row in self._ledger.values() if (now.date() - row["send_date"]).days < MEMORY_DAYS]
        left = [row for row in rows if row["state"] in states]
        refused = set() if again else {row["key"] for row in rows if row["state"] == "refused"}
        due = due_sends(
            self._plans[day],
            self._handed_over(rows),
            pl.DataFrame(left, schema=HANDED_OVER.polars_schema),
            refused,
            self._consent(),
            now,
            PARAMS,
        )
        self.withheld.update(due.withheld)
        distinct = list({message.key: message for message in due.messages}.values())
        for start in range(0, len(distinct), 3):
            batch = distinct[start : start + 3]
            for message in batch:
                self._ledger[message.key] = self._row(message, now)
            if self._happens(0.04, "killed before the receiver"):
                return
            refuses = {message.key for message in batch if self._happens(0.03, "refused")}
            for message in batch:
                if message.key not in refuses:
                    self._take(message, now)
            if self._happens(0.04, "killed after the receiver"):
                return
            for message in batch:
                self._ledger[message.key]["state"] = "refused" if message.key in refuses else "accepted"
        self._note_missed(now)

    def _handed_over(self, rows: list[dict[str, Any]]) -> pl.DataFrame:
        """As ``storage.queries.activation.sends_handed_over``."""
        contents = {row["key"]: json.loads(row["content"]) for row in rows}
        cancelled = {contents[row["key"]]["notification_key"] for row in rows if row["kind"] == "cancellation"}
        found = [
            {name: row[name] for name in ("key", "user_id", "journey_id", "channel", "send_date", "state")}
            | {name: datetime.fromisoformat(contents[row["key"]][name][:-1]) for name in ("send_after", "send_before")}
            | {"timezone": contents[row["key"]]["timezone"]}
            for row in rows
            if row["kind"] == "notification" and row["state"] != "refused" and row["key"] not in cancelled
        ]
        return pl.DataFrame(found, schema=_HANDED_OVER)

    def _row(self, message: Message, now: datetime) -> dict[str, Any]:
        values = {name: getattr(message, name) for name in ("key", "kind", "user_id", "journey_id", "channel")}
        return values | {
            "destination": "receiver",
            "send_date": message.send_date,
            "content": as_json(message.content),
            "state": "pending",
            "reason": None,
            "run_id": "run",
            "handed_over_at": now,
        }

    def _take(self, message: Message, now: datetime) -> None:
        """What a receiver does: each key once."""
        if message.kind == "cancellation":
            self.taken_back.add(message.content["notification_key"])
        elif message.key not in self.sends:
            person = next(one for one in self._people if one.user_id == message.user_id)
            allowed = message.channel is not None and person.may_be_sent(message.channel)
            self.sends[message.key] = Taken(message, now, person.zone or "UTC", allowed)

    def _note_missed(self, now: datetime) -> None:
        """Sends whose window is not over, and that a call that ran to its end neither took back nor tried to."""
        allowed = {(p.user_id, channel): p.may_be_sent(channel) for p in self._people for channel in ("push", "email")}
        tried = {
            json.loads(row["content"])["notification_key"]
            for row in self._ledger.values()
            if row["kind"] == "cancellation"
        }
        for key, taken in self.sends.items():
            before = datetime.fromisoformat(taken.message.content["send_before"][:-1])
            is_open = before > now and key not in self.taken_back | tried
            if is_open and not allowed[taken.message.user_id, str(taken.message.channel)]:
                self.missed.append(key)


_NO_SENDS = pl.DataFrame(
    schema={"user_id": pl.String, "journey_id": pl.String, "channel": pl.String, "sent_date": pl.Date}
)
_HANDED_OVER = {
    "key": pl.String,
    "user_id": pl.String,
    "journey_id": pl.String,
    "channel": pl.String,
    "send_date": pl.Date,
    "state": pl.String,
    "send_after": pl.Datetime("us"),
    "send_before": pl.Datetime("us"),
    "timezone": pl.String,
}
