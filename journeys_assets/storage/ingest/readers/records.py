"""Reads the records of nested formats: JSON lines and arrays, Parquet, CSV, and TSV without a header.

``importers.paths`` says what a path is and which text a value has; it is the same for all these. A record that cannot
be read is refused alone, with its line.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from journeys_assets.domain.landing.column_names import column_key, names_by_key
from journeys_assets.domain.landing.contract import are_writable, decoded, has_lone_surrogate, refused_frame
from journeys_assets.importers.base import Records
from journeys_assets.importers.json_values import loaded, object_of_line
from journeys_assets.importers.no_text import IS_A_TIME, TextKind, mark, reader_of
from journeys_assets.importers.paths import Extractor, as_text, parse_path
from journeys_assets.importers.paths import Path as RecordPath
from journeys_assets.storage.ingest.errors import DamagedFileError
from journeys_assets.storage.ingest.readers import pieces
from journeys_assets.storage.ingest.readers.csv import SEPARATORS, read_csv
from journeys_assets.storage.ingest.readers.formats import Format, opened, opened_all
from journeys_assets.storage.ingest.readers.json_lines import array_text, is_array, refuse_objects_over_lines
from journeys_assets.storage.ingest.readers.parquet import as_stored
from journeys_assets.storage.ingest.readers.pieces import (
    BATCH_ROWS,
    Piece,
    Wanted,
    decoded_lines,
    line_blocks,
    numbered_lines,
    undecodable_frame,
)

_BOM = b"\xef\xbb\xbf"
NESTED_BATCH_ROWS = BATCH_ROWS // 10
"""Rows of a Parquet file that are read at once: nested rows are larger than those of the landing contract."""

Row = Mapping[str, Any]
_Refused = tuple[int, str, str]
"""Line, reason, the record as text."""


def columns_of_paths(records: Records) -> tuple[str, ...]:
    """The columns or keys in which the values are; a flattened table may have a whole path as a column."""
    paths = [parse_path(text) for text in records.paths]
    return tuple(dict.fromkeys(name for path in paths for name in (path.column, path.text)))


def read_records(file: Path, form: Format, records: Records, wanted: Wanted) -> Iterator[Piece]:
    """The records of a file, in pieces, as one column per path.

    Args:
        form: What the file is.
        wanted: Its known columns are :func:`columns_of_paths`; it gets the unknown columns and the counts of lines.

    Raises:
        IngestError: the file is damaged.
    """
    paths = [parse_path(text) for text in records.paths]
    if form == "parquet":
        yield from _read_parquet(file, records, paths, wanted)
        return
    with (opened_all if records.archives else opened)(file) as stream:
        if form == "json":
            yield from _read_json(file, stream, records, paths, wanted)
        elif records.headers and not _has_own_header(file, records, form):
            yield from _read_without_header(file, stream, records, paths, wanted)
        else:
            for piece in read_csv(file, stream, wanted, SEPARATORS[form]):
                columns = {name: piece.frame[name] for name in piece.frame.columns if name != "line"}
                yield _with_refused(_from_columns(columns, piece.frame["line"], paths, records.kinds), piece.refused)


def _has_own_header(file: Path, records: Records, form: Format) -> bool:
    """Whether a file of a format without a header has one all the same, as an export of a warehouse does."""
    first = next(iter(first_lines(file, 1)), "")
    if len(first.split("\t")) in {len(header) for header in records.headers}:
        return False
    names = {name.lower() for name in _csv_header(first, form)}
    return len(names & {name.lower() for name in columns_of_paths(records)}) > 1


def first_records(file: Path, form: Format, records: Records, n: int) -> Sequence[tuple[int, Row]]:
    """The first readable records of a file, at most ``n``, with their lines: all columns, nested values as they are.

    Raises:
        IngestError: the file is damaged.
    """
    if form == "parquet":
        for columns, _, lines in _parquet_batches(file, None, {}, Wanted((), ())):
            return [
                (at + 1, {name: _loaded(values[at]) for name, values in columns.items()})
                for at in range(min(n, len(lines)))
            ]
        return []
    found: list[tuple[int, Row]] = []
    with (opened_all if records.archives else opened)(file) as stream:
        if form == "json":
            head = stream.read(pieces.BLOCK_BYTES // 16).removeprefix(_BOM)
            for _, rows in _json_records(file, stream, head, records, Wanted((), ()), lambda *_: None):
                found += rows
                if len(found) >= n:
                    break
            return found[:n]
    texts = first_lines(file, n + 1, all_members=records.archives)
    if records.headers:
        names = {len(header): header for header in records.headers}
        split = [(at, line.split("\t")) for at, line in enumerate(texts, start=1)]
        return [(at, dict(zip(names[len(row)], row, strict=True))) for at, row in split if len(row) in names][:n]
    # Rows have a column ``line`` already, which no mapping can name (``importers.mapping.RESERVED``).
    wanted = Wanted((), tuple(name for name in _csv_header(texts[0], form) if name != "line") if texts else ())
    with opened(file) as stream:
        for piece in read_csv(file, stream, wanted, SEPARATORS[form]):
            return [(row.pop("line"), row) for row in piece.frame.head(n).to_dicts()]
    return []


def first_lines(file: Path, n: int, *, all_members: bool = False) -> list[str]:
    """The first lines of a text file, at most ``n`` and 1 MiB; bytes that are no text are replaced."""
    with (opened_all if all_members else opened)(file) as stream:
        head = b""
        while len(head) < 2**20 and (more := stream.read(2**20 - len(head))):
            head += more
    return head.removeprefix(_BOM).decode("utf-8", "replace").splitlines()[:n]


def _csv_header(line: str, form: Format) -> tuple[str, ...]:
    import csv

    separators = SEPARATORS["csv" if form == "json" else form]
    separator = max(separators, key=line.count)
    return tuple(name.strip() for name in next(csv.reader([line], delimiter=separator), []))


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_json(
    file: Path, stream: BinaryIO, records: Records, paths: Sequence[RecordPath], wanted: Wanted
) -> Iterator[Piece]:
    known = set(wanted.known)
    by_key = names_by_key(reversed(wanted.known))
    head = stream.read(pieces.BLOCK_BYTES).removeprefix(_BOM)
    refused: list[_Refused] = []
    for undecodable, rows in _json_records(file, stream, head, records, wanted, lambda *one: refused.append(one)):
        rows = [(line, _with_known_names(row, known, by_key)) for line, row in rows]
        for _, row in rows:
            wanted.unknown.update(map(pieces.printable, row.keys() - known))
            wanted.found.update(row.keys() & known)
        piece = _from_rows(rows, paths, records.kinds)
        lines_refused = refused_frame(*_columns(refused)) if refused else piece.refused.clear()
        refused.clear()
        yield _with_refused(piece, pl.concat([lines_refused, undecodable]))


def _with_known_names(row: Row, known: Set[str], by_key: Mapping[str, str]) -> Row:
    """A record with the keys that mean known ones as these: warehouses write upper case. See ``column_names``."""
    others = {key: name for key in row.keys() - known if (name := by_key.get(column_key(key))) and name not in row}
    return {others.get(key, key): value for key, value in row.items()} if others else row


def _json_records(
    file: Path,
    stream: BinaryIO,
    head: bytes,
    records: Records,
    wanted: Wanted,
    refuse: Callable[[int, str, str], None],
) -> Iterator[tuple[pl.DataFrame, list[tuple[int, Row]]]]:
    """Lines that are not UTF-8, and (line, record), in blocks. Lines that are no record are given to ``refuse``."""
    counts = wanted.counts

    def parsed(numbered: Sequence[tuple[int, str]]) -> list[tuple[int, Row]]:
        rows: list[tuple[int, Row]] = []
        for line, text in numbered:
            try:
                found = (records.parse_line or json_object)(text)
            except (ValueError, RecursionError) as error:
                refuse(line, f"the line is not a record: {str(error)[:200]}", text)
                continue
            for row in found:
                if isinstance(row, Mapping):
                    rows.append((line, row))
                else:
                    refuse(line, "one of the records of the line is not an object", json.dumps(row))
        return rows

    nothing = undecodable_frame({})
    if is_array(head):
        elements = enumerate(array_text(file, stream, head), start=1)
        while batch := list(itertools.islice(elements, NESTED_BATCH_ROWS)):
            counts.add_rows(len(batch))
            yield nothing, parsed(batch)
        return
    whole = _one_object(stream, head)
    if whole is not None:
        counts.add_rows(1)
        yield nothing, parsed([(1, whole)])
        return
    refuse_objects_over_lines(file, head)
    first = 1
    for block in line_blocks(file, stream, head):
        numbered, undecodable = numbered_lines(block, first)
        n_records = len(numbered) + len(undecodable)
        counts.n_lines += len(block)
        counts.n_in_records += n_records
        counts.n_blank += len(block) - n_records
        counts.n_records += n_records
        first += len(block)
        yield undecodable_frame(undecodable), parsed(numbered)


def json_object(text: str) -> list[Row]:
    """A line of JSON as one record.

    Raises:
        ValueError: it is no JSON object, or is nested too deeply.
    """
    return [object_of_line(text)]


def _one_object(stream: BinaryIO, head: bytes) -> str | None:
    """The text of a file that is one object over several lines, such as a pretty-printed answer of a search engine."""
    if head.lstrip()[:16].split(b"\n")[0].strip() != b"{":
        return None
    text = head.decode("utf-8", "replace")
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return None
    return text


# ── Parquet ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_parquet(file: Path, records: Records, paths: Sequence[RecordPath], wanted: Wanted) -> Iterator[Piece]:
    for columns, nested, lines in _parquet_batches(file, wanted.known, records.kinds, wanted):
        yield _from_columns(columns, lines, paths, records.kinds, nested)


def _parquet_batches(
    file: Path, known: Sequence[str] | None, kinds: Mapping[str, TextKind], wanted: Wanted
) -> Iterator[tuple[dict[str, pl.Series], frozenset[str], pl.Series]]:
    """The known columns (None: all of them) as text, which are nested and so JSON, and the numbers of the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            written = parquet.schema_arrow.names
            if known is None:
                columns = {name: name for name in written}
            else:
                positions = wanted.match(file, written)
                columns = {name: written[at] for name, at in positions.items()}
            nested = frozenset(
                name for name, column in columns.items() if parquet.schema_arrow.field(column).type.num_fields
            )
            first = 1
            chosen = list(columns.values())
            for batch in parquet.iter_batches(batch_size=NESTED_BATCH_ROWS, columns=chosen, use_threads=False):
                texts = {name: _texts(batch.column(column), name, kinds.get(name)) for name, column in columns.items()}
                yield (
                    texts,
                    nested,
                    pl.int_range(first, first + batch.num_rows, dtype=pl.Int64, eager=True).alias("line"),
                )
                wanted.counts.add_rows(batch.num_rows)
                first += batch.num_rows
    except (
        pa.ArrowException,
        OSError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,  # polars cannot write nested times beyond its range
        UnicodeDecodeError,
    ) as error:
        raise DamagedFileError(f"{file} cannot be read as Parquet: {error}; write it again") from error


