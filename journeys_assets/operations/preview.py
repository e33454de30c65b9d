"""Journeys of several algorithm versions side by side: computed ahead of a change, kept, and found again.

A version is named by the ``algorithm_version`` of user_journeys, which ``journeys doctor`` shows. What belongs here:
running a preview and keeping its rows under ``$JOURNEYS_HOME/versions``. What does not: comparing them
(``domain.history.comparison``).
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import fasteners
import polars as pl

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import RunSummary, days_to_run, run_days
from journeys_assets.deployment import Deployment
from journeys_assets.errors import JourneysError
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

DAY_KEY = "partition_date"
"""Key of the Parquet metadata that says which day a file stands for, so that one without rows says so too."""


class VersionsError(JourneysError):
    """A version is not known, or its file cannot be read; the message says which ones are known."""


@dataclass(frozen=True, slots=True)
class VersionDay:
    """The user_journeys of one algorithm version as of one day, and where they are.

    Attributes:
        path: The Parquet file; None: in the warehouse.
    """

    version: str
    day: date
    path: Path | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a preview kept: the new rows, the rows that the warehouse has of the day (if it has any), and its run."""

    new: VersionDay
    incumbent: VersionDay | None
    new_rows: pl.DataFrame
    incumbent_rows: pl.DataFrame
    summary: RunSummary


def versions_path(deployment: Deployment) -> Path:
    return deployment.settings.home / "versions"


def preview(deployment: Deployment, day: date) -> Preview:
    """One full inference as of ``day`` with the settings of now, on a copy of the warehouse; only its rows are kept.

    Raises:
        RunError: the day cannot be run, or the run failed.
        WarehouseError: there is no room for the copy.
        VersionsError: another preview is being made.
    """
    days_to_run(deployment, day, day)
    folder = versions_path(deployment)
    folder.mkdir(parents=True, exist_ok=True)
    with _scratch(deployment) as scratch:
        copy = _copy_of(deployment, scratch)
        before = _day_of(copy, day)
        with dg.DagsterInstance.ephemeral() as instance:
            summary = run_days(copy, build_definitions(copy), instance, day, day, full=True)
        after = _day_of(copy, day)
    incumbent = None if before.is_empty() else _kept(before, str(before["algorithm_version"][0]), day, folder)
    # Last, so that of one version, which the warehouse has too, the rows of the preview are those that stay.
    new = _kept(after, deployment.version_of("lifecycle"), day, folder)
    return Preview(new, incumbent, after, before, summary)


def known_versions(deployment: Deployment) -> list[VersionDay]:
    """Everything that can be compared, by version and day; of two places that have the same, the file alone.

    Raises:
        VersionsError: a file of the versions folder is not one that a preview wrote.
    """
    kept = [VersionDay(path.stem, _day_in(path), path) for path in sorted(versions_path(deployment).glob("*.parquet"))]
    stored = []
    if deployment.settings.warehouse_path.exists():
        with deployment.warehouse.reading() as con:
            stored = [VersionDay(version, day, None) for version, day in day_queries.versions_of_journeys(con)]
    found = {(one.version, one.day): one for one in [*stored, *kept]}
    return [found[key] for key in sorted(found)]


def find_pair(deployment: Deployment, one: str, other: str) -> tuple[VersionDay, VersionDay]:
    """Both versions on the latest day that they share; each on its own latest day where they share none.

    Raises:
        VersionsError: a version is not known; names those that are, with their days.
    """
    known = known_versions(deployment)
    sides = [{found.day: found for found in known if found.version == version} for version in (one, other)]
    for version, side in zip((one, other), sides, strict=True):
        if not side:
            there = "; ".join(f"{name} ({days})" for name, days in days_by_version(known).items()) or "none"
            raise VersionsError(
                f"no journeys of version {version!r} are kept; known: {there}. `journeys preview` makes those of the "
                "settings of now"
            )
    shared = sides[0].keys() & sides[1].keys()
    return sides[0][max(shared or sides[0])], sides[1][max(shared or sides[1])]


def days_by_version(known: list[VersionDay]) -> dict[str, str]:
    """The days of each version, to be read."""
    days: dict[str, list[date]] = {}
    for one in known:
        days.setdefault(one.version, []).append(one.day)
    return {
        version: f"{mine[0]}" if len(mine) == 1 else f"{len(mine)} days, {mine[0]} … {mine[-1]}"
        for version, mine in days.items()
    }


def rows_of(deployment: Deployment, found: VersionDay) -> pl.DataFrame:
    """The rows of user_journeys that ``found`` stands for."""
    if found.path is None:
        return _day_of(deployment, found.day).filter(pl.col("algorithm_version") == found.version)
    try:
        return pl.read_parquet(found.path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise VersionsError(f"cannot read {found.path}: {error}; remove it and preview again") from error


@contextmanager
def _scratch(deployment: Deployment) -> Iterator[Path]:
    """A folder for the copy of the warehouse, which is removed at the end, or by the next preview if this one dies."""
    lock = fasteners.InterProcessLock(deployment.settings.home / "preview.lock")
    if not lock.acquire(blocking=False):
        raise VersionsError(f"another preview of {deployment.settings.home} is being made; wait for it to end")
    try:
        for leftover in versions_path(deployment).glob(".preview-*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=".preview-", dir=versions_path(deployment)) as folder:
            yield Path(folder)
    finally:
        lock.release()


def _copy_of(deployment: Deployment, home: Path) -> Deployment:
    """The same deployment on a copy of its state: warehouse and released models."""
    for released in (deployment.releases_path, deployment.stage_releases_path, deployment.naming_releases_path):
        if released.exists():
            shutil.copytree(released, home / released.relative_to(deployment.settings.home))
    settings = deployment.settings.model_copy(update={"home": home})
    deployment.warehouse.copy_to(settings.warehouse_path)
    return dataclasses.replace(deployment, settings=settings, warehouse=Warehouse(settings.warehouse_path))


def _day_of(deployment: Deployment, day: date) -> pl.DataFrame:
    with deployment.warehouse.reading() as con:
        return tables.partition(con, "user_journeys", day).sort("user_id", "journey_id")


def _kept(rows: pl.DataFrame, version: str, day: date, folder: Path) -> VersionDay:
    """Write the version's file in one step: a reader sees the old one or the new."""
    path = folder / f"{version}.parquet"
    fresh = path.with_suffix(".new")
    rows.write_parquet(fresh, metadata={DAY_KEY: day.isoformat()})
    os.replace(fresh, path)
    return VersionDay(version, day, path)


def _day_in(path: Path) -> date:
    try:
        return date.fromisoformat(pl.read_parquet_metadata(path)[DAY_KEY])
    except (OSError, pl.exceptions.PolarsError, KeyError, ValueError) as error:
        raise VersionsError(f"{path} is not a file that `journeys preview` wrote ({error}); remove it") from error
