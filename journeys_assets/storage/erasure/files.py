"""Removes users' records from log files and exports, and leaves every other byte as it is.

A record is the user's if one of its values is an id of the user, wherever in the record, and in whatever spelling the
landing contract takes for that id. An id that is shared with others is the user's at some times: a record of it with
the ``user_id`` and the time of the landing contract is the user's if its time is one of those.

JSON lines and CSV keep the other lines as they are; Parquet and arrays of JSON are written again without the records.
Packed files (gzip, bzip2, xz, zstd, zip) are unpacked and packed again.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from journeys_assets.domain.landing.column_names import column_key
from journeys_assets.domain.landing.contract import parse_times
from journeys_assets.domain.landing.ids import clean_id
from journeys_assets.storage.erasure.occurrences import json_form, mentions
from journeys_assets.storage.ingest.scratch import EVENT_TIME

USER_COLUMN = "user_id"
TIME_COLUMNS = frozenset(EVENT_TIME.values())

_ZIP = b"PK\x03\x04"
_PARQUET = b"PAR1"
_ENCODINGS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DELIMITERS = (",", "\t", ";", "|")


def _unpack_zstd(content: bytes) -> bytes:
    with pa.CompressedInputStream(pa.BufferReader(content), "zstd") as stream:
        return bytes(stream.read())


def _pack_zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


_PACKED: tuple[tuple[bytes, Callable[[bytes], bytes], Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", gzip.decompress, partial(gzip.compress, mtime=0)),
    (b"BZh", bz2.decompress, bz2.compress),
    (b"\xfd7zXZ\x00", lzma.decompress, lzma.compress),
    (b"\x28\xb5\x2f\xfd", _unpack_zstd, _pack_zstd),
)
"""What a packed file begins with, and how it is unpacked and packed again."""


@dataclass(frozen=True)
class Rewritten:
    """A file without the user's records, not yet in its place.

    Attributes:
        path: The file.
        draft: What replaces it.
        n_records: Number of records that were left out.
    """

    path: Path
    draft: Path
    n_records: int

    def put_in_place(self) -> None:
        """Replace the file in one step; remove it if nothing is left. Its time of modification stays, so that it does
        not count as new."""
        if not self.draft.stat().st_size:
            self.path.unlink()
            return
        status = self.path.stat()
        os.utime(self.draft, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.draft.chmod(status.st_mode)
        os.replace(self.draft, self.path)


def without_users(path: Path, of_user: UserRecords, draft: Path) -> Rewritten | None:
    """The file without the users' records, as ``draft``; None if it has none.

    Raises:
        ValueError: it is neither Parquet nor text.
    """
    with path.open("rb") as file:
        begin = file.read(len(_PARQUET))
    if begin == _PARQUET:
        n_records = _rewrite_parquet(path, of_user, draft)
    else:
        content, n_records = _without_records(path.read_bytes(), of_user)
        if n_records:
            draft.write_bytes(content)
    return Rewritten(path, draft, n_records) if n_records else None


class UserRecords:
    """Decides which records are the user's.

    Args:
        ids: Ids that are the user's alone.
        periods: By shared id, when it was the user's: from, and before; naive UTC.

    Attributes:
        n_undecided: Records of a shared id without a time of the landing contract, so far. They are kept.
    """

    def __init__(
        self, ids: frozenset[str], periods: Mapping[str, Sequence[tuple[datetime, datetime]]] | None = None
    ) -> None:
        self.ids = ids
        self.periods = periods or {}
        self.n_undecided = 0

    def is_shared_and_theirs(self, values: Mapping[str, Any]) -> bool:
        """Whether a record of a shared id is of a time at which the id was the user's.

        Args:
            values: The record's values by the name of the column.
        """
        user = next((value for name, value in values.items() if column_key(name) == USER_COLUMN), None)
        if isinstance(user, str) and clean_id(user) not in self.periods:
            return False  # another user's, such as a link to the shared id
        if not isinstance(user, str):
            self.n_undecided += 1
            return False
        at = next((_time(value) for name, value in values.items() if column_key(name) in TIME_COLUMNS), None)
        self.n_undecided += at is None
        return at is not None and any(start <= at < end for start, end in self.periods[clean_id(user)])


def _time(value: Any) -> datetime | None:
    """A value as naive UTC; None if it is no time of the landing contract."""
    if isinstance(value, datetime):
        return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return parse_times(pl.Series([value], dtype=pl.String))[0] if isinstance(value, str) else None


def _without_records(content: bytes, of_user: UserRecords) -> tuple[bytes, int]:
    """The content of a file without the records of the ids, packed as it was, and their number."""
    for mark, unpack, pack in _PACKED:
        if content.startswith(mark):
            inner, n_records = _without_records(unpack(content), of_user)
            return (pack(inner), n_records) if n_records else (content, 0)
    return _without_packed_files(content, of_user) if content.startswith(_ZIP) else _without_lines(content, of_user)


def _without_packed_files(content: bytes, of_user: UserRecords) -> tuple[bytes, int]:
    """A zip archive without the records of the ids in any of its files."""
    buffer, n_records = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for entry in old.infolist():
            inner, n_inner = _without_records(old.read(entry), of_user)
            new.writestr(entry, inner, compress_type=entry.compress_type)
            n_records += n_inner
    return buffer.getvalue(), n_records


def _without_lines(content: bytes, of_user: UserRecords) -> tuple[bytes, int]:
    if content[:4] == _PARQUET or (b"\x00" in content[:4096] and content[:2] not in (b"\xff\xfe", b"\xfe\xff")):
        raise ValueError("neither Parquet nor text")
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8")
    text = content.decode(encoding, "surrogateescape" if encoding == "utf-8" else "strict")
    if text.lstrip()[:1] == "[":
        new, n_records = _without_elements(text, of_user)
    else:
        records = list(_records(text))
        delimiter = _delimiter_of(records[0]) if records else ","
        header = _fields(records[0], delimiter) if records else []
        kept = [record for record in records if not _is_of(record, delimiter, header, of_user)]
        new, n_records = "".join(kept), len(records) - len(kept)
    return new.encode(encoding, "surrogateescape" if encoding == "utf-8" else "strict"), n_records


def _without_elements(text: str, of_user: UserRecords) -> tuple[str, int]:
    try:
        elements = json.loads(text)
    except ValueError as error:
        raise ValueError(f"an array of JSON that cannot be read ({error})") from error
    kept = [element for element in elements if not _is_theirs(element, of_user)]
    return (json.dumps(kept, ensure_ascii=False), len(elements) - len(kept)) if len(kept) < len(elements) else (text, 0)


def _records(text: str) -> Iterator[str]:
    """The lines of a text with their ends; a line goes on while a quotation mark of CSV is open."""
    held = ""
    for line in io.StringIO(text, newline=""):
        held += line
        if held.lstrip()[:1] in "{[" or held.count('"') % 2 == 0:
            yield held
            held = ""
    if held:
        # A quotation mark that is never closed opens nothing: the lines are records of their own.
        yield from io.StringIO(held, newline="")


def _delimiter_of(header: str) -> str:
    return max(_DELIMITERS, key=header.count)


def _is_of(record: str, delimiter: str, header: Sequence[str], of_user: UserRecords) -> bool:
    if record.lstrip()[:1] in ("{", "["):
        try:
            return _is_theirs(json.loads(record), of_user)
        except ValueError:
            return mentions(record, of_user.ids)
    fields = _fields(record, delimiter)
    cleaned = [clean_id(field.strip(' "')) for field in fields]
    if any(field in of_user.ids for field in cleaned):
        return True
    is_shared = any(field in of_user.periods for field in cleaned)
    return is_shared and of_user.is_shared_and_theirs(dict(zip(header, fields, strict=False)))


def _fields(record: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([record], delimiter=delimiter), [])
    except csv.Error:
        return record.split(delimiter)


def _is_theirs(value: Any, of_user: UserRecords) -> bool:
    """Whether a JSON value is a record of the user."""
    if has_id(value, of_user.ids):
        return True
    if not has_id(value, of_user.periods.keys()):
        return False
    return of_user.is_shared_and_theirs(value if isinstance(value, dict) else {"": value})


def has_id(value: Any, ids: Collection[str]) -> bool:
    """Whether a JSON value has one of the ids as a value, at any depth. JSON within a text is looked into, too."""
    if isinstance(value, dict):
        return any(has_id(one, ids) for one in value.values())
    if isinstance(value, list | tuple):
        return any(has_id(one, ids) for one in value)
    if isinstance(value, str):
        if value[:1] in ("{", "[") and any(one in value or json_form(one) in value for one in ids):
            try:
                return has_id(json.loads(value), ids)
            except ValueError:
                return mentions(value, ids)
        return clean_id(value) in ids
    return value is not None and not isinstance(value, bool) and str(value) in ids


def _rewrite_parquet(path: Path, of_user: UserRecords, draft: Path) -> int:
    with pq.ParquetFile(path) as file:
        compression = file.metadata.row_group(0).column(0).compression if file.metadata.num_row_groups else "snappy"
        counts = [int(pc.sum(_are_theirs(batch, of_user)).as_py() or 0) for batch in file.iter_batches()]
        if not sum(counts):
            return 0
        kind = "none" if compression == "UNCOMPRESSED" else compression.lower()
        with pq.ParquetWriter(draft, file.schema_arrow, compression=kind) as writer:
            for batch in file.iter_batches():
                writer.write_batch(batch.filter(pc.invert(_are_theirs(batch, of_user))))
    return sum(counts)


def _are_theirs(batch: pa.RecordBatch, of_user: UserRecords) -> pa.BooleanArray:
    """Whether each row is a record of the user."""
    own = _are_of(batch, list(of_user.ids))
    shared = pc.and_not(_are_of(batch, list(of_user.periods)), own)
    rows = np.flatnonzero(shared.to_numpy(zero_copy_only=False))
    if not len(rows):
        return own
    theirs = np.zeros(batch.num_rows, dtype=bool)
    theirs[rows] = [of_user.is_shared_and_theirs(row) for row in batch.take(pa.array(rows)).to_pylist()]
    return pc.or_(own, pa.array(theirs))


def _are_of(batch: pa.RecordBatch, ids: Sequence[str]) -> pa.BooleanArray:
    """Whether each row has one of the ids as a value."""
    found = pa.array([False] * batch.num_rows)
    for column in batch.columns:
        kind = column.type
        if pa.types.is_dictionary(kind):
            column, kind = column.cast(kind.value_type), kind.value_type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            cleaned = {text: clean_id(text) in ids or has_id(text, ids) for text in column.unique().to_pylist() if text}
            own = [text for text, is_own in cleaned.items() if is_own]
            found = pc.or_(found, pc.is_in(column, value_set=pa.array(own, column.type)))
        elif pa.types.is_integer(kind):
            found = pc.or_(found, pc.is_in(column.cast(pa.string()), value_set=pa.array(ids, pa.string())))
        elif pa.types.is_nested(kind):
            found = pc.or_(found, pa.array([has_id(value, ids) for value in column.to_pylist()]))
    return found
