"""Times of logs as UTC: ISO 8601 with or without a zone, and numbers since 1970 in a stated unit."""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.landing.contract import SHOWN_CHARACTERS, UNREADABLE_SCHEMA, parse_times
from journeys_assets.domain.landing.log_options import TimeUnit
from journeys_assets.domain.tables.table import TIMESTAMP

_NUMBER = r"^[+-]?(?:\d{5,}(?:\.\d*)?|\d+\.?\d*[eE]\+?\d+)$"
"""A number since 1970; four digits are a year."""
_ZONED = r"(?:[zZ]|UTC|[+-]\d{2}(?::?\d{2})?)\s*$"
_MICROSECONDS: dict[TimeUnit, float] = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
_MAX_MICROSECONDS = 253_402_300_800 * 1_000_000
"""The end of the year 9999."""

NO_UNIT = "is a number, and no unit is known; set time_unit to s, ms, us or ns"
BEYOND = "is a number beyond the year 9999 in the unit {unit}; set time_unit to the unit of the log"
NOT_A_TIME = "is not a time such as 2026-01-31T12:00:00Z"
NOT_IN_ZONE = "does not exist in the time zone {zone}, because clocks were set forward; check time_zone"


def are_naive(texts: pl.Series) -> pl.Series:
    """Whether each text is a time without a zone; numbers and nulls are not."""
    is_time = texts.str.contains(r"^\s*\d{4}-\d{2}-\d{2}") & ~texts.str.slice(10).str.contains(_ZONED)
    return is_time.fill_null(False)


def utc_times(texts: pl.Series, *, unit: TimeUnit | None, zone: str) -> tuple[pl.Series, pl.DataFrame]:
    """Times as naive UTC (microseconds), null where a text is none.

    Args:
        texts: Times as text; nulls stay null.
        unit: The unit of numbers; None if there must be none.
        zone: The IANA time zone of times without one. An hour that occurs twice is the first one.

    Returns:
        The times, and what could not be read: ``UNREADABLE_SCHEMA``, where ``line`` is the index in ``texts``.
    """
    texts = texts.cast(pl.String)
    is_number = texts.str.strip_chars().str.contains(_NUMBER).fill_null(False)
    read = parse_times(texts.set(is_number, None))
    if zone != "UTC":
        naive = are_naive(texts)
        local = read.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
        there = local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        missing = naive & there.is_null() & read.is_not_null()
        read = pl.select(pl.when(naive).then(there).otherwise(read)).to_series()
    else:
        missing = pl.repeat(False, len(texts), dtype=pl.Boolean, eager=True)
    beyond = missing & False
    if unit is not None and is_number.any():
        number = texts.set(~is_number, None).str.strip_chars()
        # Digits are exact as integers; a fraction of a second is exact enough as a floating-point number.
        whole = number.cast(pl.Int64, strict=False)
        scale = _MICROSECONDS[unit]
        exact = whole * int(scale) if scale >= 1 else whole // 1000
        float_us = (number.cast(pl.Float64, strict=False) * scale).round()
        beyond = (float_us.abs() >= _MAX_MICROSECONDS).fill_null(False)
        value = pl.select(pl.coalesce(exact.set(beyond, None), float_us.set(beyond, None).cast(pl.Int64))).to_series()
        read = pl.select(pl.when(is_number).then(value.cast(TIMESTAMP)).otherwise(read)).to_series()
    problem = pl.select(
        pl.when(beyond)
        .then(pl.lit(BEYOND.format(unit=unit)))
        .when(is_number & read.is_null())
        .then(pl.lit(NO_UNIT))
        .when(missing)
        .then(pl.lit(NOT_IN_ZONE.format(zone=zone)))
        .when(texts.is_not_null() & read.is_null())
        .then(pl.lit(NOT_A_TIME))
    ).to_series()
    found = pl.DataFrame({"problem": problem, "value": texts.str.head(SHOWN_CHARACTERS)}).with_row_index("line")
    unreadable = found.filter(pl.col("problem").is_not_null()).with_columns(column=pl.lit(""))
    return read.cast(TIMESTAMP), unreadable.select(pl.col(n).cast(t) for n, t in UNREADABLE_SCHEMA.items())
