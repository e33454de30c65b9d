"""Journeys of all users, counted by theme under any filter, in memory: what the themes page is made of.

A cube has one row per live journey of one day, as small numbers sorted by theme, user and name, so that a count under a
filter is one pass over arrays. Nothing of it is written to disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.themes.landmarks import groups_by, placed_by
from journeys_assets.domain.themes.layout import map_of
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.domain.themes.themes import (
    NO_THEME,
    Themes,
    distinct_names,
    names_to_embed,
    themes_of,
    users_by_theme,
)
from journeys_assets.domain.vocabulary import INTENTS, KINDS, STAGES
from journeys_assets.models.themes.release import ThemeMap

FILTERS: dict[str, tuple[str, ...]] = {"kind": KINDS, "stage": STAGES, "intent": INTENTS}
"""Columns by which journeys are filtered, with their values."""

MOST_COUNTED = 512
"""Most answers of ``ThemeState.users`` that are kept."""

Embed = Callable[[Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Cube:
    """The live journeys of one day, sorted by theme, user and name: all arrays have one entry per journey."""

    theme: NDArray[np.int64]
    user: NDArray[np.int64]
    name: NDArray[np.int64]
    values: Mapping[str, NDArray[np.int8]]
    """By filter: the position of the journey's value in ``FILTERS``."""


@dataclass(frozen=True)
class ThemeState:
    """Themes of all users over the weeks.

    Attributes:
        names: Every normalised name, with the theme of each in ``themes.of_name``.
        cubes: By day, the last one last.
        countries: Names of countries; ``country_of`` has the position of each user's country, -1 for unknown.
        least_users: A count of fewer users is not shown.
        theme_map: The released map by which themes are placed.
    """

    names: tuple[str, ...]
    themes: Themes
    cubes: Mapping[date, Cube]
    countries: tuple[str, ...]
    country_of: NDArray[np.int64]
    least_users: int
    params: ThemeParams
    theme_map: ThemeMap | None = None
    _counted: dict[tuple[object, ...], NDArray[np.int64]] = field(default_factory=dict, repr=False)

    def users(self, day: date, chosen: Mapping[str, str] | None = None) -> NDArray[np.int64]:
        """Users of each theme on ``day``, of journeys that have the chosen values; fewer than k count as 0."""
        key = (day, *sorted((chosen or {}).items()))
        if key not in self._counted:
            if len(self._counted) >= MOST_COUNTED:
                self._counted.clear()
            self._counted[key] = self._count(day, chosen or {})
        return self._counted[key]

    def _count(self, day: date, chosen: Mapping[str, str]) -> NDArray[np.int64]:
        cube, mask = self.cubes[day], self._mask(day, chosen)
        theme, user = (cube.theme, cube.user) if mask is None else (cube.theme[mask], cube.user[mask])
        found = users_by_theme(theme, user, len(self.themes.labels))
        return np.where(found >= self.least_users, found, 0)

    def names_in(self, theme: int, day: date, chosen: Mapping[str, str] | None = None) -> list[tuple[str, int]]:
        """The names in a theme with their users, most first; names of fewer than k users are left out."""
        cube, mask = self.cubes[day], self._mask(day, chosen or {})
        first, last = np.searchsorted(cube.theme, [theme, theme + 1])
        within = slice(int(first), int(last))
        kept = np.ones(last - first, dtype=bool) if mask is None else mask[within]
        name, user = cube.name[within][kept], cube.user[within][kept]
        if not len(name):
            return []
        # Sorted by user, then name: a journey of the same name as the one before it is of the same user.
        is_first = np.r_[True, (name[1:] != name[:-1]) | (user[1:] != user[:-1])]
        names, n_users = np.unique(name[is_first], return_counts=True)
        found = [(self.names[i], int(n)) for i, n in zip(names, n_users, strict=True) if n >= self.least_users]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def journeys_outside(self, day: date) -> int:
        """Journeys on ``day`` that are in no theme."""
        return int((self.cubes[day].theme == NO_THEME).sum())

    def spellings_in(self, theme: int) -> list[str]:
        """The normalised names of a theme, those of few users included: to find its journeys, not to be shown."""
        return [self.names[i] for i in np.flatnonzero(self.themes.of_name == theme)]

    @cached_property
    def places(self) -> NDArray[np.float64]:
        """(themes on the map, 3): x, y and radius of each, by its users on the last day."""
        users = self.users(max(self.cubes)) if self.cubes else np.zeros(0, dtype=np.int64)
        n = min(self.params.n_on_map, len(self.themes.labels))
        sizes = np.maximum(users[:n], 1).astype(np.float64)
        if self.theme_map is not None:
            return placed_by(self.theme_map.landmarks, self.themes.vectors[:n], sizes, self.params)
        return map_of(
            self.themes.vectors[:n], sizes, perplexity=self.params.perplexity, iterations=self.params.iterations
        )

    def _mask(self, day: date, chosen: Mapping[str, str]) -> NDArray[np.bool_] | None:
        """Which journeys have the chosen values; None where nothing is chosen.

        Raises:
            ValueError: a value is not one of those that there are.
        """
        cube = self.cubes[day]
        parts = [cube.values[name] == FILTERS[name].index(chosen[name]) for name in FILTERS if name in chosen]
        if "country" in chosen:
            parts.append(self.country_of[cube.user] == self.countries.index(chosen["country"]))
        return np.logical_and.reduce(parts) if parts else None


