"""What all Python-made stage assets share."""

from collections.abc import Callable, Iterable, Iterator
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.day_lock import DAY_LOCK
from journeys_assets.deployment import Deployment
from journeys_assets.domain.tables.table import Table

GROUPS = {
    "opened_days": "keywords",
    "keyword_days": "keywords",
    "closed_days": "output",
    "int_keyword_events": "keywords",
    "keyword_table": "keywords",
    "keyword_commonness": "keywords",
    "keyword_embeddings": "keywords",
    "journey_clusters": "journeys",
    "inference_ledger": "journeys",
    "journey_names": "journeys",
    "journey_features": "ranking",
    "ranked_journeys": "ranking",
    "stage_evidence": "output",
    "stage_labels": "output",
    "user_journeys": "output",
    "current_journeys": "output",
    "notification_candidates": "output",
    "journey_events": "output",
    "quality_metrics": "output",
    "published_journeys": "output",
}
"""Groups in the UI, so that they follow each other as the stages do."""

StageResult = dg.MaterializeResult[None]


def stage_spec(
    deployment: Deployment, table: Table, *, stage: str, deps: Iterable[str], kinds: set[str]
) -> dg.AssetSpec:
    """The asset of one stage table: what it is, where it comes from, and the version of its algorithm."""
    return dg.AssetSpec(
        table.name,
        deps=[dg.AssetKey(dep.split("/")) for dep in deps],
        group_name=GROUPS[table.name],
        description=f"{table.description}\n\nGrain: {', '.join(table.grain)}.",
        owners=metadata.OWNERS,
        kinds={"python", "polars", *kinds},
        code_version=deployment.version_of(stage),
        metadata={"dagster/column_schema": metadata.column_schema(table), "grain": ", ".join(table.grain)},
    )


def stage_asset(
    deployment: Deployment, *specs: dg.AssetSpec
) -> Callable[[Callable[..., Iterator[StageResult]]], dg.AssetsDefinition]:
    """Decorator: one daily-partitioned step that makes the given assets; a range of days is one run."""
    return dg.multi_asset(
        name=specs[0].key.path[-1],
        specs=specs,
        partitions_def=deployment.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        required_resource_keys={DAY_LOCK},
    )


def stamped(frame: pl.DataFrame, table: Table, day: date, version: str) -> pl.DataFrame:
    """``frame`` with partition date and algorithm version, columns and types as the table has them."""
    with_stamp = frame.with_columns(
        partition_date=pl.lit(day, dtype=pl.Date), algorithm_version=pl.lit(version, dtype=pl.String)
    )
    return with_stamp.select(pl.col(c.name).cast(c.dtype) for c in table.columns)


def changed_states(states: pl.DataFrame, before: pl.DataFrame | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """``states`` (user_id, partition_date of the latest inference) in two: those of ``before``, and the others.

    What was read or computed for a user's inference on the day before holds as long as that inference is the latest.
    """
    if before is None:
        return states.clear(), states
    key = ["user_id", "partition_date"]
    return states.join(before, on=key, how="semi"), states.join(before, on=key, how="anti")
