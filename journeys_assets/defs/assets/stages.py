"""The stages as assets: a factory over the registry. One step per group, one asset per table or view."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.day_lock import DAY_LOCK
from journeys_assets.defs.jobs import FULL, INFERENCE_TAG
from journeys_assets.defs.partitions import days_of
from journeys_assets.domain.quality.monitors import Monitor
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.table import Table
from journeys_assets.errors import JourneysError
from journeys_assets.pipeline.monitors import QualityMonitor
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.pipeline.run import ContractError, MixedVersionsError, Outcome, execute
from journeys_assets.pipeline.stage import GROUPS, LANDING, Run, StageEntry
from journeys_assets.pipeline.versions import Versions
from journeys_assets.storage.sql_models import ColumnLineage, SqlModel

CONTRACT, ONE_VERSION = "contract", "one_version"
"""The checks that stop a run; all others are quality monitors, which warn."""

Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def build_stage_assets(
    pipeline: Pipeline,
    models: Mapping[str, SqlModel],
    lineage: Mapping[str, ColumnLineage],
    code_versions: Versions,
    partitions: dg.DailyPartitionsDefinition,
) -> list[dg.AssetsDefinition]:
    """One multi-asset per group of the registry.

    Args:
        lineage: Where the columns of SQL models come from, by the model's name; a model may be missing.
        code_versions: Versions that can be computed without loading anything.
    """
    context = pipeline.context(code_versions)
    steps = []
    for group in GROUPS:
        entries = [entry for entry in pipeline.entries if entry.group == group]
        monitors = {e.name: tuple(e.monitors(context)) if e.monitors else () for e in entries}
        specs = [
            spec
            for entry in entries
            for spec in _specs(entry, models.get(entry.name), lineage.get(entry.name), code_versions)
        ]
        checks = [check for entry in entries for check in _check_specs(entry, monitors[entry.name])]
        steps.append(_step(group, pipeline, entries, specs, checks, partitions))
    return steps


def step_name(group: str) -> str:
    """The step that runs the stages of a group; a bare ``output`` is a reserved word of Dagster."""
    return f"{group}_stages"


def _step(
    group: str,
    pipeline: Pipeline,
    entries: Sequence[StageEntry],
    specs: Sequence[dg.AssetSpec],
    checks: Sequence[dg.AssetCheckSpec],
    partitions: dg.DailyPartitionsDefinition,
) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=step_name(group),
        specs=specs,
        check_specs=checks,
        can_subset=True,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={DAY_LOCK},
    )
    def step(context: dg.AssetExecutionContext) -> Results:
        selected = {key.path[-1] for key in context.selected_asset_keys}
        chosen = [entry.name for entry in entries if selected.intersection(entry.assets)]
        run = Run(tuple(days_of(context)), context.run.run_id, full=context.run.tags.get(INFERENCE_TAG) == FULL)
        pipeline.prepare()
        try:
            for outcome in execute(pipeline, chosen, run, measures_each_stage=True):
                yield from _results(context, outcome)
        except JourneysError as error:
            yield from _failed_checks(context, error)
            raise dg.Failure(description=str(error)) from error

    return step


# ── specifications ──────────────────────────────────────────────────────────────────────────────────────────────────


def _specs(
    entry: StageEntry, model: SqlModel | None, lineage: ColumnLineage | None, versions: Versions
) -> Iterator[dg.AssetSpec]:
    """The assets of one stage: what they are, where they come from, and their code version."""
    tables: Sequence[Table | None] = entry.tables or ([model.table] if model else [None])
    kinds = entry.kinds if model else entry.kinds | {"python", "polars"}
    for name, table in zip(entry.assets, tables, strict=True):
        described = {} if table is None else _described(table, lineage)
        yield dg.AssetSpec(
            name,
            deps=[asset_key(upstream) for upstream in entry.upstream],
            group_name=entry.group,
            description=entry.description or (f"{table.description}" if table else ""),
            owners=metadata.OWNERS,
            kinds=set(kinds),
            code_version=versions.of(entry.name),
            metadata=described,
            skippable=True,
        )


def asset_key(name: str) -> dg.AssetKey:
    """The asset of a stage's table or of a landing source, by its name in the registry."""
    return dg.AssetKey(name.split("/")) if name.startswith(LANDING) else dg.AssetKey(name)


def _described(table: Table, lineage: ColumnLineage | None) -> dict[str, object]:
    found: dict[str, object] = {
        "dagster/column_schema": metadata.column_schema(table),
        "grain": ", ".join(table.grain),
    }
    if lineage is not None:
        found["dagster/column_lineage"] = _column_lineage(lineage)
    return found


