"""quality_metrics: what every quality monitor measured, for every day of the run."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.monitors import measure, quality_monitors
from journeys_assets.defs.partitions import chunked, days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.quality.monitors import as_frame
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, QUALITY_METRICS
from journeys_assets.storage.queries import quality as quality_queries

DAYS_PER_WRITE = 31
DAYS_SHOWN = 28


def build(deployment: Deployment) -> dg.AssetsDefinition:
    # Whether a day is behind can be told only once it is closed, after this stage.
    monitors = [monitor for monitor in quality_monitors(deployment) if monitor.asset != CLOSED_DAYS.name]
    spec = stage_spec(
        deployment,
        QUALITY_METRICS,
        stage="quality",
        deps=["user_journeys", "journey_clusters", "notification_candidates", "keyword_embeddings"],
        kinds=set(),
    )

    @stage_asset(deployment, spec)
    def quality_metrics(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        days = days_of(context)
        rows = QUALITY_METRICS.empty()
        for chunk in chunked(days, DAYS_PER_WRITE):
            frames = []
            for day in chunk:
                results = measure(deployment, monitors, day)
                by_asset = [(m.asset, result) for m, result in zip(monitors, results, strict=True)]
                frames.append(stamped(as_frame(by_asset), QUALITY_METRICS, day, deployment.version_of("quality")))
                metadata.report_numbers(context, "quality_metrics", day, {r.name: r.value for r in results})
            rows = pl.concat(frames)
            deployment.warehouse.replace_partitions(QUALITY_METRICS, rows, chunk)
            deployment.progress("quality_metrics", days.index(chunk[-1]) + 1, len(days))
        with deployment.warehouse.reading() as con:
            shown = quality_queries.measured(con, days[-1], DAYS_SHOWN)
        last = rows.filter(pl.col("partition_date") == days[-1]).sort("passed", maintain_order=True)
        yield StageResult(
            metadata={
                "fired_on_last_day": last.filter(~pl.col("passed")).height,
                "last_day": metadata.examples(last, ["monitor", "value", "bound", "passed"], rows=last.height),
                "history": metadata.line_charts(shown, f"Last {DAYS_SHOWN} days"),
            }
        )

    return quality_metrics
