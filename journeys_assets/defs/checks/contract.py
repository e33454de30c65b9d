"""Contract checks: one blocking check per table, made from the table's own description, and that versions never mix.

Checks are not partitioned in Dagster's sense: a run over a range of days records one evaluation, which Dagster can file
under no partition, and a partitioned check would then show as skipped.
"""

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.partitions import chunked, days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.domain.tables.table import Table, violations
from journeys_assets.storage.queries import inference

DAYS_PER_READ = 31
"""Days of a range that are read together; bounds memory."""


def build_contract_checks(deployment: Deployment) -> list[dg.AssetChecksDefinition]:
    marts = [m.table for m in deployment.sql_models.values() if m.materialized == "incremental"]
    return [
        *(_contract_check(deployment, table) for table in [*PIPELINE_TABLES.values(), *marts]),
        _one_version(deployment),
    ]


def _contract_check(deployment: Deployment, table: Table) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(table.name),
        name="contract",
        blocking=True,
        description=f"Columns, nulls, bounds and grain ({', '.join(table.grain)}) are as described.",
    )
    def contract(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        n_rows, broken = 0, {}
        for days in chunked(days_of(context), DAYS_PER_READ):
            rows = deployment.warehouse.query(
                f"SELECT * FROM {table.qualified_name} WHERE partition_date BETWEEN $first AND $last "
                "AND partition_date IN (SELECT unnest($days))",
                {"first": days[0], "last": days[-1], "days": days},
            )
            n_rows += rows.height
            for violation in violations(table, rows):
                rule = f"{violation.column}: {violation.rule} ({violation.n_rows} rows, {days[0]} … {days[-1]})"
                broken[rule] = metadata.examples(violation.sample)
        return dg.AssetCheckResult(
            passed=not broken,
            severity=dg.AssetCheckSeverity.ERROR,
            description="; ".join(broken) or f"{n_rows} rows keep the contract",
            metadata={"rows_checked": n_rows, **broken},
        )

    return contract


def _one_version(deployment: Deployment) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey("user_journeys"),
        name="one_version",
        blocking=True,
        description="All that a user's journeys were made from is of the algorithm versions of today's parameters.",
    )
    def one_version(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        versions = {
            table: deployment.version_of(stage)
            for table, stage in (
                ("inference_ledger", "clustering"),
                ("journey_names", "naming"),
                ("ranked_journeys", "ranking"),
                ("stage_labels", "lifecycle"),
            )
        }
        days = days_of(context)
        with deployment.warehouse.reading() as con:
            mixed = inference.rows_of_other_versions(con, days, versions, deployment.algorithm.keywords.horizon_days)
        tables = ", ".join(mixed["made_by"].unique().sort())
        return dg.AssetCheckResult(
            passed=mixed.is_empty(),
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"{tables}: rows of another algorithm version; run the whole day, not single stages"
            if mixed.height
            else "one algorithm version throughout",
            metadata={"offenders": metadata.examples(mixed)} if mixed.height else {},
        )

    return one_version
