"""Reads Parquet. Columns keep the types of the file, but text becomes binary, because it may not be valid UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.storage.ingest.files import DamagedFileError
from journeys_assets.storage.ingest.readers.pieces import BATCH_ROWS, Piece, Wanted


def read_parquet(file: Path, wanted: Wanted) -> Iterator[Piece]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as parquet:
            wanted.check(file, parquet.schema_arrow.names)
            columns = [name for name in wanted.known if name in parquet.schema_arrow.names]
            first = 1
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=columns):
                frame = pl.DataFrame([_unchecked(batch.column(name), name) for name in columns])
                yield Piece(frame.with_columns(line=pl.int_range(first, first + frame.height, dtype=pl.Int64)))
                first += frame.height
            if first == 1:
                empty = pl.from_arrow(parquet.schema_arrow.empty_table().select(columns))
                assert isinstance(empty, pl.DataFrame)
                yield Piece(empty.with_columns(line=pl.lit(None, dtype=pl.Int64)))
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{file} cannot be read as Parquet: {error}; write it again") from error


def _unchecked(array: Any, name: str) -> pl.Series:
    """An Arrow array as a series, with text as binary. Arrow does not check that text is UTF-8; polars requires it."""
    import pyarrow as pa

    kind = array.type
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
        kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        array = array.cast(pa.large_binary())
    elif (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and (
        pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)
    ):
        array = array.cast(pa.large_list(pa.large_binary()))
    return pl.Series(name, array)
