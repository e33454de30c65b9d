"""The next request is a pure function of stale days, recorded runs and the time."""

from datetime import date, datetime, timedelta
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.scheduling.requests import (
    LONGEST_BACK_OFF,
    DayRun,
    Request,
    Wait,
    days_to_close,
    next_request,
)

NOW = datetime(2026, 6, 1, 12)
DAYS = st.dates(date(2026, 5, 1), date(2026, 5, 31))


def day(n: int) -> date:
    return date(2026, 5, n)


def in_flight(first: int, last: int) -> DayRun:
    return DayRun(day(first), day(last), "in_flight", None, is_automatic=False)


def ended(outcome: Literal["succeeded", "failed"], minutes_ago: float, *, is_automatic: bool = True) -> DayRun:
    return DayRun(day(1), day(1), outcome, NOW - timedelta(minutes=minutes_ago), is_automatic)


@st.composite
def runs(draw: st.DrawFn) -> list[DayRun]:
    found = []
    for _ in range(draw(st.integers(0, 5))):
        first = draw(DAYS)
        outcome = draw(st.sampled_from(["in_flight", "succeeded", "failed"]))
        at = None if outcome == "in_flight" else NOW - timedelta(minutes=draw(st.integers(0, 200)))
        found.append(DayRun(first, first + timedelta(days=draw(st.integers(0, 9))), outcome, at, draw(st.booleans())))
    return found


@given(st.lists(DAYS), runs())
def test_a_request_covers_stale_days_before_any_day_in_flight(stale: list[date], on_record: list[DayRun]) -> None:
    request = next_request(stale, on_record, NOW)
    if isinstance(request, Wait):
        assert request.reason
        return
    assert request.first_day == min(stale)
    assert request.last_day in stale
    assert all(request.last_day < run.first_day for run in on_record if run.outcome == "in_flight")


@given(st.lists(DAYS, min_size=1))
def test_with_nothing_in_flight_and_no_failure_all_stale_days_are_requested_at_once(stale: list[date]) -> None:
    assert next_request(stale, [], NOW) == Request(min(stale), max(stale))


@given(runs())
def test_without_stale_days_nothing_is_requested(on_record: list[DayRun]) -> None:
    assert isinstance(next_request([], on_record, NOW), Wait)


def test_days_at_or_after_a_day_in_flight_wait_for_that_run() -> None:
    assert next_request([day(3), day(4), day(5)], [in_flight(5, 9)], NOW) == Request(day(3), day(4))
    assert isinstance(next_request([day(5), day(12)], [in_flight(5, 9)], NOW), Wait)


def test_the_back_off_doubles_up_to_an_hour_and_ends_after_a_success() -> None:
    def waits(*on_record: DayRun) -> bool:
        return isinstance(next_request([day(5)], list(on_record), NOW), Wait)

    assert waits(ended("failed", 0.9))
    assert not waits(ended("failed", 1.1))
    assert waits(ended("failed", 1.1), ended("failed", 5))
    assert not waits(ended("failed", 2.1), ended("failed", 5))
    assert waits(*[ended("failed", 59 + n) for n in range(30)])
    assert not waits(*[ended("failed", LONGEST_BACK_OFF / timedelta(minutes=1) + 1 + n) for n in range(30)])
    assert not waits(ended("succeeded", 0.1), ended("failed", 0.2))
    assert not waits(ended("failed", 0.1, is_automatic=False))


def test_the_schedule_closes_open_and_stale_days_up_to_yesterday() -> None:
    def due(stale: list[int], last_closed: int | None) -> tuple[date, date] | None:
        return days_to_close(
            [day(n) for n in stale], day(last_closed) if last_closed else None, day(20), start=day(2), retention_days=9
        )

    assert due([], 19) == (day(20), day(20))
    assert due([], 17) == (day(18), day(20))
    assert due([], 20) is None
    assert due([21], 20) is None
    assert due([16, 18], 20) == (day(16), day(20))
    assert due([], 2) == (day(12), day(20))
    assert due([], None) is None
