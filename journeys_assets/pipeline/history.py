"""journey_events: how journeys changed since the day before."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import date

import polars as pl

from journeys_assets.domain.history.events import journey_events
from journeys_assets.domain.history.params import EvolutionParams
from journeys_assets.domain.tables.pipeline import JOURNEY_EVENTS
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

COLUMNS = (
    "partition_date",
    "user_id",
    "journey_id",
    "journey_name",
    "keywords",
    "stage",
    "stage_reason",
    "last_engaged_at",
    "algorithm_version",
)


@dataclass(frozen=True)
class Snapshot:
    """All users' rows of user_journeys on one day."""

    day: date
    journeys: pl.DataFrame


@dataclass(frozen=True)
class History:
    """Compares each day with the latest earlier day whose journeys are kept."""

    warehouse: Warehouse
    evolution: EvolutionParams
    keep_days: int
    version_of_journeys: Callable[[date], str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        previous: Snapshot | None = None
        compared: Snapshot | None = None
        events = JOURNEY_EVENTS.empty()
        for days in run.chunks():
            with self.warehouse.reading() as con:
                stored = {day: day_queries.snapshot_before(con, day, keep_days=self.keep_days) for day in days}
                others = {before for before in stored.values() if before and before not in days}
                journeys = tables.partitions(con, "user_journeys", [*others, *days], COLUMNS)
            found = []
            for day in days:
                before, after = stored[day], Snapshot(day, journeys[day])
                if previous is None or (before is not None and before > previous.day):
                    previous = Snapshot(before, journeys[before]) if before else None
                if previous is None:
                    # Nothing earlier is kept, so nothing can be compared; events found while it was kept stay.
                    with self.warehouse.reading() as con:
                        events = tables.partition(con, JOURNEY_EVENTS.name, day)
                    yield Batch([day], {JOURNEY_EVENTS.name: events}, is_stored=True)
                else:
                    events = self._events(previous, after)
                    found.append((day, events.with_columns(partition_date=pl.lit(day))))
                compared, previous = previous, after
            if found:
                yield Batch([day for day, _ in found], {JOURNEY_EVENTS.name: pl.concat([rows for _, rows in found])})
        return Notes(
            {
                "compared_with": str(compared.day) if compared else "nothing: no earlier day of user_journeys is kept",
                "events": events.group_by("event").len("journeys").sort("event"),
                "examples": events.select("user_id", "event", "detail"),
            }
        )

    def _events(self, before: Snapshot, after: Snapshot) -> pl.DataFrame:
        events = journey_events(before.journeys, after.journeys, self.evolution)
        # A day that has lost its last journey has no row to show its version: it was made by the present one.
        versions = set(after.journeys["algorithm_version"]) or {self.version_of_journeys(after.day)}
        versions |= set(before.journeys["algorithm_version"])
        return events.with_columns(compared_date=pl.lit(before.day), is_same_algorithm=pl.lit(len(versions) <= 1))
