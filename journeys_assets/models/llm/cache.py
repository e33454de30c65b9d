"""Answers that were valid, kept on disk: nothing is asked twice, and a run that was killed goes on where it was.

One LMDB environment in a folder; several threads and processes may use it at a time. Users are in it as SHA-256 of
their ids only. Erasing a user rewrites the file, since LMDB keeps deleted bytes in free pages: a new *generation* of
the environment replaces the old one, and other processes go over to it with their next access.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import lmdb

from journeys_assets.models.llm.base import LanguageModelError

MAP_BYTES = 1 << 36
"""Address space, and so the largest size of the file. The file grows as it is filled."""

_ANSWERS, _OWNERS, _KEYS = b"answers", b"owners", b"keys"
"""Key -> stored answer; key -> whom it was asked for; whom -> keys."""
_NOBODY = b"-"
_CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Stored:
    """One valid answer.

    Attributes:
        answer: The JSON that the model wrote.
        model: Who wrote it.
        prompt: Name of the prompt.
        prompt_version: Its version.
        input_tokens, output_tokens: What it took, as the endpoint counted; 0 in answers of before that was kept.
    """

    answer: str
    model: str
    prompt: str
    prompt_version: str
    input_tokens: int = 0
    output_tokens: int = 0


def key_of(**parts: Any) -> str:
    """SHA-256, hex, over everything that shapes an answer. Equal JSON values give equal keys."""
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class AnswerCache:
    """The answers in one folder, which is made when first used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shared = _shared_of(folder)

    def get(self, key: str, subject: str | None) -> Stored | None:
        """The answer of a key; None if there is none.

        Args:
            subject: Whom the question is for: ``forget`` keeps an answer as long as others asked for it too.

        Raises:
            LanguageModelError: the folder cannot be used.
        """
        owner = _owner(subject)
        with self._open() as environment:
            with environment.transaction() as txn:
                found = txn.get(key.encode(), db=environment.answers)
                is_known = txn.cursor(environment.owners).set_key_dup(key.encode(), owner)
            if found is not None and not is_known:
                with environment.transaction(write=True) as txn:
                    _link(environment, txn, key, owner)
        return None if found is None else Stored(**json.loads(bytes(found)))

    def put(self, key: str, stored: Stored, subject: str | None) -> None:
        """Store an answer; it is on disk when this returns.

        Raises:
            LanguageModelError: the folder cannot be used, or the disk is full.
        """
        text = json.dumps(asdict(stored), ensure_ascii=False, sort_keys=True)
        with self._open() as environment, environment.transaction(write=True) as txn:
            txn.put(key.encode(), text.encode("utf-8", "replace"), db=environment.answers)
            _link(environment, txn, key, _owner(subject))

    def forget(self, subject: str) -> int:
        """Remove a user: each answer that was asked for nobody else, and the bytes of it in the file.

        Returns:
            The number of answers that were removed.

        Raises:
            LanguageModelError: the folder cannot be used, or the disk is full.
        """
        owner, n_removed = _owner(subject), 0
        with self._open(exclusively=True) as environment:
            with environment.transaction(write=True) as txn:
                cursor = txn.cursor(environment.keys)
                keys = list(cursor.iternext_dup()) if cursor.set_key(owner) else []
                for key in keys:
                    txn.delete(key, owner, db=environment.owners)
                    if txn.get(key, db=environment.owners) is None:
                        n_removed += txn.delete(key, db=environment.answers)
                txn.delete(owner, db=environment.keys)
            self._shared.renew()
        return n_removed

    def __len__(self) -> int:
        with self._open() as environment, environment.transaction() as txn:
            return int(txn.stat(environment.answers)["entries"])

    @contextmanager
    def _open(self, *, exclusively: bool = False) -> Iterator[_Environment]:
        try:
            with self._shared.opened(exclusively=exclusively) as environment:
                yield environment
        except (OSError, lmdb.Error) as error:
            raise LanguageModelError(
                f"the cache of answers in {self._folder} cannot be used ({error}); see whether the disk is full and "
                "the folder may be written, or delete the folder: its answers are then asked for again"
            ) from error


def _owner(subject: str | None) -> bytes:
    return _NOBODY if subject is None else hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest().encode()


def _link(environment: _Environment, txn: Any, key: str, owner: bytes) -> None:
    txn.put(key.encode(), owner, db=environment.owners, dupdata=True)
    txn.put(owner, key.encode(), db=environment.keys, dupdata=True)


class _Environment:
    """One open generation."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environment = lmdb.open(str(folder), map_size=MAP_BYTES, max_dbs=3, metasync=False)
        self.answers = self.environment.open_db(_ANSWERS)
        self.owners = self.environment.open_db(_OWNERS, dupsort=True)
        self.keys = self.environment.open_db(_KEYS, dupsort=True)

    def transaction(self, *, write: bool = False) -> Any:
        return self.environment.begin(write=write)


class _Shared:
    """The environment of a folder. There is one in a process, since LMDB must not open a file twice."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._environment: _Environment | None = None

    @contextmanager
    def opened(self, *, exclusively: bool) -> Iterator[_Environment]:
        """The current generation. Nobody replaces it meanwhile; with ``exclusively`` nobody else uses it either."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._lock, (self._folder / "lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX if exclusively else fcntl.LOCK_SH)
            generation = self._folder / self._generation()
            if self._environment is None or self._environment.folder != generation or not generation.exists():
                self._close()
                self._environment = _Environment(generation)
            yield self._environment

    def renew(self) -> None:
        """Go over to a copy without free pages, and delete the old files. The caller has it open exclusively."""
        assert self._environment is not None
        old = self._environment.folder
        new = self._folder / f"generation-{int(old.name.rpartition('-')[2]) + 1}"
        if new.exists():  # what is left of a process that was killed here
            shutil.rmtree(new)
        new.mkdir()
        self._environment.environment.copy(str(new), compact=True)
        self._close()
        pointer = self._folder / f".{_CURRENT}"
        pointer.write_text(new.name)
        pointer.replace(self._folder / _CURRENT)
        for stale in self._folder.glob("generation-*"):
            if stale != new:
                shutil.rmtree(stale)

    def _generation(self) -> str:
        try:
            return (self._folder / _CURRENT).read_text()
        except FileNotFoundError:
            return "generation-0"

    def _close(self) -> None:
        if self._environment is not None:
            self._environment.environment.close()
            self._environment = None


_SHARED: WeakValueDictionary[tuple[int, Path], _Shared] = WeakValueDictionary()
_SHARED_LOCK = Lock()


def _shared_of(folder: Path) -> _Shared:
    with _SHARED_LOCK:
        # By process: LMDB must not be used across a fork.
        place = (os.getpid(), folder.absolute())
        shared = _SHARED.get(place)
        if shared is None:
            shared = _SHARED[place] = _Shared(folder.absolute())
        return shared
