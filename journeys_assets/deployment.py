"""What one deployment consists of: settings, SQL models, the warehouse, the embedding model. No Dagster.

The object is unpacked at the edge (``pipeline.registry``, ``defs``, ``cli``) and not handed down: functions below take
what they use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.scheduling.log_days import start_of_log
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.models.llm.prompts import load_prompt
from journeys_assets.settings import Settings
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.sql_models import SqlModel, load_models, sql_folder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

Progress = Callable[[str, int, int], None]
"""Called with (stage, days done, days in all)."""


@dataclass(frozen=True)
class Deployment:
    """Settings and SQL models, plus the heavy things behind functions that make them when first used."""

    settings: Settings
    sql_models: dict[str, SqlModel]
    warehouse: Warehouse
    embedder: Callable[[], Embedder]
    progress: Progress
    asker: Callable[[], Asker | None]

    def answered_by(self, prompt: str) -> str | None:
        """Model and version of a prompt, by its name, as rows carry them; None without a language model."""
        model = self.settings.llm.model
        return None if model is None else answered_by(model, load_prompt(prompt))

    @property
    def algorithm(self) -> AlgorithmParams:
        return self.settings.algorithm

    def releases(self, kind: str) -> Path:
        """Folder of the releases of one kind of model: ``ranker``, ``stage`` or ``naming``."""
        return self.settings.models_path / kind

    def at(self, home: Path) -> Deployment:
        """The same deployment on state in another folder."""
        settings = self.settings.model_copy(update={"home": home})
        return dataclasses.replace(self, settings=settings, warehouse=open_warehouse(settings))


def open_warehouse(settings: Settings, *, lock_timeout_s: float = 600.0) -> Warehouse:
    """The warehouse of a deployment; it is created on the first write.

    Args:
        lock_timeout_s: How long a read or a write waits for other processes, seconds.
    """
    return Warehouse(settings.warehouse_path, lock_timeout_s=lock_timeout_s)


def note_first_day(settings: Settings, warehouse: Warehouse) -> None:
    """Store the first day of the log, so that its partition exists; call it after every load.

    The setting first_partition_date takes precedence over what is stored, and does not change it.
    """
    with warehouse.reading() as con:
        events = day_queries.events_by_day(con)
    start = start_of_log(events, horizon_days=settings.algorithm.keywords.horizon_days)
    if start is not None:
        settings.note_first_day(start)


def build_deployment(
    settings: Settings, *, progress: Progress, embedder: Embedder | None = None, asker: Asker | None = None
) -> Deployment:
    """Join settings with the warehouse and the models; nothing is opened or loaded yet.

    Args:
        embedder: By default the one that the settings name.
        asker: What answers questions to the language model that the settings name; by default its endpoint.
    """

    @cache
    def make() -> Embedder:
        return embedder or make_embedder(settings.embedder, settings.models_path / "embedder")

    models = load_models(sql_folder(), settings.algorithm.actions)
    return Deployment(settings, models, open_warehouse(settings), make, progress, lambda: asker)