def _column_lineage(lineage: ColumnLineage) -> dg.TableColumnLineage:
    def key(relation: str) -> dg.AssetKey:
        schema, table = relation.split(".")
        if table in IDENTITY_TABLES:
            # They follow from the links, and are no assets of their own.
            table = "identities"
        return dg.AssetKey([schema, table] if schema == "landing" else table)

    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=key(relation), column_name=name) for relation, name in upstream]
            for column, upstream in lineage.items()
        }
    )


def _check_specs(entry: StageEntry, monitors: Sequence[QualityMonitor]) -> Iterator[dg.AssetCheckSpec]:
    for table in entry.tables:
        grain = ", ".join(table.grain)
        about = f"Columns, nulls, bounds and grain ({grain}) are as described. Other rows are never written."
        yield dg.AssetCheckSpec(CONTRACT, asset=table.name, blocking=True, description=about)
    if entry.needs_one_version:
        about = "All rows that this stage reads have the algorithm versions of the current settings."
        yield dg.AssetCheckSpec(ONE_VERSION, asset=entry.name, blocking=True, description=about)
    for monitor in monitors:
        yield dg.AssetCheckSpec(monitor.name, asset=monitor.asset, blocking=False, description=monitor.about)


# ── results ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _results(context: dg.AssetExecutionContext, outcome: Outcome) -> Results:
    """Materializations and checks of one stage, as far as they were selected."""
    yield from _materializations(context, outcome)
    checks = [
        dg.AssetCheckResult(
            asset_key=table.name,
            check_name=CONTRACT,
            passed=True,
            description=f"{outcome.rows_of(table.name)} rows keep the contract",
            metadata={"rows_checked": outcome.rows_of(table.name)},
        )
        for table in outcome.entry.tables
    ]
    if outcome.entry.needs_one_version:
        text = "one algorithm version throughout"
        checks.append(
            dg.AssetCheckResult(asset_key=outcome.entry.name, check_name=ONE_VERSION, passed=True, description=text)
        )
    checks += [_monitored(monitor, result) for monitor, result in outcome.measured]
    yield from _selected(context, checks)


def _materializations(context: dg.AssetExecutionContext, outcome: Outcome) -> Iterator[dg.MaterializeResult[None]]:
    for position, name in enumerate(outcome.entry.assets):
        if dg.AssetKey(name) not in context.selected_asset_keys:
            continue
        is_first = position == 0
        for day, counts in outcome.counts.get(name, {}).items():
            numbers = metadata.numbers(outcome.notes.day_numbers.get(day, {})) if is_first else {}
            context.add_asset_metadata(
                {**metadata.counted(counts), **numbers}, asset_key=name, partition_key=day.isoformat()
            )
        yield dg.MaterializeResult(asset_key=name, metadata=metadata.shown(outcome.notes.shown) if is_first else {})


def _failed_checks(context: dg.AssetExecutionContext, error: JourneysError) -> Iterator[dg.AssetCheckResult]:
    """The failed check, if the error is one of a check."""
    if isinstance(error, ContractError):
        offenders = {f"{v.column}: {v.rule}": metadata.examples(v.sample) for v in error.broken}
        broken = dg.AssetCheckResult(
            asset_key=error.table, check_name=CONTRACT, passed=False, description=str(error), metadata=offenders
        )
        yield from _selected(context, [broken])
    if isinstance(error, MixedVersionsError):
        offenders = {"offenders": metadata.examples(error.rows)}
        broken = dg.AssetCheckResult(
            asset_key=error.stage, check_name=ONE_VERSION, passed=False, description=str(error), metadata=offenders
        )
        yield from _selected(context, [broken])


def _selected(
    context: dg.AssetExecutionContext, checks: Sequence[dg.AssetCheckResult]
) -> Iterator[dg.AssetCheckResult]:
    """The ``checks`` that the run selected; Dagster accepts no others."""
    for check in checks:
        assert check.asset_key is not None
        assert check.check_name is not None
        if dg.AssetCheckKey(check.asset_key, check.check_name) in context.selected_asset_check_keys:
            yield check


def _monitored(monitor: QualityMonitor, result: Monitor) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=dg.AssetKey(monitor.asset),
        check_name=monitor.name,
        passed=result.passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=result.summary,
        metadata={
            **metadata.numbers({"value": result.value, "lower": result.lower, "upper": result.upper}),
            "bound": result.bound,
            **({"advice": result.advice} if result.advice else {}),
            **({"offenders": metadata.examples(result.offenders)} if result.offenders.height else {}),
        },
    )
