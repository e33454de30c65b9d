"""Where the output of a log begins and ends: far outliers, sparse logs, events of tomorrow, first_partition_date."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.scheduling.log_days import LARGEST_SHARE, SHARE_PER_HORIZON, log_days, start_of_log

HORIZON = 180
TODAY = date(2026, 6, 1)
EPOCH = date(1970, 1, 1)
LOGS = st.dictionaries(st.dates(EPOCH, TODAY + timedelta(days=1)), st.integers(1, 500), max_size=12)


def daily(first: date, n_days: int, n_events: int = 1) -> dict[date, int]:
    return {first + timedelta(days=n): n_events for n in range(n_days)}


def start(events: dict[date, int]) -> date | None:
    return start_of_log(events, horizon_days=HORIZON)


@given(LOGS)
def test_what_is_set_aside_is_the_smaller_part_before_a_pause_that_no_journey_survives(events: dict[date, int]) -> None:
    first = start(events)
    if first is None:
        assert not events
        return
    assert first in events
    before = [day for day in events if day < first]
    n_before, n_all = sum(events[day] for day in before), sum(events.values())
    if before:
        pause = (first - max(before)).days
        assert pause > HORIZON
        assert n_before <= LARGEST_SHARE * n_all
        assert n_before <= SHARE_PER_HORIZON * pause / HORIZON * n_all


@given(LOGS, st.randoms(use_true_random=False))
def test_the_choice_depends_on_the_log_alone(events: dict[date, int], chance: object) -> None:
    days = list(events)
    chance.shuffle(days)  # type: ignore[attr-defined]
    assert start({day: events[day] for day in days}) == start(events)


@given(LOGS.filter(bool), st.integers(1, HORIZON))
def test_history_that_fills_the_pauses_makes_every_day_count(events: dict[date, int], step: int) -> None:
    """Late data heals: whatever was set aside, once no pause is longer than the horizon the log begins at its first."""
    first, last = min(events), max(events)
    filled = {first + timedelta(days=n): 1 for n in range(0, (last - first).days, step)} | events
    assert start(filled) == first


@given(LOGS, st.none() | st.dates(EPOCH, TODAY + timedelta(days=400)))
def test_every_event_is_computed_set_aside_or_waiting(events: dict[date, int], setting: date | None) -> None:
    found = log_days(events, today=TODAY, horizon_days=HORIZON, first_partition_date=setting)
    parts = [part.n_events for part in (found.counted, found.set_aside, found.waiting) if part]
    assert sum(parts) == sum(events.values())
    if found.counted:
        assert found.start <= found.counted.first <= found.counted.last <= TODAY
    if found.waiting:
        assert found.waiting.first > TODAY
    assert setting in (None, found.start)


def test_one_row_of_the_epoch_is_an_outlier_even_in_a_small_log() -> None:
    for n_days in (1, 3, 60, 2000):
        first = date(2026, 6, 1) - timedelta(days=n_days - 1)
        assert start({EPOCH: 1} | daily(first, n_days)) == first


def test_a_mistyped_year_is_one_row_in_many() -> None:
    log = daily(date(2026, 3, 1), 60, 10)
    assert start({date(2025, 3, 1): 1} | log) == date(2026, 3, 1)
    assert start({date(2020, 3, 1): 3, date(2025, 3, 1): 1} | log) == date(2026, 3, 1)
    assert start({date(2025, 3, 1): 60} | log) == date(2025, 3, 1)  # a tenth of the log is no mistake


@pytest.mark.parametrize("months", [7, 8, 12, 24])
@pytest.mark.parametrize("per_day", [1, 500])
def test_a_sparse_log_counts_from_its_first_event(months: int, per_day: int) -> None:
    log = {TODAY - timedelta(days=n * months * 30): per_day for n in range(10)}
    assert start(log) == min(log)


def test_a_pause_within_the_horizon_is_none() -> None:
    log = {TODAY - timedelta(days=HORIZON): 1} | {TODAY: 10_000}
    assert start(log) == min(log)
    assert start({TODAY - timedelta(days=HORIZON + 1): 1} | {TODAY: 10_000}) == TODAY


def test_the_larger_part_of_a_log_is_never_set_aside() -> None:
    assert start({EPOCH: 3, TODAY: 2}) == EPOCH
    assert start({EPOCH: 2, TODAY: 2}) == TODAY


def test_notes_name_events_days_and_the_cure() -> None:
    events = {EPOCH: 2, TODAY: 500, TODAY + timedelta(days=1): 3}
    set_aside, waiting = log_days(events, today=TODAY, horizon_days=HORIZON).notes
    assert "2 events of 1970-01-01" in set_aside
    assert "--from 1970-01-01" in set_aside
    assert "first_partition_date" in set_aside
    assert "3 events of 2026-06-02" in waiting
    (history, _) = log_days(events, today=TODAY, horizon_days=HORIZON, first_partition_date=TODAY).notes
    assert "before first_partition_date = 2026-06-01" in history
    assert log_days({TODAY: 1}, today=TODAY, horizon_days=HORIZON).notes == ()


def test_an_empty_log_has_no_days() -> None:
    found = log_days({}, today=TODAY, horizon_days=HORIZON)
    assert (found.all, found.counted, found.set_aside, found.waiting, found.notes) == (None, None, None, None, ())
