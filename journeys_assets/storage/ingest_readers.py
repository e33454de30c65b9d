"""Files as frames of raw columns with line numbers, a bounded piece at a time.

What belongs here: Parquet, CSV and JSON lines, broken lines and encodings. What does not: what the values mean
(``domain.contract``, ``importers``).

CSV and JSON lines give every value as text; Parquet gives the file's own types, text as binary, because nothing has
checked that it is UTF-8. A CSV record's line is that of its first line in the file; the header is line 1.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from journeys_assets.domain.contract import REFUSED_SCHEMA, has_lone_surrogate, refused_frame
from journeys_assets.storage.ingest_files import DamagedFileError, IngestError, suffix_of

BLOCK_BYTES = 16 * 2**20
"""How much of a text file is read at once, bytes."""
MAX_LINE_BYTES = 64 * 2**20
"""Longest line that is still taken for one, bytes."""
MAX_RECORD_BYTES = 4 * 2**20
"""How far a quoted CSV field may run over lines, bytes; beyond, its quote counts as never closed."""
BATCH_ROWS = 200_000
"""Rows of a Parquet file that are read at once."""


@dataclass
class Piece:
    """Some rows of a file: ``frame`` has ``line`` (Int64) and the wanted columns; ``refused`` never became columns."""

    frame: pl.DataFrame
    refused: pl.DataFrame = field(default_factory=REFUSED_SCHEMA.to_frame)

    @property
    def n_rows(self) -> int:
        return self.frame.height + self.refused.height


@dataclass
class Wanted:
    """Which columns a file must and may have; reading it fills in which others it has."""

    required: Sequence[str]
    known: Sequence[str]
    unknown: set[str] = field(default_factory=set)

    def check(self, file: Path, columns: Sequence[str]) -> None:
        """Note unknown columns.

        Raises:
            IngestError: a required column is missing, or a column is there twice.
        """
        missing = [name for name in self.required if name not in columns]
        if missing:
            raise IngestError(
                f"{file}: column {', '.join(missing)} is missing (it has {', '.join(columns)[:300]}); "
                f"name the columns {', '.join(self.known)} (required: {', '.join(self.required)}), separated by commas"
            )
        twice = sorted({name for name in columns if columns.count(name) > 1 and name in self.known})
        if twice:
            raise IngestError(f"{file}: column {', '.join(twice)} is there twice; rename or drop one")
        self.unknown.update(name for name in columns if name not in self.known)


def read_pieces(file: Path, wanted: Wanted) -> Iterator[Piece]:
    """The rows of ``file``, piece by piece, in order.

    Raises:
        IngestError: the file is damaged, not of the kind that its ending says, or lacks a required column.
    """
    suffix = suffix_of(file) or ""
    if suffix == ".parquet":
        yield from _read_parquet(file, wanted)
        return
    reader = _read_csv if suffix.startswith(".csv") else _read_json_lines
    try:
        with _opened(file, compressed=suffix.endswith(".gz")) as stream:
            yield from reader(file, stream, wanted)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError(
            f"{file} cannot be read: {error}; it may be damaged or cut off, write it again"
        ) from error


def _opened(file: Path, *, compressed: bool) -> BinaryIO:
    return gzip.open(file, "rb") if compressed else file.open("rb")  # type: ignore[return-value]


# ── Parquet ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_parquet(file: Path, wanted: Wanted) -> Iterator[Piece]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            wanted.check(file, parquet.schema_arrow.names)
            columns = [name for name in wanted.known if name in parquet.schema_arrow.names]
            first = 1
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                frame = pl.DataFrame([_unchecked(batch.column(name), name) for name in columns])
                yield Piece(frame.with_columns(line=pl.int_range(first, first + frame.height, dtype=pl.Int64)))
                first += frame.height
            if first == 1:
                empty = pl.from_arrow(parquet.schema_arrow.empty_table().select(columns))
                assert isinstance(empty, pl.DataFrame)
                yield Piece(empty.with_columns(line=pl.lit(None, dtype=pl.Int64)))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{file} cannot be read as Parquet: {error}; write it again") from error


def _unchecked(array: Any, name: str) -> pl.Series:
    """An Arrow array as a series, text as binary: Arrow does not check that text is UTF-8, polars relies on it."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        array = array.cast(pa.large_binary())
    elif (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and (
        pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
    ):
        array = array.cast(pa.large_list(pa.large_binary()))
    return pl.Series(name, array)


# ── lines of text ───────────────────────────────────────────────────────────────────────────────────────────────────


def _line_blocks(file: Path, stream: BinaryIO) -> Iterator[list[bytes]]:
    """Blocks of whole lines, without their line ends."""
    rest = b""
    while block := stream.read(BLOCK_BYTES):
        rest += block
        end = rest.rfind(b"\n") + 1
        if end:
            yield rest[: end - 1].replace(b"\r\n", b"\n").removesuffix(b"\r").split(b"\n")
            rest = rest[end:]
        elif len(rest) > MAX_LINE_BYTES:
            raise IngestError(
                f"{file}: a line is longer than {MAX_LINE_BYTES // 2**20} MiB; write one record a line, ended by \\n"
            )
    if rest:
        yield [rest.removesuffix(b"\r")]


def _decoded(lines: list[bytes], first: int) -> tuple[list[str], pl.DataFrame]:
    """Lines as text, and those that are not UTF-8 (which become blank, so that numbers stay)."""
    try:
        return b"\n".join(lines).decode().split("\n"), REFUSED_SCHEMA.to_frame()
    except UnicodeDecodeError:
        texts, broken = [], []
        for number, line in enumerate(lines, start=first):
            try:
                texts.append(line.decode())
            except UnicodeDecodeError:
                texts.append("")
                broken.append((number, line.decode("utf-8", "replace")))
        reason = "the line is not valid UTF-8"
        return texts, refused_frame([n for n, _ in broken], [reason] * len(broken), [t for _, t in broken])


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_csv(file: Path, stream: BinaryIO, wanted: Wanted) -> Iterator[Piece]:
    header: list[str] | None = None
    carried: list[str] = []
    first = 1
    blocks = _line_blocks(file, stream)
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        texts, refused = _decoded(block, first + len(carried))
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
        raise DamagedFileError(f"{file} holds no header; the first line must name the columns")


def _csv_header(file: Path, line: bytes, wanted: Wanted) -> list[str]:
    try:
        header = [name.strip() for name in next(csv.reader([line.decode("utf-8-sig")]), [])]
    except (UnicodeDecodeError, csv.Error) as error:
        raise IngestError(f"{file}: its first line is no CSV header in UTF-8; save the file as UTF-8 CSV") from error
    wanted.check(file, header)
    return header


def _csv_piece(
    lines: list[str], first: int, header: list[str], known: Sequence[str], *, is_last: bool
) -> tuple[Piece, int]:
    """The records in ``lines``, and how many lines at the end belong to a record that goes on in the next block."""
    quoted = [i for i, line in enumerate(lines) if '"' in line]
    taken, records, broken, left = _quoted_records(lines, quoted, len(header), is_last=is_last)
    whole = len(lines) - left
    plain = pl.DataFrame({"text": lines[:whole]}, schema={"text": pl.String}).with_row_index("index")
    plain = plain.filter(
        pl.col("text") != "", ~pl.col("index").is_in(pl.Series(sorted(taken), dtype=plain["index"].dtype))
    )
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
    """Records that hold a quote: lines they take, fields by first line, broken lines with reasons, lines left over."""
    taken: set[int] = set()
    records: list[tuple[int, list[str]]] = []
    broken: list[tuple[int, str]] = []
    odd = [i for i in quoted if lines[i].count('"') % 2]
    unclosed = set() if is_last else set(odd)
    following = dict(itertools.pairwise(odd))
    for i in quoted:
        if i in taken:
            continue
        row, reason = _parse_record(lines[i], width)
        end = i
        if row is None and i in following:
            # A field in quotes may run over line ends; in sound CSV it ends on the next line with an odd count.
            joined, _ = _parse_record("\n".join(lines[i : following[i] + 1]), width)
            if joined is not None:
                row, end = joined, following[i]
        elif row is None and i in unclosed and sum(map(len, lines[i:])) <= MAX_RECORD_BYTES:
            return taken, records, broken, len(lines) - i
        taken.update(range(i, end + 1))
        if row is None:
            broken.append((i, reason))
        else:
            records.append((i, row))
    return taken, records, broken, 0


def _parse_record(text: str, width: int) -> tuple[list[str] | None, str]:
    try:
        row = next(csv.reader(re.findall(r"[^\n]*\n|[^\n]+", text), strict=True))
    except csv.Error as error:
        return None, f"is no CSV: {error}"
    if len(row) != width:
        return None, f"has {len(row)} fields where the header has {width}"
    return row, ""


# ── JSON lines ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_json_lines(file: Path, stream: BinaryIO, wanted: Wanted) -> Iterator[Piece]:
    seen: set[str] = set()
    n_rows, first = 0, 1
    for block in _line_blocks(file, stream):
        if first == 1:
            block[0] = block[0].removeprefix(b"\xef\xbb\xbf")
            if block[0].lstrip().startswith(b"["):
                raise IngestError(f"{file} holds a JSON array; write one object a line")
        texts, refused = _decoded(block, first)
        piece = _json_piece(texts, first, wanted.known, seen)
        piece.refused = pl.concat([piece.refused, refused]).sort("line")
        n_rows += piece.frame.height
        first += len(block)
        yield piece
    if n_rows:
        wanted.check(file, sorted(seen))


def _json_piece(texts: list[str], first: int, known: Sequence[str], seen: set[str]) -> Piece:
    columns: dict[str, list[str | None]] = {name: [] for name in known}
    lines: list[int] = []
    broken: list[tuple[int, str, str]] = []
    for number, text in enumerate(texts, start=first):
        if not text or text.isspace():
            continue
        try:
            row = json.loads(text, parse_constant=_no_constant)
            if not isinstance(row, dict):
                raise ValueError("it is no object")
            values = [_json_text(row.get(name)) for name in known]
            if "\\ud" in text.lower() and any(has_lone_surrogate(value) for value in values if value):
                raise ValueError("it holds half of a surrogate pair, which is no text")
        except (ValueError, RecursionError) as error:
            broken.append((number, f"the line is not valid JSON: {str(error)[:200]}", text))
            continue
        seen.update(row)
        lines.append(number)
        for name, value in zip(known, values, strict=True):
            columns[name].append(value)
    schema = {"line": pl.Int64(), **{name: pl.String() for name in known}}
    numbers, reasons, rows = zip(*broken, strict=True) if broken else ((), (), ())
    return Piece(pl.DataFrame({"line": lines, **columns}, schema=schema), refused_frame(numbers, reasons, rows))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _json_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
