"""Reads JSON lines, and a file that is one JSON array of objects. ``domain.landing.json_values`` says which values fit.

In an array, the line of a record is the number of its object, first = 1. An array is read as a whole, so it may have at
most ``MAX_ARRAY_BYTES``.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from journeys_assets.domain.landing.column_names import column_key, names_by_key
from journeys_assets.domain.landing.contract import has_lone_surrogate, refused_frame
from journeys_assets.domain.landing.json_values import json_text
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.readers import pieces
from journeys_assets.storage.ingest.readers.broken import readings_frame, readings_of_json
from journeys_assets.storage.ingest.readers.pieces import (
    BATCH_ROWS,
    Piece,
    Wanted,
    line_blocks,
    numbered_lines,
    undecodable_frame,
    unreadable_frame,
)

MAX_ARRAY_BYTES = 64 * 2**20
"""Largest JSON array that is read, bytes."""
MAX_SHAPES = 1_000
"""For how many different sequences of keys the match to columns is kept."""

_BOM = b"\xef\xbb\xbf"
_FIRST_LINE_ENDS_OBJECT = re.compile(rb"\s*[^\n]*\}[ \t\r]*(?:\n|\Z)")
_SPACE = re.compile(r"[ \t\n\r]*")
_ESCAPED_KEY = re.compile(r'\\u[0-9a-fA-F]{4}(?:[^"\\]|\\.)*"\s*:')


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)


def read_json(file: Path, stream: BinaryIO, wanted: Wanted) -> Iterator[Piece]:
    """The rows of a JSON file; ``wanted`` gets the unknown columns and the counts of lines."""
    rows = _Rows(wanted)
    head = stream.read(pieces.BLOCK_BYTES).removeprefix(_BOM)
    if is_array(head):
        yield from _read_array(file, stream, head, rows)
    else:
        refuse_objects_over_lines(file, head)
        yield from _read_lines(file, stream, head, rows)
    if rows.n_good:
        wanted.match(file, rows.columns)


def is_array(head: bytes) -> bool:
    """Whether a JSON file that begins with ``head`` is an array."""
    return head.lstrip().startswith(b"[")


def refuse_objects_over_lines(file: Path, head: bytes) -> None:
    """Raise ``IngestError`` if the first object of a file that begins with ``head`` goes on over several lines."""
    if _FIRST_LINE_ENDS_OBJECT.match(head):
        return
    text = head.lstrip().decode("utf-8", "replace")
    try:
        first, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return
    if isinstance(first, dict) and "\n" in text[:end]:
        raise IngestError(f"{file} has JSON objects over several lines; write one object per line (`jq -c .` does)")


def _read_lines(file: Path, stream: BinaryIO, head: bytes, rows: _Rows) -> Iterator[Piece]:
    counts = rows.wanted.counts
    first = 1
    for block in line_blocks(file, stream, head):
        numbered, undecodable = numbered_lines(block, first)
        piece = rows.piece(numbered)
        piece.refused = pl.concat([piece.refused, undecodable_frame(undecodable)]).sort("line")
        if piece.readings is not None:
            piece.readings = pl.concat([piece.readings, rows.readings(undecodable.items())])
        counts.n_lines += len(block)
        counts.n_in_records += len(numbered) + len(undecodable)
        counts.n_blank += len(block) - len(numbered) - len(undecodable)
        counts.n_records += piece.n_rows
        first += len(block)
        yield piece


def array_text(file: Path, stream: BinaryIO, head: bytes) -> Iterator[str]:
    """The text of each element of a file that is one JSON array.

    Args:
        head: What was read from the stream before.

    Raises:
        IngestError: the array is too large to be read as a whole, or broken.
    """
    content = head
    while len(content) <= MAX_ARRAY_BYTES and (more := stream.read(MAX_ARRAY_BYTES + 1 - len(content))):
        content += more
    if len(content) > MAX_ARRAY_BYTES:
        raise IngestError(
            f"{file} is a JSON array of more than {MAX_ARRAY_BYTES // 2**20} MiB; write one object per line "
            "(`jq -c '.[]'` does)"
        )
    yield from array_elements(file, content)


def _read_array(file: Path, stream: BinaryIO, head: bytes, rows: _Rows) -> Iterator[Piece]:
    elements = enumerate(array_text(file, stream, head), start=1)
    while True:
        batch = list(itertools.islice(elements, BATCH_ROWS))
        piece = rows.piece(batch)
        rows.wanted.counts.add_rows(piece.n_rows)
        yield piece
        if len(batch) < BATCH_ROWS:
            return


def array_elements(file: Path, content: bytes) -> Iterator[str]:
    """The text of each element of a JSON array.

    Raises:
        DamagedFileError: the array is not valid JSON or not UTF-8, or something follows it.
    """
    decoder = json.JSONDecoder()
    try:
        text = content.decode()
        at = _after_space(text, text.index("[") + 1)
        while text[at : at + 1] != "]":
            _, end = decoder.raw_decode(text, at)
            yield text[at:end]
            at = _after_space(text, end)
            if text[at : at + 1] == ",":
                at = _after_space(text, at + 1)
                if text[at : at + 1] == "]":
                    raise ValueError("an object is missing after the last comma")
            elif text[at : at + 1] != "]":
                raise ValueError(f"character {at + 1:,} is neither a comma nor the end of the array")
        if _after_space(text, at + 1) != len(text):
            raise ValueError("something follows the array")
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{file} is a broken JSON array: {str(error)[:200]}; it may be cut off, so write it again, or write one "
            "object per line"
        ) from error


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


class _AmbiguousKeysError(Exception):
    """Two keys of an object mean the same wanted column, or one is there twice."""


def _occurs_twice(text: str, key: str) -> bool:
    """Whether the object in a text has a key more than once itself, and not in a value."""
    pairs: list[tuple[str, Any]] = json.JSONDecoder(object_pairs_hook=list).decode(text)
    return sum(name == key for name, _ in pairs) > 1


class _Rows:
    """Parses records. Keys are matched to the wanted columns object by object."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.n_good = 0
        self.written: dict[str, str | None] = {}
        """Every key, and the wanted column that it means."""
        self._by_key = names_by_key(wanted.known)
        self._kinds = [wanted.kinds.get(name) for name in wanted.known]
        self._keys: dict[tuple[str, ...], list[str | None]] = {}

    @property
    def columns(self) -> list[str]:
        """The keys of all records, sorted; of keys that mean the same wanted column, one."""
        once = {name: key for key, name in self.written.items() if name is not None}
        return sorted([*once.values(), *(key for key, name in self.written.items() if name is None)])

    def piece(self, numbered: Iterable[tuple[int, str]]) -> Piece:
        """The rows of (line, text of a record)."""
        lines: list[int] = []
        columns: dict[str, list[str | None]] = {name: [] for name in self.wanted.known}
        appends = [column.append for column in columns.values()]
        broken: list[tuple[int, str, str]] = []
        unreadable: list[tuple[int, str, str, str]] = []
        for line, text in numbered:
            try:
                values = self._parsed(text)
                problems = self._become_text(values)
                if ("\\ud" in text or "\\uD" in text) and any(has_lone_surrogate(value or "") for value in values):
                    raise ValueError("it has half of a surrogate pair, which is not text")
            except _AmbiguousKeysError as error:
                broken.append((line, str(error)[:200], text))
            except (ValueError, RecursionError) as error:
                broken.append((line, f"the line is not valid JSON: {str(error)[:200]}", text))
            else:
                lines.append(line)
                for append, value in zip(appends, values, strict=True):
                    append(value)
                unreadable += [(line, *problem) for problem in problems]
        self.n_good += len(lines)
        schema = {"line": pl.Int64(), **{name: pl.String() for name in self.wanted.known}}
        return Piece(
            pl.DataFrame({"line": lines, **columns}, schema=schema),
            refused_frame([at for at, _, _ in broken], [why for _, why, _ in broken], [row for _, _, row in broken]),
            unreadable_frame(unreadable),
            self.readings((at, row) for at, _, row in broken) if self.wanted.reads_broken else None,
        )

    def readings(self, broken: Iterable[tuple[int, str]]) -> pl.DataFrame:
        """What broken records may say, from (line, text)."""
        found = ((line, one) for line, text in broken for one in readings_of_json(text, self._by_key))
        return readings_frame(found, self.wanted.known)

    def _parsed(self, text: str) -> list[Any]:
        """The values of a record in the order of the wanted columns."""
        row = _DECODER.decode(text)
        if not isinstance(row, dict):
            raise ValueError("it is not an object")
        written = tuple(row)
        keys = self._keys.get(written)
        if keys is None:
            keys = self._matched(written)
            if len(self._keys) < MAX_SHAPES:
                self._keys[written] = keys
        # A decoder keeps the last of several values, but of two answers none may be taken for a yes. Counting is cheap,
        # and only a suspect is decoded again.
        is_suspect = "\\u" in text and _ESCAPED_KEY.search(text) is not None
        for key in keys:
            if key is not None and (is_suspect or text.count(f'"{key}"') > 1) and _occurs_twice(text, key):
                raise _AmbiguousKeysError(f"the line has {key!r} twice; keep one")
        return [row[key] if key is not None else None for key in keys]

    def _matched(self, written: Sequence[str]) -> list[str | None]:
        """The key of an object for each wanted column."""
        keys: dict[str, str] = {}
        for key in written:
            name = self._by_key.get(column_key(key))
            if name in keys:
                raise _AmbiguousKeysError(
                    f"the line has {keys[name]!r} and {key!r}, which mean the same column; keep one"
                )
            if name is not None:
                keys[name] = key
            self.written[key] = name
        return [keys.get(name) for name in self.wanted.known]

    def _become_text(self, values: list[Any]) -> list[tuple[str, str, str]]:
        """Replace values by their texts; (column, problem, value) of those that do not fit, which become null."""
        problems = []
        for at, value in enumerate(values):
            if value is not None and type(value) is not str:
                text = json_text(value, self._kinds[at])
                values[at] = text.text
                if text.problem:
                    shown = json.dumps(value, ensure_ascii=False)
                    problems.append((self.wanted.known[at], text.problem, shown))
        return problems
