"""What a file is by its content: its format if its name gives none, and the names of its columns."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.readers.csv import SEPARATORS, split_header
from journeys_assets.storage.ingest.readers.formats import Format, format_by_name, is_parquet, opened, zip_member
from journeys_assets.storage.ingest.readers.json_lines import array_elements, is_array

SAMPLE_BYTES = 2**20
"""How much of a text file is read to learn its columns, bytes."""
SAMPLE_ROWS = 1_000
"""How many JSON objects are read to learn the columns of a file."""

IsHeader = Callable[[Sequence[str]], bool]
"""Whether the fields of the first line of a file are the names of its columns."""

_BOM = b"\xef\xbb\xbf"


def format_of(file: Path, is_header: IsHeader) -> Format | None:
    """The format of a file.

    Its content shows whether it is Parquet. Otherwise its ending counts, or that of the one file in a zip archive.
    Without a known ending, a file that begins with JSON objects is JSON, and a file whose first line is a header is
    CSV.

    Returns:
        The format; None if neither name nor content gives it.

    Raises:
        IngestError: the file is damaged, or an archive that has no file or several.
    """
    try:
        if is_parquet(file):
            return "parquet"
    except OSError as error:
        raise IngestError(f"{file} cannot be read: {error.strerror}; check its permissions") from error
    by_name = format_by_name(file.name) or format_by_name(zip_member(file) or "")
    return by_name or _format_by_content(_sample(file), is_header)


def columns_of(file: Path, form: Format) -> list[str] | None:
    """The columns of a file as they are written there, from its beginning (JSON: from its first objects).

    Returns:
        The columns; None if they cannot be read. Reading the file gives the reason.
    """
    try:
        if form == "parquet":
            return _parquet_columns(file)
        sample = _sample(file)
        return _json_columns(file, sample) if form == "json" else _header(_first_line(sample), SEPARATORS[form])
    except (IngestError, ValueError):
        return None


def _sample(file: Path) -> bytes:
    sample = b""
    with opened(file) as stream:
        while len(sample) < SAMPLE_BYTES and (more := stream.read(SAMPLE_BYTES - len(sample))):
            sample += more
    return sample.removeprefix(_BOM)


def _first_line(sample: bytes) -> bytes:
    return sample.replace(b"\r", b"\n").split(b"\n", 1)[0]


def _format_by_content(sample: bytes, is_header: IsHeader) -> Format | None:
    if b"\0" in sample:
        return None
    if is_array(sample) or sample.lstrip().startswith(b"{"):
        return "json" if next(_json_objects(sample), None) is not None else None
    try:
        headers = [split_header(_first_line(sample), (), separator)[0] for separator in SEPARATORS["csv"]]
    except (UnicodeDecodeError, csv.Error):
        return None
    return "csv" if any(map(is_header, headers)) else None


def _header(line: bytes, separators: str) -> list[str] | None:
    known = dict.fromkeys(name for table in LANDING.values() for name in table.column_names)
    try:
        return [name.strip() for name in split_header(line, list(known), separators)[0]]
    except csv.Error:
        return None


def _json_columns(file: Path, sample: bytes) -> list[str] | None:
    objects = itertools.islice(_json_objects(sample), SAMPLE_ROWS)
    columns = dict.fromkeys(key for row in objects for key in row)
    return list(columns) or None


def _json_objects(sample: bytes) -> Iterator[dict[str, object]]:
    """The objects of the beginning of a JSON file; what is no object or broken is left out."""
    lines = _elements(sample) if is_array(sample) else sample.decode("utf-8", "replace").splitlines()
    return (row for line in lines if (row := _object(line)) is not None)


def _object(text: str) -> dict[str, object] | None:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _elements(sample: bytes) -> Iterator[str]:
    try:
        yield from array_elements(Path("sample"), sample)
    except DamagedFileError:
        return  # The sample ends within the array.


def _parquet_columns(file: Path) -> list[str] | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(file).names)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None
