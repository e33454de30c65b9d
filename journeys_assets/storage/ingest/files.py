"""Finds the files of an ingest call, their sources and checksums. ``readers`` reads what is in them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.errors import JourneysError

SUFFIXES = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".json", ".json.gz")
"""Endings that determine how a file is read."""


class IngestError(JourneysError):
    """Files cannot be ingested. The message names the file, the error and the cure. The warehouse is unchanged."""


class DamagedFileError(IngestError):
    """A file is empty, cut off or otherwise damaged. A file that is still being written looks the same."""


def suffix_of(path: Path) -> str | None:
    """The ending of the file if it is one of ``SUFFIXES``, else None."""
    name = path.name.lower()
    return next((suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if name.endswith(suffix)), None)


def find_files(paths: Sequence[Path], root: Path | None = None) -> list[tuple[Path, Path]]:
    """Every file in ``paths``, once, with the folder or file through which it was found; sorted by path.

    Folders are searched at any depth for files with known endings. Hidden files and files whose name begins with ``_``
    are left out. A path that is not a folder is returned as a file, whether it exists or not. If ``root``, a folder
    above all paths, is given, every path is returned as a file.

    Raises:
        IngestError: a folder has no file that can be read.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if root is not None or not path.is_dir():
            found.setdefault(path, root or path)
            continue
        inside = [file for file in path.rglob("*") if file.is_file() and suffix_of(file) and not _is_hidden(file, path)]
        if not inside:
            raise IngestError(f"{path} has no file that ends in one of {', '.join(SUFFIXES)}; check the path")
        for file in inside:
            found.setdefault(file, path)
    if not found:
        raise IngestError("no path is given; name files or folders to ingest")
    return sorted(found.items())


def check_file(path: Path) -> None:
    """Check what can be checked without opening the file.

    Raises:
        IngestError: it does not exist, is not a file, or has a name that cannot be used.
    """
    if printable(path) != str(path):
        raise IngestError(f"{printable(path)}: the name is not valid UTF-8; rename the file")
    if not path.exists():
        raise IngestError(f"{path} does not exist; check the path")
    if not path.is_file():
        raise IngestError(f"{path} is not a file, or cannot be read; check the path and its permissions")
    if suffix_of(path) is None:
        raise IngestError(f"{path} has no known ending; files must end in one of {', '.join(SUFFIXES)}")


def printable(path: Path) -> str:
    r"""A path as printable text. A name may have any bytes; those that are not UTF-8 are written as ``\udc..``."""
    return str(path).encode("utf-8", "backslashreplace").decode()


def _is_hidden(file: Path, root: Path) -> bool:
    return any(part.startswith((".", "_")) for part in file.relative_to(root).parts)


def source_of(file: Path, root: Path) -> str:
    """The landing source, from a file's name (``pins.csv``, ``pins_2026-01.csv``) or its folder (``pins/…``).

    The folders from the file's own up to ``root``, the folder that was given, are tried.

    Raises:
        IngestError: no name gives the source.
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
        f"{file}: its source is unknown; put it in a folder named after its source, begin its name with the source, "
        f"or use `--source`. Sources are {', '.join(LANDING)}"
    )


def checksum(file: Path) -> str:
    """sha256 of the file's bytes, hexadecimal.

    Raises:
        IngestError: the file is empty or cannot be read.
    """
    try:
        if file.stat().st_size == 0:
            raise DamagedFileError(f"{file} is empty (0 bytes); write it again or remove it")
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise IngestError(f"{file} cannot be read: {error.strerror}; check its permissions") from error
