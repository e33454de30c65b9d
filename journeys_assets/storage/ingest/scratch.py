"""Keeps the valid rows of a call on disk until the transaction, and returns them in blocks of bounded size.

Rows that can be the same event or versions of the same thing are always in the same block, so that each block can be
loaded by itself. The place of a row decides which block has it: the day of an event whose time identifies it, otherwise
a number that follows from the columns that identify the row. Every piece is sorted by place when it is written, so that
a block is read without reading the rest of the piece.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from journeys_assets.domain.tables.landing import LANDING, LANDING_TABLES
from journeys_assets.storage.locks import exclusive_lock, is_locked

BLOCK_ROWS = 500_000
"""Rows that are loaded at once. A block is larger only if one user has more events on one day."""
BATCH_ROWS = 4096
"""Rows that are written together, and read together: a slice of a list column would read the items of all its rows."""
PLACES = 4096
"""Number of places of rows that are not placed by day."""

EVENT_TIME = {
    "search_events": "searched_at",
    "pin_engagements": "engaged_at",
    "board_pins": "saved_at",
    "journey_feedback": "given_at",
    "notification_events": "sent_at",
    "identities": "linked_at",
}
"""The time of each source's event, if it has one that is never null."""


def time_in_grain(source: str) -> str | None:
    """The time of the source's event if it identifies the event, so that the same event always has the same day."""
    time = EVENT_TIME.get(source)
    return time if time in LANDING[source].grain else None


def row_schema(source: str) -> pl.Schema:
    """The columns of prepared rows: those of the landing table without ingest_seq, ``file_no`` and ``line``."""
    columns = {column.name: column.dtype for column in LANDING_TABLES[source].columns if column.name != "ingest_seq"}
    return pl.Schema({**columns, "file_no": pl.Int32(), "line": pl.Int64()})


@dataclass(frozen=True)
class _Piece:
    """Some rows of one file: the distinct places in ascending order, and how many rows each has."""

    path: Path
    number: int
    places: np.ndarray
    counts: np.ndarray


class Scratch:
    """Valid rows by source, in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pieces: dict[str, list[_Piece]] = {}

    def write(self, source: str, number: int, rows: pl.DataFrame) -> None:
        """Add rows of the file with the given number.

        Args:
            rows: The columns of :func:`row_schema`, in any order.
        """
        import pyarrow as pa

        if rows.is_empty():
            return
        rows = rows.select(pl.col(name).cast(dtype) for name, dtype in row_schema(source).items())
        time = time_in_grain(source)
        place = "__place"
        rows = rows.with_columns(_places(source, rows).alias(place)).sort([time] if time else [place])
        places, counts = np.unique(rows[place].to_numpy(), return_counts=True)
        pieces = self._pieces.setdefault(source, [])
        (self.folder / source).mkdir(exist_ok=True)
        path = self.folder / source / f"{len(pieces):08d}.arrow"
        table = rows.drop(place).to_arrow(compat_level=pl.CompatLevel.oldest())
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=BATCH_ROWS)
        pieces.append(_Piece(path, number, places, counts))

    def remove(self, number: int) -> None:
        """Remove all rows of a file."""
        for source, pieces in self._pieces.items():
            for piece in pieces:
                if piece.number == number:
                    piece.path.unlink()
            self._pieces[source] = [piece for piece in pieces if piece.number != number]

    def blocks(self, source: str, numbers: Sequence[int], *, is_whole: bool = False) -> Iterator[pl.DataFrame]:
        """The rows of the files with the given numbers, as they were written, in blocks.

        Args:
            is_whole: Whether all rows are to be in one block.
        """
        pieces = [piece for piece in self._pieces.get(source, ()) if piece.number in set(numbers)]
        if not pieces:
            return
        places = np.concatenate([piece.places for piece in pieces])
        distinct, of = np.unique(places, return_inverse=True)
        totals = np.bincount(of, weights=np.concatenate([piece.counts for piece in pieces])).astype(np.int64)
        for first, last, n_rows in _ranges(distinct, totals, None if is_whole else BLOCK_ROWS):
            n_parts = 1 if is_whole or time_in_grain(source) is None else -(-n_rows // BLOCK_ROWS)
            for part in range(n_parts):
                block = _read(pieces, first, last, part, n_parts)
                if block.height:
                    yield block


def _places(source: str, rows: pl.DataFrame) -> pl.Series:
    time = time_in_grain(source)
    if time:
        return rows[time].dt.date().cast(pl.Int32)
    return (rows.select(LANDING[source].grain).hash_rows() % PLACES).cast(pl.Int32)


def _ranges(places: np.ndarray, totals: np.ndarray, most_rows: int | None) -> Iterator[tuple[int, int, int]]:
    """Consecutive ranges of places as (first, last, rows): as few as possible, of ``most_rows`` or of one place."""
    first, n_rows = 0, 0
    for at, total in enumerate(totals):
        if n_rows and most_rows is not None and n_rows + total > most_rows:
            yield int(places[first]), int(places[at - 1]), n_rows
            first, n_rows = at, 0
        n_rows += int(total)
    yield int(places[first]), int(places[-1]), n_rows


def _read(pieces: Sequence[_Piece], first: int, last: int, part: int, n_parts: int) -> pl.DataFrame:
    """The rows from place ``first`` to ``last``; of several parts, those of the users of one part."""
    frames = []
    for piece in pieces:
        low, high = np.searchsorted(piece.places, [first, last + 1])
        start, n_rows = int(piece.counts[:low].sum()), int(piece.counts[low:high].sum())
        if n_rows:
            rows = _slice(piece.path, start, n_rows)
            frames.append(rows if n_parts == 1 else rows.filter(pl.col("user_id").hash() % n_parts == part))
    return pl.concat(frames)


def _slice(path: Path, start: int, n_rows: int) -> pl.DataFrame:
    import pyarrow as pa

    first, last = start // BATCH_ROWS, (start + n_rows - 1) // BATCH_ROWS
    with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
        table: Any = pa.Table.from_batches([reader.get_batch(at) for at in range(first, last + 1)])
        return pl.DataFrame(pl.from_arrow(table)).slice(start - first * BATCH_ROWS, n_rows)


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder for one call, removed at the end. Folders that killed calls left behind are removed first."""
    parent.mkdir(parents=True, exist_ok=True)
    for lock_file in sorted(parent.glob("ingest-*.lock")):
        if not is_locked(lock_file):
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ingest-", dir=parent))
    lock_file = Path(f"{folder}.lock")
    with exclusive_lock(lock_file, on_wait=lambda: None):
        try:
            yield folder
        finally:
            shutil.rmtree(folder)
            lock_file.unlink()
