"""Chooses the reader for a file by its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from journeys_assets.domain.landing.recognise import fits_a_source
from journeys_assets.importers.base import Importer
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.readers.columns import IsHeader, format_of
from journeys_assets.storage.ingest.readers.csv import SEPARATORS, read_csv
from journeys_assets.storage.ingest.readers.formats import HELP, Format, format_by_name, is_parquet, members_of, opened
from journeys_assets.storage.ingest.readers.json_lines import read_json
from journeys_assets.storage.ingest.readers.parquet import read_parquet
from journeys_assets.storage.ingest.readers.pieces import Piece, Wanted
from journeys_assets.storage.ingest.readers.records import columns_of_paths, read_records


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


def wanted_of(importer: Importer) -> Wanted:
    """The columns that an importer reads."""
    if importer.records is not None:
        return Wanted((), columns_of_paths(importer.records))
    return Wanted(importer.columns, (*importer.columns, *importer.optional_columns, *importer.shown_columns))


def header_of(importer: Importer | None) -> IsHeader:
    """Which first lines make a file without a known ending one with columns; None stands for the landing contract."""
    if importer is None:
        return fits_a_source
    wanted = wanted_of(importer)
    if importer.records is None:
        return wanted.has_required
    widths = {len(header) for header in importer.records.headers}
    return lambda columns: len(columns) in widths or bool(set(columns) & set(wanted.known))


def read_of_importer(file: Path, importer: Importer, wanted: Wanted) -> Iterator[Piece]:
    """The rows of ``file`` as the importer wants them. ``wanted`` is :func:`wanted_of` it.

    Raises:
        IngestError: the file is damaged, or lacks a required column.
    """
    if importer.records is None:
        yield from read_pieces(file, wanted)
    else:
        yield from read_records(file, form_of(file, importer), importer.records, wanted)


def is_special(importer: Importer | None) -> Callable[[Path], bool]:
    """Which files an importer reads although :func:`format_of` does not know what they are."""
    records = None if importer is None else importer.records
    return lambda file: (
        records is not None
        and (
            (records.archives and len(members_of(file)) > 1)
            or (records.parse_line is not None and _begins_as_json(file))
        )
    )


def form_of(file: Path, importer: Importer) -> Format:
    """What a file is.

    Raises:
        IngestError: neither name nor content gives it.
    """
    if importer.records is not None and importer.records.archives and (members := members_of(file)):
        return format_by_name(members[0]) or "json"
    if is_special(importer)(file):
        return "json"
    form = format_of(file, header_of(importer))
    if form is None:
        raise IngestError(f"{file} has no known ending, and its content is not known either; {HELP}")
    return form


def _begins_as_json(file: Path) -> bool:
    """Whether the first line is a JSON object or array, or one behind a name and a tab."""
    if is_parquet(file):
        return False
    with opened(file) as stream:
        head = stream.read(4096)
    return re.match(rb"(?:\xef\xbb\xbf)?\s*(?:[\w.-]+\t\s*)?[{\[]", head) is not None
