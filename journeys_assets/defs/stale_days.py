"""Which days to run next, from stored state: the warehouse and Dagster's run records.

What belongs here: reading that state and handing it to ``domain.scheduling.requests``. The sensors and the ingest job
decide with it. Nothing is remembered between two decisions.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from journeys_assets.defs.partitions import day_range
from journeys_assets.domain.scheduling import requests
from journeys_assets.domain.scheduling.log_days import LogDays
from journeys_assets.pipeline.pipeline import DAY, Pipeline, prepare
from journeys_assets.storage.locks import days_are_free
from journeys_assets.storage.queries import staleness
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

REQUESTED_BY_TAG = "journeys/requested_by"
"""Run tag: the sensor or the job that requested the run. Failures of such runs are followed by a pause."""
RUNS_LOOKED_AT = 50
"""Number of latest ended runs in which failures are counted; the pause between attempts is longest after seven."""

LOST_AFTER = timedelta(minutes=2)
"""A run that is recorded as started for longer than this, while no process holds the lock of its days, has died."""

AT_WORK = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_IN_FLIGHT = [dg.DagsterRunStatus.QUEUED, *AT_WORK]
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def stale_days(pipeline: Pipeline, warehouse: Warehouse, *, today: date) -> tuple[list[date], int, LogDays]:
    """Days that lack events of the log, the newest ingest_seq, and the days of the log.

    Args:
        warehouse: That of the pipeline; a tick must not outlast the interval between ticks, so its lock may be shorter.
    """
    prepare(warehouse, pipeline.tables)
    with warehouse.reading() as con:
        log = pipeline.log_days(con, today=today)
        days = staleness.stale_days(con, pipeline.versions().periods(DAY), start=log.start, today=today)
        newest = staleness.watermarks(con, today, start=log.start).ingest_seq
    return [day for day, reason in days.iter_rows() if reason != staleness.ALGORITHM_VERSION], newest, log


def next_days(
    pipeline: Pipeline, warehouse: Warehouse, instance: dg.DagsterInstance, lock: Path, now: datetime
) -> tuple[requests.Request | requests.Wait, int]:
    """The days to run now, or why none, and the newest ingest_seq. Runs whose process has died are marked as failed.

    Args:
        warehouse: See :func:`stale_days`.
        lock: The file in which runs lock their days.
        now: Naive UTC.

    Raises:
        WarehouseBusyError: another process writes for longer than the lock timeout.
    """
    days, newest, _ = stale_days(pipeline, warehouse, today=now.date())
    report_lost_runs(instance, lock, now)
    return requests.next_request(days, day_runs(instance), now), newest


def report_lost_runs(instance: dg.DagsterInstance, lock: Path, now: datetime) -> None:
    """Mark runs as failed whose process has died; otherwise they would be recorded as started for ever."""
    for record in instance.get_run_records(dg.RunsFilter(statuses=AT_WORK)):
        days = day_range(record.dagster_run.tags)
        silent = now - naive_utc(record.update_timestamp.timestamp())
        if days is not None and silent > LOST_AFTER and days_are_free(lock, *days):
            message = f"the process of the run has died: no process holds the lock of the days {days[0]} … {days[1]}"
            instance.report_run_failed(record.dagster_run, message)


def day_runs(instance: dg.DagsterInstance) -> list[requests.DayRun]:
    """Runs over days, from any source: all that are in flight, and the latest that ended."""
    records = instance.get_run_records(dg.RunsFilter(statuses=_IN_FLIGHT))
    records = [*records, *instance.get_run_records(dg.RunsFilter(statuses=_ENDED), limit=RUNS_LOOKED_AT)]
    runs = []
    for record in records:
        run = record.dagster_run
        days = day_range(run.tags)
        if days is None:
            continue
        in_flight, succeeded = run.status in _IN_FLIGHT, run.status is dg.DagsterRunStatus.SUCCESS
        ended_at = naive_utc(record.end_time or record.update_timestamp.timestamp())
        runs.append(
            requests.DayRun(
                first_day=days[0],
                last_day=days[1],
                outcome="in_flight" if in_flight else "succeeded" if succeeded else "failed",
                ended_at=None if in_flight else ended_at,
                is_automatic=REQUESTED_BY_TAG in run.tags,
            )
        )
    return runs


def naive_utc(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)
