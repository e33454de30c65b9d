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
        for day in run.days:
            compared, after = self._snapshots(day, previous)
            if compared is not None:
                events = self._events(compared, after)
                yield Batch([day], {JOURNEY_EVENTS.name: events})
            else:
                # Nothing earlier is kept, so nothing can be compared; events found while it was kept stay.
                with self.warehouse.reading() as con:
                    events = tables.partition(con, JOURNEY_EVENTS.name, day)
                yield Batch([day], {JOURNEY_EVENTS.name: events}, is_stored=True)
            previous = after
        return Notes(
            {
                "compared_with": str(compared.day) if compared else "nothing: no earlier day of user_journeys is kept",
                "events": events.group_by("event").len("journeys").sort("event"),
                "examples": events.select("user_id", "event", "detail"),
            }
        )

    def _snapshots(self, day: date, previous: Snapshot | None) -> tuple[Snapshot | None, Snapshot]:
        """The latest day before ``day``, stored or done in this run (``previous``), and ``day`` itself."""
        with self.warehouse.reading() as con:
            stored = day_queries.snapshot_before(con, day, keep_days=self.keep_days)
            if previous is None or (stored is not None and stored > previous.day):
                previous = Snapshot(stored, tables.partition(con, "user_journeys", stored)) if stored else None
            return previous, Snapshot(day, tables.partition(con, "user_journeys", day))

    def _events(self, before: Snapshot, after: Snapshot) -> pl.DataFrame:
        events = journey_events(before.journeys, after.journeys, self.evolution)
        # A day that has lost its last journey has no row to show its version: it was made by the present one.
        versions = set(after.journeys["algorithm_version"]) or {self.version_of_journeys(after.day)}
        versions |= set(before.journeys["algorithm_version"])
        return events.with_columns(compared_date=pl.lit(before.day), is_same_algorithm=pl.lit(len(versions) <= 1))
