"""What every asset factory needs to know of this deployment."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import dagster as dg

from journeys_assets.defs.partitions import daily_partitions
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.settings import Settings
from journeys_assets.storage.ingest.load import ensure_landing
from journeys_assets.storage.sql_models import SqlModel, load_models
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

Progress = Callable[[str, int, int], None]
"""Called with (stage, days done, days in all)."""


@dataclass(frozen=True)
class Deployment:
    """Settings, SQL models and partitions, plus the heavy things behind functions that make them when first used."""

    settings: Settings
    sql_models: dict[str, SqlModel]
    partitions: dg.DailyPartitionsDefinition
    warehouse: Warehouse
    embedder: Callable[[], Embedder]
    progress: Progress

    @property
    def algorithm(self) -> AlgorithmParams:
        return self.settings.algorithm

    @property
    def releases_path(self) -> Path:
        """Folder of released rankers."""
        return self.settings.models_path / "ranker"

    @property
    def stage_releases_path(self) -> Path:
        """Folder of released stage models."""
        return self.settings.models_path / "stage"

    @property
    def naming_releases_path(self) -> Path:
        """Folder of released naming weights."""
        return self.settings.models_path / "naming"

    def version_of(self, stage: str) -> str:
        """Algorithm version of a stage, the embedding model included from clustering on."""
        extra = {} if stage == "keywords" else {"embedder": self.settings.embedder}
        return self.algorithm.version_of(stage, **extra)

    @property
    def output_version(self) -> str:
        """Algorithm version of a whole day: the fingerprint of the last stage that anyone acts on."""
        return self.version_of("notifications")

    def prepare(self) -> None:
        """Create the tables that are not there yet, so that whatever reads them finds them empty."""
        ensure_landing(self.warehouse)
        marts = [model.table for model in self.sql_models.values() if model.materialized == "incremental"]
        self.warehouse.ensure(*PIPELINE_TABLES.values(), *marts)


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
        sql_models=load_models(SQL_FOLDER, settings.algorithm.actions),
        partitions=daily_partitions(settings.first_day),
        warehouse=Warehouse(settings.warehouse_path),
        embedder=make,
        progress=progress,
    )