def _texts(array: Any, name: str, kind: TextKind | None) -> pl.Series:
    """A column as text: times in ISO 8601 with Z, nested values as JSON. Text that is not UTF-8 is an error.

    Args:
        kind: What is meant; a value of another kind is a mark, but for those of nested columns.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = as_stored(array)
    array.validate(full=True)
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        array = array.cast(pa.timestamp(array.type.unit, "UTC"))
    values = pl.Series(name, array)
    dtype = values.dtype
    if dtype == pl.String:
        return values
    if dtype == pl.Binary:
        return decoded_or_hex(values)
    if dtype.is_nested():
        encoded = pl.DataFrame([values]).select(pl.struct(name).struct.json_encode())[name]
        # The text is {"name":VALUE}, and the name may have any character.
        start = len(json.dumps({name: 0}, ensure_ascii=False, separators=(",", ":"))) - 2
        text = encoded.str.slice(start).str.head(-1)
        return text.set(values.is_null(), None).alias(name)
    if isinstance(dtype, pl.Datetime | pl.Date):
        times = _written_times(values)
        return times if kind is None else _marked(times, IS_A_TIME)
    if dtype.is_temporal():
        times = values.cast(pl.Int64 if dtype == pl.Duration else pl.String).cast(pl.String)
        return times if kind is None else _marked(times, IS_A_TIME)
    if dtype.is_integer() or not (dtype.is_numeric() or dtype == pl.Boolean):
        return values.cast(pl.String)
    numbers = [float(v) if dtype.is_decimal() and v is not None else v for v in values]
    return pl.Series(name, list(map(reader_of(kind, as_text), numbers)), dtype=pl.String)


def _written_times(values: pl.Series) -> pl.Series:
    """Times in ISO 8601, with Z if they have a zone, and days. Those beyond the year 9999 are numbers, which no rule
    accepts."""
    known, number = are_writable(values), values.cast(pl.Int64)
    beyond = pl.select(pl.when(~known).then(pl.format("{} since 1970, beyond the year 9999", number))).to_series()
    values = pl.select(pl.when(known).then(values)).to_series()
    if isinstance(values.dtype, pl.Datetime):
        zone = "" if values.dtype.time_zone is None else "Z"
        written = values.dt.replace_time_zone(None).dt.to_string("%Y-%m-%dT%H:%M:%S%.6f").cast(pl.String) + zone
    else:
        written = values.cast(pl.String)
    return pl.select(pl.coalesce(written, beyond)).to_series().alias(number.name)


def _marked(texts: pl.Series, problem: str) -> pl.Series:
    values = [None if text is None else mark(problem, text) for text in texts]
    return pl.Series(texts.name, values, dtype=pl.String)


def decoded_or_hex(values: pl.Series) -> pl.Series:
    """Bytes as text, and as hexadecimal digits where they are no text, as ids of eight bytes are."""
    texts = decoded(values)
    broken = texts.is_null() & values.is_not_null()
    if not broken.any():
        return texts
    return pl.select(pl.when(broken).then(values.bin.encode("hex")).otherwise(texts)).to_series().alias(values.name)


# ── TSV without a header ────────────────────────────────────────────────────────────────────────────────────────────


def _read_without_header(
    file: Path, stream: BinaryIO, records: Records, paths: Sequence[RecordPath], wanted: Wanted
) -> Iterator[Piece]:
    names = {len(header): header for header in records.headers}
    first = 1
    for block in line_blocks(file, stream):
        texts, undecodable = decoded_lines(block, first)
        rows: list[tuple[int, Row]] = []
        refused: list[_Refused] = []
        for line, text in enumerate(texts, start=first):
            if not text or line in undecodable:
                continue
            fields = text.split("\t")
            header = names.get(len(fields))
            if header is None:
                some = " or ".join(str(n) for n in sorted(names))
                refused.append((line, f"has {len(fields)} fields, not {some}", text))
            else:
                rows.append((line, {name: field or None for name, field in zip(header, fields, strict=True)}))
        wanted.counts.n_lines += len(block)
        wanted.counts.n_in_records += len(rows) + len(refused) + len(undecodable)
        wanted.counts.n_records += len(rows) + len(refused) + len(undecodable)
        wanted.counts.n_blank += len(block) - len(rows) - len(refused) - len(undecodable)
        first += len(block)
        lost = pl.concat([refused_frame(*_columns(refused)), undecodable_frame(undecodable)])
        yield _with_refused(_from_rows(rows, paths, records.kinds), lost)


# ── values ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _from_rows(rows: Sequence[tuple[int, Row]], paths: Sequence[RecordPath], kinds: Mapping[str, TextKind]) -> Piece:
    extractor = Extractor(paths, kinds)
    texts = [extractor.texts(row) for _, row in rows]
    values: dict[str, list[Any]] = {path.text: [row[at] for row in texts] for at, path in enumerate(paths)}
    return _piece([line for line, _ in rows], values, paths, lambda at: as_text(dict(rows[at][1])) or "")


def _from_columns(
    columns: Mapping[str, pl.Series],
    lines: pl.Series,
    paths: Sequence[RecordPath],
    kinds: Mapping[str, TextKind],
    nested: frozenset[str] = frozenset(),
) -> Piece:
    values: dict[str, list[Any] | pl.Series] = {}
    deeper: dict[str, list[RecordPath]] = {}
    for path in paths:
        is_whole = path.text in columns or len(path.steps) == 1
        if is_whole and path.column not in nested:
            values[path.text] = columns.get(path.text, columns.get(path.column, [None] * len(lines)))
        elif path.column in columns:
            deeper.setdefault(path.column, []).append(path)
        else:
            values[path.text] = [None] * len(lines)
    for column, of_column in deeper.items():
        extractor = Extractor(of_column, kinds)
        texts = [extractor.texts({column: _loaded(value)}) for value in columns[column]]
        values |= {path.text: [row[at] for row in texts] for at, path in enumerate(of_column)}

    def shown(at: int) -> str:
        return json.dumps({name: column[at] for name, column in columns.items()}, ensure_ascii=True)

    return _piece(lines.to_list(), values, paths, shown)


def _loaded(text: str | None) -> Any:
    """A text with the object or list that it holds as JSON, or as it is."""
    if text is None or text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return loaded(text)
    except ValueError:
        return text


def _piece(
    lines: list[int],
    values: Mapping[str, list[Any] | pl.Series],
    paths: Sequence[RecordPath],
    shown: Callable[[int], str],
) -> Piece:
    """Records as a piece. Those with half of a surrogate pair, which is no text, are refused."""
    try:
        return Piece(_frame(lines, values, paths))
    except UnicodeEncodeError:
        broken = [at for at in range(len(lines)) if any(_is_broken(column[at]) for column in values.values())]
        kept = sorted(set(range(len(lines))) - set(broken))
        whole = {name: [column[at] for at in kept] for name, column in values.items()}
        refused = refused_frame(
            [lines[at] for at in broken],
            ["it has half of a surrogate pair, which is not text"] * len(broken),
            [pieces.printable(shown(at)) for at in broken],
        )
        return Piece(_frame([lines[at] for at in kept], whole, paths), refused)


def _frame(lines: list[int], values: Mapping[str, list[Any] | pl.Series], paths: Sequence[RecordPath]) -> pl.DataFrame:
    import pyarrow as pa

    columns = [pl.Series("line", lines, dtype=pl.Int64)]
    for path in paths:
        column = values[path.text]
        if path.is_list and isinstance(column, list):
            # polars makes a series of every inner list, which takes most of the time of reading.
            column = pl.Series(pa.array(column, pa.large_list(pa.large_string())))
        dtype = pl.List(pl.String) if path.is_list else pl.String()
        columns.append(pl.Series(path.text, column, dtype=dtype))
    return pl.DataFrame(columns)


def _is_broken(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(has_lone_surrogate(text) for text in texts if text)


def _with_refused(piece: Piece, refused: pl.DataFrame) -> Piece:
    piece.refused = pl.concat([piece.refused, refused]).sort("line")
    return piece


def _columns(refused: Sequence[_Refused]) -> tuple[list[int], list[str], list[str]]:
    return [one[0] for one in refused], [one[1] for one in refused], [pieces.printable(one[2]) for one in refused]
