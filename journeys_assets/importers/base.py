"""What an importer is: a log format, and how its rows become the landing contract's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from journeys_assets.domain.actions import Action
from journeys_assets.domain.landing.contract import LIST_SEPARATOR, check_rows
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.mapping import LogMapping
from journeys_assets.importers.no_text import TextKind

PART, VERSION = "log_part", "part_version"
"""Columns of converted rows, both optional: see ``storage.ingest.parts``."""
CALL = "{call}"
"""In a version: the number of the ingest call, which is not known before the rows are stored."""
EVENT_BY_ITSELF = "||"
"""The version of rows whose event is a part by itself: its ``event_id`` is that of the vendor."""


@dataclass
class Converted:
    """The converted rows of a part of a file, by landing source."""

    good: dict[str, pl.DataFrame]
    """``line`` and the contract's columns; of searches and engagements optionally ``PART`` and ``VERSION``."""
    refused: dict[str, pl.DataFrame]
    """``domain.landing.contract.REFUSED_SCHEMA``."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Number of rows of the file that were skipped by rule, by reason."""
    events: dict[tuple[str, str], int] = field(default_factory=dict)
    """Number of rows of the file by type of event and what became of them. Every row counts once. Empty for formats
    without types of events."""


@dataclass(frozen=True)
class Records:
    """How the records of a nested format are read: JSON lines, Parquet, CSV, or TSV without a header.

    Attributes:
        paths: What is read of each record (``importers.paths``). The frame has one column per path, named by its text:
            text, or a list of texts for a path to every element.
        kinds: What is meant at some of the paths. A value of another kind is a mark there (``importers.no_text``).
        headers: For TSV without a header: the names of its columns, for each number of columns that it may have. A
            field of such a file is never quoted.
        parse_line: The records of one line (or element of an array) of JSON. By default the line is one object. Those
            that are no objects are refused, each by itself.

            Raises ValueError if the line is no record; the message says why.
        archives: Whether a zip archive may have several files. They are read in the order of their names, and lines
            are counted on from one to the next.
    """

    paths: tuple[str, ...]
    headers: tuple[tuple[str, ...], ...] = ()
    parse_line: Callable[[str], Sequence[Any]] | None = None
    archives: bool = False
    kinds: Mapping[str, TextKind] = field(default_factory=dict)


@dataclass(frozen=True)
class Gather:
    """What a format needs to know of all its files before it converts any, such as a table that others refer to.

    Attributes:
        select: Raw rows of a part of a file → the rows that are needed, always with the same columns.
        use: All selected rows, in the order of files and lines → the importer that converts.
    """

    select: Callable[[pl.DataFrame], pl.DataFrame]
    use: Callable[[pl.DataFrame], Importer]


@dataclass(frozen=True)
class Importer:
    """The conversion of one format to the landing contract."""

    name: str
    columns: Sequence[str]
    """Required columns of its files."""
    main_source: str
    """The source whose counts include all rows of the file, also refused and skipped ones."""
    sources: Sequence[str]
    """All landing sources that it produces."""
    convert: Callable[[pl.DataFrame, datetime], Converted]
    """Raw rows (``line`` and ``columns`` as text, or ``line`` and ``records.paths``) and the current time (naive UTC) →
    landing rows."""
    optional_columns: Sequence[str] = ()
    """Optional columns of its files. Raw rows contain only the columns of the file."""
    shown_columns: Sequence[str] = ()
    """Columns that its files may have, and that are not read."""
    records: Records | None = None
    """How its files are read if its records are nested; then ``columns`` and ``optional_columns`` are empty."""
    gather: Gather | None = None
    mapping: LogMapping | None = None
    """The mapping that it converts by, if it has one."""
    user_paths: Sequence[str] = ()
    """Paths to the user's id, in the order in which they count, if it has a mapping."""
    time_paths: Sequence[str] = ()
    """Paths to the time, likewise."""
    check_files: Callable[[Sequence[str]], Mapping[str, str]] = lambda names: {}
    """Paths of all files of a call, as text → those that must not be read, with the reason."""
    stamp: Callable[[str, pl.DataFrame], pl.DataFrame] = lambda name, rows: rows
    """Path of a file, as text, and converted rows → the rows with the ``PART`` and ``VERSION`` that the file gives."""


@dataclass(frozen=True)
class Sample:
    """The beginning of a file, from which its format is recognised.

    Attributes:
        name: Name of the file.
        form: ``json``, ``parquet``, ``csv``, or ``tsv``.
        columns: The columns or keys of the first records, as they are written. Empty if the file has no header.
        records: The first records, nested values as objects and lists, or as JSON text where the file has them so.
        lines: The first lines of a text file.
    """

    name: str
    form: str
    columns: tuple[str, ...]
    records: tuple[Mapping[str, Any], ...] = ()
    lines: tuple[str, ...] = ()

    def has(self, *columns: str) -> bool:
        """Whether all these columns are there. Warehouses write them in upper or in lower case."""
        return {column.lower() for column in columns} <= {column.lower() for column in self.columns}


@dataclass(frozen=True)
class LogFormat:
    """A log format that ``--format`` takes.

    Attributes:
        name: What ``--format`` takes.
        title: What people call it.
        recognise: Why a file is of the format, as the end of "because it has …"; None if it is not.
        importer: The importer for the decisions of a deployment and its action registry.

            Raises MappingError if an action is not in the registry.
    """

    name: str
    title: str
    recognise: Callable[[Sample], str | None]
    importer: Callable[[FormatOptions, Sequence[Action]], Importer]
    left_out: Callable[[Sequence[str]], Mapping[str, str]] = lambda names: {}
    """As ``Importer.check_files``."""


def checked(
    source: str,
    rows: pl.DataFrame,
    *,
    now: datetime,
    unreadable: pl.DataFrame | None = None,
    list_separator: str = LIST_SEPARATOR,
    **rules: Any,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """:func:`check_rows` for rows of which several may come from one line of the file.

    Args:
        rows: As for ``check_rows``; ``line`` need not be unique.
        unreadable: As for ``check_rows``, but ``line`` is the number of the row in ``rows``, first = 0.
        rules: The further arguments of ``check_rows``.
    """
    numbered = rows.drop("line").with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("line"))
    good, refused = check_rows(source, numbered, now=now, unreadable=unreadable, list_separator=list_separator, **rules)
    lines = rows["line"].cast(pl.Int64)
    good, refused = (
        frame.with_columns(lines.gather(frame["line"].cast(pl.UInt32)).alias("line")) for frame in (good, refused)
    )
    return good, refused