def read_themes(
    con: duckdb.DuckDBPyConnection,
    days: Sequence[date],
    countries: pl.DataFrame,
    embed: Embed,
    *,
    least_users: int,
    params: ThemeParams,
    theme_map: ThemeMap | None = None,
) -> ThemeState:
    """Themes of the journeys of ``days``.

    Args:
        countries: user_id, country; users may lack.
        embed: Unit vectors of normalised names.
        theme_map: The released map by which themes are placed; without one, they are placed anew.
    """
    _number_users(con, days)
    spelled = con.execute(
        """
        SELECT journey_name, count(DISTINCT user_id) FILTER (partition_date = $last) AS n_users
        FROM user_journeys WHERE partition_date IN (SELECT unnest($days::DATE[])) GROUP BY ALL ORDER BY journey_name
        """,
        {"days": list(days), "last": max(days, default=date.min)},
    ).pl()
    names, code, counts = distinct_names(spelled["journey_name"].to_list(), spelled["n_users"].to_list())
    _register(con, "name_codes", pl.DataFrame({"journey_name": spelled["journey_name"], "name_code": code}))
    _register(con, "names", pl.DataFrame({"name": names, "name_code": range(len(names))}))
    few = names_to_embed(names, counts.tolist(), params)
    chosen = [names[i] for i in few]
    made = themes_of(chosen, counts[few].tolist(), embed(chosen), least_users=least_users, params=params)
    of_name = np.full(len(names), NO_THEME, dtype=np.int64)
    of_name[few] = made.of_name
    groups = made.groups if theme_map is None else groups_by(theme_map.landmarks, made.vectors)
    themes = Themes(made.labels, of_name, made.vectors, groups)
    known, country_of = _countries(con, countries)
    cubes = {day: _cube(con, day, of_name) for day in days}
    return ThemeState(names, themes, cubes, known, country_of, least_users, params, theme_map)


def _number_users(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> None:
    """A table in memory of all users of ``days`` with a number each, from 0, in the order of their ids."""
    con.execute(
        """
        CREATE OR REPLACE TABLE memory.main.user_codes AS
        SELECT user_id, (row_number() OVER (ORDER BY user_id) - 1)::BIGINT AS user_code
        FROM (SELECT DISTINCT user_id FROM user_journeys WHERE partition_date IN (SELECT unnest($days::DATE[])))
        """,
        {"days": list(days)},
    )


def _register(con: duckdb.DuckDBPyConnection, name: str, frame: pl.DataFrame) -> None:
    con.register("given", frame.to_arrow())
    con.execute(f"CREATE OR REPLACE TABLE memory.main.{name} AS SELECT * FROM given")
    con.unregister("given")


def _countries(con: duckdb.DuckDBPyConnection, countries: pl.DataFrame) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The countries that there are, and the position of that of each user, by the user's number."""
    known = tuple(sorted(countries["country"].drop_nulls().unique()))
    numbered = countries.with_columns(
        country_code=pl.col("country").replace_strict(known, range(len(known)), return_dtype=pl.Int64, default=None)
    )
    _register(con, "countries", numbered.select("user_id", "country_code"))
    codes = con.execute(
        """
        SELECT coalesce(any_value(country_code), -1)::BIGINT AS code FROM memory.main.user_codes
        LEFT JOIN memory.main.countries USING (user_id) GROUP BY user_code ORDER BY user_code
        """
    ).fetchnumpy()
    return known, np.asarray(codes["code"], dtype=np.int64)


def _cube(con: duckdb.DuckDBPyConnection, day: date, of_name: NDArray[np.int64]) -> Cube:
    columns = ", ".join(f"(list_position(${name}, {name}) - 1)::TINYINT AS {name}" for name in FILTERS)
    rows = con.execute(
        f"""
        SELECT user_code, name_code, {columns} FROM user_journeys
        JOIN memory.main.user_codes USING (user_id) JOIN memory.main.name_codes USING (journey_name)
        WHERE partition_date = $day
        """,
        {"day": day, **{name: list(values) for name, values in FILTERS.items()}},
    ).fetchnumpy()
    name, user = np.asarray(rows["name_code"], dtype=np.int64), np.asarray(rows["user_code"], dtype=np.int64)
    theme = of_name[name]
    order = np.lexsort((name, user, theme))
    values = {column: np.asarray(rows[column], dtype=np.int8)[order] for column in FILTERS}
    return Cube(theme[order], user[order], name[order], values)
