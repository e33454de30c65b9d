"""What may be sent, decided in plain Python from the files that have landed: an oracle for promise 15.

It shares no code with the package. The rules:

* **Versions of a user.** A row with ``updated_at`` is *dated*: it takes effect at that time. A row without it belongs
  to a *snapshot*, the state at the time of the ingest call: it replaces every version of earlier calls, for all days.
  Dated rows of that call and of later ones apply on top of it, in the order (updated_at, call, file, line); of several
  rows of one time only the last in this order is a version. A dated opt-in lifts the "no" of a snapshot only if it is
  not older than the call that brought the snapshot.
* **Missing people.** A call with snapshot rows that does not list a person makes that person's consent unknown.
* **Unknown is no.** So are a blank or unreadable opt-in, and both opt-ins of a row with an unreadable ``updated_at``.
* **Days.** The plan of partition D is sent on D+1. It sees opt-ins up to the end of D, and opt-outs and unsubscribes up
  to the end of D+1 if they have landed.
* **Unsubscribes.** Any version of any notification that has ever landed counts, in refused rows too. An unsubscribe
  holds its channel (both, if the channel is unreadable) from its time on (of ingest, if the time is unreadable) until a
  newer opt-in: a dated one after it, or the change from an explicit no to yes from one snapshot to the next, in a later
  call than the unsubscribe.
* **Caps.** No 7 days have more sends to a user than the cap, and no two sends about one journey are closer than the
  cool-down. Plans of all other days count, later ones included, and sends that were logged up to the send day.
* **Quiet hours** are those of the last valid time zone of the user.

Where the rules leave something open (the same dated row landed again after a snapshot, say) the verdict is ``OPEN``.
"""

from __future__ import annotations

import itertools
import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

CHANNELS = ("email", "push")
YES: Final = "yes"
NO: Final = "no"
OPEN: Final = "open"
Verdict = Literal["yes", "no", "open"]
ZONES = zoneinfo.available_timezones()
ALWAYS = datetime(1, 1, 1)


def end_of(day: date) -> datetime:
    """The first instant after the UTC day."""
    return datetime.combine(day + timedelta(days=1), datetime.min.time())


# ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class UserRow:
    """A row of ``users`` as a call brought it. ``updated_at`` is None in a snapshot, "unreadable" if it is no time."""

    call: int
    at: datetime
    file: str
    line: int
    user_id: str
    updated_at: datetime | Literal["unreadable"] | None
    opt_ins: tuple[bool | None, bool | None]
    timezone: str | None

    @property
    def dated_at(self) -> datetime | None:
        return self.updated_at if isinstance(self.updated_at, datetime) else None

    def says(self, channel: str) -> bool | None:
        return None if self.updated_at == "unreadable" else self.opt_ins[CHANNELS.index(channel)]

    @property
    def order(self) -> tuple[datetime, int, str, int]:
        return (self.dated_at or self.at, self.call, self.file, self.line)


@dataclass(frozen=True)
class Unsubscribe:
    """A row of ``notification_events`` with ``unsubscribed_at``; ``since`` is that time, or the time of ingest."""

    call: int
    user_id: str
    channels: tuple[str, ...]
    since: datetime
    notification_id: str


@dataclass(frozen=True, order=True)
class Send:
    """A send that is planned or was logged; ``journey_id`` is empty if it is about no journey."""

    sent_on: date
    user_id: str
    channel: str
    journey_id: str


