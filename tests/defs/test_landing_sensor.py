"""The landing folder, watched: the real sensor and job on a real Dagster instance, with the runs that they make."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from journeys_assets.defs import ingestion
from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import console_log
from journeys_assets.defs.ingestion import (
    FILES_TAG,
    INGEST_JOB,
    INGEST_RUN_TAG,
    LANDING_SENSOR,
    LOADED_TAG,
    next_ingest,
    past_runs,
)
from journeys_assets.defs.jobs import DAILY_JOB
from journeys_assets.defs.partitions import day_range, range_tags
from journeys_assets.defs.sensors import ACTIVE_USERS_SENSOR
from journeys_assets.domain.landing.files import IngestRequest
from journeys_assets.domain.scheduling.requests import Wait
from journeys_assets.storage.ingest.folder import landed_files
from journeys_assets.storage.locks import exclusive_lock
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.sandbox import Sandbox

SEARCHES = "user_id,query,searched_at\nu,wedding dress,2026-03-01\nu,wedding cake,2026-03-02\nu,,2026-03-02\n"
SOUND = SEARCHES.removesuffix("u,,2026-03-02\n")
MORE = "user_id,query,searched_at\nv,oak table,2026-02-27\nu,wedding cake,2026-03-02\n"
PIN = '{"pin_id": "p", "annotations": ["garden"]}\n'
S = 1_000_000_000


class Watched:
    """A deployment whose landing folder is watched."""

    def __init__(self, home: Path, instance: dg.DagsterInstance) -> None:
        self.sandbox = Sandbox(home)
        self.deployment = self.sandbox.deployment
        self.repository = build_definitions(self.deployment).get_repository_def()
        self.instance = instance
        self.landing = self.sandbox.settings.landing_path

    def write(self, name: str, content: str | bytes, *, age_s: float = 60) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        os.utime(path, (time.time() - age_s, time.time() - age_s))
        return path

    def tick(self) -> dg.RunRequest | str:
        """One evaluation of the sensor: its request, or why there is none."""
        with dg.build_sensor_context(instance=self.instance, repository_def=self.repository) as context:
            data = self.repository.get_sensor_def(LANDING_SENSOR).evaluate_tick(context)
        assert bool(data.run_requests) != bool(data.skip_message)
        return data.run_requests[0] if data.run_requests else str(data.skip_message)

    def asked(self) -> dg.RunRequest:
        request = self.tick()
        assert isinstance(request, dg.RunRequest), request
        return request

    def skipped(self) -> str:
        reason = self.tick()
        assert isinstance(reason, str), reason
        return reason

    def execute(self, request: dg.RunRequest | None = None, *, with_days: bool = False) -> dg.ExecuteInProcessResult:
        """The run that a request asks for, as the daemon tags it; without the days that take seconds."""
        tags = {**request.tags, "dagster/run_key": str(request.run_key)} if request else {}
        job = self.repository.get_job(INGEST_JOB)
        return job.execute_in_process(
            instance=self.instance,
            tags=tags,
            run_config=console_log(verbose=False),
            op_selection=None if with_days else ["ingest_landing"],
            raise_on_error=False,
        )

    def other_tick(self) -> dg.RunRequest | str:
        """One evaluation of active_users_sensor: its request, or why there is none."""
        with dg.build_sensor_context(instance=self.instance, repository_def=self.repository) as context:
            data = self.repository.get_sensor_def(ACTIVE_USERS_SENSOR).evaluate_tick(context)
        return data.run_requests[0] if data.run_requests else str(data.skip_message)

    def day_run(self) -> dg.DagsterRun:
        """The only run over days."""
        (run,) = self.instance.get_runs(dg.RunsFilter(job_name=DAILY_JOB))
        return run

    def take(self) -> dg.ExecuteInProcessResult:
        result = self.execute(self.asked())
        assert result.success
        return result

    def leave(self, status: dg.DagsterRunStatus, job: str = INGEST_JOB, tags: Mapping[str, str] | None = None) -> str:
        """A run record as the daemon leaves it; its id."""
        run = self.instance.create_run_for_job(self.repository.get_job(job), tags=tags, status=status)
        return run.run_id

    def at(self, seconds_from_now: float) -> IngestRequest | Wait:
        return next_ingest(self.deployment, self.instance, time.time_ns() + round(seconds_from_now * S))

    def logged(self) -> set[str]:
        """The messages of all runs."""
        runs = self.instance.get_runs()
        return {entry.user_message for run in runs for entry in self.instance.all_logs(run.run_id)}

    def queries(self) -> list[str]:
        return self.table("search_events")["query"].to_list()

    def table(self, name: str) -> pl.DataFrame:
        return self.deployment.warehouse.query(f"SELECT * FROM landing.{name} ORDER BY ALL")

    def outcomes(self) -> dict[str, str]:
        return dict(landed_files(self.deployment.warehouse).select("file", "outcome").sort("file").iter_rows())


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with Sandbox(tmp_path).instance() as instance:
        yield Watched(tmp_path, instance)


def fails(*_: object) -> None:
    raise RuntimeError("the power went off")


# ── files come, are taken, and rest ─────────────────────────────────────────────────────────────────────────────────


def test_the_sensor_runs_by_default(watched: Watched) -> None:
    sensor = watched.repository.get_sensor_def(LANDING_SENSOR)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 5
    assert sensor.job_name == INGEST_JOB


def test_with_nothing_there_it_says_so_and_makes_nothing(watched: Watched) -> None:
    assert "create it and put log files into it" in watched.skipped()
    watched.landing.mkdir()
    assert "holds no file" in watched.skipped()
    watched.write("search_events.csv", SEARCHES)
    watched.asked()
    assert not watched.deployment.warehouse.path.exists()


def test_a_file_is_taken_once_it_has_settled_and_then_rests(watched: Watched) -> None:
    path = watched.write("search_events/a.csv", SEARCHES[:50], age_s=0)
    assert watched.skipped() == "nothing is ready: 1 file (search_events/a.csv) still being written"
    path.write_text(SEARCHES)
    assert "still being written" in watched.skipped()
    os.utime(path, (time.time() - 11,) * 2)
    result = watched.take()
    assert watched.queries() == ["wedding cake", "wedding dress"]
    assert watched.skipped() == "nothing is ready: 1 already ingested"
    assert watched.outcomes() == {"search_events/a.csv": "ingested"}
    (event,) = [e for e in result.all_events if e.event_type_value == "ASSET_MATERIALIZATION"]
    assert event.asset_key == dg.AssetKey(["landing", "search_events"])
    metadata = {name: entry.value for name, entry in event.materialization.metadata.items()}
    assert metadata["rows_read"] == 3
    assert metadata["rows_accepted"] == metadata["dagster/row_count"] == 2
    assert metadata["rows_quarantined"] == 1
    assert watched.sandbox.settings.first_day == date(2026, 3, 1)


def test_a_parquet_file_is_taken_seconds_after_its_footer_and_never_without_it(watched: Watched) -> None:
    frame = pl.DataFrame({"pin_id": [f"p{i}" for i in range(100)]})
    frame.write_parquet(watched.sandbox.home / "whole.parquet")
    whole = (watched.sandbox.home / "whole.parquet").read_bytes()
    watched.write("pins/a.parquet", whole[:-1], age_s=3)
    assert watched.skipped() == "nothing is ready: 1 file (pins/a.parquet) still being written"
    watched.write("pins/a.parquet", whole, age_s=1)
    waiting = watched.at(0)
    assert isinstance(waiting, Wait)
    assert waiting.seconds is not None
    assert 0 < waiting.seconds <= 1
    # The sensor waits for it within the tick.
    watched.take()
    assert watched.table("pins").height == 100


def test_a_later_file_adds_to_it_and_an_earlier_day_is_noted(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.take()
    watched.write("search_events/b.csv", MORE)
    result = watched.take()
    assert sorted(watched.queries()) == ["oak table", "wedding cake", "wedding dress"]
    (event,) = [e for e in result.all_events if e.event_type_value == "ASSET_MATERIALIZATION"]
    assert event.materialization.metadata["rows_duplicate"].value == 1
    assert watched.sandbox.settings.first_day == date(2026, 2, 27)


def test_the_same_bytes_again_change_nothing(watched: Watched) -> None:
    path = watched.write("search_events/a.csv", SOUND)
    watched.take()
    before = [watched.table(name) for name in ("search_events", "ingest_ledger")]
    os.utime(path, (time.time() - 30,) * 2)
    watched.write("search_events/copy.csv", SOUND)
    result = watched.take()
    assert not [e for e in result.all_events if e.event_type_value == "ASSET_MATERIALIZATION"]
    assert watched.outcomes() == {"search_events/a.csv": "known", "search_events/copy.csv": "known"}
    after = [watched.table(name) for name in ("search_events", "ingest_ledger")]
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))


def test_a_file_that_the_command_line_took_is_known(watched: Watched) -> None:
    watched.write("search_events/a.csv", SOUND)
    watched.sandbox.load(watched.landing)
    watched.take()
    assert watched.outcomes() == {"search_events/a.csv": "known"}
    assert len(watched.queries()) == 2


def test_a_run_that_a_person_starts_with_nothing_there_says_so(watched: Watched) -> None:
    result = watched.execute()
    assert result.success
    (output,) = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    assert "nothing to do" in str(output.step_output_data.metadata["note"].value)
    watched.write("search_events/a.csv", SEARCHES)
    assert watched.execute().success
    assert len(watched.queries()) == 2


# ── wrong files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_file_is_refused_with_its_reason_and_the_others_go_on(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.write("search_events/b.csv.gz", "no gzip", age_s=10_000)
    watched.write("pins/b.parquet", b"PAR1 no", age_s=10_000)
    watched.write("things/c|d.csv", "x\n")
    result = watched.take()
    assert watched.queries() == ["wedding cake", "wedding dress"]
    assert watched.table("quarantined_rows").height == 1
    events = {
        e.event_type_value: e for e in result.all_events if e.event_type_value.startswith(("ASSET_MAT", "ASSET_OBS"))
    }
    refused = str(events["ASSET_MATERIALIZATION"].materialization.metadata["refused"].value)
    assert "| search_events/b.csv.gz | refused |" in refused
    assert "damaged or cut off" in refused
    observed = events["ASSET_OBSERVATION"].asset_observation_data.asset_observation
    assert observed.asset_key == dg.AssetKey(["landing", "pins"])
    (output,) = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    table = str(output.step_output_data.metadata["refused"].value).splitlines()
    assert len(table) == 5
    assert table[-1].startswith(r"| things/c\|d.csv | refused | ")
    assert "its source is unknown" in table[-1]

    message = watched.skipped()
    assert "1 already ingested; 3 files (pins/b.parquet, search_events/b.csv.gz, things/c|d.csv) refused" in message
    watched.sandbox.pipeline.prepare()
    findings = [finding for finding in watched.sandbox.findings() if finding.subject == "refused"]
    assert len(findings) == 3
    assert not any(finding.ok for finding in findings)
    assert "cannot be read as Parquet" in findings[0].text

    watched.write("search_events/b.csv.gz", "still no gzip", age_s=9_999)
    watched.take()
    assert watched.outcomes()["search_events/b.csv.gz"] == "refused"
    (watched.landing / "things/c|d.csv").unlink()
    pl.DataFrame({"pin_id": ["p"]}).write_parquet(watched.landing / "pins/b.parquet")
    waiting = watched.at(0)
    assert isinstance(waiting, Wait)
    assert "pins/b.parquet" in waiting.reason
    os.utime(watched.landing / "pins/b.parquet", (time.time() - 20,) * 2)
    watched.take()
    assert watched.table("pins").height == 1
    assert [f.text.split(" ")[0] for f in watched.sandbox.findings() if f.subject == "refused"] == [
        str(watched.landing / "search_events/b.csv.gz")
    ]


def test_a_damaged_file_that_is_young_is_given_time(watched: Watched) -> None:
    frame = pl.DataFrame({"pin_id": [f"p{i}" for i in range(100)]})
    frame.write_parquet(watched.sandbox.home / "whole.parquet")
    whole = (watched.sandbox.home / "whole.parquet").read_bytes()
    path = watched.write("pins/b.parquet", whole[:300], age_s=20)
    watched.take()
    assert watched.outcomes() == {"pins/b.parquet": "unfinished"}
    assert "still being written" in watched.skipped()
    assert isinstance(watched.at(270), Wait)
    assert isinstance(watched.at(290), IngestRequest)
    os.utime(path, (time.time() - 301,) * 2)
    runs_before = past_runs(watched.instance)
    assert isinstance(watched.at(61), IngestRequest)
    watched.write("pins/b.parquet", whole, age_s=15)
    watched.take()
    assert watched.outcomes() == {"pins/b.parquet": "ingested"}
    assert len(past_runs(watched.instance)) == len(runs_before) + 1


# ── ticks and runs that are lost, doubled, under way or failed ──────────────────────────────────────────────────────


def test_the_same_tick_twice_asks_for_the_same_run(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    first = watched.asked()
    assert watched.asked().run_key == first.run_key
    # A daemon that died after making the run and before launching it: the same key lets Dagster launch that run.
    watched.leave(dg.DagsterRunStatus.NOT_STARTED, tags=first.tags)
    assert watched.asked().run_key == first.run_key
    watched.write("search_events/b.csv", MORE)
    second = watched.asked()
    assert second.run_key != first.run_key
    assert second.tags[FILES_TAG] != first.tags[FILES_TAG]


def test_files_that_come_back_are_asked_for_under_another_key(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    first = watched.asked()
    watched.execute(first)
    watched.deployment.warehouse.path.unlink()
    again = watched.at(61)
    assert isinstance(again, IngestRequest)
    assert again.files_key == first.tags[FILES_TAG]
    assert again.run_key != first.run_key


def test_while_a_run_is_under_way_none_is_asked_for(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    seen: list[str] = []
    ingest_place = ingestion.ingest_place

    def taking(*args: Any, **options: Any) -> Any:
        watched.write("search_events/b.csv", MORE)
        seen.extend([watched.skipped(), str(watched.at(10_000))])
        return ingest_place(*args, **options)

    monkeypatch.setattr(ingestion, "ingest_place", taking)
    result = watched.take()
    reason = f"run {result.run_id} is loading files; new files are looked for when it has ended"
    assert seen == [reason, str(Wait(reason))]
    assert len(watched.queries()) == 2
    monkeypatch.undo()
    watched.take()
    assert len(watched.queries()) == 3


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING])
def test_a_run_counts_as_under_way_until_it_counts_as_lost(watched: Watched, status: dg.DagsterRunStatus) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    run_id = watched.leave(status)
    assert run_id in watched.skipped()
    assert isinstance(watched.at(110), Wait)
    assert isinstance(watched.at(130), IngestRequest)


def test_two_runs_at_once_take_turns(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    waiting = "another run is loading files; waiting for it to end"
    with exclusive_lock(watched.sandbox.home / "landing.lock", on_wait=fails):
        run = threading.Thread(target=watched.execute)
        run.start()
        patience = time.monotonic() + 60
        while waiting not in watched.logged():
            assert time.monotonic() < patience
            time.sleep(0.05)
        assert watched.outcomes() == {}
    run.join()
    assert watched.outcomes() == {"search_events/a.csv": "ingested"}


def test_runs_of_other_jobs_are_no_matter(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.leave(dg.DagsterRunStatus.STARTED, DAILY_JOB)
    watched.asked()


def test_after_failures_it_waits_longer_each_time_then_tries_again(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    monkeypatch.setattr(ingestion, "ingest_place", fails)
    request = watched.asked()
    assert not watched.execute(request).success
    assert "the last 1 ingest runs did not succeed" in watched.skipped()
    assert isinstance(watched.at(50), Wait)
    retry = watched.at(60)
    assert isinstance(retry, IngestRequest)
    assert retry.run_key != request.run_key

    assert not watched.execute().success
    assert isinstance(watched.at(110), Wait)
    assert isinstance(watched.at(120), IngestRequest)
    monkeypatch.undo()
    assert watched.execute().success
    assert watched.skipped() == "nothing is ready: 1 already ingested"
    watched.write("search_events/b.csv", MORE)
    watched.take()


def test_keys_that_match_nothing_are_shown_and_logged(watched: Watched) -> None:
    watched.write("pins/z.jsonl", PIN)
    watched.write("pin_engagements/a.csv", "user_id,pin_id,action,engaged_at\nann,404,save,2026-03-01T10:00:00Z\n")
    result = watched.take()
    (step,) = [e for e in result.all_events if e.event_type_value == "STEP_OUTPUT"]
    shown = step.event_specific_data.metadata["unmatched_keys"].value
    assert "1 of 1 rows (100.0%), 1 of 1 keys match no" in shown
    assert any(message.startswith("pin_engagements.pin_id: 1 of 1 rows") for message in watched.logged())


def test_a_run_that_was_cancelled_is_not_asked_for_at_once(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    run = watched.instance.get_run_by_id(watched.leave(dg.DagsterRunStatus.STARTED))
    assert run is not None
    watched.instance.report_run_canceled(run)
    assert "did not succeed" in watched.skipped()
    assert isinstance(watched.at(60), IngestRequest)


@pytest.mark.parametrize(
    "die",
    [
        lambda patch: patch.setattr(day_queries, "events_by_day", fails),
        lambda patch: patch.setattr(dg.OpExecutionContext, "log_event", fails),
        lambda patch: patch.setattr(ingestion, "record_landed", fails),
    ],
    ids=["before it reads what landed", "while it reports", "before it records the files"],
)
def test_a_run_that_dies_after_its_load_heals_with_no_doubled_row(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, die: Callable[[pytest.MonkeyPatch], None]
) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.write("pins/z.jsonl", PIN)
    with monkeypatch.context() as patch:
        die(patch)
        assert not watched.execute(watched.asked()).success
    assert len(watched.queries()) == 2
    assert watched.outcomes() == {}
    before = [watched.table(name) for name in ("search_events", "pins")]
    assert isinstance(watched.at(61), IngestRequest)
    assert watched.execute().success
    after = [watched.table(name) for name in ("search_events", "pins")]
    assert all(a.equals(b) for a, b in zip(before, after, strict=True))
    assert watched.table("quarantined_rows").height == 1
    assert watched.outcomes() == {"pins/z.jsonl": "ingested", "search_events/a.csv": "ingested"}
    assert landed_files(watched.deployment.warehouse)["ingest_seq"].to_list() == [2, 2]
    assert watched.sandbox.settings.first_day == date(2026, 3, 1)
    assert watched.skipped() == "nothing is ready: 2 already ingested"


def test_a_tick_does_not_wait_long_for_a_writer(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.sandbox.pipeline.prepare()
    monkeypatch.setattr(ingestion, "SENSOR_LOCK_TIMEOUT_S", 0.05)
    writing, done = threading.Event(), threading.Event()

    def write() -> None:
        with Warehouse(watched.deployment.warehouse.path).writing():
            writing.set()
            done.wait(30)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert writing.wait(30)
        assert "another thread holds it" in watched.skipped()
    finally:
        done.set()
        writer.join()
    watched.take()


def test_a_row_ahead_of_the_clock_is_read_once_its_time_has_come(watched: Watched) -> None:
    later = datetime.now(UTC) + timedelta(days=1, minutes=10)
    watched.write("search_events/a.csv", SOUND + f"u,next week,{later:%Y-%m-%dT%H:%M:%S}\n")
    watched.take()
    assert len(watched.queries()) == 2
    assert watched.skipped() == "nothing is ready: 1 already ingested"
    assert isinstance(watched.at(15 * 60), IngestRequest)


# ── the days that the files made stale ──────────────────────────────────────────────────────────────────────────────


def test_the_days_are_run_in_the_same_process_with_a_record_of_their_own(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    result = watched.execute(watched.asked(), with_days=True)
    assert result.success
    run = watched.day_run()
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert day_range(run.tags) == (date(2026, 3, 1), date(2026, 3, 2))
    assert run.tags[INGEST_RUN_TAG] == result.run_id
    partitions = watched.instance.get_materialized_partitions(dg.AssetKey("user_journeys"))
    assert partitions == {"2026-03-01", "2026-03-02"}
    assert watched.sandbox.table("closed_days")["partition_date"].to_list() == [date(2026, 3, 1), date(2026, 3, 2)]
    assert watched.skipped() == "nothing is ready: 1 already ingested"
    assert watched.other_tick() == "every day is up to date with the log"


def test_days_that_fail_leave_the_files_loaded_and_are_requested_after_a_pause(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    with monkeypatch.context() as broken:
        broken.setattr("journeys_assets.pipeline.naming.name_journeys", fails)
        result = watched.execute(watched.asked(), with_days=True)
    assert result.success
    assert watched.day_run().status is dg.DagsterRunStatus.FAILURE
    assert any("2026-03-01 … 2026-03-02 are still stale: run" in message for message in watched.logged())
    assert watched.skipped() == "nothing is ready: 1 already ingested"
    assert "the last run failed" in str(watched.other_tick())
    # Other files do not wait for the days.
    watched.write("search_events/b.csv", MORE)
    watched.take()
    monkeypatch.setattr("journeys_assets.domain.scheduling.requests.FIRST_BACK_OFF", timedelta(0))
    again = watched.other_tick()
    assert isinstance(again, dg.RunRequest)
    assert day_range(again.tags) == (date(2026, 2, 27), date(2026, 3, 2))


def test_days_of_a_run_in_flight_are_left_to_the_sensor(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    days = range_tags(date(2026, 2, 1), date(2026, 3, 31))
    watched.leave(dg.DagsterRunStatus.STARTED, DAILY_JOB, days)
    result = watched.execute(watched.asked(), with_days=True)
    assert result.success
    (note,) = [e for e in result.all_events if e.is_successful_output and e.step_key == "run_stale_days"]
    assert "wait for the run over 2026-02-01" in str(note.step_output_data.metadata["note"].value)
    assert watched.day_run().status is dg.DagsterRunStatus.STARTED


def test_days_that_become_stale_meanwhile_are_run_by_the_same_process(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    run_days, asked = ingestion.run_days, []

    def running(*args: Any, **options: Any) -> Any:
        asked.append(args[3:5])
        if len(asked) == 1:
            watched.write("search_events/b.csv", MORE)
            watched.sandbox.load(watched.landing)
        return run_days(*args, **options)

    monkeypatch.setattr(ingestion, "run_days", running)
    assert watched.execute(watched.asked(), with_days=True).success
    assert asked[0] == (date(2026, 3, 1), date(2026, 3, 2))
    assert watched.other_tick() == "every day is up to date with the log"


def test_the_other_sensor_waits_while_files_are_loaded(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.take()
    assert isinstance(watched.other_tick(), dg.RunRequest)
    run_id = watched.leave(dg.DagsterRunStatus.STARTED)
    assert watched.other_tick() == f"run {run_id} is loading files, and runs the days that they make stale"
    watched.instance.add_run_tags(run_id, {LOADED_TAG: "true"})
    assert isinstance(watched.other_tick(), dg.RunRequest)


def test_while_days_are_run_new_files_are_loaded(watched: Watched) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    watched.leave(dg.DagsterRunStatus.STARTED, tags={LOADED_TAG: "true"})
    watched.take()


def test_an_ingest_run_whose_process_died_is_marked_as_failed(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.write("search_events/a.csv", SEARCHES)
    loading = watched.leave(dg.DagsterRunStatus.STARTED)
    loaded = watched.leave(dg.DagsterRunStatus.STARTED, tags={LOADED_TAG: "true"})
    days = {INGEST_RUN_TAG: loaded, **range_tags(date(2026, 3, 1), date(2026, 3, 1))}
    follower = watched.leave(dg.DagsterRunStatus.STARTED, DAILY_JOB, days)
    status = {True: dg.DagsterRunStatus.STARTED, False: dg.DagsterRunStatus.FAILURE}

    def ticked(*, loading_lives: bool, loaded_lives: bool) -> None:
        watched.tick()
        runs = [watched.instance.get_run_by_id(run_id) for run_id in (loading, loaded)]
        assert [run.status for run in runs if run] == [status[loading_lives], status[loaded_lives]]

    ticked(loading_lives=True, loaded_lives=True)
    monkeypatch.setattr(ingestion, "LOST_AFTER", timedelta(0))
    with exclusive_lock(watched.sandbox.home / "landing.lock", on_wait=fails):
        ticked(loading_lives=True, loaded_lives=True)
    ticked(loading_lives=False, loaded_lives=True)
    run = watched.instance.get_run_by_id(follower)
    assert run is not None
    watched.instance.report_run_failed(run)
    ticked(loading_lives=False, loaded_lives=False)
