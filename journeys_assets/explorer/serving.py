"""The published rows of each user, in memory, to be read in a fraction of a millisecond.

Rows of the last day are held sorted by user, with the place of each user's rows. A file of 100,000 users with five
journeys each takes some hundred megabytes. DuckDB would scan the whole table for each user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from journeys_assets.explorer.overview import last_day
from journeys_assets.explorer.published import FileIdentity, NothingPublished, Published, tables_in

QUERIES: dict[str, tuple[str, str]] = {
    "journeys": ("current_journeys", "rank"),
    "items": ("journey_items", "ALL"),
    "related": ("related_journeys", "rank"),
    "candidates": ("notification_candidates", "journey_id, channel"),
}
"""By resource: the table, and the order of a user's rows."""
FEW_VALUES = 256
"""Text columns with at most this many values are held as numbers of values: a quarter of the memory."""
LEFT_OUT = ("partition_date", "user_id", "algorithm_version")
"""Columns that are the same in all rows of an answer, or no business of a client."""


@dataclass(frozen=True, slots=True)
class UserRows:
    """The rows of one table, sorted by user.

    Attributes:
        places: First row and number of rows of each user.
    """

    rows: pl.DataFrame
    places: Mapping[str, tuple[int, int]]

    def of(self, user_id: str) -> list[dict[str, Any]]:
        """The user's rows; none for a user without any."""
        first, n = self.places.get(user_id, (0, 0))
        return self.rows.slice(first, n).to_dicts() if n else []


@dataclass(frozen=True, slots=True)
class ServedRows:
    """What is published as of ``day``, by resource; a resource without a table is left out."""

    identity: FileIdentity
    day: date
    resources: Mapping[str, UserRows]

    def is_known(self, user_id: str) -> bool:
        """Whether any resource has a row of the user."""
        return any(user_id in rows.places for rows in self.resources.values())


def published_rows(path: Path) -> Published[ServedRows]:
    """The rows of the published file at ``path``; nothing is read yet."""
    return Published(path, _read)


def _read(con: duckdb.DuckDBPyConnection, identity: FileIdentity) -> ServedRows:
    day = last_day(con)
    if day is None:
        raise NothingPublished("no day has any journey yet")
    there = tables_in(con)
    found = {name: _rows(con, *query, day) for name, query in QUERIES.items() if query[0] in there}
    con.close()
    return ServedRows(identity, day, found)


def _rows(con: duckdb.DuckDBPyConnection, table: str, order: str, day: date) -> UserRows:
    rows = con.execute(
        f"SELECT * FROM {table} WHERE partition_date = $day ORDER BY user_id, {order}".replace("user_id, ALL", "ALL"),
        {"day": day},
    ).pl()
    users = rows.get_column("user_id").rle().struct.unnest()
    ends = users["len"].cum_sum()
    places = {user: (end - n, n) for user, n, end in zip(users["value"], users["len"], ends, strict=True)}
    kept = rows.drop([name for name in LEFT_OUT if name in rows.columns])
    repeated = [name for name in kept.select(pl.col(pl.String)).columns if kept[name].n_unique() <= FEW_VALUES]
    return UserRows(kept.with_columns(pl.col(repeated).cast(pl.Categorical)), places)
