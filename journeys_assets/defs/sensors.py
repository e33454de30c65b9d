"""active_users_sensor and daily_schedule: they ask the warehouse which days are stale, and request exactly those.

What belongs here: reading stored state (the warehouse, Dagster's run records) and handing it to
``domain.scheduling.requests``. Neither keeps a cursor: a tick that is lost is made up for by the next.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from journeys_assets.defs.day_lock import lock_path
from journeys_assets.defs.jobs import DAILY_JOB, EXPANSION_JOB, Job
from journeys_assets.defs.partitions import day_range, range_tags
from journeys_assets.deployment import open_warehouse
from journeys_assets.domain.scheduling import requests
from journeys_assets.domain.scheduling.log_days import LogDays
from journeys_assets.pipeline.pipeline import DAY, Pipeline, prepare
from journeys_assets.settings import Settings
from journeys_assets.storage.locks import days_are_free
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import staleness
from journeys_assets.storage.warehouse.base import WarehouseBusyError
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

ACTIVE_USERS_SENSOR = "active_users_sensor"
REQUESTED_BY_TAG = "journeys/requested_by"
RUNS_LOOKED_AT = 50
"""Number of latest ended runs in which failures are counted; the pause between attempts is longest after seven."""

LOST_AFTER = timedelta(minutes=2)
"""A run that is recorded as started for longer than this, while no process holds the lock of its days, has died."""

LOCK_TIMEOUT_S = 5.0
"""How long an evaluation waits for the warehouse; the next evaluation follows soon."""

_AT_WORK = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
_IN_FLIGHT = [dg.DagsterRunStatus.QUEUED, *_AT_WORK]
_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def build_sensors(settings: Settings, pipeline: Pipeline, jobs: Sequence[Job]) -> list[dg.SensorDefinition]:
    impatient = open_warehouse(settings, lock_timeout_s=LOCK_TIMEOUT_S)

    @dg.sensor(
        name=ACTIVE_USERS_SENSOR,
        job=_daily(jobs),
        minimum_interval_seconds=settings.sensor_interval_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Requests the days that have new or late events since they were computed.",
    )
    def active_users_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        now = datetime.now(UTC).replace(tzinfo=None)
        try:
            days, newest, _ = _stale(pipeline, impatient, today=now.date())
        except WarehouseBusyError as error:
            return dg.SkipReason(f"the next evaluation tries again: {error}")
        report_lost_runs(context.instance, lock_path(settings.home), now)
        decision = requests.next_request(days, day_runs(context.instance), now)
        if isinstance(decision, requests.Wait):
            return dg.SkipReason(decision.reason)
        return dg.SensorResult([_run_request(decision, newest, context.instance)])

    return [active_users_sensor]


def build_daily_schedule(settings: Settings, pipeline: Pipeline, jobs: Sequence[Job]) -> dg.ScheduleDefinition:
    @dg.schedule(
        name="daily_schedule",
        job=_daily(jobs),
        cron_schedule="0 1 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Runs each UTC day at 01:00 of the next day, and every earlier day that has not been run.",
    )
    def daily_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        yesterday = (context.scheduled_execution_time - timedelta(days=1)).date()
        days, _, log = _stale(pipeline, pipeline.warehouse, today=yesterday)
        with pipeline.warehouse.reading() as con:
            last_closed = day_queries.last_closed_day(con)
        if log.all is None or (yesterday - log.all.last).days >= pipeline.params.keywords.horizon_days:
            return dg.SkipReason("no user was active within the horizon, so no journey is live")
        due = requests.days_to_close(
            days, last_closed, yesterday, start=log.start, retention_days=settings.output_retention_days
        )
        if due is None:
            return dg.SkipReason(f"{yesterday} is closed and up to date with the log")
        return dg.RunRequest(run_key=yesterday.isoformat(), tags=range_tags(*due))

    return daily_schedule


def build_expansion_schedule() -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(
        name="expansion_schedule",
        job_name=EXPANSION_JOB,
        cron_schedule="0 4 * * 1",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Expands each Monday, once the week is complete.",
    )


def report_lost_runs(instance: dg.DagsterInstance, lock: Path, now: datetime) -> None:
    """Mark runs as failed whose process has died; otherwise they would be recorded as started for ever."""
    for record in instance.get_run_records(dg.RunsFilter(statuses=_AT_WORK)):
        days = day_range(record.dagster_run.tags)
        silent = now - _naive_utc(record.update_timestamp.timestamp())
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
        ended_at = _naive_utc(record.end_time or record.update_timestamp.timestamp())
        runs.append(
            requests.DayRun(
                first_day=days[0],
                last_day=days[1],
                outcome="in_flight" if in_flight else "succeeded" if succeeded else "failed",
                ended_at=None if in_flight else ended_at,
                is_automatic=run.tags.get(REQUESTED_BY_TAG) == ACTIVE_USERS_SENSOR,
            )
        )
    return runs


def _naive_utc(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None)


def _daily(jobs: Sequence[Job]) -> Job:
    return next(job for job in jobs if job.name == DAILY_JOB)


def _stale(pipeline: Pipeline, warehouse: Warehouse, *, today: date) -> tuple[list[date], int, LogDays]:
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


def _run_request(request: requests.Request, newest: int, instance: dg.DagsterInstance) -> dg.RunRequest:
    """The request, with one run key per attempt, so that two evaluations at the same time start one run."""
    days = range_tags(request.first_day, request.last_day)
    before = instance.get_runs_count(dg.RunsFilter(tags={REQUESTED_BY_TAG: ACTIVE_USERS_SENSOR, **days}))
    return dg.RunRequest(
        run_key=f"{request.first_day}..{request.last_day} log {newest} attempt {before + 1}",
        tags={REQUESTED_BY_TAG: ACTIVE_USERS_SENSOR, **days},
    )
