"""Journeys of several algorithm versions side by side: computed ahead of a change, kept, and found again.

A version is named by the ``algorithm_version`` of user_journeys, which ``journeys doctor`` shows. What belongs here:
running a preview and keeping its rows under ``$JOURNEYS_HOME/versions``. What does not: comparing them
(``domain.history.comparison``).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType

import polars as pl

from journeys_assets.errors import JourneysError
from journeys_assets.pipeline.pipeline import Pipeline
from journeys_assets.pipeline.run import RunSummary, run_days
from journeys_assets.storage.locks import exclusive_lock
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

VERSIONS = "versions"
"""Folder below the home in which previews are kept."""

DAY_KEY = "partition_date"
"""Key of the Parquet metadata that says which day a file stands for, so that one without rows says so too."""


NOTHING_TRIED: Mapping[Path, Callable[[Path], object]] = MappingProxyType({})


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


def preview(
    pipeline: Pipeline, home: Path, day: date, tried: Mapping[Path, Callable[[Path], object]] = NOTHING_TRIED
) -> Preview:
    """One full inference as of ``day`` with the present settings, on a copy of the warehouse; only its rows are kept.

    Args:
        home: Folder of the state of the deployment.
        day: A day that may have a partition.
        tried: By folder of ``pipeline.releases``: writes a release that is not live yet into the copy of that folder.

    Raises:
        RunError: the run failed.
        WarehouseError: there is no room for the copy.
        VersionsError: another preview is being made.
    """
    folder = home / VERSIONS
    folder.mkdir(parents=True, exist_ok=True)
    with _scratch(home) as scratch:
        copy = _copy_of(pipeline, home, scratch)
        before = _journeys(copy.warehouse, day)
        for original, its_copy in zip(pipeline.releases, copy.releases, strict=True):
            if original in tried:
                tried[original](its_copy)
        version = copy.versions().of("user_journeys", day)
        summary = run_days(copy, day, day, full=True)
        after = _journeys(copy.warehouse, day)
    incumbent = None if before.is_empty() else _kept(before, str(before["algorithm_version"][0]), day, folder)
    # Last, so that where the warehouse has the same version, the rows of the preview are those that stay.
    new = _kept(after, version, day, folder)
    return Preview(new, incumbent, after, before, summary)


def known_versions(warehouse: Warehouse, home: Path) -> list[VersionDay]:
    """Everything that can be compared, by version and day; where file and warehouse have the same, the file alone.

    Raises:
        VersionsError: a file of the versions folder is not one that a preview wrote.
    """
    stored: list[tuple[str, date]] = []
    if warehouse.path.exists():
        with warehouse.reading() as con:
            stored = day_queries.versions_of_journeys(con)
    return with_previews(stored, home)


def with_previews(stored: Sequence[tuple[str, date]], home: Path) -> list[VersionDay]:
    """The versions and days of a table of user_journeys, and those of previews; see :func:`known_versions`."""
    kept = [VersionDay(path.stem, _day_in(path), path) for path in sorted((home / VERSIONS).glob("*.parquet"))]
    found = {(one.version, one.day): one for one in [*(VersionDay(v, day, None) for v, day in stored), *kept]}
    return [found[key] for key in sorted(found)]


def find_pair(known: Sequence[VersionDay], one: str, other: str) -> tuple[VersionDay, VersionDay]:
    """Both versions on the latest day that they share; each on its own latest day where they share none.

    Raises:
        VersionsError: a version is not known; names those that are, with their days.
    """
    sides = [{found.day: found for found in known if found.version == version} for version in (one, other)]
    for version, side in zip((one, other), sides, strict=True):
        if not side:
            there = "; ".join(f"{name} ({days})" for name, days in days_by_version(known).items()) or "none"
            raise VersionsError(
                f"no journeys of version {version!r} are kept; known: {there}. `journeys preview` makes those of the "
                "present settings"
            )
    shared = sides[0].keys() & sides[1].keys()
    return sides[0][max(shared or sides[0])], sides[1][max(shared or sides[1])]


def days_by_version(known: Sequence[VersionDay]) -> dict[str, str]:
    """The days of each version, to be read."""
    days: dict[str, list[date]] = {}
    for one in known:
        days.setdefault(one.version, []).append(one.day)
    return {
        version: f"{mine[0]}" if len(mine) == 1 else f"{len(mine)} days, {mine[0]} … {mine[-1]}"
        for version, mine in days.items()
    }


def rows_of(warehouse: Warehouse, found: VersionDay) -> pl.DataFrame:
    """The rows of user_journeys that ``found`` stands for."""
    if found.path is None:
        return _journeys(warehouse, found.day).filter(pl.col("algorithm_version") == found.version)
    return previewed_rows(found.path)


def previewed_rows(path: Path) -> pl.DataFrame:
    """The rows of user_journeys that a preview kept.

    Raises:
        VersionsError: the file cannot be read.
    """
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise VersionsError(f"cannot read {path}: {error}; remove it and preview again") from error


@contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    """A folder for the copy of the warehouse, removed at the end, or by the next preview if this one dies."""

    def refuse() -> None:
        raise VersionsError(f"another preview of {home} is being made; wait for it to end")

    with exclusive_lock(home / "preview.lock", on_wait=refuse):
        for leftover in (home / VERSIONS).glob(".preview-*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=".preview-", dir=home / VERSIONS) as folder:
            yield Path(folder)


def _copy_of(pipeline: Pipeline, home: Path, target: Path) -> Pipeline:
    """The same pipeline on a copy of its state: the warehouse, and every kind of release that a stage uses."""
    copy = pipeline.elsewhere(target)
    for original, its_copy in zip(pipeline.releases, copy.releases, strict=True):
        if original.exists():
            shutil.copytree(original, its_copy)
    pipeline.warehouse.copy_to(copy.warehouse.path)
    return copy


def _journeys(warehouse: Warehouse, day: date) -> pl.DataFrame:
    with warehouse.reading() as con:
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
