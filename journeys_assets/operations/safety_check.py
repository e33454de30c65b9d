"""Judges the texts of a file, so that people can test the safety rules on their own lists."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from journeys_assets.errors import JourneysError
from journeys_assets.models.safety.judge import SafetyJudge
from journeys_assets.storage.ingest.files import check_file

TEXT = "text"
ADDED = ("category", "decision", "score", "decided_by")
"""Columns of the result. Columns of these names in the file are replaced."""
FORMATS = (".parquet", ".csv", ".jsonl")


class SafetyFileError(JourneysError):
    """A file of texts cannot be read or written. The message says why, and what to do instead."""


@dataclass(frozen=True)
class SafetyChecked:
    """The result of one check.

    Attributes:
        file: Where it was written.
        n_rows: Rows written.
        by_decision: decision, n_rows; in the order of the decisions.
        by_category: category (null for none), decided_by, n_rows; most frequent first.
        version: Of the safety rules.
    """

    file: Path
    n_rows: int
    by_decision: pl.DataFrame
    by_category: pl.DataFrame
    version: str


def check_texts(source: Path, target: Path, judge: SafetyJudge) -> SafetyChecked:
    """Write the rows of a file, in their order and with all columns, with ``ADDED``.

    A text that is null or empty has no category, and its decision is ``allow``.

    Args:
        source: Parquet, CSV or JSON lines with a column ``text``.
        target: Ends in one of ``FORMATS``; it is written in one step, and its folder is made.

    Raises:
        SafetyFileError, IngestError: the file cannot be read or has no such column, or the place is wrong.
        OSError: the place cannot be written to.
    """
    check_file(source)
    _check_target(source, target)
    rows = _read(source)
    verdicts = judge.judge(rows[TEXT].fill_null("").to_list())
    added = verdicts.select(pl.col(name).cast(pl.Float64 if name == "score" else pl.String) for name in ADDED)
    result = rows.drop(ADDED, strict=False).hstack(added)
    with _draft(target) as draft:
        _write(result, draft, target)
    return SafetyChecked(
        file=target,
        n_rows=result.height,
        by_decision=verdicts.group_by("decision").agg(n_rows=pl.len()).sort("decision"),
        by_category=verdicts.group_by("category", "decided_by")
        .agg(n_rows=pl.len())
        .sort("n_rows", "category", "decided_by", descending=[True, False, False]),
        version=judge.version,
    )


def _read(file: Path) -> pl.DataFrame:
    """The rows of a file; ``text`` is String.

    Raises:
        SafetyFileError: see :func:`check_texts`.
    """
    read: Mapping[str, Callable[[], pl.DataFrame]] = {
        ".parquet": lambda: pl.read_parquet(file),
        # All columns stay as they are written: nothing is guessed to be a number.
        ".csv": lambda: pl.read_csv(file, infer_schema=False),
        ".jsonl": lambda: pl.read_ndjson(file, infer_schema_length=None),
    }
    if file.suffix.lower() not in read:
        raise SafetyFileError(f"{file}: its name must end in {', '.join(FORMATS)}; rename or convert it")
    try:
        rows = read[file.suffix.lower()]()
    except pl.exceptions.PolarsError as error:
        raise SafetyFileError(f"{file} cannot be read as {file.suffix[1:]}: {error}; write it again") from error
    if TEXT not in rows.columns:
        raise SafetyFileError(f"{file} has no column {TEXT}, but {', '.join(rows.columns)}; name the column {TEXT}")
    if rows[TEXT].dtype == pl.Null:
        rows = rows.with_columns(pl.col(TEXT).cast(pl.String))
    if rows[TEXT].dtype != pl.String:
        raise SafetyFileError(f"{file}: column {TEXT} is of type {rows[TEXT].dtype}; write a text for each row")
    return rows


def _check_target(source: Path, target: Path) -> None:
    if target.suffix.lower() not in FORMATS:
        raise SafetyFileError(f"{target}: the result is written as {', '.join(FORMATS)}; end its name in one of them")
    if target.is_dir():
        raise SafetyFileError(f"{target} is a folder; name a file")
    if target.exists() and target.samefile(source):
        raise SafetyFileError(f"{target} is the file that is read; name another one, so that your list is kept")


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    """An empty file beside ``target`` that replaces it at the end; removed on an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".safety-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    draft = Path(name)
    try:
        yield draft
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _write(rows: pl.DataFrame, draft: Path, target: Path) -> None:
    write: Mapping[str, Callable[[Path], None]] = {
        ".parquet": rows.write_parquet,
        ".csv": rows.write_csv,
        ".jsonl": rows.write_ndjson,
    }
    try:
        write[target.suffix.lower()](draft)
    except pl.exceptions.PolarsError as error:
        raise SafetyFileError(f"{target}: its format cannot hold the columns ({error}); write .parquet") from error
