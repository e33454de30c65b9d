"""Which files an ingest call means, of which source each is, and its checksum.

What belongs here: paths and names. What does not: what is inside a file (``ingest_readers``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.errors import JourneysError

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
"""Endings that tell how a file is read."""


class IngestError(JourneysError):
    """Files cannot be ingested: names the file, what is wrong with it and the cure. The warehouse is as it was."""


class DamagedFileError(IngestError):
    """A file is empty, cut off or otherwise damaged: what one that is still being written looks like, too."""


def suffix_of(path: Path) -> str | None:
    """The ending of ``SUFFIXES`` that the file has; None for any other."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None)


def find_files(paths: Sequence[Path], root: Path | None = None) -> list[tuple[Path, Path]]:
    """Every file that ``paths`` mean, each once, with the folder or file that led to it; in order of path.

    Folders are searched to any depth for files with known endings; hidden files and those beginning with ``_`` are
    left out. What is no folder is taken as a file, be it there or not. With ``root``, a folder above them, all paths
    are.

    Raises:
        IngestError: a folder holds no file that can be read.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if root is not None or not path.is_dir():
            found.setdefault(path, root or path)
            continue
        inside = [file for file in path.rglob("*") if file.is_file() and suffix_of(file) and not _hidden(file, path)]
        if not inside:
            raise IngestError(f"{path} holds no file that ends in one of {', '.join(SUFFIXES)}; check the path")
        for file in inside:
            found.setdefault(file, path)
    if not found:
        raise IngestError("no path was given; name files or folders to ingest")
    return sorted(found.items())


def check_file(path: Path) -> None:
    """What can be told of a file without opening it.

    Raises:
        IngestError: it does not exist, is no file, or has a name that cannot be used.
    """
    if shown(path) != str(path):
        raise IngestError(f"{shown(path)}: its name is not valid UTF-8; rename it")
    if not path.exists():
        raise IngestError(f"{path} does not exist; check the path")
    if not path.is_file():
        raise IngestError(f"{path} is no file that can be read, or a folder that cannot; check its permissions")
    if suffix_of(path) is None:
        raise IngestError(f"{path} has no known ending; files must end in one of {', '.join(SUFFIXES)}")


def shown(path: Path) -> str:
    r"""A path as text; bytes that are not UTF-8 as ``\udc..``, because a name may hold any."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _hidden(file: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(root).parts)


def source_of(file: Path, root: Path) -> str:
    """The landing source that a file's name (``pins.csv``, ``pins_2026-01.csv``) or folder (``pins/…``) tells.

    Folders count from the file's own up to ``root``, the folder that was given.

    Raises:
        IngestError: no name tells the source.
    """
    stem = file.name[: -len(suffix_of(file) or "")]
    for source in sorted(LANDING, key=len, reverse=True):
        if re.fullmatch(rf"{source}(?:[^A-Za-z].*)?", stem):
            return source
    between = file.relative_to(root).parts[:-1] if root != file else ()
    for folder in (*reversed(between), root.name if root != file else file.resolve().parent.name):
        if folder in LANDING:
            return folder
    raise IngestError(
        f"{file}: its name does not tell which source it is; put it in a folder named after its source, let its name "
        f"begin with it, or say `--source`. Sources are {', '.join(LANDING)}"
    )


def checksum(file: Path) -> str:
    """sha256 of the file's bytes, hexadecimal.

    Raises:
        IngestError: the file is empty or cannot be read.
    """
    try:
        if file.stat().st_size == 0:
            raise DamagedFileError(f"{file} is empty (0 bytes); write it again or leave it out")
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise IngestError(f"{file} cannot be read: {error.strerror}; check its permissions") from error
