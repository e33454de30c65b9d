"""The sensor and the schedule decide from the warehouse and from real run records."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.day_lock import lock_path
from journeys_assets.defs.jobs import DAILY_JOB
from journeys_assets.defs.partitions import day_range, range_tags
from journeys_assets.defs.sensors import ACTIVE_USERS_SENSOR
from tests.sandbox import Sandbox
from tests.support.locks import HOLD

NewSandbox = Callable[[str], Sandbox]
DAY = date(2026, 3, 2)
WEDDING = ["wedding dress", "wedding dresses", "wedding dress long", "wedding dress lace"]


def later(n: int) -> date:
    return DAY + timedelta(days=n)


def land(sandbox: Sandbox, day: date, *, user: str = "ann", name: str = "log") -> None:
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9)
    sandbox.land({"search_events": pl.DataFrame({"user_id": user, "query": WEDDING, "searched_at": at})}, name=name)


class Automation:
    """The sensor of one deployment on its own Dagster instance; ``execute`` runs what it requests."""

    def __init__(self, sandbox: Sandbox, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.definitions = build_definitions(sandbox.deployment)
        self.repository = self.definitions.get_repository_def()

    def tick(self) -> dg.RunRequest | str:
        context = dg.build_sensor_context(instance=self.instance, repository_def=self.repository)
        data = self.repository.get_sensor_def(ACTIVE_USERS_SENSOR).evaluate_tick(context)
        assert len(data.run_requests) <= 1
        return data.run_requests[0] if data.run_requests else str(data.skip_message)

    def execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        job = self.definitions.resolve_job_def(request.job_name or DAILY_JOB)
        return job.execute_in_process(instance=self.instance, tags=dict(request.tags), raise_on_error=False)

    def leave_in_flight(self, first: date, last: date) -> str:
        """A run record as the daemon leaves it while a run works on the days."""
        job = self.definitions.resolve_job_def(DAILY_JOB)
        run = self.instance.create_run_for_job(job, tags=range_tags(first, last), status=dg.DagsterRunStatus.STARTED)
        return run.run_id


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sandbox = Sandbox(tmp_path_factory.mktemp("sensors") / "landed")
    land(sandbox, DAY)
    return sandbox.home


@pytest.fixture(scope="module")
def after_day(landed: Path) -> Path:
    sandbox = Sandbox(shutil.copytree(landed, landed.parent / "after-day"))
    sandbox.run(DAY, DAY)
    return sandbox.home


@pytest.fixture
def sandbox(landed: Path, tmp_path: Path) -> Sandbox:
    """A log of DAY, of which nothing was computed."""
    return Sandbox(shutil.copytree(landed, tmp_path / "home"))


@pytest.fixture
def computed(after_day: Path, tmp_path: Path) -> Sandbox:
    """The same after a run of DAY."""
    return Sandbox(shutil.copytree(after_day, tmp_path / "computed"))


@pytest.fixture
def computed_automation(computed: Sandbox) -> Iterator["Automation"]:
    with computed.instance() as instance:
        yield Automation(computed, instance)


@pytest.fixture
def automation(sandbox: Sandbox) -> Iterator[Automation]:
    with sandbox.instance() as instance:
        yield Automation(sandbox, instance)


def asked(request: dg.RunRequest | str) -> tuple[date, date] | None:
    assert isinstance(request, dg.RunRequest), request
    return day_range(request.tags)


def test_new_events_are_requested_until_they_are_computed(sandbox: Sandbox, automation: Automation) -> None:
    first = automation.tick()
    assert asked(first) == (DAY, DAY)
    assert isinstance(first, dg.RunRequest)
    assert automation.execute(first).success
    assert automation.tick() == "every day is up to date with the log"
    land(sandbox, later(2), name="more")
    assert asked(automation.tick()) == (later(1), later(2))


def test_a_late_event_asks_for_every_later_day_and_heals_them(sandbox: Sandbox, automation: Automation) -> None:
    sandbox.run(DAY, later(2))
    land(sandbox, later(1), user="bob", name="late")
    request = automation.tick()
    assert asked(request) == (later(1), later(2))
    assert isinstance(request, dg.RunRequest)
    assert automation.execute(request).success
    assert isinstance(automation.tick(), str)
    on_time = Sandbox(sandbox.home.parent / "on-time")
    land(on_time, DAY)
    land(on_time, later(1), user="bob", name="late")
    on_time.run(DAY, later(2))
    for table in ("user_journeys", "notification_candidates"):
        assert sandbox.table(table).equals(on_time.table(table))


def test_the_same_tick_twice_is_one_run_and_a_new_attempt_is_another(sandbox: Sandbox, automation: Automation) -> None:
    one, two = automation.tick(), automation.tick()
    assert isinstance(one, dg.RunRequest)
    assert isinstance(two, dg.RunRequest)
    assert one.run_key == two.run_key
    land(sandbox, DAY, user="bob", name="more")
    three = automation.tick()
    assert isinstance(three, dg.RunRequest)
    assert three.run_key != one.run_key


def test_days_in_flight_are_not_requested_again(sandbox: Sandbox, automation: Automation) -> None:
    run_id = automation.leave_in_flight(DAY, later(3))
    waiting = automation.tick()
    assert isinstance(waiting, str)
    assert "wait for the run" in waiting
    run = automation.instance.get_run_by_id(run_id)
    assert run is not None
    automation.instance.report_run_failed(run)
    assert asked(automation.tick()) == (DAY, DAY)


def test_a_run_that_died_with_its_daemon_is_marked_as_failed(
    sandbox: Sandbox, automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = automation.leave_in_flight(DAY, DAY)
    monkeypatch.setattr("journeys_assets.defs.stale_days.LOST_AFTER", timedelta(0))
    other = [sys.executable, "-c", HOLD, str(lock_path(sandbox.home))]
    with subprocess.Popen(other, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert "wait for the run" in str(automation.tick())
        process.kill()
    assert asked(automation.tick()) == (DAY, DAY)
    run = automation.instance.get_run_by_id(run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.FAILURE


def test_after_a_failure_it_backs_off_and_then_tries_again(
    sandbox: Sandbox, automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = automation.tick()
    assert isinstance(request, dg.RunRequest)
    with monkeypatch.context() as broken:
        broken.setattr("journeys_assets.pipeline.naming.name_journeys", lambda *_: 1 / 0)
        assert not automation.execute(request).success
    waiting = automation.tick()
    assert isinstance(waiting, str)
    assert "the last run failed" in waiting
    monkeypatch.setattr("journeys_assets.domain.scheduling.requests.FIRST_BACK_OFF", timedelta(0))
    again = automation.tick()
    assert isinstance(again, dg.RunRequest)
    assert again.run_key != request.run_key
    assert automation.execute(again).success
    assert isinstance(automation.tick(), str)


def test_a_failed_run_closes_no_day(sandbox: Sandbox, automation: Automation, monkeypatch: pytest.MonkeyPatch) -> None:
    request = automation.tick()
    assert isinstance(request, dg.RunRequest)
    with monkeypatch.context() as broken:
        broken.setattr("journeys_assets.pipeline.notifications.plan_notifications", lambda *_: 1 / 0)
        assert not automation.execute(request).success
    assert not sandbox.table("user_journeys").is_empty()
    assert sandbox.table("closed_days").is_empty()


def test_stages_run_by_hand_one_by_one_close_no_day(sandbox: Sandbox, automation: Automation) -> None:
    sandbox.pipeline.prepare()
    job = automation.definitions.resolve_job_def(DAILY_JOB)
    tags = range_tags(DAY, DAY)
    first = job.execute_in_process(
        instance=automation.instance, tags=tags, asset_selection=[dg.AssetKey("opened_days")]
    )
    last = job.execute_in_process(instance=automation.instance, tags=tags, asset_selection=[dg.AssetKey("closed_days")])
    assert first.success
    assert last.success
    assert sandbox.table("closed_days").is_empty()
    assert asked(automation.tick()) == (DAY, DAY)


def test_a_late_event_before_the_first_output_asks_for_the_days_that_rest_on_it(
    sandbox: Sandbox, automation: Automation
) -> None:
    sandbox.run(later(3), later(3))
    land(sandbox, later(1), user="bob", name="late")
    request = automation.tick()
    assert asked(request) == (later(3), later(3))
    assert isinstance(request, dg.RunRequest)
    assert automation.execute(request).success
    assert set(sandbox.table("keyword_table")["partition_date"]) == {DAY, later(1)}
    assert isinstance(automation.tick(), str)


def test_a_changed_parameter_alone_starts_nothing(
    computed: Sandbox, computed_automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEYS_ALGORITHM__CLUSTERING__LEAST_LOG_ODDS", "-3")
    changed = Automation(computed, computed_automation.instance)
    assert isinstance(changed.tick(), str)


def schedule(automation: Automation, now: datetime) -> dg.RunRequest | str:
    context = dg.build_schedule_context(
        scheduled_execution_time=now, repository_def=automation.repository, instance=automation.instance
    )
    data = automation.repository.get_schedule_def("daily_schedule").evaluate_tick(context)
    return data.run_requests[0] if data.run_requests else str(data.skip_message)


def one_o_clock(day: date) -> datetime:
    return datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=1)


def test_the_schedule_closes_quiet_days_too_and_those_that_were_missed(
    automation: Automation, computed_automation: Automation
) -> None:
    assert asked(schedule(automation, one_o_clock(later(1)))) == (DAY, DAY)
    assert "is closed" in str(schedule(computed_automation, one_o_clock(later(1))))
    assert asked(schedule(computed_automation, one_o_clock(later(2)))) == (later(1), later(1))
    assert asked(schedule(computed_automation, one_o_clock(later(5)))) == (later(1), later(4))


def test_the_schedule_rests_once_nobody_is_live(computed_automation: Automation) -> None:
    assert "no journey is live" in str(schedule(computed_automation, one_o_clock(later(300))))


def test_a_row_of_the_epoch_asks_for_no_long_run(sandbox: Sandbox, automation: Automation) -> None:
    land(sandbox, date(1970, 1, 1), user="bob", name="epoch")
    fresh = Automation(sandbox, automation.instance)
    request = fresh.tick()
    assert asked(request) == (DAY, DAY)
    assert asked(schedule(fresh, one_o_clock(later(1)))) == (DAY, DAY)
    assert isinstance(request, dg.RunRequest)
    assert fresh.execute(request).success
    assert fresh.tick() == "every day is up to date with the log"
    assert asked(schedule(fresh, one_o_clock(later(2)))) == (later(1), later(1))


def test_days_before_first_partition_date_are_never_asked_for(
    computed: Sandbox, computed_automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if they were run before the setting and an event comes late for one of them."""
    land(computed, later(4), name="more")
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", str(later(3)))
    fresh = Automation(computed, computed_automation.instance)
    assert asked(schedule(fresh, one_o_clock(later(5)))) == (later(4), later(4))
    assert asked(fresh.tick()) == (later(4), later(4))
    land(computed, DAY, user="bob", name="late")
    request = fresh.tick()
    assert asked(request) == (later(4), later(4))
    assert isinstance(request, dg.RunRequest)
    assert fresh.execute(request).success
    assert fresh.tick() == "every day is up to date with the log"
    land(computed, DAY, user="cid", name="later")
    assert asked(fresh.tick()) == (later(4), later(4))


def test_nothing_is_asked_for_while_first_partition_date_is_ahead(
    computed: Sandbox, computed_automation: Automation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", "2999-01-01")
    fresh = Automation(computed, computed_automation.instance)
    assert fresh.tick() == "every day is up to date with the log"
    assert "is closed" in str(schedule(fresh, one_o_clock(later(5))))
