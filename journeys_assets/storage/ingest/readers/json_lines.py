"""Reads JSON lines. Every value becomes text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from journeys_assets.domain.landing.contract import has_lone_surrogate, refused_frame
from journeys_assets.storage.ingest.files import IngestError
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted, decoded_lines, line_blocks


def read_json_lines(file: Path, stream: BinaryIO, wanted: Wanted) -> Iterator[Piece]:
    seen: set[str] = set()
    n_rows, first = 0, 1
    for block in line_blocks(file, stream):
        if first == 1:
            block[0] = block[0].removeprefix(b"\xef\xbb\xbf")
            if block[0].lstrip().startswith(b"["):
                raise IngestError(f"{file} is a JSON array; write one object per line")
        texts, refused = decoded_lines(block, first)
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
                raise ValueError("it is not an object")
            values = [_json_text(row.get(name)) for name in known]
            if "\\ud" in text.lower() and any(has_lone_surrogate(value) for value in values if value):
                raise ValueError("it has half of a surrogate pair, which is not text")
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
    raise ValueError(f"{name} is not JSON")


def _json_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
