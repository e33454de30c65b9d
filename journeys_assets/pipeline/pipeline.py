"""A deployment's stages, ready to run: the registry resolved against its SQL models, parameters and weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from journeys_assets.deployment import Deployment, Progress
from journeys_assets.domain import actions as registry
from journeys_assets.domain.parameters import AlgorithmParams, shaping_values
from journeys_assets.domain.scheduling.log_days import LogDays
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.domain.tables.table import Table
from journeys_assets.errors import JourneysError
from journeys_assets.models.releases import live_versions
from journeys_assets.pipeline.registry import STAGES, SqlStage
from journeys_assets.pipeline.sql import SqlTable, SqlView, views_of_the_log
from journeys_assets.pipeline.stage import LANDING, PUBLISHED, Stage, StageContext, StageEntry
from journeys_assets.pipeline.versions import Ingredients, Versions
from journeys_assets.storage.ingest.load import INGEST_TABLES
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.sql_models import SqlModel
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

DAY = "closed_days"
"""The stage whose version is that of a whole day's output."""


class RegistryError(JourneysError):
    """The registry does not fit together; the message names the entry."""


@dataclass(frozen=True)
class Pipeline:
    """All stages of one deployment.

    Attributes:
        entries: In the order in which they run.
        warehouse: Where they read and write.
        params: Their parameters.
        first_partition_date: The setting: the first day that is computed.
        progress: Called with (stage, days done, days in all).
        versions: Makes the algorithm versions with the releases of the moment.
        context: What a stage is made from, with the versions of one moment.
        releases: Folders of the trained releases that the stages use.
        elsewhere: The same pipeline on state in another folder.
    """

    entries: tuple[StageEntry, ...]
    warehouse: Warehouse
    params: AlgorithmParams
    first_partition_date: date | None
    progress: Progress
    versions: Callable[[], Versions]
    context: Callable[[Versions], StageContext]
    releases: tuple[Path, ...]
    elsewhere: Callable[[Path], Pipeline]

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that the stages write."""
        return tuple(table for entry in self.entries for table in entry.tables)

    def entry(self, name: str) -> StageEntry:
        """The entry of a stage, or of one of its tables."""
        return next(entry for entry in self.entries if name == entry.name or name in entry.assets)

    def log_days(self, con: duckdb.DuckDBPyConnection, *, today: date) -> LogDays:
        """The days of the log: which are computed, set aside or waiting as of ``today``."""
        return day_queries.log_days(
            con,
            today=today,
            horizon_days=self.params.keywords.horizon_days,
            first_partition_date=self.first_partition_date,
        )

    def prepare(self) -> None:
        """Create the tables that are not there yet, so that readers find them empty."""
        prepare(self.warehouse, self.tables)


def prepare(warehouse: Warehouse, tables: Sequence[Table]) -> None:
    """Create ``tables`` and those of ingestion in ``warehouse`` where they are not there yet."""
    warehouse.ensure(*INGEST_TABLES, LLM_LEDGER, *tables)


def build_pipeline(deployment: Deployment, stages: Sequence[StageEntry | SqlStage] = STAGES) -> Pipeline:
    """The pipeline of a deployment; opens and loads nothing.

    Raises:
        RegistryError: an entry names a SQL model or an upstream stage that does not exist or comes later.
    """
    entries = _resolved(stages, deployment.sql_models)
    fixed = {entry.name: _fixed_ingredients(entry, deployment, entries) for entry in entries}

    def versions() -> Versions:
        return Versions({e.name: replace(fixed[e.name], weights=_weights(e, deployment)) for e in entries})

    def context(versions: Versions) -> StageContext:
        return StageContext(deployment, entries, versions)

    return Pipeline(
        entries,
        deployment.warehouse,
        deployment.algorithm,
        deployment.settings.first_partition_date,
        deployment.progress,
        versions,
        context,
        tuple(dict.fromkeys(deployment.releases(entry.release.folder) for entry in entries if entry.release)),
        lambda home: build_pipeline(deployment.at(home), stages),
    )


def static_versions(pipeline: Pipeline, deployment: Deployment) -> Versions:
    """Versions that name the embedding model by its setting and know no release: they load nothing."""
    named = ((date.min, deployment.settings.embedder),)
    return Versions(
        {
            e.name: replace(
                _fixed_ingredients(e, deployment, pipeline.entries), weights=named if e.uses_embedder else ()
            )
            for e in pipeline.entries
        }
    )


# ── resolving ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _resolved(stages: Sequence[StageEntry | SqlStage], models: Mapping[str, SqlModel]) -> tuple[StageEntry, ...]:
    named = {stage.name for stage in stages}
    views = [
        SqlStage(model.name, "staging")
        for model in models.values()
        if model.layer == "staging" and model.materialized == "view" and model.name not in named
    ]
    entries = tuple(_sql_entry(s, models) if isinstance(s, SqlStage) else s for s in (*views, *stages))
    entries = tuple(replace(entry, upstream=_expanded(entry, entries)) for entry in entries)
    _check_order(entries)
    unlisted = {m.name for m in models.values() if m.materialized != "ephemeral"} - {entry.name for entry in entries}
    if unlisted:
        raise RegistryError(f"SQL models without an entry in the registry: {', '.join(sorted(unlisted))}")
    return entries


def _expanded(entry: StageEntry, entries: Sequence[StageEntry]) -> tuple[str, ...]:
    """``upstream`` of an entry with the published stages named."""
    before = entries[: [e.name for e in entries].index(entry.name)]
    published = [e.name for e in before if e.is_published]
    return tuple(dict.fromkeys(n for name in entry.upstream for n in (published if name == PUBLISHED else [name])))


def _check_order(entries: Sequence[StageEntry]) -> None:
    done: set[str] = set()
    for entry in entries:
        late = [name for name in entry.upstream if not name.startswith(LANDING) and name not in done]
        if late:
            raise RegistryError(f"stage {entry.name} reads {', '.join(late)}, which no stage before it makes")
        twice = done.intersection(entry.assets)
        if twice:
            raise RegistryError(f"two stages make {', '.join(sorted(twice))}")
        done.update(entry.assets, [entry.name])


def _sql_entry(stage: SqlStage, models: Mapping[str, SqlModel]) -> StageEntry:
    if stage.name not in models:
        raise RegistryError(f"stage {stage.name} is no SQL model; there are {', '.join(sorted(models))}")
    model = models[stage.name]
    is_table = model.materialized == "incremental"
    parameters = _parameters(model)

    def make(context: StageContext) -> Stage:
        warehouse = context.deployment.warehouse
        if not is_table:
            return SqlView(warehouse, model, views_of_the_log(models), context.seen_views)
        values = shaping_values(context.deployment.algorithm, parameters)
        variables = {name.partition(".")[2]: value for name, value in values.items() if "." in name}
        return SqlTable(warehouse, model, variables, lambda day: context.versions.of(model.name, day))

    return StageEntry(
        stage.name,
        stage.group,
        make,
        tables=(model.table,) if is_table else (),
        upstream=tuple(_upstream(model)),
        parameters=parameters,
        description=model.table.description,
        kinds=frozenset({"duckdb", "sql"}),
        keeps=stage.keeps,
        is_published=stage.is_published,
        is_view=not is_table,
        needs_one_version=stage.needs_one_version,
        monitors=stage.monitors,
    )


def _upstream(model: SqlModel) -> list[str]:
    """Stages and landing sources that a model selects from; ephemeral models are looked through."""
    found: dict[str, None] = {}
    for ref in model.refs:
        upstream = model.models[ref]
        found |= dict.fromkeys(_upstream(upstream) if upstream.materialized == "ephemeral" else [ref])
    for schema, table in model.sources:
        source = "identities" if table in IDENTITY_TABLES else table
        found[f"{LANDING}{source}" if schema == "landing" else source] = None
    return list(found)


_RUN_VARIABLES = ("partition_date", "algorithm_version")
"""Variables of a model that each run gives; all others are parameters."""


def _parameters(model: SqlModel) -> tuple[str, ...]:
    """Dotted names of the parameters that a model uses, inlined models included."""
    return tuple(dict.fromkeys(_parameter(model, name) for name in model.variables if name not in _RUN_VARIABLES))


def _parameter(model: SqlModel, variable: str) -> str:
    params = AlgorithmParams()
    if variable in registry.sql_variables(params.actions):
        return "actions"
    groups = [group for group in ("keywords", "lifecycle", "noise") if hasattr(getattr(params, group), variable)]
    if not groups:
        raise RegistryError(f"{model.path.name} uses var('{variable}'), which is no parameter")
    return f"{groups[0]}.{variable}"


# ── versions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fixed_ingredients(entry: StageEntry, deployment: Deployment, entries: Sequence[StageEntry]) -> Ingredients:
    """All ingredients but the weights."""
    read = entry.version_reads(deployment.algorithm)
    makers = {asset: e.name for e in entries for asset in (*e.assets, e.name)}
    model = deployment.sql_models.get(entry.name)
    return Ingredients(
        shaping_values(deployment.algorithm, entry.shaped_by(deployment.algorithm)),
        model.fingerprint if model else "",
        upstream=sorted({makers[name] for name in read if not name.startswith(LANDING)}),
        prompts=[
            made_by
            for name in entry.prompts_asked(deployment.algorithm)
            if (made_by := deployment.answered_by(name)) is not None
        ],
    )


def _weights(entry: StageEntry, deployment: Deployment) -> tuple[tuple[date, str], ...]:
    if entry.release is not None:
        return tuple(live_versions(deployment.releases(entry.release.folder)))
    if entry.uses_safety_model:
        return ((date.min, deployment.safety_judge().weights_version),)
    return ((date.min, deployment.embedder().model_version),) if entry.uses_embedder else ()
