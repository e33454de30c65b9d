"""active_users_sensor and daily_schedule: they ask the warehouse which days are stale, and request exactly those.

``defs.stale_days`` reads the state and decides. Neither keeps a cursor: a tick that is lost is made up for by the next.
The ingest job runs the days that its files made stale, so the sensor requests the rest: days of files that a command
loaded, of runs that failed or died, and of files that came while a run was over their days.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from journeys_assets.defs.day_lock import lock_path
from journeys_assets.defs.ingestion import loading_run
from journeys_assets.defs.jobs import ACTIVATION_JOB, DAILY_JOB, EXPANSION_JOB, Job
from journeys_assets.defs.partitions import range_tags
from journeys_assets.defs.stale_days import REQUESTED_BY_TAG, next_days, stale_days
from journeys_assets.deployment import open_warehouse
from journeys_assets.domain.scheduling import requests
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.settings import Settings
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.warehouse.base import WarehouseBusyError

ACTIVE_USERS_SENSOR = "active_users_sensor"
LOCK_TIMEOUT_S = 5.0
"""How long an evaluation waits for the warehouse; the next evaluation follows soon."""


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
            decision, newest = next_days(pipeline, impatient, context.instance, lock_path(settings.home), now)
        except WarehouseBusyError as error:
            return dg.SkipReason(f"the next evaluation tries again: {error}")
        if loading := loading_run(settings.home, context.instance, time.time_ns()):
            return dg.SkipReason(f"run {loading.run_id} is loading files, and runs the days that they make stale")
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
        days, _, log = stale_days(pipeline, pipeline.warehouse, today=yesterday)
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


def build_activation_schedule(settings: Settings) -> dg.ScheduleDefinition:
    has_destination = bool(settings.activation.to)
    return dg.ScheduleDefinition(
        name="activation_schedule",
        job_name=ACTIVATION_JOB,
        cron_schedule="20 * * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING if has_destination else dg.DefaultScheduleStatus.STOPPED,
        description="Hands over what changed each hour, so that a withdrawn consent takes sends back in time. On if "
        "activation.to names a destination.",
    )


def _daily(jobs: Sequence[Job]) -> Job:
    return next(job for job in jobs if job.name == DAILY_JOB)


def _run_request(request: requests.Request, newest: int, instance: dg.DagsterInstance) -> dg.RunRequest:
    """The request, with one run key per attempt, so that two evaluations at the same time start one run."""
    days = range_tags(request.first_day, request.last_day)
    before = instance.get_runs_count(dg.RunsFilter(tags={REQUESTED_BY_TAG: ACTIVE_USERS_SENSOR, **days}))
    return dg.RunRequest(
        run_key=f"{request.first_day}..{request.last_day} log {newest} attempt {before + 1}",
        tags={REQUESTED_BY_TAG: ACTIVE_USERS_SENSOR, **days},
    )
