"""What the readers share: pieces of a file, and blocks of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import polars as pl

from journeys_assets.domain.landing.contract import REFUSED_SCHEMA, refused_frame
from journeys_assets.storage.ingest.files import IngestError

BLOCK_BYTES = 16 * 2**20
"""How much of a text file is read at once, bytes."""
MAX_LINE_BYTES = 64 * 2**20
"""Longest line that is accepted, bytes."""
MAX_RECORD_BYTES = 4 * 2**20
"""How far a quoted CSV field may extend over lines, bytes. Beyond that, its quote counts as never closed."""
BATCH_ROWS = 200_000
"""Rows of a Parquet file that are read at once."""


@dataclass
class Piece:
    """Some rows of a file: ``frame`` has ``line`` (Int64) and the wanted columns; ``refused`` has unreadable lines."""

    frame: pl.DataFrame
    refused: pl.DataFrame = field(default_factory=REFUSED_SCHEMA.to_frame)

    @property
    def n_rows(self) -> int:
        return self.frame.height + self.refused.height


@dataclass
class Wanted:
    """Columns that a file must have and may have. Reading the file fills in ``unknown``, the other columns."""

    required: Sequence[str]
    known: Sequence[str]
    unknown: set[str] = field(default_factory=set)

    def check(self, file: Path, columns: Sequence[str]) -> None:
        """Record unknown columns.

        Raises:
            IngestError: a required column is missing, or a column occurs twice.
        """
        missing = [name for name in self.required if name not in columns]
        if missing:
            raise IngestError(
                f"{file}: column {', '.join(missing)} is missing (it has {', '.join(columns)[:300]}); "
                f"name the columns {', '.join(self.known)} (required: {', '.join(self.required)}), separated by commas"
            )
        twice = sorted({name for name in columns if columns.count(name) > 1 and name in self.known})
        if twice:
            raise IngestError(f"{file}: column {', '.join(twice)} occurs twice; rename or drop one")
        self.unknown.update(name for name in columns if name not in self.known)


def line_blocks(file: Path, stream: BinaryIO) -> Iterator[list[bytes]]:
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
                f"{file}: a line is longer than {MAX_LINE_BYTES // 2**20} MiB; write one record per line, ended by \\n"
            )
    if rest:
        yield [rest.removesuffix(b"\r")]


def decoded_lines(lines: list[bytes], first: int) -> tuple[list[str], pl.DataFrame]:
    """Lines as text, and the lines that are not UTF-8 (as text they are blank, so that line numbers stay right)."""
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
