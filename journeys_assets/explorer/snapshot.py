"""One state of the published file: a connection, and what pages need of all users, counted once when it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb
import polars as pl

from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.explorer.cubes import Embed, ThemeState, read_themes
from journeys_assets.explorer.overview import Overview, last_day, read_overview, week_days
from journeys_assets.explorer.published import USE, FileIdentity, NothingPublished, tables_in
from journeys_assets.models.themes.release import ThemeMap

COUNTRIES_SCHEMA = {"user_id": pl.String, "country": pl.String}


@dataclass(frozen=True)
class Countries:
    """The country of each user, where it is known; ``problem`` says why they could not be read."""

    of_users: pl.DataFrame
    problem: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """What is published, as of ``day``.

    Attributes:
        published_at: When the file was written, UTC.
        weeks: The days shown on charts over weeks, oldest first; the last one is ``day``.
        tables: Names of the published tables.
        country_problem: Why countries are not known; None if they are.
    """

    con: duckdb.DuckDBPyConnection
    identity: FileIdentity
    day: date
    published_at: datetime
    weeks: tuple[date, ...]
    tables: frozenset[str]
    overview: Overview
    themes: ThemeState
    country_problem: str | None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection for one thread."""
        con = self.con.cursor()
        con.execute(USE)  # each connection has its own default
        return con


def read_snapshot(
    con: duckdb.DuckDBPyConnection,
    identity: FileIdentity,
    *,
    embed: Embed,
    countries: Callable[[], Countries],
    least_users: int,
    params: ThemeParams,
    theme_map: Callable[[date], ThemeMap | None] = lambda _: None,
) -> Snapshot:
    """The state of the file that ``con`` is connected to.

    Args:
        least_users: Themes, names and keywords of fewer users are not shown.
        theme_map: The released map that is live on a day.

    Raises:
        NothingPublished: there are no journeys in it.
    """
    day = last_day(con)
    if day is None:
        raise NothingPublished("no day has any journey yet")
    weeks = week_days(con, day)
    known = countries()
    themes = read_themes(
        con, weeks, known.of_users, embed, least_users=least_users, params=params, theme_map=theme_map(day)
    )
    snapshot = Snapshot(
        con=con,
        identity=identity,
        day=day,
        published_at=datetime.fromtimestamp(identity.modified_ns / 1e9, UTC),
        weeks=tuple(weeks),
        tables=frozenset(tables_in(con)),
        overview=read_overview(con, day, weeks),
        themes=themes,
        country_problem=known.problem,
    )
    # Computed now, so that the first visitor of the map does not wait.
    _ = themes.places
    return snapshot
