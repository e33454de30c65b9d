"""The resource with which a run locks its days, so that runs over the same days take turns."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from journeys_assets.defs.partitions import day_range
from journeys_assets.storage.locks import DAYS_LOCK, days_locked

DAY_LOCK = "day_lock"


def lock_path(home: Path) -> Path:
    return home / DAYS_LOCK


def build_day_lock(home: Path) -> dg.ResourceDefinition:
    """Locked from the first stage of a run to its last; with the in-process executor a resource lives that long."""

    @dg.resource(description="Locks the days of the run; waits while another run has locked any of them.")
    def day_lock(context: dg.InitResourceContext) -> Iterator[None]:
        days = day_range(context.run.tags) if context.run else None
        if days is None:
            yield
            return

        def say() -> None:
            log = context.log or dg.get_dagster_logger("journeys")
            log.info(f"another run has locked days of {days[0]} … {days[1]}; waiting for it to end")

        with days_locked(lock_path(home), *days, on_wait=say):
            yield

    return day_lock
