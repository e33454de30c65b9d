"""published_journeys: a copy of the output tables in a file that anyone may open."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Publishing:
    """Drops what retention no longer keeps, then copies the output in one atomic step.

    It runs after quality_metrics, so days are measured before retention drops them.
    """

    warehouse: Warehouse
    tables: Sequence[str]
    views: Mapping[str, str]
    retained: Sequence[str]
    keep_days: int
    target: Path

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        dropped = self.warehouse.delete_old_partitions(self.retained, keep_days=self.keep_days)
        self.warehouse.publish(
            self.tables,
            self.target,
            views=self.views,
            unfinished_days=lambda con: day_queries.days_not_finished(con, run.run_id),
        )
        yield from ()
        return Notes(
            {
                "path": str(self.target),
                "bytes": self.target.stat().st_size,
                "rows_dropped_by_retention": dropped,
            }
        )
