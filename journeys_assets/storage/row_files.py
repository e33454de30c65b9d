"""Files of rows that users give: Parquet, CSV or JSON lines, read whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from journeys_assets.errors import JourneysError

FORMATS = (".parquet", ".csv", ".jsonl")


def read_rows(file: Path, error: type[JourneysError]) -> pl.DataFrame:
    """The rows of a file of one of ``FORMATS``. All columns of a CSV file are texts: nothing is guessed to be a number.

    Raises:
        JourneysError: ``error``, where the file cannot be read.
    """
    read: Mapping[str, Callable[[], pl.DataFrame]] = {
        ".parquet": lambda: pl.read_parquet(file),
        ".csv": lambda: pl.read_csv(file, infer_schema=False),
        ".jsonl": lambda: pl.read_ndjson(file, infer_schema_length=None),
    }
    if file.suffix.lower() not in read:
        raise error(f"{file}: its name must end in {', '.join(FORMATS)}; rename or convert it")
    try:
        return read[file.suffix.lower()]()
    except pl.exceptions.PolarsError as reason:
        raise error(f"{file} cannot be read as {file.suffix[1:]}: {reason}; write it again") from reason
