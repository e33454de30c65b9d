"""What users said of which keywords are one journey and what it is called, as of a day."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.clustering.edits import EDITS_SCHEMA
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.vocabulary import EDITS, UNDO
from journeys_assets.storage.queries.identities import ALIASES
from journeys_assets.storage.queries.shards import EVERYONE, Shard

_GIVEN = f"""(
    SELECT coalesce(a.owner_id, f.user_id) AS user_id, f.* EXCLUDE (user_id)
    FROM main.stg_journey_feedback AS f
    LEFT JOIN {ALIASES} AS a ON a.user_id = f.user_id AND a.from_date <= $day AND a.until_date > $day
    WHERE f.event_date <= $day AND f.verdict IN {(*EDITS, UNDO)}
)"""
"""Edits by the end of ``$day``, those taken back among them, and the rows that take them back."""


NO_DAYS = "(SELECT NULL::VARCHAR AS user_id, NULL::DATE AS changed_on WHERE false)"
"""As :func:`days_of_edits`, without any."""
_SIDES = ("keywords", "other_keywords")


def days_of_edits(con: duckdb.DuckDBPyConnection) -> str:
    """SQL for user_id, changed_on of every edit by the end of ``$day``, and of every one taken back."""
    if not _are_known(con):
        return NO_DAYS
    return f"(SELECT DISTINCT user_id, event_date AS changed_on FROM {_GIVEN})"


def edits_as_of(con: duckdb.DuckDBPyConnection, day: date, shard: Shard = EVERYONE) -> pl.DataFrame:
    """The edits that were given by the end of ``day`` and not taken back by then.

    An edit is taken back by an ``undo`` of the same user and edit_id, of its time or later.

    Returns:
        Rows of ``EDITS_SCHEMA``, sorted by user and time; keywords are normalised.
    """
    if not _are_known(con):
        return EDITS_SCHEMA.to_frame()
    rows = con.execute(
        f"""
        WITH given AS (FROM {_GIVEN} WHERE {shard.sql()}), undone AS (
          SELECT user_id, edit_id, max(given_at) AS undone_at FROM given WHERE verdict = '{UNDO}' GROUP BY ALL
        )
        SELECT {", ".join(f"g.{name}" for name in EDITS_SCHEMA)}
        FROM given AS g LEFT JOIN undone AS u USING (user_id, edit_id)
        WHERE g.verdict <> '{UNDO}' AND (u.undone_at IS NULL OR g.given_at > u.undone_at)
        ORDER BY ALL
        """,
        {"day": day},
    ).pl()
    keywords = [normalise_series(rows[name]).list.eval(pl.element().filter(pl.element() != "")) for name in _SIDES]
    return rows.cast(EDITS_SCHEMA).with_columns(keywords)


def edits_of_user(con: duckdb.DuckDBPyConnection, user_id: str) -> pl.DataFrame:
    """Every edit that a user ever gave, and what takes edits back, as they were landed: columns of ``EDITS_SCHEMA``."""
    if not _are_known(con):
        return EDITS_SCHEMA.to_frame()
    return con.execute(
        f"SELECT {', '.join(EDITS_SCHEMA)} FROM main.stg_journey_feedback "
        f"WHERE user_id = $user AND verdict IN {(*EDITS, UNDO)} ORDER BY given_at",
        {"user": user_id},
    ).pl()


def _are_known(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the staging view has edits: not before the first run of a release that knows them."""
    found = con.execute(
        "SELECT count(*) FROM duckdb_columns() WHERE table_name = 'stg_journey_feedback' AND column_name = 'edit_id'"
    ).fetchone()
    return bool(found and found[0])
