"""Reads CSV as frames of text columns with line numbers, in pieces of bounded size.

Every value is text. The line of a record is its first line in the file; the header is line 1.
``domain.landing.contract`` and ``importers`` interpret the values.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl

from journeys_assets.domain.landing.contract import refused_frame
from journeys_assets.storage.ingest.files import DamagedFileError, IngestError
from journeys_assets.storage.ingest.readers.pieces import MAX_RECORD_BYTES, Piece, Wanted, decoded_lines, line_blocks


def read_csv(file: Path, stream: BinaryIO, wanted: Wanted) -> Iterator[Piece]:
    header: list[str] | None = None
    carried: list[str] = []
    first = 1
    blocks = line_blocks(file, stream)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        texts, refused = decoded_lines(block, first + len(carried))
        lines = carried + texts
        if header is None:
            header = _csv_header(file, block[0], wanted)
            lines[0] = ""
        piece, left = _csv_piece(lines, first, header, wanted.known, is_last=following is None)
        piece.refused = pl.concat([piece.refused, refused]).sort("line")
        yield piece
        first += len(lines) - left
        carried = lines[len(lines) - left :] if left else []
        block = following
    if header is None:
        raise DamagedFileError(f"{file} has no header; the first line must name the columns")


def _csv_header(file: Path, line: bytes, wanted: Wanted) -> list[str]:
    try:
        header = [name.strip() for name in next(csv.reader([line.decode("utf-8-sig")]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise IngestError(f"{file}: the first line is not a CSV header in UTF-8; save the file as UTF-8 CSV") from error
    wanted.check(file, header)
    return header


def _csv_piece(
    lines: list[str], first: int, header: list[str], known: Sequence[str], *, is_last: bool
) -> tuple[Piece, int]:
    """The records in ``lines``, and how many lines at the end belong to a record that continues in the next block."""
    quoted = [i for i, line in enumerate(lines) if '"' in line]
    consumed, records, broken, left = _quoted_records(lines, quoted, len(header), is_last=is_last)
    whole = len(lines) - left
    plain = pl.DataFrame({"text": lines[:whole]}, schema={"text": pl.String}).with_row_index("index")
    in_records = pl.Series(sorted(consumed), dtype=plain["index"].dtype).implode()
    plain = plain.filter(pl.col("text") != "", ~pl.col("index").is_in(in_records))
    n_commas = plain["text"].str.count_matches(",", literal=True)
    fits = n_commas == len(header) - 1
    line = (pl.col("index").cast(pl.Int64) + first).alias("line")
    good = plain.filter(fits).select(line, *_fields(header, known))
    if records:
        columns = {name: [row[header.index(name)] for _, row in records] for name in known if name in header}
        more = pl.DataFrame({"line": [first + i for i, _ in records], **columns}, schema=good.schema)
        good = pl.concat([good, more]).sort("line")
    ragged = plain.filter(~fits)
    fields = (n_commas.filter(~fits) + 1).to_list()
    refused = refused_frame(
        [first + i for i in ragged["index"].to_list()] + [first + i for i, _ in broken],
        [f"has {n} fields where the header has {len(header)}" for n in fields] + [reason for _, reason in broken],
        ragged["text"].to_list() + [lines[i] for i, _ in broken],
    )
    return Piece(good, refused), left


def _fields(header: list[str], known: Sequence[str]) -> list[pl.Expr]:
    if len(header) == 1:
        return [pl.col("text").alias(name) for name in header if name in known]
    split = pl.col("text").str.split_exact(",", len(header) - 1)
    return [split.struct.field(f"field_{header.index(name)}").alias(name) for name in known if name in header]


def _quoted_records(
    lines: list[str], quoted: list[int], width: int, *, is_last: bool
) -> tuple[set[int], list[tuple[int, list[str]]], list[tuple[int, str]], int]:
    """Records with quotes: their lines, their fields by first line, broken lines with reasons, number of lines left."""
    consumed: set[int] = set()
    records: list[tuple[int, list[str]]] = []
    broken: list[tuple[int, str]] = []
    odd = [i for i in quoted if lines[i].count('"') % 2]
    unclosed = set() if is_last else set(odd)
    following = dict(itertools.pairwise(odd))
    for i in quoted:
        if i in consumed:
            continue
        row, reason = _parse_record(lines[i], width)
        end = i
        if row is None and i in following:
            # A quoted field may contain line ends. In valid CSV it ends on the next line with an odd number of quotes.
            joined, _ = _parse_record("\n".join(lines[i : following[i] + 1]), width)
            if joined is not None:
                row, end = joined, following[i]
        elif row is None and i in unclosed and sum(map(len, lines[i:])) <= MAX_RECORD_BYTES:
            return consumed, records, broken, len(lines) - i
        consumed.update(range(i, end + 1))
        if row is None:
            broken.append((i, reason))
        else:
            records.append((i, row))
    return consumed, records, broken, 0


def _parse_record(text: str, width: int) -> tuple[list[str] | None, str]:
    try:
        row = next(csv.reader(re.findall(r"[^\n]*\n|[^\n]+", text), strict=True))
    except csv.Error as error:
        return None, f"is not CSV: {error}"
    if len(row) != width:
        return None, f"has {len(row)} fields where the header has {width}"
    return row, ""
