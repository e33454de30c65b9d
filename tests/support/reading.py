"""Reading a file with the readers alone."""

from pathlib import Path

import polars as pl

from journeys_assets.storage.ingest.readers.choose import read_pieces
from journeys_assets.storage.ingest.readers.pieces import LineCounts, Piece, Wanted


def read(file: Path, wanted: Wanted) -> Piece:
    """The pieces of a file as one; checks that lines and records add up."""
    parts = list(read_pieces(file, wanted))
    piece = Piece(
        pl.concat([part.frame for part in parts]).sort("line"),
        pl.concat([part.refused for part in parts]).sort("line"),
        pl.concat([part.unreadable for part in parts]),
    )
    assert_adds_up(wanted.counts, piece)
    return piece


def assert_adds_up(counts: LineCounts, piece: Piece) -> None:
    assert counts.n_lines == counts.n_header + counts.n_blank + counts.n_in_records
    assert counts.n_records == piece.n_rows <= counts.n_in_records
    lines = [*piece.frame["line"], *piece.refused["line"]]
    assert len(set(lines)) == len(lines)


def read_text(folder: Path, content: str | bytes, source: str = "search_events", name: str = "x.csv") -> Piece:
    """The rows of a file with this content, as of a landing source."""
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read(file, Wanted.of_source(source))
