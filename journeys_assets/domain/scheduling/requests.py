"""The decision which days to run next, from stored state alone: stale days, recorded runs and the time.

The queries for that state are in ``storage.queries.staleness`` and ``defs.sensors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

FIRST_BACK_OFF = timedelta(minutes=1)
LONGEST_BACK_OFF = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class DayRun:
    """A recorded run over a range of days.

    Attributes:
        first_day, last_day: The days that it covers, both inclusive.
        outcome: How it ended, or that it is still in flight.
        ended_at: When it ended, naive UTC; None while it is in flight.
        is_automatic: Whether the sensor requested it. Only such runs count for the sensor's back-off.
    """

    first_day: date
    last_day: date
    outcome: Literal["in_flight", "succeeded", "failed"]
    ended_at: datetime | None
    is_automatic: bool


@dataclass(frozen=True, slots=True)
class Request:
    """Days to run, in order, in one run."""

    first_day: date
    last_day: date


@dataclass(frozen=True, slots=True)
class Wait:
    """No request now.

    Attributes:
        reason: Why.
        seconds: After how many seconds there may be a request; None if that is not known.
    """

    reason: str
    seconds: float | None = None


def next_request(stale: Sequence[date], runs: Sequence[DayRun], now: datetime) -> Request | Wait:
    """The one request to make now.

    A day rests on the days before it, so days are requested oldest first, and never at or after a day that a run in
    flight covers: such a day would have to be run again once that run is done. After failures it waits 1, 2, 4 …
    minutes, at most an hour.

    Args:
        stale: Days whose output is behind the log.
        runs: Runs in flight, and those that ended lately.
        now: Naive UTC.
    """
    if not stale:
        return Wait("every day is up to date with the log")
    until = _backed_off_until(runs)
    if until is not None and now < until:
        return Wait(f"the last run failed; the next attempt is due at {until:%Y-%m-%d %H:%M:%S} UTC")
    busy = min((run.first_day for run in runs if run.outcome == "in_flight"), default=None)
    free = [day for day in sorted(stale) if busy is None or day < busy]
    if not free:
        return Wait(f"{len(stale)} stale days, the first is {min(stale)}, wait for the run over {busy} and later")
    return Request(free[0], free[-1])


def days_to_close(
    stale: Sequence[date], last_closed: date | None, yesterday: date, *, start: date, retention_days: int
) -> tuple[date, date] | None:
    """First and last day of the run of the daily schedule; None if no day is due.

    Stale days and days that are not closed yet are due, up to yesterday. Days without events are closed too, so that
    journeys end on the right day. After a long pause of the log, only days within ``retention_days`` are closed.

    Args:
        start: The first day of the output; days that were closed before it do not count.
    """
    due = [day for day in stale if day <= yesterday]
    if last_closed is not None and start <= last_closed < yesterday:
        due.append(max(last_closed + timedelta(days=1), yesterday - timedelta(days=retention_days - 1)))
    return (min(due), yesterday) if due else None


def _backed_off_until(runs: Sequence[DayRun]) -> datetime | None:
    ended: list[tuple[datetime, str]] = sorted(
        (run.ended_at, run.outcome) for run in runs if run.is_automatic and run.ended_at is not None
    )
    failures = 0
    for _, outcome in reversed(ended):
        if outcome != "failed":
            break
        failures += 1
    if not failures:
        return None
    pause: timedelta = min(FIRST_BACK_OFF * 2 ** min(failures - 1, 16), LONGEST_BACK_OFF)
    return ended[-1][0] + pause
