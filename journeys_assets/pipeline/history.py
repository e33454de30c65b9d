"""journey_events: how journeys changed since the day before."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.history.events import journey_events
from journeys_assets.domain.history.params import EvolutionParams
from journeys_assets.domain.tables.pipeline import JOURNEY_EVENTS
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Notes, Run
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import tables
from journeys_assets.storage.queries.identities import owned, owners_on
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
    """Rows of user_journeys on one day.

    Attributes:
        journeys: The rows of all users, or of one shard.
        made_by: The versions of all rows of the day, where ``journeys`` has not all of them.
    """

    day: date
    journeys: pl.DataFrame
    made_by: set[str] | None = None

    @property
    def versions(self) -> set[str]:
        """The algorithm versions of the day's rows."""
        return set(self.journeys["algorithm_version"]) if self.made_by is None else self.made_by


@dataclass(frozen=True)
class History:
    """Compares each day with the latest earlier day whose journeys are kept."""

    warehouse: Warehouse
    evolution: EvolutionParams
    keep_days: int
    version_of_journeys: Callable[[date], str]

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        compared: date | None = None
        counts: list[pl.DataFrame] = []
        examples = JOURNEY_EVENTS.empty()
        for days, shard in run.pieces():
            with self.warehouse.reading() as con:
                before = {day: self._compared_day(con, day, run) for day in days}
                read = list(dict.fromkeys([*filter(None, before.values()), *days]))
                journeys = tables.partitions(con, "user_journeys", read, COLUMNS, shard, is_by_owner=True)
                owners = owners_on(con, days)
                # In one shard of several, a day may have no row to show its version.
                made_by = {} if shard.is_all else {day: tables.versions_on(con, "user_journeys", day) for day in read}
            found = []
            for day in days:
                compared = before[day]
                if compared is None:
                    # Nothing earlier is kept, so nothing can be compared; events found while it was kept stay.
                    with self.warehouse.reading() as con:
                        events = tables.partition(con, JOURNEY_EVENTS.name, day)
                    if shard.is_last:
                        yield Batch([day], {JOURNEY_EVENTS.name: events}, is_stored=True)
                else:
                    # A journey of an id that was linked since goes on as one of the user.
                    rows_of = {of: shard.of_frame(owned(journeys[of], owners[day])) for of in (compared, day)}
                    events = self._events(*(Snapshot(of, rows, made_by.get(of)) for of, rows in rows_of.items()))
                    found.append((day, events.with_columns(partition_date=pl.lit(day))))
                if day == run.days[-1] and (compared is not None or shard.is_last):
                    counts.append(events.group_by("event").len("journeys"))
                    examples = events.head(EXAMPLE_ROWS) if examples.is_empty() else examples
            if found:
                rows = {JOURNEY_EVENTS.name: pl.concat([rows for _, rows in found])}
                yield Batch([day for day, _ in found], rows, shard=shard)
        return Notes(
            {
                "compared_with": str(compared) if compared else "nothing: no earlier day of user_journeys is kept",
                "events": pl.concat(counts).group_by("event").agg(pl.col("journeys").sum()).sort("event"),
                "examples": examples.select("user_id", "event", "detail"),
            }
        )

    def _compared_day(self, con: duckdb.DuckDBPyConnection, day: date, run: Run) -> date | None:
        """The day that ``day`` is compared with: the latest earlier one that is kept, or that the run has made."""
        stored = day_queries.snapshot_before(con, day, keep_days=self.keep_days)
        return max([*filter(None, [stored]), *(earlier for earlier in run.days if earlier < day)], default=None)

    def _events(self, before: Snapshot, after: Snapshot) -> pl.DataFrame:
        events = journey_events(before.journeys, after.journeys, self.evolution)
        # A day that has lost its last journey has no row to show its version: it was made by the present one.
        versions = after.versions or {self.version_of_journeys(after.day)}
        is_same = len(versions | before.versions) <= 1
        return events.with_columns(compared_date=pl.lit(before.day), is_same_algorithm=pl.lit(is_same))
