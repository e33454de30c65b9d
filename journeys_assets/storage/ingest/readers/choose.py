"""Chooses the reader for a file by its ending."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from journeys_assets.storage.ingest.files import DamagedFileError, suffix_of
from journeys_assets.storage.ingest.readers.csv import read_csv
from journeys_assets.storage.ingest.readers.json_lines import read_json_lines
from journeys_assets.storage.ingest.readers.parquet import read_parquet
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted


def read_pieces(file: Path, wanted: Wanted) -> Iterator[Piece]:
    """The rows of ``file`` in order, in pieces.

    Raises:
        IngestError: the file is damaged, is not of the format of its ending, or lacks a required column.
    """
    suffix = suffix_of(file) or ""
    if suffix == ".parquet":
        yield from read_parquet(file, wanted)
        return
    reader = read_csv if suffix.startswith(".csv") else read_json_lines
    try:
        with _open_file(file, compressed=suffix.endswith(".gz")) as stream:
            yield from reader(file, stream, wanted)
    except (OSError, EOFError, zlib.error) as error:
        raise DamagedFileError(
            f"{file} cannot be read: {error}; it may be damaged or cut off, so write it again"
        ) from error


def _open_file(file: Path, *, compressed: bool) -> BinaryIO:
    return gzip.open(file, "rb") if compressed else file.open("rb")  # type: ignore[return-value]
