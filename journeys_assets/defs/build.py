"""The only place where things are joined: settings, warehouse, models and stages become Dagster definitions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from journeys_assets.defs.assets import activation, calibration, evaluation, expansion, experiment
from journeys_assets.defs.assets.sources import build_source_specs
from journeys_assets.defs.assets.stages import build_stage_assets
from journeys_assets.defs.assets.training import build_training_assets
from journeys_assets.defs.day_lock import DAY_LOCK, build_day_lock
from journeys_assets.defs.ingestion import build_ingest_job, build_landing_sensor
from journeys_assets.defs.jobs import build_jobs
from journeys_assets.defs.partitions import daily_partitions
from journeys_assets.defs.sensors import (
    build_activation_schedule,
    build_daily_schedule,
    build_expansion_schedule,
    build_sensors,
)
from journeys_assets.deployment import Deployment, build_deployment
from journeys_assets.domain.experiment.readout import Readout
from journeys_assets.evaluation.report.section import SECTION_NAMES, Section
from journeys_assets.operations.asked_days import asked_day
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline, static_versions
from journeys_assets.pipeline.registry import STAGES, SqlStage
from journeys_assets.pipeline.stage import StageEntry
from journeys_assets.pipeline.training import TRAININGS, model_versions
from journeys_assets.settings import load_settings

if TYPE_CHECKING:
    from journeys_assets.evaluation.run import Materials
    from journeys_assets.operations.activation.hand_over import Activation
    from journeys_assets.operations.calibrate import Calibrated
    from journeys_assets.operations.expand import ExpansionReport


def log_progress(stage: str, done: int, total: int) -> None:
    """Progress as a plain line at every tenth of the way."""
    step = max(1, total // 10)
    if done % step == 0 or done == total:
        dg.get_dagster_logger("journeys").info("%s: %d of %d", stage, done, total)


def build_definitions(
    deployment: Deployment | None = None,
    stages: Sequence[StageEntry | SqlStage] = STAGES,
    *,
    column_lineage: bool = False,
) -> dg.Definitions:
    """All definitions of a deployment; without one, of the deployment that the environment describes.

    Args:
        column_lineage: Whether assets show which columns theirs come from. It is derived by parsing all SQL, which
            takes longer than the rest of the definitions; only the UI shows it.
    """
    deployment = deployment or build_deployment(load_settings(), progress=log_progress)
    # Single-run backfills are marked beta; the locked version is tested with them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return _definitions(deployment, build_pipeline(deployment, stages), stages, column_lineage)


def _definitions(
    deployment: Deployment, pipeline: Pipeline, stages: Sequence[StageEntry | SqlStage], column_lineage: bool
) -> dg.Definitions:
    jobs = build_jobs()
    ingest_job = build_ingest_job(deployment, pipeline, lambda: build_definitions(deployment, stages))
    partitions = daily_partitions(deployment.settings.first_day)
    models = deployment.sql_models
    lineage = {name: model.column_lineage for name, model in models.items()} if column_lineage else {}
    folders = {training.kind.folder: deployment.releases(training.kind.folder) for training in TRAININGS}
    return dg.Definitions(
        assets=[
            *build_source_specs(),
            *build_stage_assets(pipeline, models, lineage, static_versions(pipeline, deployment), partitions),
            *build_training_assets(
                deployment.warehouse, deployment.algorithm, partial(model_versions, deployment), folders
            ),
            *_evaluation(deployment, pipeline),
            _experiment(deployment),
            expansion.build(partial(_expand, deployment)),
            calibration.build(partial(_calibrate, deployment)),
            activation.build(partial(_activate, deployment)),
        ],
        jobs=[*jobs, ingest_job],
        schedules=[
            build_daily_schedule(deployment.settings, pipeline, jobs),
            build_expansion_schedule(),
            build_activation_schedule(deployment.settings),
        ],
        sensors=[*build_sensors(deployment.settings, pipeline, jobs), build_landing_sensor(deployment, ingest_job)],
        resources={DAY_LOCK: build_day_lock(deployment.settings.home)},
        executor=dg.in_process_executor,
    )


def _evaluation(deployment: Deployment, pipeline: Pipeline) -> list[dg.AssetsDefinition]:
    """The evaluation runs the pipeline over logs of its own; it is loaded when first used."""

    @cache
    def materials() -> Materials:
        from journeys_assets.evaluation.run import Materials

        return Materials(
            deployment.settings,
            deployment.embedder,
            deployment.sql_models,
            pipeline,
            deployment.asker,
            partial(model_versions, deployment),
        )

    def evaluate(name: str) -> Section:
        from journeys_assets.evaluation.run import evaluate_section

        return evaluate_section(name, materials())

    def report() -> Path:
        from journeys_assets.evaluation.run import make_report

        return make_report(deployment.settings, pipeline.versions())

    return evaluation.build(SECTION_NAMES, evaluate, report)


def _experiment(deployment: Deployment) -> dg.AssetsDefinition:
    def read_out(first: date | None, last: date | None) -> tuple[date, date, Readout] | None:
        from journeys_assets.operations.readout import NoSends, read_out_log

        try:
            found = read_out_log(deployment.warehouse, deployment.algorithm.notifications, first, last)
        except NoSends:
            return None
        return found.first, found.last, found.readout

    return experiment.build(read_out)


def _expand(deployment: Deployment, as_of: date | None, run_id: str) -> ExpansionReport | None:
    from journeys_assets.operations.expand import expand_deployment

    day = asked_day(deployment.warehouse, as_of)
    return None if day is None else expand_deployment(deployment, day, run_id)


def _calibrate(deployment: Deployment, as_of: date | None, pairs: Path | None) -> Calibrated | None:
    from journeys_assets.operations.calibrate import calibrate, read_pairs
    from journeys_assets.operations.sheet_pages import SALT_FILE

    day = asked_day(deployment.warehouse, as_of)
    if day is None:
        return None
    return calibrate(
        deployment.warehouse,
        deployment.algorithm.clustering,
        deployment.embedder().model_version,
        deployment.releases("calibration"),
        day,
        None if pairs is None else read_pairs(deployment.warehouse, pairs, deployment.settings.home / SALT_FILE),
    )


def _activate(deployment: Deployment, as_of: date | None, run_id: str) -> list[Activation]:
    from journeys_assets.operations.activation.choose import destination_of
    from journeys_assets.operations.activation.hand_over import activate

    settings, day = deployment.settings.activation, asked_day(deployment.warehouse, as_of)
    if day is None:
        return []
    return [
        activate(
            deployment.warehouse,
            destination_of(address, **settings.secrets),
            day,
            deployment.algorithm.notifications,
            settings.audiences,
            now=datetime.now(UTC).replace(tzinfo=None),
            run_id=run_id,
            what=settings.what,
        )
        for address in settings.to
    ]
