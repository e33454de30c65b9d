"""A small table, and rows for it."""

from __future__ import annotations

from datetime import date

import polars as pl

from journeys_assets.domain.tables.table import Column, Table

DAY, NEXT = date(2026, 1, 1), date(2026, 1, 2)
TABLE = Table(
    "counts",
    "test",
    ("partition_date", "k"),
    (Column("partition_date", pl.Date(), "day"), Column("k", pl.Int64(), "key"), Column("v", pl.Int64(), "value")),
)


def rows(day: date, n: int, v: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"partition_date": [day] * n, "k": list(range(n)), "v": [v] * n}, schema=TABLE.polars_schema)
