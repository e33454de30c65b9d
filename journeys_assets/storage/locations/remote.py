"""Objects that lie elsewhere: what is known of one without reading it, and how one is copied here.

An object may be replaced while it is copied, and a server may break off. A copy counts only if it has the size that the
server gave, and if the object is the same before and after; otherwise the object is copied again. So every later step
reads the same bytes, and what is half there is never taken for the whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError

ATTEMPTS = 3
"""How often an object is copied that changes meanwhile or breaks off, before that is an error."""
PAUSE_S = 0.5
"""Pause before the second attempt, seconds; it doubles."""
BLOCK_BYTES = 4 * 2**20
LONGEST_NAME = 255
"""The longest name of a file, bytes."""


class LocationError(IngestError):
    """A location cannot be listed or read. The message names it, the reason and the cure. Nothing was loaded."""


class CopyError(IngestError):
    """A copy cannot be written to the disk of this machine. Nothing was loaded."""


@dataclass(frozen=True)
class State:
    """What tells one content of an object from another, as far as its server gives it.

    Attributes:
        n_bytes: Size, bytes.
        modified_ns: Time of the last modification, ns since 1970, UTC.
        etag: The server's mark of the content: an entity tag, or the generation of an object.
    """

    n_bytes: int | None = None
    modified_ns: int | None = None
    etag: str | None = None

    def differs(self, other: State) -> bool:
        """Whether the two are of different contents, by what both have."""
        pairs = (
            (self.n_bytes, other.n_bytes),
            (self.modified_ns, other.modified_ns),
            (self.etag, other.etag),
        )
        return any(a is not None and b is not None and a != b for a, b in pairs)


@dataclass(frozen=True)
class RemoteObject:
    """One object.

    Attributes:
        key: What its store calls it.
        name: Its URL as messages and tables have it.
        below: Its path below the scheme and ``://``: parts between slashes.
        state: As the listing has it, without an entity tag.
    """

    key: str
    name: str
    below: str
    state: State


class Store(Protocol):
    """A place with objects."""

    def objects(self) -> Sequence[RemoteObject]:
        """The objects of the location, in order of name.

        Raises:
            LocationError: it cannot be listed, or has none.
        """

    def root(self) -> str:
        """The part of ``below`` of its objects that is the location itself; that of the object if it is one."""

    def state(self, one: RemoteObject) -> State | None:
        """The state of an object now; None if the server does not give it.

        Raises:
            LocationError: the server cannot be reached, or refuses.
        """

    def opened(self, one: RemoteObject) -> AbstractContextManager[tuple[State, BinaryIO]]:
        """The state and the content of an object.

        Raises:
            LocationError: likewise, when it is opened or read.
        """


def why_not_copied(one: RemoteObject) -> str | None:
    """Why an object cannot become a file; None if it can."""
    parts = one.below.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "its key has an empty part, '.' or '..' between slashes, which no file can have; rename the object"
    if "\0" in one.below or any(len(part.encode("utf-8", "replace")) > LONGEST_NAME for part in parts):
        return f"a part of its key is no name of a file, or longer than {LONGEST_NAME} bytes; rename the object"
    return None


def copy(store: Store, one: RemoteObject, to: Path) -> State:
    """Copy an object to a file, and return the state of what was copied.

    Raises:
        LocationError: it cannot be read, or its store breaks off in every attempt.
        DamagedFileError: it changes during every attempt, or is shorter than its server says.
        CopyError: the copy cannot be written.
    """
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise CopyError(
            f"{one.name}: another object has the name of its folder, which files cannot have; ingest the two one after "
            "the other"
        ) from error
    reason, broke_off = "", None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_S * 2 ** (attempt - 1))
        before, n_bytes, broke_off = None, 0, None
        try:
            with store.opened(one) as (before, stream):
                n_bytes = _write(stream, to)
        except LocationError as error:
            if before is None:
                raise
            broke_off = error
        after = store.state(one)
        if after is not None and before.differs(after):
            reason = "it was replaced while it was read"
        elif broke_off is None and before.n_bytes in (None, n_bytes):
            if before.modified_ns is not None:
                os.utime(to, ns=(before.modified_ns, before.modified_ns))
            return before
        else:
            reason = f"{n_bytes:,} of {before.n_bytes:,} bytes arrived"
    if broke_off is not None:
        raise broke_off
    raise DamagedFileError(
        f"{one.name} cannot be read whole: {reason}, in {ATTEMPTS} attempts; wait until its writer is done, then try "
        "again"
    )


def _write(stream: BinaryIO, to: Path) -> int:
    n_bytes = 0
    with to.open("wb") as file:
        while block := stream.read(BLOCK_BYTES):
            try:
                file.write(block)
            except OSError as error:  # Not to be taken for an error of the store.
                raise CopyError(
                    f"a copy cannot be written to {to.parent}: {error.strerror}; make room, or set JOURNEYS_HOME to a "
                    "larger disk"
                ) from error
            n_bytes += len(block)
    return n_bytes
