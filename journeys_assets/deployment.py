"""What one deployment consists of: settings, SQL models, the warehouse, the embedding model. No Dagster.

The object is unpacked at the edge (``pipeline.registry``, ``defs``, ``cli``) and not handed down: functions below take
what they use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from journeys_assets.compute.base import Compute
from journeys_assets.compute.choose import RayParams, make_compute
from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.scheduling.log_days import start_of_log
from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.models.embedding.backends import backend_of
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.choose import NamedEmbedder, packaged_embedder
from journeys_assets.models.llm.base import Asker, answered_by
from journeys_assets.models.llm.budget import Limits, Prices, Spent
from journeys_assets.models.llm.choose import AskerParams, key_of, make_asker
from journeys_assets.models.llm.prompts import load_prompt
from journeys_assets.models.safety.judge import SafetyJudge, shared_judge
from journeys_assets.models.safety.moderation import Moderation
from journeys_assets.settings import LandingPlace, LanguageModelSettings, Settings
from journeys_assets.storage.key_value.base import KeyValueStore
from journeys_assets.storage.key_value.choose import open_store
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries.model_calls import spent_on
from journeys_assets.storage.sql_models import SqlModel, load_models, sql_folder
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

if TYPE_CHECKING:
    from journeys_assets.storage.locations.places import Place

Progress = Callable[[str, int, int], None]
"""Called with (stage, days done, days in all)."""


@dataclass(frozen=True)
class Deployment:
    """Settings and SQL models, plus the heavy things behind functions that make them when first used."""

    settings: Settings
    sql_models: dict[str, SqlModel]
    warehouse: Warehouse
    compute: Compute
    embedder: Callable[[], Embedder]
    progress: Progress
    asker: Callable[[str], Asker | None]
    """The language model for one run, by its id; None without one."""

    safety_judge: Callable[[], SafetyJudge]

    def answered_by(self, prompt: str) -> str | None:
        """Model and version of a prompt, by its name, as rows carry them; None without a language model."""
        model = self.settings.llm.model
        return None if model is None else answered_by(model, load_prompt(prompt))

    @property
    def algorithm(self) -> AlgorithmParams:
        return self.settings.algorithm

    def related_store(self) -> KeyValueStore:
        """The key-value store of related journeys.

        By default it lies beside the releases whose content it holds, so that a copy of them is complete.
        """
        return open_store(self.settings.key_value_store, self.releases("related") / ".content")

    def is_safe(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text may be shown and sent to anybody, and holds no personal data."""
        decisions = self.safety_judge().judge(texts)["decision"].cast(pl.String).to_list()
        return [
            decision == "allow" and not holds_personal_data(text)
            for text, decision in zip(texts, decisions, strict=True)
        ]

    def releases(self, kind: str) -> Path:
        """Folder of the releases of one kind of model: ``ranker``, ``stage`` or ``naming``."""
        return self.settings.models_path / kind

    def at(self, home: Path) -> Deployment:
        """The same deployment on state in another folder."""
        settings = self.settings.model_copy(update={"home": home})
        return dataclasses.replace(
            self, settings=settings, warehouse=open_warehouse(settings), compute=open_compute(settings)
        )


def open_warehouse(settings: Settings, *, lock_timeout_s: float = 600.0) -> Warehouse:
    """The warehouse of a deployment; it is created on the first write.

    Args:
        lock_timeout_s: How long a read or a write waits for other processes, seconds.
    """
    return Warehouse(settings.warehouse_path, lock_timeout_s=lock_timeout_s)


def watched_places(settings: Settings) -> list[Callable[[], Place]]:
    """What makes each watched place: the landing folder, and those that the settings name."""
    from journeys_assets.storage.locations.address import Location
    from journeys_assets.storage.locations.places import Place

    home = Place(Location(str(settings.landing_path), "path", "", str(settings.landing_path)))
    return [lambda: home, *(partial(place_of, one, settings) for one in settings.landing)]


def place_of(one: LandingPlace, settings: Settings) -> Place:
    """A place that the settings name; see :func:`watched_place`."""
    from journeys_assets.storage.locations.places import watched_place

    mapping = None if one.mapping is None else settings.home / one.mapping
    actions, options = settings.algorithm.actions, settings.formats
    return watched_place(one.location, one.format, mapping, actions=actions, options=options)


def open_compute(settings: Settings) -> Compute:
    """Where the work of a deployment runs. Connects to nothing."""
    ray = settings.ray
    params = RayParams(ray.address, ray.users_per_task, ray.keywords_per_task, settings.llm.max_concurrency)
    return make_compute(settings.compute, params, settings.home / "unfinished" / "compute")


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

    warehouse = open_warehouse(settings)

    compute = open_compute(settings)
    named = NamedEmbedder(settings.embedder, settings.models_path / "embedder", settings.embedding_backend)

    @cache
    def asker_of(run_id: str) -> Asker | None:
        return asker or asker_of_run(settings, warehouse, compute, run_id)

    models = load_models(sql_folder(), settings.algorithm.actions, noise=settings.algorithm.noise)

    @cache
    def safety_judge() -> SafetyJudge:
        # With the backend of the keywords' vectors, so that it can take them and embeds few texts itself.
        packaged = packaged_embedder(backend_of(settings.embedding_backend))
        moderate = moderation(settings.llm)
        if moderate is None:
            return shared_judge(settings.algorithm.safety, packaged)
        return SafetyJudge(settings.algorithm.safety, packaged, moderate=moderate)

    make = named if embedder is None else lambda: embedder
    return Deployment(settings, models, warehouse, compute, make, progress, asker_of, safety_judge)


def asker_of_run(settings: Settings, warehouse: Warehouse, compute: Compute, run_id: str) -> Asker | None:
    """What asks the language model that the settings name, within its budgets; None without one. Connects to nothing.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    if settings.llm.model is None:
        return None
    warehouse.ensure(LLM_LEDGER)
    today = datetime.now(UTC).date()
    with warehouse.reading() as con:
        spent = Spent(today, *spent_on(con, today))
    return make_asker(
        asker_params(settings.llm), settings.answers_path, run_id=run_id, spent_today=spent, where=compute.chat
    )


def moderation(llm: LanguageModelSettings) -> Moderation | None:
    """The moderation model that the settings name; None without one. Connects to nothing.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    if llm.moderation_model is None:
        return None
    return Moderation(llm.base_url, llm.moderation_model, key_of(llm.api_key), timeout_s=llm.timeout_seconds)


def asker_params(llm: LanguageModelSettings) -> AskerParams:
    """The settings of the language model, as ``models.llm`` takes them."""
    return AskerParams(
        llm.model,
        llm.base_url,
        api_key=llm.api_key,
        max_concurrency=llm.max_concurrency,
        requests_per_minute=llm.requests_per_minute,
        timeout_seconds=llm.timeout_seconds,
        max_retries=llm.max_retries,
        structured_output=llm.structured_output,
        limits=Limits(llm.calls_per_run, llm.calls_per_day, llm.cost_per_run, llm.cost_per_day),
        prices=Prices(llm.input_price, llm.output_price),
    )
