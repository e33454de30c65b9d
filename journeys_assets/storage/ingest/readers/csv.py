"""Reads CSV as frames of text columns with line numbers, in pieces of bounded size.

Every value is text. The line of a record is its first line in the file; the header is line 1.
``domain.landing.contract`` and ``importers`` interpret the values.

**Separator.** A comma, a semicolon or a tab: the one with which the first line has most of the wanted columns, and
among equals the one that the ending of the file promises.

**Records.** A line without quotes is a record. A quoted field may contain separators, doubled quotes and line ends. A
quote within a field that does not begin with one is a character. If a quoted field does not end on its line, it ends
on the next line with an odd number of quotes, if the lines up to there are one record; otherwise the line is refused
alone.

**Stray quotes.** A log that is written without quoting may have a quote at the beginning of a field, and another one
many lines below. Read as one record, the lines in between would be lost. A line *is a record by itself* if it has the
right number of fields, no required field is blank, times look like times and numbers like numbers (quotes are left out
for all this), and no field begins with a space. The lines are read as lines, and only the first one is refused, if

* a required column is a time or a number, the first line is a record by itself, and so is another line, or else the
  lines together are none;
* or most of the lines are records by themselves, among them the first or the last;
* or most of the lines are records by themselves, and together they would be refused for the length of a field.

So a text of several lines stays one record even if it contains lines of a log.

**Headers between records.** Files that were joined have headers in the middle. A line that repeats the header is
counted as one. A header with other columns, or in another order, is an error, because the lines behind it would be read
wrong.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from journeys_assets.domain.landing.column_names import column_key, match_columns
from journeys_assets.domain.landing.contract import MAX_TEXT_CHARACTERS, refused_frame
from journeys_assets.domain.landing.json_values import Kind
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.readers import pieces
from journeys_assets.storage.ingest.readers.broken import readings_frame, readings_of_line
from journeys_assets.storage.ingest.readers.pieces import (
    Piece,
    Wanted,
    decoded_lines,
    line_blocks,
    undecodable_frame,
)

SEPARATORS = {"csv": ",;\t", "tsv": "\t,;"}
"""The possible separators by format, the promised one first."""

_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_TIME = re.compile(r"\s*\d{4}-\d{2}-\d{2}(?:[T\s]|$)")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*")
_WORDS = ("true", "t", "yes", "y", "1", "false", "f", "no", "n", "0")


@dataclass(frozen=True)
class _Layout:
    """Where the wanted columns are in a record, and what is known of their values."""

    separator: str
    width: int
    positions: dict[str, int]
    kinds: dict[int, Kind]
    required: frozenset[int]
    is_typed: bool
    """Whether a required column is a time, a number or a boolean."""
    is_padded: bool
    """Whether a space follows the separators in the header."""


@dataclass
class _Records:
    """What lines with quotes are.

    Attributes:
        consumed: Indices of lines that belong to records.
        good: For each record, its first line and its fields.
        broken: For each refused record, its first line and the reason.
        n_left: Number of lines at the end that belong to a record that continues in the next block.
    """

    consumed: set[int] = field(default_factory=set)
    good: list[tuple[int, list[str]]] = field(default_factory=list)
    broken: list[tuple[int, str]] = field(default_factory=list)
    n_left: int = 0


def read_csv(file: Path, stream: BinaryIO, wanted: Wanted, separators: str) -> Iterator[Piece]:
    """The records of a CSV file; ``wanted`` gets the separator, the unknown columns and the counts of lines.

    Args:
        separators: See ``SEPARATORS``.
    """
    layout: _Layout | None = None
    carried: list[str] = []
    undecodable: dict[int, str] = {}
    first = 1
    blocks = line_blocks(file, stream)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        wanted.counts.n_lines += len(block)
        if layout is None:
            layout = _read_header(file, block[0], wanted, separators)
            wanted.counts.n_header += 1
            first, block = 2, block[1:]
        texts, broken = decoded_lines(block, first + len(carried)) if block else ([], {})
        undecodable |= broken
        lines = carried + texts
        piece, n_left = _read_lines(file, lines, first, layout, undecodable, wanted, is_last=following is None)
        yield piece
        first += len(lines) - n_left
        carried = lines[len(lines) - n_left :]
        undecodable = {number: text for number, text in undecodable.items() if number >= first}
        block = following
    if layout is None:
        raise DamagedFileError(f"{file} has no header; the first line must name the columns")


def split_header(line: bytes, known: Sequence[str], separators: str) -> tuple[list[str], str]:
    """The columns as the first line of a file writes them, and the separator.

    Raises:
        UnicodeDecodeError, csv.Error: the line is no header.
    """
    text = line.decode("utf-8-sig")
    headers = {separator: next(csv.reader([text], delimiter=separator), []) for separator in separators}
    separator = max(separators, key=lambda one: len(match_columns(known, headers[one]).positions))
    return headers[separator], separator


def _read_header(file: Path, line: bytes, wanted: Wanted, separators: str) -> _Layout:
    try:
        header, separator = split_header(line, wanted.known, separators)
    except (UnicodeDecodeError, csv.Error) as error:
        raise IngestError(f"{file}: the first line is not a CSV header in UTF-8; save the file as UTF-8 CSV") from error
    if not header:
        raise DamagedFileError(f"{file} has no header; the first line is blank, and it must name the columns")
    positions = wanted.match(file, [name.strip() for name in header])
    wanted.separator = separator
    return _Layout(
        separator=separator,
        width=len(header),
        positions={name: positions[name] for name in wanted.known if name in positions},
        kinds={positions[name]: kind for name, kind in wanted.kinds.items() if name in positions},
        required=frozenset(positions[name] for name in wanted.required),
        is_typed=any(wanted.kinds.get(name) in ("time", "number", "boolean") for name in wanted.required),
        is_padded=any(name.startswith(" ") for name in header[1:]),
    )


def _read_lines(
    file: Path,
    lines: list[str],
    first: int,
    layout: _Layout,
    undecodable: dict[int, str],
    wanted: Wanted,
    *,
    is_last: bool,
) -> tuple[Piece, int]:
    """The records in ``lines``, and how many lines at the end belong to a record that continues in the next block."""
    bad = {number - first for number in undecodable}
    found = _quoted_records(lines, bad, layout, is_last=is_last)
    n_whole = len(lines) - found.n_left
    alone = {number: text for number, text in undecodable.items() if number - first not in found.consumed}
    alone = {number: text for number, text in alone.items() if number - first < n_whole}
    plain = pl.DataFrame({"text": lines[:n_whole]}, schema={"text": pl.String}).with_row_index("index")
    in_records = pl.Series(sorted(found.consumed), dtype=plain["index"].dtype).implode()
    plain = plain.filter(pl.col("text") != "", ~pl.col("index").is_in(in_records))
    n_separators = plain["text"].str.count_matches(layout.separator, literal=True)
    fits = n_separators == layout.width - 1
    line = (pl.col("index").cast(pl.Int64) + first).alias("line")
    good = plain.filter(fits).select(line, *_fields(layout))
    if found.good:
        columns = {name: [row[at] for _, row in found.good] for name, at in layout.positions.items()}
        more = pl.DataFrame({"line": [first + i for i, _ in found.good], **columns}, schema=good.schema)
        good = pl.concat([good, more]).sort("line")
    headers = _repeated_headers(file, good, layout, wanted)
    good = good.filter(~pl.col("line").is_in(headers)) if headers else good
    ragged = plain.filter(~fits)
    broken = {
        **{first + i: text for i, text in ragged.select("index", "text").iter_rows()},
        **{first + i: lines[i] or undecodable.get(first + i, "") for i, _ in found.broken},
    }
    reasons = [_ragged(text, layout) for text in ragged["text"]] + [reason for _, reason in found.broken]
    refused = refused_frame(list(broken), reasons, list(broken.values()))
    piece = Piece(good, pl.concat([refused, undecodable_frame(alone)]).sort("line"))
    if wanted.reads_broken:
        piece.readings = readings_frame(
            (
                (number, reading)
                for number, text in {**broken, **alone}.items()
                for reading in readings_of_line(text, layout.separator, layout.width, layout.positions)
            ),
            wanted.known,
        )
    counts = wanted.counts
    counts.n_records += piece.n_rows
    n_in_records = len(found.consumed) + plain.height + len(alone) - len(headers)
    counts.n_header += len(headers)
    counts.n_in_records += n_in_records
    counts.n_blank += n_whole - n_in_records - len(headers)
    return piece, found.n_left


def _repeated_headers(file: Path, good: pl.DataFrame, layout: _Layout, wanted: Wanted) -> list[int]:
    """The lines of records that are the header again: their required fields are names of columns.

    Raises:
        IngestError: such a line has other columns than the header, or another order.
    """
    must_be_names = [name for name, at in layout.positions.items() if at in layout.required] or list(layout.positions)
    if not must_be_names:
        return []
    keys = [column_key(name) for name in wanted.known]
    shown = pl.col(must_be_names).str.strip_chars("\ufeff \t\r").str.to_lowercase().str.replace_all(r"[\s-]+", "_")
    doubtful = good.filter(pl.all_horizontal(shown.is_in(keys)))
    for line, *values in doubtful.select("line", *layout.positions).iter_rows():
        if [column_key(value) for value in values] != [column_key(name) for name in layout.positions]:
            raise IngestError(
                f"{file}, line {line} is a header with other columns than line 1, or in another order "
                f"({', '.join(values)[:300]}): these are several files, one after the other; give each by itself"
            )
    return doubtful["line"].to_list()


def _fields(layout: _Layout) -> list[pl.Expr]:
    if layout.width == 1:
        return [pl.col("text").alias(name) for name in layout.positions]
    split = pl.col("text").str.split_exact(layout.separator, layout.width - 1)
    return [split.struct.field(f"field_{at}").alias(name) for name, at in layout.positions.items()]


def _ragged(text: str, layout: _Layout) -> str:
    reason = f"has {text.count(layout.separator) + 1} fields where the header has {layout.width}"
    return f"{reason}; it has carriage returns (\\r), so end every line with \\n" if "\r" in text else reason


def _quoted_records(lines: list[str], bad: set[int], layout: _Layout, *, is_last: bool) -> _Records:
    """The records that contain quotes. ``bad`` has the lines that are not UTF-8."""
    found = _Records()
    quoted = [i for i, line in enumerate(lines) if '"' in line]
    odd = [i for i in quoted if lines[i].count('"') % 2]
    unclosed = odd[-1] if odd and not is_last else None
    following = dict(itertools.pairwise(odd))
    for i in quoted:
        if i in found.consumed:
            continue
        row, reason = _parse_record(lines[i], layout)
        end = i
        if row is None and i in following:
            spanned = lines[i : following[i] + 1]
            joined, _ = _joined_record(spanned, layout)
            if joined is not None and _are_lines(spanned, joined, layout):
                reason = "has a quote that does not end on the line, and the next lines are records; remove the quote"
            elif joined is not None:
                row, end = joined, following[i]
        elif row is None and i == unclosed and _n_characters(lines[i:]) <= pieces.MAX_RECORD_CHARACTERS:
            found.n_left = len(lines) - i
            return found
        found.consumed.update(range(i, end + 1))
        broken = sorted(bad.intersection(range(i, end + 1))) if bad else []
        if row is None:
            found.broken.append((i, reason))
        elif broken:
            found.broken.append((i, f"its line {broken[0] - i + 1} is not valid UTF-8"))
        else:
            found.good.append((i, row))
    return found


def _n_characters(lines: Sequence[str]) -> int:
    return sum(map(len, lines)) + len(lines)


def _joined_record(lines: list[str], layout: _Layout) -> tuple[list[str] | None, str]:
    """The lines as one record, if they are one and not too long."""
    if _n_characters(lines) > pieces.MAX_RECORD_CHARACTERS:
        return None, "is too long"
    return _parse_record("\n".join(lines), layout)


def _parse_record(text: str, layout: _Layout) -> tuple[list[str] | None, str]:
    lines = _LINES.findall(text) if "\n" in text else [text]
    try:
        row = next(csv.reader(lines, delimiter=layout.separator, strict=True), [])
    except csv.Error as error:
        return None, f"is not CSV: {error}"
    if len(row) != layout.width:
        return None, f"has {len(row)} fields where the header has {layout.width}"
    return row, ""


def _are_lines(lines: list[str], joined: list[str], layout: _Layout) -> bool:
    """Whether lines that could be one record are read as lines; see the rule for stray quotes above."""
    if len(lines) == 2 and not _is_record(lines[0], layout):
        return False  # At most one of two is a record, which none of the rules accepts.
    whole = [_is_record(line, layout) for line in lines]
    if layout.is_typed and whole[0] and (any(whole[1:]) or not _is_plausible(joined, layout)):
        return True
    is_too_long = any(len(value) > MAX_TEXT_CHARACTERS for value in joined)
    return 2 * sum(whole) > len(lines) and (whole[0] or whole[-1] or is_too_long)


def _is_record(line: str, layout: _Layout) -> bool:
    """Whether the line is a record by itself."""
    n_quotes = line.count('"')
    values = (n_quotes and n_quotes % 2 == 0 and _parse_record(line, layout)[0]) or line.split(layout.separator)
    is_spaced = not layout.is_padded and any(value.startswith(" ") for value in values[1:])
    return not is_spaced and _is_plausible(values, layout)


def _is_plausible(values: list[str], layout: _Layout) -> bool:
    """Whether fields can be a record: their number, required ones, and how typed ones look. Quotes are left out."""
    values = [value.replace('"', "") for value in values]
    return (
        len(values) == layout.width
        and all(values[at].strip() for at in layout.required)
        and all(not values[at].strip() or _looks_like(values[at], kind) for at, kind in layout.kinds.items())
    )


def _looks_like(value: str, kind: Kind) -> bool:
    if kind == "time":
        return _TIME.match(value) is not None
    if kind == "number":
        return _NUMBER.fullmatch(value) is not None
    return kind != "boolean" or value.strip().lower() in _WORDS
