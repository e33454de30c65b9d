"""The only place where things are joined: settings, warehouse, models and assets become Dagster definitions."""

from __future__ import annotations

import warnings
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from journeys_assets.defs.assets import (
    clustering,
    days,
    embedding,
    evaluation,
    evolution,
    experiment,
    naming,
    notifications,
    publishing,
    quality,
    ranking,
    staging,
    training,
)
from journeys_assets.defs.assets.sources import build_source_specs
from journeys_assets.defs.assets.sql import build_sql_assets
from journeys_assets.defs.checks.contract import build_contract_checks
from journeys_assets.defs.checks.quality import build_quality_monitors
from journeys_assets.defs.day_lock import DAY_LOCK, build_day_lock
from journeys_assets.defs.ingestion import build_ingest_job, build_landing_sensor
from journeys_assets.defs.jobs import build_jobs
from journeys_assets.defs.sensors import build_daily_schedule, build_sensors
from journeys_assets.deployment import Deployment
from journeys_assets.domain.experiment.readout import Readout
from journeys_assets.evaluation.report.section import SECTION_NAMES, Section
from journeys_assets.settings import load_settings

if TYPE_CHECKING:
    from journeys_assets.evaluation.run import Materials

from journeys_assets.deployment import build_deployment


def build_definitions(deployment: Deployment | None = None) -> dg.Definitions:
    """All definitions of a deployment; without one, of the deployment that the environment describes."""
    # Single-run backfills and partitioned checks are marked beta and preview; the locked version is tested with them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _definitions(deployment or build_deployment(load_settings()))


def _definitions(deployment: Deployment) -> dg.Definitions:
    jobs = build_jobs()
    ingest_job = build_ingest_job(deployment)
    stages = [
        embedding, clustering, naming, ranking, staging, notifications, evolution, quality, publishing, training,
    ]  # fmt: skip
    return dg.Definitions(
        assets=[
            *build_source_specs(),
            *build_sql_assets(deployment),
            *days.build(deployment),
            *(stage.build(deployment) for stage in stages),
            training.build_stage_release(deployment),
            training.build_naming_release(deployment),
            *_evaluation(deployment),
            _experiment(deployment),
        ],
        asset_checks=[*build_contract_checks(deployment), *build_quality_monitors(deployment)],
        jobs=[*jobs, ingest_job],
        schedules=[build_daily_schedule(deployment, jobs)],
        sensors=[*build_sensors(deployment, jobs), build_landing_sensor(deployment, ingest_job)],
        resources={DAY_LOCK: build_day_lock(deployment.settings.home)},
        executor=dg.in_process_executor,
    )


def _evaluation(deployment: Deployment) -> list[dg.AssetsDefinition]:
    """The evaluation runs the pipeline over logs of its own, so it is joined to it here and loaded when first used."""

    @cache
    def materials() -> Materials:
        from journeys_assets.evaluation.run import Materials

        return Materials(deployment)

    def evaluate(name: str) -> Section:
        from journeys_assets.evaluation.run import evaluate_section

        return evaluate_section(name, materials())

    def report() -> Path:
        from journeys_assets.evaluation.run import make_report

        return make_report(deployment)

    return evaluation.build(SECTION_NAMES, evaluate, report)


def _experiment(deployment: Deployment) -> dg.AssetsDefinition:
    def read_out(first: date | None, last: date | None) -> tuple[date, date, Readout] | None:
        from journeys_assets.operations.readout import NoSends, read_out_log

        try:
            found = read_out_log(deployment, first, last)
        except NoSends:
            return None
        return found.first, found.last, found.readout

    return experiment.build(read_out)
