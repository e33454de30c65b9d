"""Judges the texts of a file, so that people can test the safety rules on their own lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from journeys_assets.errors import JourneysError
from journeys_assets.models.safety.judge import SafetyJudge
from journeys_assets.operations.result_files import check_columns, check_target, draft_of, write_rows
from journeys_assets.storage.ingest.files import check_file
from journeys_assets.storage.row_files import read_rows

TEXT = "text"
ADDED = ("category", "decision", "score", "decided_by")
"""Columns of the result. A file that has one of them is refused."""


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
        target: Ends in one of ``row_files.FORMATS``; it is written in one step, and its folder is made.

    Raises:
        SafetyFileError, IngestError: the file cannot be read or has no such column, or the place is wrong.
        OSError: the place cannot be written to.
    """
    check_file(source)
    check_target(source, target, SafetyFileError, content="list is kept")
    rows = _read(source)
    check_columns(source, rows.columns, ADDED, SafetyFileError)
    verdicts = judge.judge(rows[TEXT].fill_null("").to_list())
    added = verdicts.select(pl.col(name).cast(pl.Float64 if name == "score" else pl.String) for name in ADDED)
    result = rows.hstack(added)
    with draft_of(target) as draft:
        write_rows(result, draft, target, SafetyFileError)
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
    rows = read_rows(file, SafetyFileError)
    if TEXT not in rows.columns:
        raise SafetyFileError(f"{file} has no column {TEXT}, but {', '.join(rows.columns)}; name the column {TEXT}")
    if rows[TEXT].dtype == pl.Null:
        rows = rows.with_columns(pl.col(TEXT).cast(pl.String))
    if rows[TEXT].dtype != pl.String:
        raise SafetyFileError(f"{file}: column {TEXT} is of type {rows[TEXT].dtype}; write a text for each row")
    return rows
