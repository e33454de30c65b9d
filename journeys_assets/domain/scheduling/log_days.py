"""Which days of a log are computed: where its output begins, what is set aside before, and what waits for tomorrow.

The rule, for every plain run, for the sensor, the schedule and ``journeys doctor``:

* **First day.** With the setting ``first_partition_date``, that day. Otherwise the first day with an event, unless the
  events before a pause are outliers. The pause must be longer than the horizon, as no journey lives across it, and the
  events before it must be few: at most ``SHARE_PER_HORIZON`` of all events for each horizon that the pause lasts, and
  at most ``LARGEST_SHARE``. One row of 1970 among rows of today is an outlier; a search every eight months is not.
* **Last day.** The last day with an event, but not after today (UTC). Events dated tomorrow wait until it is tomorrow.
  A plain run also makes later days with sends or feedback, as long as journeys may be live.

Days before the first day are not computed unless a run names them. Their events stay in the log and count as history:
the keywords of every earlier day that has events are made, for windows and journey ids. So no row of a day depends on
where the output begins. The choice depends on the log alone: events that come later and fill the pause move the first
day back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

SHARE_PER_HORIZON = 0.01
"""Largest share of all events that are outliers, for each horizon that the pause after them lasts. A mistyped year is
one row in many. A log that pauses for years with a real beginning has more than one event in a hundred before it."""

LARGEST_SHARE = 0.5
"""The larger part of a log is never set aside, however long the pause."""

LONG_RUN_DAYS = 366
"""A run of more days than this is announced with a warning."""


@dataclass(frozen=True, slots=True)
class SomeDays:
    """Days that have events.

    Attributes:
        first, last: The first and the last of them.
        n_days: Their number; days without an event between them do not count.
        n_events: Events on them.
    """

    first: date
    last: date
    n_days: int
    n_events: int

    @property
    def text(self) -> str:
        """For people: events and days."""
        events = f"{self.n_events:,} {'event' if self.n_events == 1 else 'events'}"
        if self.n_days == 1:
            return f"{events} of {self.first}"
        return f"{events} of {self.n_days:,} days, {self.first} … {self.last}"


@dataclass(frozen=True, slots=True)
class LogDays:
    """The days of a log, as of one day.

    Attributes:
        start: The first day of the output: no day before it is computed unless a run names it.
        all: Every day with an event; None where there is no event.
        counted: The days from ``start`` to the present day; None if there is none.
        set_aside: The days before ``start`` that are past; None if there is none.
        waiting: The days after the present day; None if there is none.
        is_start_set: ``start`` is the setting first_partition_date, not found in the log.
    """

    start: date
    all: SomeDays | None
    counted: SomeDays | None
    set_aside: SomeDays | None
    waiting: SomeDays | None
    is_start_set: bool

    @property
    def share_set_aside(self) -> float:
        """Share of all events that are before ``start``."""
        return self.set_aside.n_events / self.all.n_events if self.set_aside and self.all else 0.0

    @property
    def set_aside_note(self) -> str | None:
        """Which events get no output because they are before ``start``, why, and the cure."""
        if self.set_aside is None:
            return None
        if self.is_start_set:
            return (
                f"history only: {self.set_aside.text} are before first_partition_date = {self.start}; their keywords "
                "count on later days, and they get no output of their own"
            )
        return (
            f"set aside: {self.set_aside.text}, far before the rest of the log, which begins on {self.start}. If they "
            f"are right, run them with `journeys run --from {self.set_aside.first}` or set first_partition_date = "
            f"{self.set_aside.first}; if they are wrong, set first_partition_date = {self.start}"
        )

    @property
    def waiting_note(self) -> str | None:
        """Which events wait because they are dated after the present day."""
        if self.waiting is None:
            return None
        return f"waiting: {self.waiting.text}, after today (UTC); a run includes them once their day has come"

    @property
    def notes(self) -> tuple[str, ...]:
        """Both notes, where there is something to say."""
        return tuple(note for note in (self.set_aside_note, self.waiting_note) if note)


def log_days(
    events: Mapping[date, int], *, today: date, horizon_days: int, first_partition_date: date | None = None
) -> LogDays:
    """The days of a log by the rule of this module.

    Args:
        events: Number of events of each day that has any, all of them at least 1.
        today: The last day that may be computed.
        horizon_days: Days after which a journey without an event is no longer live.
        first_partition_date: The setting.
    """
    start = first_partition_date or start_of_log(events, horizon_days=horizon_days) or today
    return LogDays(
        start=start,
        all=_some(events, events),
        counted=_some(events, (day for day in events if start <= day <= today)),
        set_aside=_some(events, (day for day in events if day < start and day <= today)),
        waiting=_some(events, (day for day in events if day > today)),
        is_start_set=first_partition_date is not None,
    )


def start_of_log(events: Mapping[date, int], *, horizon_days: int) -> date | None:
    """The first day that is no outlier; None where there is no event.

    Where several pauses have only outliers before them, the last of these pauses counts.
    """
    days = sorted(events)
    n_all = sum(events.values())
    start, n_before = min(days, default=None), 0
    for day, following in pairwise(days):
        n_before += events[day]
        pause = (following - day).days
        allowed = min(LARGEST_SHARE, SHARE_PER_HORIZON * pause / horizon_days)
        if pause > horizon_days and n_before <= allowed * n_all:
            start = following
    return start


def _some(events: Mapping[date, int], chosen: Iterable[date]) -> SomeDays | None:
    days = sorted(chosen)
    if not days:
        return None
    return SomeDays(days[0], days[-1], len(days), sum(events[day] for day in days))
