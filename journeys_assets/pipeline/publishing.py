"""published_journeys: a copy of the output tables in a file that anyone may open."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries.superseded import delete_superseded
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Publishing:
    """Drops what retention no longer keeps, then copies the output in one atomic step.

    It runs after quality_metrics, so days are measured before retention drops them.

    Attributes:
        trailing_days, training_days: Inferences that are needed beside those of the kept days; see
            ``storage.queries.superseded``.
    """

    warehouse: Warehouse
    tables: Sequence[str]
    views: Mapping[str, str]
    retained: Sequence[str]
    keep_days: int
    trailing_days: int
    training_days: int
    target: Path

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        dropped = self.warehouse.delete_old_partitions(self.retained, keep_days=self.keep_days)
        superseded = delete_superseded(
            self.warehouse, trailing_days=self.trailing_days, training_days=self.training_days
        )
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
                "superseded_clusters_dropped": superseded,
            }
        )
