"""quality_metrics: what every quality monitor measured on every day of the run."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.quality.monitors import as_frame
from journeys_assets.domain.tables.pipeline import QUALITY_METRICS
from journeys_assets.pipeline.monitors import QualityMonitor, measure_days
from journeys_assets.pipeline.stage import Batch, Notes, Run, Trend
from journeys_assets.storage.queries import quality as quality_queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

DAYS_SHOWN = 28


@dataclass(frozen=True)
class Quality:
    """Measures the monitors of all stages that ran before it."""

    warehouse: Warehouse
    monitors: Sequence[QualityMonitor]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        numbers = {}
        for days in run.chunks():
            frames = []
            for day, results in measure_days(self.warehouse, self.monitors, days).items():
                by_asset = [(m.asset, result) for m, result in zip(self.monitors, results, strict=True)]
                frames.append(as_frame(by_asset).with_columns(partition_date=pl.lit(day)))
                numbers[day] = {result.name: result.value for result in results}
            yield Batch(days, {QUALITY_METRICS.name: pl.concat(frames)})
        with self.warehouse.reading() as con:
            shown = quality_queries.measurements(con, run.days[-1], DAYS_SHOWN)
        last = shown.filter(pl.col("partition_date") == run.days[-1]).sort("passed", maintain_order=True)
        return Notes(
            {
                "fired_on_last_day": last.filter(~pl.col("passed")).height,
                "history": Trend(shown),
            },
            day_numbers=numbers,
        )
