"""Reads Parquet. Columns keep the types of the file, except where the rules for values require otherwise.

Text becomes binary, because it may not be valid UTF-8. ``domain.landing.json_values`` has the rules for values. If the
type of a required column rules out every value, the column stays as it is, because then the file is wrong and not its
rows; see ``domain.landing.contract.fits``. The line of a record is its row number, first = 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.landing.json_values import NOT_WHOLE, NUMBER_AS_TIME, Kind, whole_text
from journeys_assets.storage.ingest.errors import DamagedFileError
from journeys_assets.storage.ingest.readers.pieces import BATCH_ROWS, Piece, Wanted, unreadable_frame

BUFFER_BYTES = 2**20
"""How much of a column is read at once, bytes."""

_TEXT = (pl.String, pl.Binary, pl.Null, pl.Categorical, pl.Enum)


@dataclass(frozen=True)
class _Converted:
    """A column, and its values that do not fit: (index, problem, value)."""

    values: pl.Series
    unreadable: list[tuple[int, str, str]]


def read_parquet(file: Path, wanted: Wanted) -> Iterator[Piece]:
    """The rows of a Parquet file; ``wanted`` gets the unknown columns and the count of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Without a buffer, the whole of each column of a row group is read at once, whatever its size.
        with pq.ParquetFile(file, buffer_size=BUFFER_BYTES) as parquet:
            written = parquet.schema_arrow.names
            positions = wanted.match(file, written)
            columns = {name: written[positions[name]] for name in wanted.known if name in positions}
            first = 1
            chosen = list(columns.values())
            for batch in parquet.iter_batches(batch_size=BATCH_ROWS, columns=chosen, use_threads=False):
                yield _piece(batch, columns, wanted, first)
                wanted.counts.add_rows(batch.num_rows)
                first += batch.num_rows
            if first == 1:
                yield _piece(parquet.schema_arrow.empty_table(), columns, wanted, first)
    except (pa.ArrowException, OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise DamagedFileError(f"{file} cannot be read as Parquet: {error}; write it again") from error


def _piece(batch: Any, columns: dict[str, str], wanted: Wanted, first: int) -> Piece:
    series, unreadable = [], []
    for name, column in columns.items():
        values, kind = _unchecked(batch.column(column), name), wanted.kinds.get(name)
        converted = _converted(values, kind, is_required=name in wanted.required) if kind else _Converted(values, [])
        series.append(converted.values)
        unreadable += [(first + at, name, problem, value) for at, problem, value in converted.unreadable]
    lines = pl.int_range(first, first + batch.num_rows, dtype=pl.Int64, eager=True).alias("line")
    return Piece(pl.DataFrame([*series, lines]), unreadable=unreadable_frame(sorted(unreadable)))


def _unchecked(array: Any, name: str) -> pl.Series:
    """An Arrow array as a series, with text as binary. Arrow does not check that text is UTF-8; polars requires it."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    array = as_stored(array)
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        array = array.cast(pa.large_binary())
    elif _is_list_of_text(kind):
        array = array.cast(pa.large_list(pa.large_binary()))
    elif pa.types.is_timestamp(kind) and kind.tz is not None:
        # polars knows no zones that are offsets, such as +05:30. The instant is the same in UTC.
        array = array.cast(pa.timestamp(kind.unit, "UTC"))
    return pl.Series(name, array)


def as_stored(array: Any) -> Any:
    """An Arrow array of JSON or of UUIDs as text; any other one as it is."""
    import pyarrow as pa

    name = getattr(array.type, "extension_name", None)
    if name == "arrow.uuid":
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.string())
    return array.storage if name == "arrow.json" else array


def _is_list_of_text(kind: Any) -> bool:
    import pyarrow as pa

    is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return bool(is_list and (pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type)))


def _converted(values: pl.Series, kind: Kind, *, is_required: bool) -> _Converted:
    """The values in a type that the contract reads; values that do not fit are null.

    NaN is null, because data frames write missing numbers so.
    """
    dtype = values.dtype
    if dtype in _TEXT:
        return _Converted(values, [])
    if kind in ("text", "boolean") and (dtype.is_float() or dtype.is_decimal()):
        return _whole_numbers(values, kind)
    if kind == "list" and isinstance(dtype, pl.List | pl.Array):
        return _lists(values, is_required=is_required)
    if kind == "number" and dtype.is_float():
        return _Converted(values.fill_nan(None), [])
    if _is_of_kind(dtype, kind) or is_required:
        return _Converted(values, [])
    problem = NUMBER_AS_TIME if kind == "time" and dtype.is_numeric() else f"is {_named(dtype)}, not {_meant(kind)}"
    return _none_fits(values, problem)


def _is_of_kind(dtype: pl.DataType, kind: Kind) -> bool:
    if kind == "text":
        return dtype.is_integer()
    if kind == "time":
        return dtype in (pl.Datetime, pl.Date)
    if kind == "boolean":
        return dtype == pl.Boolean or dtype.is_integer()
    return kind == "number" and dtype.is_numeric()


def _whole_numbers(values: pl.Series, kind: Kind) -> _Converted:
    """Floating-point and decimal numbers as digits; NaN is null."""
    problem = NOT_WHOLE if kind == "text" else "is no boolean"
    texts: list[str | None] = []
    unreadable = []
    for at, value in enumerate(values):
        is_null = value is None or value != value
        texts.append(None if is_null else _digits(value))
        if texts[-1] is None and not is_null:
            unreadable.append((at, problem, str(value)))
    return _Converted(pl.Series(values.name, texts, dtype=pl.String), unreadable)


def _digits(value: float | Decimal) -> str | None:
    if isinstance(value, Decimal):
        return str(int(value)) if value == value.to_integral_value() else None
    return whole_text(value)


def _lists(values: pl.Series, *, is_required: bool) -> _Converted:
    inner = values.dtype.inner  # type: ignore[attr-defined]
    if isinstance(values.dtype, pl.Array):
        values = values.arr.to_list()
    if inner in (pl.String, pl.Binary, pl.Null):
        return _Converted(values, [])
    if inner.is_integer() or inner in (pl.Categorical, pl.Enum):
        return _Converted(values.cast(pl.List(pl.String)), [])
    return (
        _Converted(values, []) if is_required else _none_fits(values, f"has an item that is {_named(inner)}, not text")
    )


def _none_fits(values: pl.Series, problem: str) -> _Converted:
    # Nested values are not shown, because they may hold text that is not UTF-8.
    shown = "[…]" if values.dtype.is_nested() else None
    # Times are shown as numbers, because those beyond the year 9999 cannot be written as text.
    texts = values.cast(pl.Int64) if values.dtype in (pl.Datetime, pl.Date, pl.Duration) else values
    unreadable = [(at, problem, shown or str(texts[at])) for at in values.is_not_null().arg_true()]
    return _Converted(pl.Series(values.name, [None] * len(values), dtype=pl.String), unreadable)


def _named(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Struct):
        return "an object"
    if isinstance(dtype, pl.List | pl.Array):
        return "a list"
    if dtype == pl.Boolean:
        return "a boolean"
    if dtype.is_temporal():
        return "a time"
    return "a number" if dtype.is_numeric() else f"of type {dtype}"


def _meant(kind: Kind) -> str:
    return {"text": "text", "time": "a time", "number": "a number", "boolean": "a boolean", "list": "a list of texts"}[
        kind
    ]
