"""journey_events: what became of journeys since the day before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.partitions import days_of
from journeys_assets.domain import evolution
from journeys_assets.domain.schemas import JOURNEY_EVENTS
from journeys_assets.storage import reads


def build(house: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(house, JOURNEY_EVENTS, stage="evolution", deps=["user_journeys"], kinds=set())

    @stage_asset(house, spec)
    def journey_events(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        days = days_of(context)
        before: Snapshot | None = None
        events = JOURNEY_EVENTS.empty()
        for done, day in enumerate(days, start=1):
            before, after = snapshots(house, day, before)
            events = stamped(events_between(house, before, after), JOURNEY_EVENTS, day, house.version_of("evolution"))
            house.warehouse.replace_partitions(JOURNEY_EVENTS, events, [day])
            metadata.report_day(context, "journey_events", day, events)
            house.progress("journey_events", done, len(days))
            compared, before = before, after
        yield StageResult(
            metadata={
                "compared_with": str(compared.day) if compared else "nothing: no earlier day of user_journeys is kept",
                "events": metadata.examples(events.group_by("event").len("journeys").sort("event")),
                "examples": metadata.examples(events, ["user_id", "event", "detail"]),
            }
        )

    return journey_events


@dataclass(frozen=True)
class Snapshot:
    """All users' rows of user_journeys on one day."""

    day: date
    journeys: pl.DataFrame

    @property
    def versions(self) -> set[str]:
        return set(self.journeys["algorithm_version"])


def snapshots(house: Deployment, day: date, previous: Snapshot | None) -> tuple[Snapshot | None, Snapshot]:
    """The latest day before ``day`` that is stored, or was done in this run (``previous``), and ``day`` itself."""
    with house.warehouse.reading() as con:
        stored = reads.latest_day_before(con, "user_journeys", day)
        after = Snapshot(day, reads.partition(con, "user_journeys", day))
        # A day of this run without any journey has no row to tell of it, and is compared with all the same.
        if previous is None or (stored is not None and stored > previous.day):
            previous = Snapshot(stored, reads.partition(con, "user_journeys", stored)) if stored else None
    return previous, after


def events_between(house: Deployment, before: Snapshot | None, after: Snapshot) -> pl.DataFrame:
    """The events from one snapshot to the next; none without an earlier one, which leaves unknown what is new."""
    if before is None:
        return JOURNEY_EVENTS.empty()
    events = evolution.journey_events(before.journeys, after.journeys, house.algorithm.evolution)
    return events.with_columns(
        compared_date=pl.lit(before.day), is_same_algorithm=pl.lit(len(before.versions | after.versions) <= 1)
    )
