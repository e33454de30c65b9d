"""Files in which an operation gives back the rows of a file of the user: checked beforehand, written in one step."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from journeys_assets.errors import JourneysError
from journeys_assets.storage.row_files import FORMATS


def check_target(source: Path, target: Path, error: type[JourneysError], *, content: str) -> None:
    """Check that the result can be written to ``target``.

    Args:
        error: What is raised.
        content: What ``source`` holds and that it is kept, such as ``labels are kept``; the end of the message.

    Raises:
        JourneysError: it has another ending than ``FORMATS``, is a folder, or is the file that is read.
    """
    _check_ending(target, error)
    if target.is_dir():
        raise error(f"{target} is a folder; name a file")
    if target.exists() and target.samefile(source):
        raise error(f"{target} is the file that is read; name another one, so that your {content}")


def check_columns(source: Path, columns: Sequence[str], added: Sequence[str], error: type[JourneysError]) -> None:
    """Check that the result has room for its own columns beside those of ``source``, so that none is replaced.

    Raises:
        JourneysError: ``error``, where a column has the name of one that is added.
    """
    if taken := [name for name in columns if name in added]:
        raise error(
            f"{source} has the column(s) {', '.join(taken)}, which the result adds; rename or remove them in {source}, "
            "so that nothing of yours is replaced"
        )


def check_new_file(target: Path, error: type[JourneysError], formats: Sequence[str] = FORMATS) -> None:
    """Check that a new file can be written to ``target``: nothing of the user is replaced.

    Raises:
        JourneysError: ``error``, where it exists or has another ending than ``formats``.
    """
    _check_ending(target, error, formats)
    if target.exists():
        raise error(f"{target} exists, and may hold judgements; name another file")


def _check_ending(target: Path, error: type[JourneysError], formats: Sequence[str] = FORMATS) -> None:
    if target.suffix.lower() not in formats:
        raise error(f"{target}: the result is written as {', '.join(formats)}; end its name in one of them")


@contextmanager
def draft_of(target: Path) -> Iterator[Path]:
    """An empty file beside ``target`` that replaces it at the end; removed on an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".draft-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def write_rows(rows: pl.DataFrame, draft: Path, target: Path, error: type[JourneysError]) -> None:
    """Write ``rows`` to ``draft`` in the format of ``target``.

    Raises:
        JourneysError: ``error``, where the format cannot hold the columns.
    """
    write: Mapping[str, Callable[[Path], None]] = {
        ".parquet": rows.write_parquet,
        ".csv": rows.write_csv,
        ".jsonl": rows.write_ndjson,
    }
    try:
        write[target.suffix.lower()](draft)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as reason:  # times beyond what text can show
        raise error(f"{target}: its format cannot hold the columns ({reason}); write .parquet") from reason
