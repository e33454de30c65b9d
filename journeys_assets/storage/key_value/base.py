"""What a key-value store is: values by key, in versions, one of which is current.

A version is written as a draft that no reader sees. It becomes complete in one step, and then never changes. Another
step makes a complete version the current one. A reader therefore sees all of a version or nothing of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from journeys_assets.errors import JourneysError

Value = Any
"""A JSON value other than null, which stands for a key without a value; or bytes."""

_BYTES = b"\0"
"""What stored bytes begin with. JSON never does."""
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


PUTS_PER_COMMIT = 1_000
"""Values that a writer sends together; those of an interrupted one that were sent are kept."""


class KeyValueError(JourneysError):
    """A key-value store cannot be used. The message names the store and the cure."""


class Writer(Protocol):
    """Writes the draft of one version."""

    def put(self, key: str, value: Value) -> None:
        """Set the value of ``key``; it is kept for certain from the next ``commit`` on."""
        ...

    def commit(self) -> None:
        """Keep everything that was put, also if the process is killed now."""
        ...

    def get(self, key: str) -> Value | None:
        """The value that the draft has of ``key``, from this process or from an earlier one that was interrupted."""
        ...


class KeyValueStore(Protocol):
    """Values by key, in versions. Any number of processes may read while one of them writes."""

    def versions(self) -> list[str]:
        """The complete versions, sorted."""
        ...

    def current(self) -> str | None:
        """The version that is read where none is named; None before the first swap."""
        ...

    def write(self, version: str) -> AbstractContextManager[Writer]:
        """Write the draft of ``version``, which is complete when the block ends without an error.

        After an error or a kill, what was committed stays, and the next ``write`` of the same version goes on from
        there. One process at a time writes.

        Raises:
            KeyValueError: the version is complete already, or its name is not allowed.
        """
        ...

    def swap(self, version: str) -> None:
        """Make a complete version the current one, in one step.

        Raises:
            KeyValueError: there is no such complete version.
        """
        ...

    def get(self, key: str, version: str | None = None) -> Value | None:
        """The value of ``key`` in ``version``, by default the current one; None if there is none.

        Raises:
            KeyValueError: the named version does not exist.
        """
        ...

    def get_many(self, keys: Sequence[str], version: str | None = None) -> list[Value | None]:
        """The values of ``keys``, in the same order and all from one version; see ``get``."""
        ...

    def keep_only(self, versions: Sequence[str]) -> list[str]:
        """Delete every other version and draft, but never the current version; returns what was deleted, sorted.

        A read that is under way ends with the values of the version that it began with.
        """
        ...


def encoded(value: Value) -> bytes:
    """A value as compact JSON, or bytes with a mark.

    Raises:
        ValueError: it is null, or holds a number that is not finite.
    """
    if value is None:
        raise ValueError("null is no value: leave the key out")
    if isinstance(value, bytes):
        return _BYTES + value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode("utf-8", "strict")


def decoded(content: bytes | None) -> Value | None:
    """The inverse of ``encoded``; None for a key without a value."""
    if content is None:
        return None
    return content[len(_BYTES) :] if content.startswith(_BYTES) else json.loads(content)


def checked_version(version: str) -> str:
    """``version``, which becomes part of a path or a key.

    Raises:
        KeyValueError: it is not 1 to 64 letters, digits, ``_`` and ``-``, the first a letter or digit.
    """
    if not _VERSION.fullmatch(version):
        raise KeyValueError(
            f"{version!r} cannot name a version: use 1 to 64 letters, digits, '_' and '-', beginning with a letter or "
            "a digit"
        )
    return version


def unknown_version(store: str, version: str, known: Sequence[str]) -> KeyValueError:
    """The error for a version that a store does not have."""
    return KeyValueError(
        f"{store} has no version {version}; it has {', '.join(known) or 'none'}. `journeys expand` writes a new one"
    )


def complete_already(store: str, version: str) -> KeyValueError:
    """The error for a second write of a complete version."""
    return KeyValueError(f"version {version} of {store} is complete and never changes; write another version")
