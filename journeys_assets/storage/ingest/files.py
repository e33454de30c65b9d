"""Finds the files of an ingest call, their sources and checksums. ``readers`` reads what is in them.

Every file below a folder is found or passed over with the reason. ``domain.landing.file_names`` says which names hold
no data, ``readers.formats`` and ``readers.columns`` what a file is, ``domain.landing.recognise`` which source it
belongs to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from journeys_assets.domain.landing.file_names import why_passed_over
from journeys_assets.domain.landing.recognise import contradiction, fits_a_source, recognise
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.readers import pieces
from journeys_assets.storage.ingest.readers.columns import IsHeader, columns_of, format_of
from journeys_assets.storage.ingest.readers.formats import (
    HELP,
    UNREADABLE_ENDINGS,
    format_by_name,
    order_of,
    stem_of,
    zip_member,
)

__all__ = [
    "DamagedFileError",
    "Found",
    "IngestError",
    "PassedOver",
    "check_file",
    "checksum",
    "find_files",
    "source_of",
]

SHOWN = 3


@dataclass(frozen=True)
class PassedOver:
    """A file or folder below a folder, or an object of a bucket, that is not ingested."""

    path: Path | str
    reason: str


@dataclass(frozen=True)
class Found:
    """What is below the paths of an ingest call.

    Attributes:
        files: Files to ingest, each with the folder or file through which it was found; in the order of ``order_of``.
        passed_over: All other files, and links that lead to nothing or to a folder that is read already; sorted.
    """

    files: tuple[tuple[Path, Path], ...]
    passed_over: tuple[PassedOver, ...]


def find_files(
    paths: Sequence[Path],
    root: Path | None = None,
    is_header: IsHeader = fits_a_source,
    is_special: Callable[[Path], bool] = lambda file: False,
    *,
    may_be_none: bool = False,
) -> Found:
    """Every file in ``paths``, once.

    Folders are searched at any depth. Links to folders are followed, each folder once. A path that is not a folder is
    returned as a file, whether it exists or not, and so is a folder that cannot be listed. If ``root``, a folder above
    all paths, is given, every path is returned as a file.

    Args:
        is_header: Which first lines make a file without a known ending CSV.
        is_special: Which files can be read although their format is not known.
        may_be_none: Whether there may be no path, and folders without a file that can be read.

    Raises:
        IngestError: no path is given, or a folder has no file that can be read.
    """
    found: dict[Path, Path] = {}
    passed_over: dict[Path, str] = {}
    for path in paths:
        if root is not None or not path.is_dir():
            found.setdefault(path, root or path)
            continue
        n_before, reasons = len(found), {}
        for file, _, problem in walk(path):
            reason = (
                why_passed_over(file.relative_to(path).as_posix())
                or problem
                or _why_unreadable(file, is_header, is_special)
            )
            if reason:
                reasons[file] = reason
            else:
                found.setdefault(file, path)
        if len(found) == n_before and not any(path == above for above in found.values()) and not may_be_none:
            raise IngestError(
                f"{printable(path)} has no file that can be read{_shown(reasons)}; check the path, or {HELP}"
            )
        passed_over |= reasons
    if not found and not may_be_none:
        raise IngestError("no path is given; name files or folders to ingest")
    left = (PassedOver(path, reason) for path, reason in sorted(passed_over.items()) if path not in found)
    return Found(tuple(sorted(found.items(), key=lambda item: order_of(item[0]))), tuple(left))


def _shown(reasons: dict[Path, str]) -> str:
    some = [f"{printable(path)}: {reason}" for path, reason in sorted(reasons.items())[:SHOWN]]
    return f" ({'; '.join(some)}{'; …' if len(reasons) > SHOWN else ''})" if some else ""


def walk(root: Path) -> Iterator[tuple[Path, os.stat_result | None, str | None]]:
    """Everything below ``root`` that is not a folder: its path, its status, and why it is no file (None if it is one).

    Links to folders are followed after the folders themselves, so that a folder is found under its own name, and each
    folder is visited once. A folder that cannot be listed is returned like a file, so that reading it gives the reason.

    Raises:
        OSError: ``root`` itself cannot be listed.
    """
    folders, links, seen = [root], list[Path](), set[tuple[int, int]]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            yield folder, None, "it links to a folder that is read already"
            continue
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except PermissionError:
            if folder == root:
                raise
            yield folder, status, None
            continue
        for entry in entries:
            path = Path(entry.path)
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(path)
            else:
                yield path, *_status(entry)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder or a link to one. Of a link that leads back to itself, ``_status`` says so."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _status(entry: os.DirEntry[str]) -> tuple[os.stat_result | None, str | None]:
    try:
        status = entry.stat()
    except OSError as error:  # It was removed since the folder was listed, or is a broken link.
        return None, "it links to nothing" if entry.is_symlink() else f"it cannot be read: {error.strerror}"
    return status, None if entry.is_file() else "it is not a regular file"


def _why_unreadable(file: Path, is_header: IsHeader, is_special: Callable[[Path], bool]) -> str | None:
    """Why a file of a folder is passed over by its ending and content; None if it is to be ingested.

    A file with a known ending is always to be ingested: if it is damaged, that is an error and no reason to pass over.
    """
    if not file.is_file() or format_by_name(file.name) or printable(file) != str(file):
        return None
    try:
        return None if is_special(file) or format_of(file, is_header) else _unknown(file)
    except IngestError as error:
        return _by_ending(file) or str(error).removeprefix(f"{file} ")


def _unknown(file: Path) -> str:
    """Why the format of a file is unknown."""
    if file.stat().st_size == 0:
        return "it is empty and has no known ending"
    return _by_ending(file) or (
        "it has no known ending, and its content is not known either (Parquet, JSON lines, or a first line with the "
        f"columns of a source); {HELP}, with that ending"
    )


def _by_ending(file: Path) -> str | None:
    """Why a file cannot be read by its ending; None if the ending is none of those."""
    what = UNREADABLE_ENDINGS.get(file.suffix.lower().removeprefix("."))
    return f"it is {what}, which cannot be read; {HELP}" if what else None


def check_file(
    path: Path, is_header: IsHeader = fits_a_source, is_special: Callable[[Path], bool] = lambda file: False
) -> None:
    """Check that the file exists and that its format is known.

    Args:
        is_header, is_special: See :func:`find_files`.

    Raises:
        IngestError: it does not exist, is not a file, has a name that cannot be used, or its format is unknown.
    """
    if printable(path) != str(path):
        raise IngestError(f"{printable(path)}: the name is not valid UTF-8; rename the file")
    if not path.exists():
        raise IngestError(f"{path} does not exist; check the path")
    if not path.is_file():
        raise IngestError(f"{path} is not a file, or cannot be read; check the path and its permissions")
    if format_by_name(path.name) is not None:
        return
    try:
        is_known = is_special(path) or format_of(path, is_header) is not None
    except IngestError as error:
        reason = _by_ending(path)
        if reason is None:
            raise
        raise IngestError(f"{path}: {reason}") from error
    if not is_known:
        raise IngestError(f"{path}: {_unknown(path)}")


def printable(path: Path) -> str:
    r"""A path as printable text. A name may have any bytes; those that are not UTF-8 are written as ``\udc..``."""
    return pieces.printable(str(path))


def source_of(file: Path, root: Path) -> str:
    """The landing source of a file, from its names and its columns: see ``domain.landing.recognise``.

    The names are the stem of the file, that of the file in a zip archive, and the folders from the file's own up to
    ``root``, the folder that was given.

    Raises:
        IngestError: no name says the source, or the columns contradict the names.
    """
    folders = file.relative_to(root).parts[-2::-1] if root != file else ()
    above = root.name if root != file else file.resolve().parent.name
    recognised = recognise([stem_of(file.name), *_member_names(file), *folders, above], _columns(file))
    if recognised.source is None:
        raise IngestError(f"{file}: {recognised.problem}")
    return recognised.source


def check_columns(file: Path, source: str) -> None:
    """Check that the columns of a file do not contradict the source that was named for it.

    Raises:
        IngestError: they do. A required column that is missing is found when the file is read.
    """
    columns = _columns(file)
    problem = None if columns is None else contradiction(source, columns)
    if problem:
        raise IngestError(f"{file}: its columns are not those of {source}: {problem}; check `--source`")


def _member_names(file: Path) -> list[str]:
    try:
        member = zip_member(file)
    except IngestError:
        return []  # Reading the file gives the reason.
    return [stem_of(part) for part in reversed(member.split("/"))] if member else []


def _columns(file: Path) -> list[str] | None:
    try:
        form = format_of(file, fits_a_source)
    except IngestError:
        return None  # Reading the file gives the reason.
    return columns_of(file, form) if form else None


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