@dataclass
class Facts:
    """Everything that has landed so far."""

    rows: dict[str, list[UserRow]] = field(default_factory=lambda: defaultdict(list))
    unsubscribes: dict[str, list[Unsubscribe]] = field(default_factory=lambda: defaultdict(list))
    logged: set[Send] = field(default_factory=set)
    snapshots: dict[int, datetime] = field(default_factory=dict)
    """Time of every call that brought snapshot rows."""
    lists: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The files of every call that have rows without a readable time."""
    unreadable: dict[int, datetime] = field(default_factory=dict)
    """Time of every call that brought a row with an unreadable ``updated_at``."""

    def add_row(self, row: UserRow) -> None:
        self.rows[row.user_id].append(row)
        if row.dated_at is None:
            self.lists[row.call].add(row.file)
        if row.updated_at is None:
            self.snapshots[row.call] = row.at
        elif row.updated_at == "unreadable":
            self.unreadable[row.call] = row.at

    def add_unsubscribe(self, unsubscribe: Unsubscribe) -> None:
        self.unsubscribes[unsubscribe.user_id].append(unsubscribe)

    def of(self, user_id: str) -> str:
        """The facts about one user, for messages."""
        lines = [
            *self.rows[user_id],
            *self.unsubscribes[user_id],
            *sorted(s for s in self.logged if s.user_id == user_id),
        ]
        return "\n".join(f"    {line}" for line in lines) + f"\n    snapshot calls: {sorted(self.snapshots)}"


# ── consent ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def consent(facts: Facts, user_id: str, channel: str, day: date) -> Verdict:
    """Whether the plan of partition ``day`` may send to the user on the channel."""
    verdicts = {opted_in(facts, user_id, channel, day), _negated(unsubscribed(facts, user_id, channel, day))}
    return NO if NO in verdicts else OPEN if OPEN in verdicts else YES


def opted_in(facts: Facts, user_id: str, channel: str, day: date) -> Verdict:
    """Whether the latest version of the user that counts on partition ``day`` has an opt-in."""
    return _only({_opted_in(facts, user_id, channel, day, reading) for reading in READINGS})


@dataclass(frozen=True)
class Reading:
    """One way to read what the rules leave open.

    Attributes:
        once: A row that lands again, and says the same, counts with the call that first brought it.
        with_call: Dated rows of the call that brought a snapshot apply on top of it.
        replaced_hide: Dated rows that a snapshot replaced still hide older ones that land after it.
        all_rows: Of several undated rows of a person in one file all must say yes, not only the last.
        each_file: A file with undated rows is a list of its own, which replaces those of earlier files of the call.
        unreadable: A row with an unreadable time is one of the snapshot of its call, makes its call one with a
            snapshot, or is dated at the time of ingest.
    """

    once: bool
    with_call: bool
    replaced_hide: bool
    all_rows: bool
    each_file: bool
    unreadable: Literal["in snapshot", "snapshot", "dated"]


_UNREADABLE: tuple[Literal["in snapshot", "snapshot", "dated"], ...] = ("in snapshot", "snapshot", "dated")
READINGS = [
    Reading(once, with_call, replaced_hide, all_rows, each_file, unreadable)
    for once, with_call, replaced_hide, all_rows, each_file in itertools.product((False, True), repeat=5)
    for unreadable in _UNREADABLE
]


def _opted_in(facts: Facts, user_id: str, channel: str, day: date, reading: Reading) -> bool | None:
    """One reading of the rules; None if it does not say."""
    rows = facts.rows[user_id]
    if reading.unreadable == "dated":
        rows = [
            replace(row, updated_at=row.at, opt_ins=(None, None)) if row.updated_at == "unreadable" else row
            for row in rows
        ]
    snapshots = facts.snapshots | (facts.unreadable if reading.unreadable == "snapshot" else {})
    last_snapshot = max(snapshots, default=0)
    undated = [row for row in rows if row.dated_at is None and row.call >= last_snapshot]
    base_call, base_at, base = last_snapshot, snapshots.get(last_snapshot, ALWAYS), False
    if undated:
        latest = max(undated, key=lambda row: (row.call, row.file, row.line))
        said = [row.says(channel) for row in undated if (row.call, row.file) == (latest.call, latest.file)]
        base = None not in said and all(said) if reading.all_rows else latest.says(channel) is True
        if reading.each_file and latest.file != max(facts.lists[last_snapshot], default=latest.file):
            base = False
        since = _first_of_the_same(facts, user_id, channel) if reading.once else latest
        base_call, base_at = since.call, since.at
    elif any(row.call == last_snapshot for row in rows):
        return None  # the call with the snapshot lists the person in dated rows only
    first_call = base_call + (not reading.with_call)
    dated = [row for row in _dated(rows, reading.once) if row.call >= first_call or reading.replaced_hide]
    seen = [row for row in dated if _is_seen(row, row.says(channel) is True, day)]
    if not seen:
        return base
    newest = max(seen, key=lambda row: row.order)
    if newest.call < first_call:
        return base
    if newest.says(channel) is not True:
        return False
    return base or newest.order[0] >= base_at


def _dated(rows: Iterable[UserRow], once: bool) -> list[UserRow]:
    latest: dict[object, UserRow] = {}
    for row in sorted((row for row in rows if row.dated_at is not None), key=lambda row: row.order):
        latest[row.dated_at] = row
    dated = list(latest.values())
    if not once:
        return dated
    first: dict[object, UserRow] = {}
    for row in dated:
        first.setdefault((row.updated_at, row.opt_ins, row.timezone), row)
    return list(first.values())


def _first_of_the_same(facts: Facts, user_id: str, channel: str) -> UserRow:
    """The first of the undated rows at the end of the user's history that say the same, without a gap; where they say
    nothing, a gap says the same."""
    *earlier, first = _undated(facts, user_id)
    for row in reversed(earlier):
        has_gap = any(row.call < call < first.call for call in facts.snapshots)
        if row.says(channel) != first.says(channel) or (has_gap and first.says(channel) is not None):
            break
        first = row
    return first


def _is_seen(row: UserRow, is_opt_in: bool, day: date) -> bool:
    assert row.dated_at is not None
    return row.dated_at < end_of(day if is_opt_in else day + timedelta(days=1))


def unsubscribed(facts: Facts, user_id: str, channel: str, day: date) -> Verdict:
    """Whether an unsubscribe holds the channel in the plan of partition ``day``."""
    found = [u for u in facts.unsubscribes[user_id] if channel in u.channels]
    verdicts = {_holds(facts, user_id, channel, day, u, found) for u in found}
    return YES if YES in verdicts else OPEN if OPEN in verdicts else NO


def _holds(
    facts: Facts, user_id: str, channel: str, day: date, unsubscribe: Unsubscribe, found: Sequence[Unsubscribe]
) -> Verdict:
    if unsubscribe.since >= end_of(day + timedelta(days=1)):
        return OPEN  # it is later than the send; a cautious plan may count it
    calls = [u.call for u in found if (u.notification_id, u.since) == (unsubscribe.notification_id, unsubscribe.since)]
    opt_ins = [
        row
        for row in facts.rows[user_id]
        if row.dated_at and row.says(channel) is True and unsubscribe.since < row.dated_at < end_of(day)
    ]
    states = _states(facts, user_id, channel)
    is_lifted_surely = any(row.call > max(facts.snapshots, default=0) for row in opt_ins) or any(
        before is False and after is True and call > max(calls)
        for (_, before), (call, after) in itertools.pairwise(states)
    )
    # An opt-in that a snapshot replaced, and a "no" that is dated, of the same call or before a gap: not decided.
    has_said_no = any(row.says(channel) is False for row in facts.rows[user_id])
    is_lifted_perhaps = opt_ins or (
        has_said_no and any(row.says(channel) and row.call > min(calls) for row in _undated(facts, user_id))
    )
    return NO if is_lifted_surely else OPEN if is_lifted_perhaps else YES


def _undated(facts: Facts, user_id: str) -> list[UserRow]:
    rows = [row for row in facts.rows[user_id] if row.dated_at is None]
    return sorted(rows, key=lambda row: (row.call, row.file, row.line))


def _states(facts: Facts, user_id: str, channel: str) -> list[tuple[int, bool | None]]:
    """What each call with a snapshot says in the end; None where it does not list the user."""
    states: dict[int, bool | None] = dict.fromkeys(facts.snapshots, None)
    states |= {row.call: row.says(channel) for row in _undated(facts, user_id)}
    return sorted(states.items())


def _only(readings: set[bool | None]) -> Verdict:
    return YES if readings == {True} else NO if readings == {False} else OPEN


def _negated(verdict: Verdict) -> Verdict:
    return NO if verdict == YES else YES if verdict == NO else OPEN


# ── plans ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Planned:
    """A row of a plan with the decision to send."""

    day: date
    user_id: str
    journey_id: str
    channel: str
    arm: str
    window_start_at: datetime
    window_end_at: datetime

    @property
    def send(self) -> Send:
        return Send(self.day + timedelta(days=1), self.user_id, self.channel, self.journey_id)


@dataclass(frozen=True)
class Limits:
    """The settings of the plan that the rules need. Hours are local hours of the user."""

    weekly_cap: int
    cool_down_days: int
    quiet_start_hour: int
    quiet_end_hour: int


@dataclass(frozen=True)
class Breach:
    """A send that must not be."""

    rule: str
    planned: Planned
    why: str


def breaches(plans: Sequence[Planned], run_days: Sequence[date], facts: Facts, limits: Limits) -> list[Breach]:
    """What is wrong with the plans of the days that were just run.

    Args:
        plans: Every planned send of every day that is stored now.
        facts: What had landed before the run.
    """
    by_user: dict[str, list[Planned]] = defaultdict(list)
    for planned in plans:
        by_user[planned.user_id].append(planned)
    found = []
    for of_user in by_user.values():
        for planned in of_user:
            if planned.day in run_days:
                found += _of_the_user(planned, facts)
                found += _of_the_window(planned, facts, limits)
                found += _of_other_sends(planned, of_user, facts, limits)
    return found


def _of_the_user(planned: Planned, facts: Facts) -> list[Breach]:
    user_id, channel, day = planned.user_id, planned.channel, planned.day
    found = []
    if opted_in(facts, user_id, channel, day) == NO:
        found.append(Breach("opt-in", planned, f"{channel} is not opted in"))
    if unsubscribed(facts, user_id, channel, day) == YES:
        found.append(Breach("unsubscribe", planned, f"{channel} is unsubscribed"))
    if planned.arm == "holdout":
        found.append(Breach("holdout", planned, "the holdout gets no sends"))
    return found


def _of_the_window(planned: Planned, facts: Facts, limits: Limits) -> list[Breach]:
    found = []
    if planned.window_start_at.date() != planned.send.sent_on or planned.window_end_at <= planned.window_start_at:
        found.append(Breach("window", planned, "the window does not start on the day after the partition"))
    zones = last_zones(facts, planned.user_id, planned.day)
    loud = [zone for zone in zones if not _touches_quiet_hours(planned, zone, limits)]
    if zones and not loud:
        found.append(Breach("quiet hours", planned, f"the window is in quiet hours of {', '.join(sorted(zones))}"))
    return found


def _touches_quiet_hours(planned: Planned, zone: str, limits: Limits) -> bool:
    local = zoneinfo.ZoneInfo(zone)
    n_quiet = (limits.quiet_end_hour - limits.quiet_start_hour) % 24
    at = planned.window_start_at
    while at < planned.window_end_at:
        if (at.replace(tzinfo=UTC).astimezone(local).hour - limits.quiet_start_hour) % 24 < n_quiet:
            return True
        at += timedelta(minutes=1)
    return False


def last_zones(facts: Facts, user_id: str, day: date) -> set[str]:
    """The last valid time zone of the user on partition ``day``; several where the rules leave it open.

    It is empty where none may be known yet, and where a row has an unreadable time or a call has several lists.
    """
    if facts.unreadable or any(len(files) > 1 for files in facts.lists.values()):
        return set()
    found = set()
    days = (day, day + timedelta(days=1))
    for times_count, with_superseded, last_day in itertools.product((False, True), (False, True), days):
        given = facts.rows[user_id] if with_superseded else _last_of_call(facts.rows[user_id])
        rows = [row for row in given if row.timezone in ZONES]
        seen = [row for row in rows if row.dated_at is None or row.dated_at < end_of(last_day)]
        base = max((row.call for row in seen if row.dated_at is None), default=0)
        for with_call in (False, True):
            kept = [
                row for row in seen if row.call > base or (row.call == base and (with_call or row.dated_at is None))
            ]
            if not kept:
                return set()
            newest = max(
                kept,
                key=lambda row: row.order if times_count else (row.dated_at or ALWAYS, row.call, row.file, row.line),
            )
            assert newest.timezone is not None
            found.add(newest.timezone)
    return found


def _last_of_call(rows: Sequence[UserRow]) -> list[UserRow]:
    """Of rows of one call with the same time, the last."""
    ordered = sorted(rows, key=lambda row: (row.call, row.file, row.line))
    return list({(row.call, row.dated_at): row for row in ordered}.values())


def _of_other_sends(planned: Planned, of_user: Sequence[Planned], facts: Facts, limits: Limits) -> list[Breach]:
    found = []
    if sum(other.day == planned.day for other in of_user) > 1:
        found.append(Breach("one a day", planned, "the user has two sends on one day"))
    send = planned.send
    plans = {other.send for other in of_user}
    logged = {s for s in facts.logged if s.user_id == planned.user_id}
    known = plans | {s for s in logged if s.sent_on <= planned.day}
    for end in sorted({s.sent_on for s in known if 0 <= (s.sent_on - send.sent_on).days < 7}):
        sends = _distinct([s for s in known if 0 <= (end - s.sent_on).days < 7])
        if len(sends) > limits.weekly_cap:
            found.append(Breach("weekly cap", planned, f"{len(sends)} sends in the 7 days up to {end}: {sends}"))
    about_it = {s for s in known if s.journey_id == send.journey_id}
    near = [s for s in about_it if 0 < abs((s.sent_on - send.sent_on).days) < limits.cool_down_days]
    if near:
        found.append(Breach("cool-down", planned, f"the journey has a send on {near[0].sent_on}"))
    return found


def _distinct(sends: Sequence[Send]) -> list[Send]:
    """A log may record a planned send without its journey; then it is the same send."""
    slots = {(s.sent_on, s.channel) for s in sends if s.journey_id}
    return sorted(s for s in sends if s.journey_id or (s.sent_on, s.channel) not in slots)
