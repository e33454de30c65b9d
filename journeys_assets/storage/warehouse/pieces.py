"""Rows of pieces of one result in files, until those of every piece are there and are stored together.

A piece is the rows of one shard, or of one part of the work on a cluster. It is written under a hidden name and renamed
once it is complete, so whatever has its final name is whole, whenever the process ended. Pieces with the same key can
be used by a later run; those of another key are removed when a stage starts, unless another process is working on them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from journeys_assets.storage.locks import exclusive_lock, is_locked


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces in ``folder``: a folder for each by its name, in it one Parquet file for each table."""

    folder: Path

    def has(self, name: str) -> bool:
        """Whether the piece with this name is there."""
        return (self.folder / name).exists()

    def write(self, name: str, rows: Mapping[str, pl.DataFrame]) -> None:
        """Write the rows of a piece, by table.

        Args:
            name: Letters and digits; decides the order of the pieces.
        """
        hidden, final = self.folder / f".{name}", self.folder / name
        for earlier in (hidden, final):
            shutil.rmtree(earlier, ignore_errors=True)
        hidden.mkdir()
        for table, frame in rows.items():
            with (hidden / f"{table}.parquet").open("wb") as file:
                frame.write_parquet(file, compression="lz4", statistics=False)
                file.flush()
                os.fsync(file.fileno())
        hidden.rename(final)

    def read(self, name: str, table: str) -> pl.DataFrame:
        """The rows of a table in the piece with this name."""
        return pl.read_parquet(self.folder / name / f"{table}.parquet")

    def files(self, table: str) -> list[Path]:
        """The files of a table, in order of names."""
        return sorted(self.folder.glob(f"[!.]*/{table}.parquet"))

    def remove(self) -> None:
        """Remove all pieces."""
        shutil.rmtree(self.folder)


@contextmanager
def pieces_with_key(folder: Path, key: str) -> Iterator[Pieces]:
    """The pieces below ``folder`` with the given key, those of an earlier run among them; no other process uses them.

    Args:
        folder: Pieces of one stage, whatever their key.
        key: Names everything that shapes the rows; a valid name of a file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_pieces(folder, but=key)
    lock_file = folder / f"{key}.lock"
    with exclusive_lock(lock_file, on_wait=lambda: None):
        pieces = Pieces(folder / key)
        pieces.folder.mkdir(exist_ok=True)
        yield pieces
        if not pieces.folder.exists():
            lock_file.unlink(missing_ok=True)


def remove_pieces(folder: Path, *, but: str | None = None) -> None:
    """Remove the pieces below ``folder`` on which no process is working.

    Args:
        but: The key of those that stay.
    """
    for lock_file in folder.glob("*.lock"):
        if lock_file.stem != but and not is_locked(lock_file):
            shutil.rmtree(lock_file.with_suffix(""), ignore_errors=True)
            lock_file.unlink(missing_ok=True)
