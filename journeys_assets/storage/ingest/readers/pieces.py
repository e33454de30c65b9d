"""What the readers share: the wanted columns, pieces of a file, and blocks of lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from journeys_assets.domain.landing.column_names import close_names, match_columns
from journeys_assets.domain.landing.contract import (
    REFUSED_SCHEMA,
    SHOWN_CHARACTERS,
    UNREADABLE_SCHEMA,
    refused_frame,
    required_columns,
)
from journeys_assets.domain.landing.json_values import Kind
from journeys_assets.domain.tables.landing import LANDING, OF_CONSENT
from journeys_assets.domain.tables.table import TIMESTAMP
from journeys_assets.storage.ingest.errors import IngestError

BLOCK_BYTES = 16 * 2**20
"""How much of a text file is read at once, bytes."""
MAX_LINE_BYTES = 64 * 2**20
"""Longest line that is accepted, bytes."""
MAX_RECORD_CHARACTERS = 4 * 2**20
"""How far a quoted CSV field may extend over lines, characters. Beyond that, its quote counts as never closed."""
BATCH_ROWS = 200_000
"""Rows of a Parquet file that are read at once."""


@dataclass
class Piece:
    """Some rows of a file.

    Attributes:
        frame: ``line`` (Int64) and the wanted columns that the file has, under the wanted names.
        refused: Records that cannot be read: ``REFUSED_SCHEMA``.
        unreadable: Values of ``frame`` that do not fit the kind of their column and were set to null:
            ``UNREADABLE_SCHEMA``.
        readings: What refused records may say: ``line`` and the wanted columns as text, one row for each reading. None
            if nobody wants it (``Wanted.reads_broken``).
    """

    frame: pl.DataFrame
    refused: pl.DataFrame = field(default_factory=REFUSED_SCHEMA.to_frame)
    unreadable: pl.DataFrame = field(default_factory=UNREADABLE_SCHEMA.to_frame)
    readings: pl.DataFrame | None = None

    @property
    def n_rows(self) -> int:
        return self.frame.height + self.refused.height


@dataclass
class LineCounts:
    """What became of the lines of a file so far. ``n_lines`` = ``n_header`` + ``n_blank`` + ``n_in_records``.

    A record of a CSV file may have several lines. In Parquet and JSON arrays, every record counts as a line.

    Attributes:
        n_lines: Lines of the file.
        n_header: Lines that name the columns.
        n_blank: Blank lines outside of records.
        n_in_records: Lines of records, accepted or refused.
        n_records: Records.
    """

    n_lines: int = 0
    n_header: int = 0
    n_blank: int = 0
    n_in_records: int = 0
    n_records: int = 0

    def add(self, other: LineCounts) -> None:
        self.n_lines += other.n_lines
        self.n_header += other.n_header
        self.n_blank += other.n_blank
        self.n_in_records += other.n_in_records
        self.n_records += other.n_records

    def add_rows(self, n: int) -> None:
        """Count ``n`` records of a format without lines."""
        self.n_lines += n
        self.n_in_records += n
        self.n_records += n


@dataclass
class Wanted:
    """Columns that a file must have and may have, and what reading the file found out.

    Attributes:
        required: Columns that the file must have.
        known: All wanted columns.
        kinds: The kind of each wanted column. Values of a column without a kind become text as they are written.
        reads_broken: Whether it is wanted what refused records may say (``readers.broken``).
        unknown: The other columns of the file, as they are written.
        found: The wanted columns that the file has.
        separator: What separates the fields of the CSV file; None for other formats.
        counts: The lines and records read.
    """

    required: Sequence[str]
    known: Sequence[str]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    reads_broken: bool = False
    unknown: set[str] = field(default_factory=set)
    found: set[str] = field(default_factory=set)
    separator: str | None = None
    counts: LineCounts = field(default_factory=LineCounts)

    @classmethod
    def of_source(cls, source: str) -> Wanted:
        """The columns of a landing source."""
        kinds = {column.name: _kind(column.dtype) for column in LANDING[source].columns}
        return cls(required_columns(source), LANDING[source].column_names, kinds, reads_broken=source in OF_CONSENT)

    @property
    def did_you_mean(self) -> dict[str, str]:
        """For each unknown column that is nearly a wanted one that the file lacks: that one."""
        return close_names(sorted(self.unknown), [name for name in self.known if name not in self.found])

    def has_required(self, columns: Sequence[str]) -> bool:
        """Whether the required columns are among the columns of a file."""
        return set(self.required) <= match_columns(self.known, columns).positions.keys()

    def match(self, file: Path, columns: Sequence[str]) -> dict[str, int]:
        """The index of each wanted column in ``columns``, the columns of the file as they are written.

        Raises:
            IngestError: a required column is missing, or two columns mean the same wanted one.
        """
        matched = match_columns(self.known, columns)
        self.unknown.update(map(printable, matched.unknown))
        self.found.update(matched.positions)
        missing = [name for name in self.required if name not in matched.positions]
        if missing:
            close = "".join(f"; did you mean {name} by {column!r}?" for column, name in self.did_you_mean.items())
            given = printable(", ".join(columns)[:300])
            raise IngestError(
                f"{file}: column {', '.join(missing)} is missing (it has {given}){close}; "
                f"name the columns {', '.join(self.known)} (required: {', '.join(self.required)}), "
                "separated by commas, semicolons or tabs"
            )
        for first, second in matched.clashes:
            if first == second:
                raise IngestError(f"{file}: column {first} occurs twice; rename or drop one")
            raise IngestError(f"{file}: columns {first!r} and {second!r} mean the same column; rename or drop one")
        return dict(matched.positions)


def _kind(dtype: pl.DataType) -> Kind:
    if isinstance(dtype, pl.List):
        return "list"
    if dtype in (TIMESTAMP, pl.Date):
        return "time"
    if dtype == pl.String:
        return "text"
    return "boolean" if dtype == pl.Boolean else "number"


def unreadable_frame(values: Sequence[tuple[int, str, str, str]]) -> pl.DataFrame:
    """Unreadable values from (line, column, problem, value as text)."""
    rows = [(line, column, problem, printable(value[:SHOWN_CHARACTERS])) for line, column, problem, value in values]
    return pl.DataFrame(rows, schema=UNREADABLE_SCHEMA, orient="row")


def printable(text: str) -> str:
    """Text that UTF-8 can encode."""
    return text.encode("utf-8", "backslashreplace").decode()


def line_blocks(file: Path, stream: BinaryIO, head: bytes = b"") -> Iterator[list[bytes]]:
    r"""Blocks of whole lines, without their line ends.

    Lines end with ``\n`` or ``\r\n``. They end with ``\r`` too if the first line of the file does; otherwise a single
    ``\r`` is a character of the line.

    Args:
        head: What was read from the stream before.
    """
    rest, line_end = b"", b""
    while True:
        block, head = head or stream.read(BLOCK_BYTES), b""
        rest += block
        line_end = line_end or _line_end(rest)
        if line_end == b"\r":
            # A return at the end of a block may be the first half of \r\n.
            held = b"\r" if block and rest.endswith(b"\r") else b""
            rest = rest.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n") + held
        if not block:
            break
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[: end - 1].replace(b"\r\n", b"\n").removesuffix(b"\r").split(b"\n")
            rest = rest[end:]
        elif len(rest) > MAX_LINE_BYTES:
            raise IngestError(
                f"{file}: a line is longer than {MAX_LINE_BYTES // 2**20} MiB; write one record per line, ended by \\n"
            )
    if rest:
        yield rest.removesuffix(b"\n").replace(b"\r\n", b"\n").removesuffix(b"\r").split(b"\n")


def _line_end(content: bytes) -> bytes:
    r"""How the first line ends: ``\r``, or ``\n`` with or without ``\r``; empty while that is unknown."""
    line_feed = content.find(b"\n")
    first_return = content.find(b"\r", 0, None if line_feed < 0 else line_feed)
    if 0 <= first_return < len(content) - 1 and content[first_return + 1 : first_return + 2] != b"\n":
        return b"\r"
    return b"\n" if line_feed >= 0 else b""


def decoded_lines(lines: list[bytes], first: int) -> tuple[list[str], dict[int, str]]:
    """Lines as text, and by number the lines that are not UTF-8. In the text these are blank, to keep the numbers."""
    try:
        return b"\n".join(lines).decode().split("\n"), {}
    except UnicodeDecodeError:
        texts, broken = [], {}
        for number, line in enumerate(lines, start=first):
            try:
                texts.append(line.decode())
            except UnicodeDecodeError:
                texts.append("")
                broken[number] = line.decode("utf-8", "replace")
        return texts, broken


def numbered_lines(lines: list[bytes], first: int) -> tuple[list[tuple[int, str]], dict[int, str]]:
    """Number and text of each line that is not blank, and by number the lines that are not UTF-8."""
    texts, undecodable = decoded_lines(lines, first)
    numbered = [
        (first + at, text)
        for at, text in enumerate(texts)
        if text and not text.isspace() and first + at not in undecodable
    ]
    return numbered, undecodable


def undecodable_frame(broken: Mapping[int, str]) -> pl.DataFrame:
    """Lines that are not UTF-8, as refused rows."""
    return refused_frame(list(broken), ["the line is not valid UTF-8"] * len(broken), list(broken.values()))
