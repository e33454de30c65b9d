"""opened_days, keyword_days, closed_days: which days are complete, and up to which ingest call.

A run notes what it may rely on before it reads anything, and hands that on once the stages between are done. A run that
dies on the way closes nothing, so its days stay stale and are found again.
"""

from collections.abc import Iterator, Sequence

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, KEYWORD_DAYS, OPENED_DAYS
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import staleness

OUTPUTS = ("user_journeys", "current_journeys", "notification_candidates", "published_journeys")


def build(deployment: Deployment) -> list[dg.AssetsDefinition]:
    return [
        _opened_days(deployment),
        _completed(deployment, KEYWORD_DAYS, "keywords", ["opened_days", "keyword_table", "keyword_embeddings"]),
        _completed(deployment, CLOSED_DAYS, "notifications", ["opened_days", "keyword_days", *OUTPUTS]),
    ]


def _opened_days(deployment: Deployment) -> dg.AssetsDefinition:
    @stage_asset(deployment, stage_spec(deployment, OPENED_DAYS, stage="keywords", deps=[], kinds={"duckdb"}))
    def opened_days(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        deployment.prepare()
        days = days_of(context)
        with deployment.warehouse.reading() as con:
            marks = staleness.watermarks(con, days[0])
        rows = pl.DataFrame({"partition_date": days}).with_columns(
            ingest_seq=marks.ingest_seq, covered_seq=marks.covered_seq, run_id=pl.lit(context.run_id)
        )
        version = deployment.version_of("keywords")
        frame = pl.concat([stamped(rows.filter(pl.col("partition_date") == d), OPENED_DAYS, d, version) for d in days])
        deployment.warehouse.replace_partitions(OPENED_DAYS, frame, days)
        yield StageResult(metadata={"ingest_seq": marks.ingest_seq, "covered_seq": marks.covered_seq})

    return opened_days


def _completed(deployment: Deployment, table: Table, stage: str, deps: Sequence[str]) -> dg.AssetsDefinition:
    @stage_asset(deployment, stage_spec(deployment, table, stage=stage, deps=deps, kinds={"duckdb"}))
    def completed(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        days = days_of(context)
        with deployment.warehouse.reading() as con:
            opened = day_queries.days_opened_by(con, days, context.run_id)
        version = deployment.version_of(stage)
        mine = opened["partition_date"].to_list()
        frame = pl.concat(
            [
                table.empty(),
                *(stamped(opened.filter(pl.col("partition_date") == day), table, day, version) for day in mine),
            ]
        )
        if mine:
            deployment.warehouse.replace_partitions(table, frame, mine)
        if table is CLOSED_DAYS:
            deployment.warehouse.delete_old_partitions(
                (OPENED_DAYS.name, CLOSED_DAYS.name), keep_days=deployment.settings.output_retention_days
            )
        others = len(days) - len(mine)
        note = {"note": f"{others} days were not opened by this run, so it does not vouch for them"} if others else {}
        yield StageResult(metadata={"days": len(mine), **note, "examples": metadata.examples(frame)})

    return completed
