"""The embedded key-value store: a folder with one LMDB database per version and a file that names the current one.

    <folder>/current            name of the current version, replaced in one step
    <folder>/version-<version>  a complete version; never changes
    <folder>/draft-<version>    a version that is being written, or was when its process ended
    <folder>/deleted-<random>   versions and drafts that are being deleted
    <folder>/write.lock         held by the process that writes

A reader that has opened a version goes on reading it after it was deleted, because the file stays until it is closed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from journeys_assets.errors import reading_state
from journeys_assets.storage.key_value.base import (
    PUTS_PER_COMMIT,
    KeyValueError,
    Value,
    checked_version,
    complete_already,
    decoded,
    encoded,
    unknown_version,
)
from journeys_assets.storage.locks import exclusive_lock

MAP_BYTES = 1 << 36
"""Largest database. It is address space, not disk: a file is as large as its content."""
_LONGEST_KEY = 500
"""LMDB allows 511 bytes."""

_open: dict[tuple[str, int, int], Any] = {}
"""Open databases by path, inode and process. LMDB must not open one database twice in a process."""
_opening = threading.Lock()


class LmdbStore:
    """See :class:`~journeys_assets.storage.key_value.base.KeyValueStore`.

    Args:
        folder: Made on the first write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def versions(self) -> list[str]:
        return sorted(path.name.removeprefix("version-") for path in self.folder.glob("version-*"))

    def current(self) -> str | None:
        file = self.folder / "current"
        cure = f"write one of the versions {', '.join(self.versions()) or '(none)'} into it, or remove it"
        try:
            with reading_state(file, cure):
                return checked_version(file.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return None
        except KeyValueError as error:
            raise KeyValueError(f"{file} is damaged: {error}; {cure}") from error

    @contextmanager
    def write(self, version: str) -> Iterator[_Writer]:
        target, draft = self._path(version), self.folder / f"draft-{checked_version(version)}"
        with self._writing():
            if target.exists():
                raise complete_already(str(self.folder), version)
            writer = _Writer(draft)
            try:
                yield writer
                writer.finish()
            finally:
                writer.close()
            _sync_folder(draft)
            draft.rename(target)
            _sync_folder(self.folder)

    def swap(self, version: str) -> None:
        with self._writing():
            if not self._path(version).exists():
                raise unknown_version(str(self.folder), version, self.versions())
            fresh = self.folder / ".current-new"
            with fresh.open("w", encoding="utf-8") as file:
                file.write(f"{version}\n")
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.folder / "current")
            _sync_folder(self.folder)

    def get(self, key: str, version: str | None = None) -> Value | None:
        return self.get_many([key], version)[0]

    def get_many(self, keys: Sequence[str], version: str | None = None) -> list[Value | None]:
        database = self._database(version)
        if database is None:
            return [None] * len(keys)
        with database.begin(buffers=False) as transaction:
            return [decoded(transaction.get(_stored_key(key))) for key in keys]

    def keep_only(self, versions: Sequence[str]) -> list[str]:
        if not self.folder.exists():
            return []
        with self._writing():
            kept = {*versions, self.current()}
            gone = [path for path in self.folder.glob("version-*") if path.name.removeprefix("version-") not in kept]
            drafts = [path for path in self.folder.glob("draft-*") if path.name.removeprefix("draft-") not in kept]
            deleted = Path(tempfile.mkdtemp(prefix="deleted-", dir=self.folder))
            for path in (*gone, *drafts):
                # A version disappears in one step: a reader that finds its folder finds all of it.
                path.rename(deleted / path.name)
            for path in self.folder.glob("deleted-*"):  # also those of a process that was killed here
                shutil.rmtree(path)
        return sorted(path.name.partition("-")[2] for path in (*gone, *drafts))

    def _path(self, version: str) -> Path:
        return self.folder / f"version-{checked_version(version)}"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        def refuse() -> None:
            raise KeyValueError(f"another process is writing to {self.folder}; wait for it to end")

        with exclusive_lock(self.folder / "write.lock", on_wait=refuse):
            yield

    def _database(self, version: str | None) -> Any | None:
        """The open database of a version, by default the current one; None before the first swap.

        The current version may be deleted between reading its name and opening it, after a swap to another one. Then
        the name is read again.
        """
        while True:
            name = version or self.current()
            if name is None:
                return None
            database = _opened(self._path(name))
            if database is not None:
                return database
            if version is not None or name == self.current():
                raise unknown_version(str(self.folder), name, self.versions())


class _Writer:
    """See :class:`~journeys_assets.storage.key_value.base.Writer`."""

    def __init__(self, draft: Path) -> None:
        import lmdb

        boot, mark = _boot_id(), draft / "boot"
        if draft.exists() and boot is not None and not (mark.exists() and mark.read_text() == boot):
            shutil.rmtree(draft)  # a crash of the machine may have damaged it
        draft.mkdir(parents=True, exist_ok=True)
        if boot is not None:
            mark.write_text(boot)
        try:
            # A killed process loses nothing without a sync. After a crash of the machine the draft is begun anew.
            self._env = lmdb.open(str(draft), map_size=MAP_BYTES, sync=boot is None, max_readers=1, lock=False)
        except lmdb.Error as error:
            raise KeyValueError(f"{draft} is not a draft that can be continued ({error}); delete it") from error
        self._errors: type[Exception] = lmdb.Error
        self._folder = draft
        self._transaction = self._env.begin(write=True)
        self._n_waiting = 0

    def put(self, key: str, value: Value) -> None:
        try:
            self._transaction.put(_stored_key(key), encoded(value))
        except self._errors as error:
            raise self._failed(error) from error
        self._n_waiting += 1
        if self._n_waiting >= PUTS_PER_COMMIT:
            self.commit()

    def commit(self) -> None:
        try:
            self._transaction.commit()
            self._transaction = self._env.begin(write=True)
        except self._errors as error:
            raise self._failed(error) from error
        self._n_waiting = 0

    def get(self, key: str) -> Value | None:
        return decoded(self._transaction.get(_stored_key(key)))

    def finish(self) -> None:
        self.commit()
        self._env.sync(True)

    def close(self) -> None:
        self._transaction.abort()
        self._env.close()

    def _failed(self, error: Exception) -> KeyValueError:
        return KeyValueError(f"cannot write to {self._folder} ({error}); make room on the disk and run it again")


def _opened(path: Path) -> Any | None:
    """The database of a complete version, opened once in a process; None if it does not exist."""
    import lmdb

    try:
        key = (str(path), path.stat().st_ino, os.getpid())
    except FileNotFoundError:
        return None
    with _opening:
        if key not in _open:
            try:
                database = lmdb.open(str(path), readonly=True, lock=False, readahead=False, create=False)
            except lmdb.Error as error:
                if not path.exists():
                    return None
                raise KeyValueError(f"{path} cannot be read ({error}); run `journeys expand` again") from error
            for gone in [other for other in _open if not Path(other[0]).exists()]:
                del _open[gone]  # closed once its last reader has ended
            _open[key] = database
        return _open[key]


def _boot_id() -> str | None:
    """What changes whenever the machine starts; None where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except FileNotFoundError:
        return None


def _stored_key(key: str) -> bytes:
    """1 to 501 bytes: a longer key is replaced by its hash."""
    stored = key.encode("utf-8")
    return b"=" + stored if len(stored) <= _LONGEST_KEY else b"#" + hashlib.sha256(stored).digest()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
