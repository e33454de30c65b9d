"""The only place where things are joined: settings, warehouse, models and assets become Dagster definitions."""

from __future__ import annotations

import warnings
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

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
from journeys_assets.defs.deployment import Deployment, Progress
from journeys_assets.defs.ingestion import build_ingest_job, build_landing_sensor
from journeys_assets.defs.jobs import build_jobs
from journeys_assets.defs.partitions import daily_partitions
from journeys_assets.defs.sensors import build_daily_schedule, build_sensors
from journeys_assets.domain.clustering import assign_rows, distinct_keywords
from journeys_assets.domain.embedding import KeywordVectors, pack
from journeys_assets.domain.experiment import Readout
from journeys_assets.domain.naming import name_journeys
from journeys_assets.domain.text import normalise_series
from journeys_assets.evaluation.section import SECTION_NAMES, Section
from journeys_assets.models.embedder import Embedder, make_embedder
from journeys_assets.models.namer_release import naming_on
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.sql_models import load_models
from journeys_assets.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from journeys_assets.evaluate import Materials

SQL_FOLDER = Path(__file__).parents[1] / "dbt_like_sql"


def _log_progress(stage: str, done: int, total: int) -> None:
    """Progress as a plain line at every tenth of the way."""
    step = max(1, total // 10)
    if done % step == 0 or done == total:
        dg.get_dagster_logger("journeys").info("%s: %d of %d", stage, done, total)


def build_deployment(
    settings: Settings, *, progress: Progress = _log_progress, embedder: Embedder | None = None
) -> Deployment:
    """Join settings with the warehouse and the models; nothing is opened or loaded yet."""

    @cache
    def make() -> Embedder:
        return embedder or make_embedder(settings.embedder, settings.models_path / "embedder")

    return Deployment(
        settings=settings,
        sql_models=load_models(SQL_FOLDER),
        partitions=daily_partitions(settings.first_day),
        warehouse=Warehouse(settings.warehouse_path),
        embedder=make,
        progress=progress,
    )


def build_definitions(deployment: Deployment | None = None) -> dg.Definitions:
    """All definitions of a deployment; without one, of the deployment that the environment describes."""
    # Single-run backfills and partitioned checks are marked beta and preview; the locked version is tested with them.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return _definitions(deployment or build_deployment(load_settings()))


def _definitions(house: Deployment) -> dg.Definitions:
    jobs = build_jobs()
    ingest_job = build_ingest_job(house)
    stages = [
        embedding, clustering, naming, ranking, staging, notifications, evolution, quality, publishing, training,
    ]  # fmt: skip
    return dg.Definitions(
        assets=[
            *build_source_specs(),
            *build_sql_assets(house),
            *days.build(house),
            *(stage.build(house) for stage in stages),
            training.build_stage_release(house),
            training.build_naming_release(house),
            *_evaluation(house),
            _experiment(house),
        ],
        asset_checks=[*build_contract_checks(house), *build_quality_monitors(house)],
        jobs=[*jobs, ingest_job],
        schedules=[build_daily_schedule(house, jobs)],
        sensors=[*build_sensors(house, jobs), build_landing_sensor(house, ingest_job)],
        resources={DAY_LOCK: build_day_lock(house.settings.home)},
        executor=dg.in_process_executor,
    )


def _evaluation(house: Deployment) -> list[dg.AssetsDefinition]:
    """The evaluation runs the pipeline over logs of its own, so it is joined to it here and loaded when first used."""

    @cache
    def materials() -> Materials:
        from journeys_assets.evaluate import Materials

        return Materials(house)

    def evaluate(name: str) -> Section:
        from journeys_assets.evaluate import evaluate_section

        return evaluate_section(name, materials())

    def report() -> Path:
        from journeys_assets.evaluate import make_report

        return make_report(house)

    return evaluation.build(SECTION_NAMES, evaluate, report)


def _experiment(house: Deployment) -> dg.AssetsDefinition:
    def read_out(first: date | None, last: date | None) -> tuple[date, date, Readout] | None:
        from journeys_assets.experiment import NoSends, read_out_log

        try:
            found = read_out_log(house, first, last)
        except NoSends:
            return None
        return found.first, found.last, found.readout

    return experiment.build(read_out)


def cluster_labelled_keywords(rows: pl.DataFrame, deployment: Deployment) -> pl.DataFrame:
    """Each row of ``rows`` with journey_id, area_id and journey_name, made by the code and parameters of the pipeline.

    Args:
        rows: user_id, keyword and optionally weight (> 0), first_engaged_at, last_engaged_at.

    Raises:
        ValueError: a column is missing or a value is not allowed.
    """
    missing = [name for name in ("user_id", "keyword") if name not in rows.columns]
    if missing:
        raise ValueError(f"missing column {', '.join(missing)}; needed are user_id and keyword, found {rows.columns}")
    rows = rows.drop("journey_id", "area_id", "journey_name", strict=False)
    embedder, params = deployment.embedder(), deployment.algorithm
    keywords = distinct_keywords(rows)
    packed = pack(embedder.embed(keywords, partial(deployment.progress, "embedding")))
    vectors = KeywordVectors.from_frame(
        pl.DataFrame({"keyword": keywords, "embedding": packed}, schema={"keyword": pl.String, "embedding": pl.Binary})
    )
    assigned, clusters = assign_rows(rows, vectors, params.clustering)
    facts = (
        clusters.select("user_id", keyword="keywords")
        .explode("keyword")
        .with_columns(display_form=pl.col("keyword"), n_queries=pl.lit(0, dtype=pl.Int64), commonness=pl.lit(0.0))
        .join(_first_times(rows), on=["user_id", "keyword"], how="left")
    )
    naming, _ = naming_on(deployment.naming_releases_path, date.max, params.naming)
    names = name_journeys(clusters, facts, naming).select("user_id", "journey_id", "journey_name")
    return assigned.join(names, on=["user_id", "journey_id"], how="left", maintain_order="left")


def _first_times(rows: pl.DataFrame) -> pl.DataFrame:
    """user_id, keyword (normalised) and first_engaged_at of rows that may have no times."""
    times = pl.col("first_engaged_at") if "first_engaged_at" in rows.columns else pl.lit(None)
    keywords = normalise_series(rows["keyword"])
    return (
        rows.select("user_id", keyword=keywords, first_engaged_at=times.cast(pl.Datetime("us")))
        .group_by("user_id", "keyword")
        .agg(pl.col("first_engaged_at").min())
    )
