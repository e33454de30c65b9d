"""Every SQL model of ``dbt_like_sql/`` as an asset: views are (re)created, marts replace their day."""

from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import GROUPS
from journeys_assets.defs.day_lock import DAY_LOCK
from journeys_assets.defs.partitions import chunked, days_of
from journeys_assets.deployment import Deployment
from journeys_assets.storage.sql_models import SqlModel

DAYS_PER_WRITE = 31
"""Days of a range that one read and one write transaction take; bounds memory."""

MODEL_STAGE = {
    "keyword_table": "keywords",
    "keyword_commonness": "keywords",
    "journey_features": "clustering",
    "stage_labels": "lifecycle",
    "user_journeys": "lifecycle",
}
"""Which stage's parameters a mart's version covers."""

SIDE_TABLES = {"users", "notification_events", "journey_feedback", "journey_annotations"}


def sql_variables(deployment: Deployment, model: SqlModel, day: date) -> dict[str, object]:
    """The dbt vars of one model on one day: the parameters it may use, its version, its day."""
    return {
        **deployment.algorithm.sql_variables(),
        "partition_date": day.isoformat(),
        "algorithm_version": deployment.version_of(MODEL_STAGE.get(model.name, "lifecycle")),
    }


def build_sql_assets(deployment: Deployment) -> list[dg.AssetsDefinition]:
    return [
        _build_sql_asset(deployment, model)
        for model in deployment.sql_models.values()
        if model.materialized != "ephemeral"
    ]


def upstream_keys(deployment: Deployment, model: SqlModel) -> list[dg.AssetKey]:
    """Asset keys of everything a model selects from, ephemeral models looked through."""
    keys: dict[dg.AssetKey, None] = {}
    for ref in model.refs:
        upstream = deployment.sql_models[ref]
        found = upstream_keys(deployment, upstream) if upstream.materialized == "ephemeral" else [dg.AssetKey(ref)]
        keys |= dict.fromkeys(found)
    for schema, table in model.sources:
        keys[dg.AssetKey(["landing", table] if schema == "landing" else table)] = None
    return list(keys)


def column_lineage(deployment: Deployment, model: SqlModel) -> dg.TableColumnLineage:
    def key(relation: str) -> dg.AssetKey:
        return (
            dg.AssetKey(relation.split("."))
            if relation.startswith("landing.")
            else dg.AssetKey(relation.split(".")[-1])
        )

    return dg.TableColumnLineage(
        {
            column: [dg.TableColumnDep(asset_key=key(relation), column_name=name) for relation, name in upstream]
            for column, upstream in model.column_lineage.items()
        }
    )


def _build_sql_asset(deployment: Deployment, model: SqlModel) -> dg.AssetsDefinition:
    stage = MODEL_STAGE.get(model.name, "lifecycle")
    is_table = model.materialized == "incremental"

    @dg.asset(
        name=model.name,
        # Nothing of a day is read before the run has noted what it may rely on.
        deps=[*upstream_keys(deployment, model), *([dg.AssetKey("opened_days")] if is_table else [])],
        required_resource_keys={DAY_LOCK},
        partitions_def=deployment.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUPS.get(model.name, model.layer),
        description=model.table.description,
        owners=metadata.OWNERS,
        kinds={"duckdb", "sql"},
        code_version=f"{deployment.version_of(stage)}-{model.fingerprint}",
        metadata={
            "dagster/column_schema": metadata.column_schema(model.table),
            "dagster/column_lineage": column_lineage(deployment, model),
            "grain": ", ".join(model.table.grain),
        },
    )
    def sql_asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        shown = _replace_days(context, deployment, model) if is_table else _refresh_view(deployment, model)
        return dg.MaterializeResult(metadata={"examples": metadata.examples(shown)})

    return sql_asset


def _refresh_view(deployment: Deployment, model: SqlModel) -> pl.DataFrame:
    deployment.prepare()
    deployment.warehouse.create_view(model.name, model.render({}))
    return deployment.warehouse.query(f"SELECT * FROM main.{model.name} LIMIT {metadata.EXAMPLE_ROWS}")


def _replace_days(context: dg.AssetExecutionContext, deployment: Deployment, model: SqlModel) -> pl.DataFrame:
    days = days_of(context)
    frame = model.table.empty()
    for chunk in chunked(days, DAYS_PER_WRITE):
        with deployment.warehouse.reading() as con:
            frames = [con.sql(model.render(sql_variables(deployment, model, day))).pl() for day in chunk]
        frame = pl.concat(frames)
        deployment.warehouse.replace_partitions(model.table, frame, chunk)
        for day, rows in zip(chunk, frames, strict=True):
            metadata.report_day(context, model.name, day, rows)
        deployment.progress(model.name, days.index(chunk[-1]) + 1, len(days))
    return frame
