"""The published file, opened for reading, and the notice that the pipeline has replaced it.

The pipeline writes a new file and renames it over the old one, so a reader never holds it up: whoever has the old file
open goes on reading that. A request looks at the file's identity. If it is another one than before, a thread reads the
new file, and requests see the old state, whole, until that is done.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Generic, NamedTuple, Protocol, TypeVar

import duckdb

from journeys_assets.errors import JourneysError
from journeys_assets.storage.warehouse.base import quoted

USE = "USE published"
"""Makes the tables of the file those that a query means by their bare names."""
N_THREADS = 2
MEMORY_LIMIT = "2GiB"
NEEDED = ("user_journeys", "current_journeys", "notification_candidates", "journey_events", "quality_metrics")
"""Tables without which there is nothing to show."""


class NothingPublished(JourneysError):
    """There is no published file yet, or it cannot be read."""


class FileIdentity(NamedTuple):
    """What differs between a file and the one that replaces it."""

    inode: int
    modified_ns: int
    n_bytes: int

    @staticmethod
    def of(path: Path) -> FileIdentity | None:
        """That of the file at ``path``; None if there is none."""
        try:
            status = path.stat()
        except FileNotFoundError:
            return None
        return FileIdentity(status.st_ino, status.st_mtime_ns, status.st_size)


class Identified(Protocol):
    """A state of the published file."""

    @property
    def identity(self) -> FileIdentity: ...


State = TypeVar("State", bound=Identified)


class Published(Generic[State]):
    """The latest state of the published file.

    Args:
        path: The file.
        read: Makes a state from a connection and the identity of the file.
    """

    def __init__(self, path: Path, read: Callable[[duckdb.DuckDBPyConnection, FileIdentity], State]) -> None:
        self.path = path
        self._read = read
        self._state: State | None = None
        self._failed: tuple[FileIdentity, NothingPublished] | None = None
        self._pending: Future[State] | None = None
        self._turn = threading.Lock()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="published")

    def current(self) -> State:
        """The latest state that was read; the first call reads it.

        Raises:
            NothingPublished: there is no file, or it could not be read and there was none before.
        """
        identity = FileIdentity.of(self.path)
        state = self._state
        if state is not None and (identity is None or state.identity == identity):
            return state
        if identity is None:
            raise NothingPublished(f"{self.path} does not exist yet; call `journeys ingest PATH`, then `journeys run`")
        with self._turn:
            self._take_result()
            is_known = self._failed is not None and self._failed[0] == identity
            if self._pending is None and not is_known and (self._state is None or self._state.identity != identity):
                self._pending = self._reader.submit(self._open_and_read)
            pending = self._pending
        if self._state is not None:
            return self._state
        if pending is None:
            assert self._failed is not None
            raise self._failed[1]
        return pending.result()

    def problem(self) -> str | None:
        """Why the file that is there now could not be read, while an older state is shown; None if it could."""
        return str(self._failed[1]) if self._failed is not None else None

    def close(self) -> None:
        """Wait for the thread that reads."""
        self._reader.shutdown(wait=True, cancel_futures=True)

    def _take_result(self) -> None:
        if self._pending is None or not self._pending.done():
            return
        pending, self._pending = self._pending, None
        error = pending.exception()
        if isinstance(error, NothingPublished):
            return  # kept by _open_and_read
        self._state, self._failed = pending.result(), None

    def _open_and_read(self) -> State:
        identity = FileIdentity.of(self.path)
        if identity is None:
            raise NothingPublished(f"{self.path} does not exist any more; call `journeys run`")
        try:
            return self._read(connect(self.path), identity)
        except (duckdb.Error, NothingPublished) as error:
            problem = NothingPublished(f"{self.path} cannot be read: {error}. Delete it, then call `journeys run`")
            self._failed = (identity, problem)
            raise problem from error


def connect(path: Path) -> duckdb.DuckDBPyConnection:
    """A connection of its own to the file, read-only, whose unqualified tables are those of the file.

    The file is attached to a database in memory: ``duckdb.connect`` gives every caller in a process the file that was
    first opened under a path, even after another one has replaced it.

    Raises:
        NothingPublished: the file lacks a table.
    """
    con = duckdb.connect(":memory:", config={"threads": N_THREADS, "memory_limit": MEMORY_LIMIT})
    con.execute("SET enable_progress_bar = false")
    con.execute(f"ATTACH '{quoted(path)}' AS published (READ_ONLY)")
    con.execute(USE)
    there = tables_in(con)
    if missing := [name for name in NEEDED if name not in there]:
        raise NothingPublished(f"it has no table {', '.join(missing)}")
    return con


def tables_in(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables of the published file."""
    rows = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'published'").fetchall()
    return {str(name) for (name,) in rows}
