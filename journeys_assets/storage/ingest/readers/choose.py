"""Chooses the reader for a file by its format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.readers.columns import format_of
from journeys_assets.storage.ingest.readers.csv import SEPARATORS, read_csv
from journeys_assets.storage.ingest.readers.formats import HELP, opened
from journeys_assets.storage.ingest.readers.json_lines import read_json
from journeys_assets.storage.ingest.readers.parquet import read_parquet
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted


def read_pieces(file: Path, wanted: Wanted) -> Iterator[Piece]:
    """The rows of ``file`` in order, in pieces. ``wanted`` gets what reading found out: see :class:`Wanted`.

    Raises:
        IngestError: the file is damaged, is not of the format of its ending, or lacks a required column.
    """
    form = format_of(file, wanted.has_required)
    if form is None:
        raise IngestError(f"{file} has no known ending, and its content is not known either; {HELP}")
    if form == "parquet":
        yield from read_parquet(file, wanted)
        return
    with opened(file) as stream:
        yield from (
            read_json(file, stream, wanted) if form == "json" else read_csv(file, stream, wanted, SEPARATORS[form])
        )
