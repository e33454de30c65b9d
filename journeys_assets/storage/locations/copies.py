"""Copies of logs that lie elsewhere, for the time of one call.

A location of this machine is read where it lies. Objects of a bucket, files of the web and the rows of a database are
written below one folder that mirrors their URLs (``N/bucket/key`` for the N-th location), and then read like any file:
every format, compression and rule for names holds for them too. The folder is removed at the end; if the process is
killed, the next call removes it. Messages and tables have the URLs, never the copies.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from journeys_assets.domain.landing.file_names import why_passed_over
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.files import PassedOver
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.ingest.scratch import scratch_folder
from journeys_assets.storage.locations.address import Location, location_of
from journeys_assets.storage.locations.buckets import Bucket
from journeys_assets.storage.locations.databases import write_tables
from journeys_assets.storage.locations.remote import (
    LocationError,
    RemoteObject,
    State,
    Store,
    copy,
    why_not_copied,
)
from journeys_assets.storage.locations.web import WebFile

COPIES_AT_ONCE = 8
"""How many objects are copied at one time: a copy waits for the network most of the time."""


@dataclass(frozen=True)
class Copied:
    """An object that was copied: the copy, the key of its record, and its state."""

    path: Path
    record: str
    state: State


@dataclass(frozen=True)
class Logs:
    """The logs of one call, as files of this machine.

    Attributes:
        paths: Files and folders to read.
        passed_over: Objects that were not copied, with the reasons.
        n_known: Objects that were not copied because the same content was loaded before.
        copied: The objects that were copied.
        prefixes: The beginning of the path of a copy, and the beginning of the URL that it stands for.
    """

    paths: tuple[Path, ...]
    passed_over: tuple[PassedOver, ...] = ()
    n_known: int = 0
    copied: tuple[Copied, ...] = ()
    prefixes: tuple[tuple[str, str], ...] = ()

    def name_of(self, path: Path) -> str:
        """What messages and tables call a file: its URL if it is a copy."""
        return self.named(str(path))

    def named(self, text: str) -> str:
        """A text with the URL in place of every path of a copy."""
        for local, shown in self.prefixes:
            text = text.replace(local, shown)
        return text

    def renamed(self, report: IngestReport) -> IngestReport:
        """The report of a call over these files, with URLs and with what was left out before."""
        passed_over = [
            *self.passed_over,
            *(PassedOver(self.name_of(Path(one.path)), self.named(one.reason)) for one in report.passed_over),
        ]
        return replace(report, passed_over=tuple(sorted(passed_over, key=lambda one: str(one.path))))


@dataclass
class _Copying:
    """The copies of one call so far."""

    folder: Path
    known: Mapping[str, State]
    progress: Callable[[int, int], None]
    paths: list[Path] = field(default_factory=list)
    passed_over: list[PassedOver] = field(default_factory=list)
    n_known: int = 0
    copied: list[Copied] = field(default_factory=list)
    prefixes: list[tuple[str, str]] = field(default_factory=list)

    def logs(self) -> Logs:
        return Logs(tuple(self.paths), tuple(self.passed_over), self.n_known, tuple(self.copied), tuple(self.prefixes))

    def add(self, location: Location, query: str | None, tables: Sequence[str]) -> None:
        mirror = self.folder / str(len(self.prefixes))
        if location.is_here:
            self.paths.append(location.path)
        elif location.is_database:
            database = Path(location.name).name or "database"
            shown = f"{location.name.rstrip('/')}/"
            self.prefixes.append((f"{mirror}/{database}/", shown))
            self.prefixes.append((f"{mirror}/{database}", shown.rstrip("/")))
            self.paths.append(mirror / database)
            write_tables(location, mirror / database, query=query, tables=tables)
        else:
            self.prefixes.append((f"{mirror}/", f"{location.scheme}://"))
            store = store_of(location)
            n_before, objects = self.n_known, store.objects()
            wanted = self._wanted(store, location, objects)
            self._copy(store, location, mirror, wanted)
            if wanted or self.n_known == n_before:
                self.paths.append(mirror / store.root())

    def _wanted(self, store: Store, location: Location, objects: Sequence[RemoteObject]) -> list[RemoteObject]:
        """The objects to copy. The others are passed over by their names, or known."""
        wanted = []
        for one in objects:
            name = one.below.removeprefix(f"{store.root()}/")
            is_given = one.below == store.root()
            reason = why_not_copied(one) or (None if is_given else why_passed_over(name))
            if reason and is_given:
                raise LocationError(f"{one.name}: {reason}")
            if reason:
                self.passed_over.append(PassedOver(one.name, reason))
            elif is_unchanged(store, one, self.known.get(record_key(location, one))):
                self.n_known += 1
            else:
                wanted.append(one)
        return wanted

    def _copy(self, store: Store, location: Location, mirror: Path, wanted: Sequence[RemoteObject]) -> None:
        check_room(mirror.parent, location.name, wanted)
        (mirror / store.root()).parent.mkdir(parents=True, exist_ok=True)
        for done, copied in enumerate(copy_all(store, location, mirror, wanted), start=1):
            self.copied.append(copied)
            self.progress(done, len(wanted))
        if not wanted:
            (mirror / store.root()).mkdir(exist_ok=True)


def store_of(location: Location) -> Store:
    """What reads the objects of a location."""
    return Bucket(location) if location.kind == "bucket" else WebFile(location)


def record_key(location: Location, one: RemoteObject) -> str:
    """What records call an object. The query of an address may hold a signature, so its digest stands for it."""
    if location.kind != "web" or location.text.partition("://")[2] == one.below:
        return one.name
    return f"{one.name}?sha256={hashlib.sha256(location.text.encode()).hexdigest()[:16]}"


def is_unchanged(store: Store, one: RemoteObject, recorded: State | None) -> bool:
    """Whether an object is the one that was recorded. Its store is asked only if the listing does not rule it out."""
    if recorded is None or one.state.differs(recorded):
        return False
    now = store.state(one)
    return now == recorded and (now.etag is not None or (now.modified_ns is not None and now.n_bytes is not None))


def check_room(folder: Path, name: str, objects: Sequence[RemoteObject]) -> None:
    """Check that the objects fit onto the disk of the folder, as far as their sizes are known.

    Raises:
        LocationError: they do not.
    """
    need, free = sum(one.state.n_bytes or 0 for one in objects), shutil.disk_usage(folder).free
    if need > free:
        raise LocationError(
            f"{name}: {need / 2**30:,.1f} GiB in {len(objects):,} objects, but {folder} has {free / 2**30:,.1f} GiB "
            "left for their copies; make room, set JOURNEYS_HOME to a larger disk, or ingest a part at a time"
        )


def copy_all(store: Store, location: Location, mirror: Path, objects: Sequence[RemoteObject]) -> Iterator[Copied]:
    """Copy the objects below ``mirror``, several at a time; in their order.

    Raises:
        IngestError: see :func:`copy`. The others are no longer copied then.
    """
    with ThreadPoolExecutor(COPIES_AT_ONCE, thread_name_prefix="copy") as pool:
        waiting = [(one, pool.submit(copy, store, one, mirror / one.below)) for one in objects]
        try:
            for one, job in waiting:
                yield Copied(mirror / one.below, record_key(location, one), job.result())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def local_copies(
    texts: Sequence[str],
    scratch_dir: Path,
    *,
    query: str | None = None,
    tables: Sequence[str] = (),
    known: Callable[[], Mapping[str, State]] = dict,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[Logs]:
    """The logs at the locations as files of this machine, until the block ends. Errors within name URLs, not copies.

    Args:
        texts: Paths and URLs.
        scratch_dir: Folder for the copies.
        query, tables: What to read of databases: see :func:`write_tables`.
        known: Returns the states of objects whose content need not be read again, by :func:`record_key`. Called only
            if a location is elsewhere.
        progress: Called with (objects of a location copied, objects of it in all).

    Raises:
        IngestError: a location cannot be read, or ``query`` or ``tables`` are given and no database is.
    """
    locations = [location_of(text) for text in texts]
    n_databases = sum(location.is_database for location in locations)
    if (query is not None or tables) and n_databases != 1:
        raise IngestError(
            "--query and --table need one database to read from: give one postgresql:// URL or one DuckDB file"
        )
    if all(location.is_here for location in locations):
        yield Logs(tuple(location.path for location in locations))
        return
    with scratch_folder(scratch_dir) as folder:
        copying = _Copying(folder, known(), progress)
        try:
            for location in locations:
                copying.add(location, query, tables)
            yield copying.logs()
        except IngestError as error:
            message = copying.logs().named(str(error))
            if message == str(error):
                raise
            raise type(error)(message) from error
