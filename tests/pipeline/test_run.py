"""Running days without Dagster: what a run does beside its stages."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from journeys_assets.operations.doctor import Finding
from journeys_assets.pipeline.run import NothingToRunYet, RunError
from journeys_assets.storage.queries.quality import newest_event_day
from tests.sandbox import TODAY, Sandbox

DAY = date(2026, 3, 2)
QUERIES = ["oak table", "oak tables", "oak table round", "oak table small"]


def land(sandbox: Sandbox, day: date, *, queries: list[str] = QUERIES) -> None:
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9)
    rows = pl.DataFrame({"user_id": "ann", "query": queries, "searched_at": at})
    sandbox.land({"search_events": rows}, name=day.isoformat())


def days_computed(sandbox: Sandbox) -> set[date]:
    return set(sandbox.table("closed_days")["partition_date"])


def finding(sandbox: Sandbox, subject: str) -> Finding:
    (found,) = [found for found in sandbox.findings() if found.subject == subject]
    return found


def test_the_first_run_of_a_deployment_may_begin_with_a_later_day(new_sandbox: Callable[[str], Sandbox]) -> None:
    """Its window reaches back to days that were never run: their keywords are made first, and nothing is left stale."""
    sandbox, last = new_sandbox("home"), DAY + timedelta(days=3)
    for day in (DAY, last):
        land(sandbox, day)
    assert sandbox.run(last, last).history_days == 1
    assert set(sandbox.table("keyword_table")["partition_date"]) == {DAY, last}
    (journey,) = sandbox.table("user_journeys").iter_rows(named=True)
    assert journey["first_engaged_at"].date() == DAY
    assert sandbox.days_to_run() == (last, last)


def send(sandbox: Sandbox, day: date) -> None:
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9)
    row = {"notification_id": f"of {day}", "user_id": "ann", "channel": "push", "arm": "journey", "sent_at": at}
    sandbox.land({"notification_events": pl.DataFrame([row])}, name=f"send-{day}")


def test_days_after_the_last_search_that_have_sends_are_run_while_journeys_may_be_live(
    new_sandbox: Callable[[str], Sandbox],
) -> None:
    sandbox, later = new_sandbox("home"), DAY + timedelta(days=2)
    land(sandbox, DAY)
    send(sandbox, later)
    assert sandbox.days_to_run() == (DAY, later)
    sandbox.run(*sandbox.days_to_run())
    assert finding(sandbox, "computed").ok
    send(sandbox, later + timedelta(days=181))
    assert sandbox.days_to_run() == (later, later)


# ── days that cannot be run ─────────────────────────────────────────────────────────────────────────────────────────

TOMORROW = TODAY + timedelta(days=1)
EPOCH = date(1970, 1, 1)


def test_events_of_tomorrow_wait_and_are_run_once_it_is_tomorrow(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("home")
    land(sandbox, TOMORROW, queries=["tent"])
    with pytest.raises(NothingToRunYet, match=f"1 event of {TOMORROW}, after today"):
        sandbox.plan()
    with pytest.raises(NothingToRunYet):
        sandbox.plan(TODAY, TODAY)
    with sandbox.deployment.warehouse.reading() as con:
        assert newest_event_day(con) == TODAY  # so days_behind_log does not ask for a day that cannot be run
    land(sandbox, TODAY)
    plan = sandbox.plan()
    assert (plan.first, plan.last, plan.size) == (TODAY, TODAY, "1 day")
    assert any("waiting: 1 event" in note for note in plan.notes)
    sandbox.run(plan.first, plan.last)
    assert finding(sandbox, "days of the log").ok
    assert finding(sandbox, "computed") == Finding("computed", True, f"up to {TODAY}")
    assert not [found for found in sandbox.findings() if found.subject.startswith("monitor days_behind_log")]
    assert sandbox.days_to_run() == (TODAY, TODAY)
    later = sandbox.plan(today=TOMORROW)
    assert (later.first, later.last, later.notes) == (TOMORROW, TOMORROW, ())


def test_a_row_of_the_epoch_makes_no_long_run_and_counts_as_history(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("home")
    land(sandbox, EPOCH, queries=["oak table"])
    land(sandbox, DAY)
    plan = sandbox.plan()
    assert (plan.first, plan.last) == (DAY, DAY)
    assert any("set aside: 1 event of 1970-01-01" in note for note in plan.notes)
    sandbox.run(plan.first, plan.last)
    assert days_computed(sandbox) == {DAY}
    assert "oak table" in sandbox.table("keyword_table").filter(pl.col("partition_date") == EPOCH)["keyword"]
    assert "1970-01-01" in finding(sandbox, "days of the log").text
    assert finding(sandbox, "computed").ok
    asked = sandbox.plan(EPOCH)
    assert asked.n_days == (DAY - EPOCH).days + 1
    assert [note for note in asked.notes if "set aside" in note] == []
    assert any("20,515 days and may take long" in note for note in asked.notes)


def test_a_day_that_was_run_before_it_became_an_outlier_makes_no_long_run(
    new_sandbox: Callable[[str], Sandbox],
) -> None:
    sandbox = new_sandbox("home")
    land(sandbox, EPOCH, queries=["oak table"])
    sandbox.run(*sandbox.days_to_run())
    assert days_computed(sandbox) == {EPOCH}
    land(sandbox, DAY)
    assert sandbox.days_to_run() == (DAY, DAY)
    assert finding(sandbox, "computed").text == f"nothing yet of {DAY} … {DAY}; `journeys run`"


def test_a_late_history_that_fills_the_pause_is_run(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox, first = new_sandbox("home"), DAY - timedelta(days=300)
    land(sandbox, first, queries=["oak table"])
    land(sandbox, DAY, queries=[f"oak table {n}" for n in range(99)])
    assert sandbox.days_to_run() == (DAY, DAY)
    land(sandbox, DAY - timedelta(days=150), queries=["oak table"])
    assert sandbox.days_to_run() == (first, DAY)


def test_days_before_first_partition_date_are_not_run(
    new_sandbox: Callable[[str], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = new_sandbox("home")
    for n in range(4):
        land(sandbox, DAY + timedelta(days=n))
    start, last = DAY + timedelta(days=2), DAY + timedelta(days=3)
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", str(start))
    plan = sandbox.plan()
    assert (plan.first, plan.last) == (start, last)
    assert any("8 events of 2 days" in note for note in plan.notes)
    sandbox.run(start, last)
    assert days_computed(sandbox) == {start, last}
    assert set(sandbox.table("keyword_table")["partition_date"]) == {DAY + timedelta(days=n) for n in range(4)}
    for first, to in ((DAY, last), (None, DAY), (start, TODAY + timedelta(days=1))):
        with pytest.raises(RunError, match=rf"the days that can are {start} .setting first_partition_date. … {TODAY}"):
            sandbox.plan(first, to)


def test_errors_name_the_days_that_can_be_run(
    new_sandbox: Callable[[str], Sandbox], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = new_sandbox("home")
    with pytest.raises(RunError, match="no event is in the warehouse"):
        sandbox.plan()
    land(sandbox, DAY)
    with pytest.raises(RunError, match=rf"--from 2026-03-01 cannot .* {DAY} .the first day with an event. … {TODAY}"):
        sandbox.plan(DAY - timedelta(days=1))
    with pytest.raises(RunError, match=f"--from {TODAY} is after {DAY}, the last day with an event"):
        sandbox.plan(TODAY)
    assert sandbox.days_to_run(TODAY, TODAY) == (TODAY, TODAY)
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", str(TODAY))
    with pytest.raises(RunError, match=rf"no event on or after first_partition_date = {TODAY}; the last .* {DAY}"):
        sandbox.plan()
    assert sandbox.days_to_run(TODAY, TODAY) == (TODAY, TODAY)
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", str(TOMORROW))
    for days in ((None, None), (DAY, DAY)):
        with pytest.raises(RunError, match=f"first_partition_date = {TOMORROW} is after today"):
            sandbox.plan(*days)
    found = finding(sandbox, "days of the log")
    assert not found.ok
    assert f"first_partition_date = {TOMORROW} is after today" in found.text
