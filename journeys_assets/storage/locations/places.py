"""Places that ``landing_sensor`` watches: ``$JOURNEYS_HOME/landing``, and folders and buckets that the settings name.

Each place has one format. ``landing.landed_files`` has the files of the first place by their paths below it, and those
of the others by their full paths or URLs. An object of a bucket is there as a whole or not at all, so it is never taken
for half-written because of its age alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.files import FILES_SCHEMA
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import Importer
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.folder import (
    Folder,
    FolderIngest,
    complete_files,
    ingest_listed_files,
    list_folder,
)
from journeys_assets.storage.ingest.recognition import chosen_format, importer_by_mapping
from journeys_assets.storage.ingest.scratch import scratch_folder
from journeys_assets.storage.locations.address import Location, location_of
from journeys_assets.storage.locations.buckets import Bucket
from journeys_assets.storage.locations.copies import check_room
from journeys_assets.storage.locations.remote import LocationError, RemoteObject, copy, why_not_copied
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Place:
    """A place that is watched.

    Attributes:
        location: A folder of this machine, or a bucket or a part of one.
        importer: What converts its files; None for the landing contract.
        prefix: What the names of its files begin with in ``landing.landed_files``; empty for the landing folder of the
            deployment.
    """

    location: Location
    importer: Importer | None = None
    prefix: str = ""


@dataclass(frozen=True)
class Listing:
    """What is in a place: its files by their paths below it, and the objects of a bucket by these."""

    place: Place
    folder: Folder
    objects: Mapping[str, RemoteObject] = field(default_factory=dict)


def watched_place(
    text: str, format: str, mapping: Path | None, *, actions: Sequence[Action], options: Mapping[str, FormatOptions]
) -> Place:
    """A place that the settings name.

    Args:
        text: A path or a URL.
        format: ``landing``, ``generic``, or the name of a log format.
        mapping: The mapping of format ``generic``.

    Raises:
        IngestError: it is no folder or bucket, or the format is unknown.
        MappingError: the mapping cannot be read.
    """
    location = location_of(text)
    if location.kind not in ("path", "bucket"):
        raise IngestError(
            f"{location.name} cannot be watched, because its files cannot be listed; name a folder, s3:// or gs://, or "
            "call `journeys ingest` with it"
        )
    prefix = location.name.rstrip("/") + "/"
    if mapping is not None:
        return Place(location, importer_by_mapping(mapping, actions, options), prefix)
    known = chosen_format(format)
    importer = None if known is None else known.importer(options.get(format, FormatOptions()), actions)
    return Place(location, importer, prefix)


def list_place(place: Place) -> Listing:
    """The files of a place; none if it is the landing folder of the deployment and does not exist.

    Raises:
        LocationError: it cannot be listed.
    """
    if place.location.kind == "bucket":
        bucket = Bucket(place.location)
        found = bucket.objects_if_any()
        objects = {one.below.removeprefix(f"{bucket.root()}/"): one for one in found}
        rows = [(name, one.state.n_bytes, one.state.modified_ns) for name, one in objects.items()]
        return Listing(place, Folder(pl.DataFrame(rows, schema=FILES_SCHEMA, orient="row").sort("file"), {}), objects)
    path = place.location.path
    if place.prefix and not path.is_dir():
        raise LocationError(f"folder {path} does not exist; create it, or correct `[[landing]]` in journeys.toml")
    try:
        return Listing(place, list_folder(path))
    except OSError as error:
        raise LocationError(f"{path} cannot be listed: {error.strerror}; check its permissions") from error


def complete(listing: Listing, names: Sequence[str]) -> list[str]:
    """Those of the named files that are known to be whole."""
    return list(names) if listing.place.location.kind == "bucket" else complete_files(listing.folder, names)


def landed_in(landed: pl.DataFrame, place: Place) -> pl.DataFrame:
    """The rows of ``LANDED_FILES`` of a place, with paths below it."""
    if not place.prefix:
        return landed.filter(~_is_elsewhere(pl.col("file")))
    return landed.filter(pl.col("file").str.starts_with(place.prefix)).with_columns(
        pl.col("file").str.strip_prefix(place.prefix)
    )


def _is_elsewhere(file: pl.Expr) -> pl.Expr:
    """Whether the name of a file is not a path below the landing folder of the deployment."""
    return file.str.starts_with("/") | file.str.contains("://", literal=True)


def names_to_read(listing: Listing, looked: pl.DataFrame) -> list[str]:
    """The files to read now; none if none is ready.

    A format whose files refer to one another is converted from all of them, so the files that were read before are read
    again beside a new one. A file in place of which the format reads another is not read.

    Args:
        looked: The files of the place with their states.
    """
    importer = listing.place.importer
    states = ("ready",) if importer is None or importer.gather is None else ("ready", "as_recorded")
    if looked.filter(pl.col("state") == "ready").is_empty():
        return []
    return looked.filter(pl.col("state").is_in(states))["file"].to_list()


def left_out(listing: Listing, looked: pl.DataFrame) -> Mapping[str, str]:
    """The files in place of which the format reads others of the place, with the reasons."""
    importer = listing.place.importer
    return (
        {} if importer is None else importer.check_files(looked.filter(pl.col("state") != "ignored")["file"].to_list())
    )


@dataclass(frozen=True)
class PlaceIngest:
    """The outcome for the files of a place, and the errors of objects that could not be copied: they stay ready."""

    taken: FolderIngest
    problems: tuple[IngestError, ...]


def ingest_place(
    warehouse: Warehouse,
    listing: Listing,
    names: Sequence[str],
    *,
    now_ns: int,
    actions: Sequence[Action],
    patience_s: float,
    scratch_dir: Path,
    progress: Callable[[int, int], None],
    users_are_snapshots: bool,
    list_separator: str,
    not_read: Mapping[str, str],
) -> PlaceIngest:
    """Ingest the named files of a place: see :func:`ingest_listed_files`.

    Args:
        not_read: From :func:`left_out`.
    """
    with _files_here(listing, [name for name in names if name not in not_read], scratch_dir) as here:
        taken = ingest_listed_files(
            warehouse,
            here.root,
            Folder(listing.folder.files, here.paths),
            names,
            now_ns=now_ns,
            actions=actions,
            patience_s=patience_s,
            scratch_dir=scratch_dir,
            progress=progress,
            users_are_snapshots=users_are_snapshots,
            list_separator=list_separator,
            importer=listing.place.importer,
            named=here.named,
            wrong=here.wrong,
            not_read=not_read,
        )
    return PlaceIngest(taken, tuple(here.problems))


@dataclass
class _Here:
    """Files of a place on this machine: their paths, those that are no whole copies, and objects without a copy."""

    root: Path
    paths: dict[str, Path]
    named: Callable[[str], str] = str
    wrong: dict[str, IngestError] = field(default_factory=dict)
    problems: list[IngestError] = field(default_factory=list)


@contextmanager
def _files_here(listing: Listing, names: Sequence[str], scratch_dir: Path) -> Iterator[_Here]:
    location = listing.place.location
    if location.kind != "bucket":
        yield _Here(location.path, listing.folder.paths)
        return
    bucket, objects = Bucket(location), [listing.objects[name] for name in names]
    with scratch_folder(scratch_dir) as folder:
        check_room(folder, location.name, objects)
        prefix = f"{folder}/"
        here = _Here(folder / bucket.root(), {}, lambda text: text.replace(prefix, f"{location.scheme}://"))
        here.root.mkdir(parents=True)
        for name, one in zip(names, objects, strict=True):
            path = folder / one.below
            if reason := why_not_copied(one):
                here.wrong[name] = IngestError(f"{one.name}: {reason}")
                continue
            try:
                copy(bucket, one, path)
                here.paths[name] = path
            except DamagedFileError as error:
                here.wrong[name] = error
            except LocationError as error:
                here.problems.append(error)
        yield here
