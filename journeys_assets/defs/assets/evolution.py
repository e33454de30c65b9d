"""journey_events: what became of journeys since the day before."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.history import events as history
from journeys_assets.domain.tables.pipeline import JOURNEY_EVENTS
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import tables


def build(deployment: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(deployment, JOURNEY_EVENTS, stage="evolution", deps=["user_journeys"], kinds=set())

    @stage_asset(deployment, spec)
    def journey_events(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        days = days_of(context)
        before: Snapshot | None = None
        for done, day in enumerate(days, start=1):
            before, after = snapshots(deployment, day, before)
            if before is not None:
                events = events_between(deployment, before, after)
                deployment.warehouse.replace_partitions(JOURNEY_EVENTS, events, [day])
            else:
                # What is new cannot be told; and what was told while an earlier day was kept stays.
                with deployment.warehouse.reading() as con:
                    events = tables.partition(con, "journey_events", day)
            metadata.report_day(context, "journey_events", day, events)
            deployment.progress("journey_events", done, len(days))
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


def snapshots(deployment: Deployment, day: date, previous: Snapshot | None) -> tuple[Snapshot | None, Snapshot]:
    """The latest day before ``day``, stored or done in this run (``previous``), and ``day`` itself."""
    with deployment.warehouse.reading() as con:
        stored = day_queries.snapshot_before(con, day, keep_days=deployment.settings.output_retention_days)
        if previous is None or (stored is not None and stored > previous.day):
            previous = Snapshot(stored, tables.partition(con, "user_journeys", stored)) if stored else None
        return previous, Snapshot(day, tables.partition(con, "user_journeys", day))


def events_between(deployment: Deployment, before: Snapshot, after: Snapshot) -> pl.DataFrame:
    """Rows of journey_events for the later day."""
    events = history.journey_events(before.journeys, after.journeys, deployment.algorithm.evolution)
    # A day that has lost its last journey has no row to show its version: it was made by the one of now.
    versions_now = set(after.journeys["algorithm_version"]) or {deployment.version_of("lifecycle")}
    versions = versions_now | set(before.journeys["algorithm_version"])
    told = events.with_columns(compared_date=pl.lit(before.day), is_same_algorithm=pl.lit(len(versions) <= 1))
    return stamped(told, JOURNEY_EVENTS, after.day, deployment.version_of("evolution"))
