"""After new links: whose events an id's events are now, and which days that changes."""

from __future__ import annotations

import duckdb
import polars as pl

from journeys_assets.domain.identities.changes import changed_spans
from journeys_assets.domain.identities.links import LINK_COLUMNS, owners
from journeys_assets.domain.tables.identities import IDENTITY_ALIASES, IDENTITY_PAIRS, IDENTITY_PERIODS, IDENTITY_TABLES
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.ingest.scratch import EVENT_TIME

LINKED = "identities"
"""In ``ingested_days``: the first day on which other rows count for a user, or other opt-outs hold."""
LINKED_EVENTS = "identity_events"
"""In ``ingested_days``: the days with events that have another user now."""

_SPANS = {
    IDENTITY_PERIODS.name: {"id": "other_id", "owner": "user_id", "begins": "valid_from", "ends": "valid_to"},
    IDENTITY_ALIASES.name: {"id": "user_id", "owner": "owner_id", "begins": "from_date", "ends": "until_date"},
}


def renew_owners(con: duckdb.DuckDBPyConnection, seq: int) -> None:
    """Derive ``IDENTITY_TABLES`` from ``identities`` anew, and record the days that this changes for call ``seq``.

    Call it after all rows of the call are stored. What does not change an owner records nothing.
    """
    links = con.execute(f"SELECT {', '.join(LINK_COLUMNS)} FROM landing.identities").pl()
    found = owners(links)
    after = {
        IDENTITY_PERIODS.name: found.periods,
        IDENTITY_ALIASES.name: found.aliases,
        IDENTITY_PAIRS.name: found.pairs,
    }
    before = {name: con.execute(f"FROM {table.qualified_name}").pl() for name, table in IDENTITY_TABLES.items()}
    changed = {
        name: changed_spans(*(frames[name].select(**columns) for frames in (before, after)))
        for name, columns in _SPANS.items()
    }
    old, new = (frames[IDENTITY_PAIRS.name] for frames in (before, after))
    pairs = pl.concat([a.join(b, on=a.columns, how="anti", nulls_equal=True) for a, b in ((old, new), (new, old))])
    if changed[IDENTITY_PERIODS.name].height:
        _record_events(con, changed[IDENTITY_PERIODS.name], seq)
    _record_first_days(con, changed[IDENTITY_ALIASES.name], pairs, seq)
    for name, table in IDENTITY_TABLES.items():
        _replace(con, table, after[name])


def _record_events(con: duckdb.DuckDBPyConnection, spans: pl.DataFrame, seq: int) -> None:
    """Record the days of the events of ids in the ``spans`` in which their owner has changed."""
    con.register("changed_spans", spans.to_arrow())
    bounds = "SELECT min(begins) FROM changed_spans"
    events = " UNION ALL ".join(
        f"SELECT user_id, {time} AS dated_at FROM landing.{source} WHERE {time} >= ({bounds})"
        for source, time in EVENT_TIME.items()
        if source != LINKED
    )
    con.execute(
        f"""
        INSERT INTO landing.ingested_days BY NAME
        SELECT {seq}::BIGINT AS ingest_seq, '{LINKED_EVENTS}' AS source, dated_at::DATE AS event_date,
               count(*) AS n_events, count(DISTINCT user_id) AS n_users
        FROM ({events}) AS e
        JOIN changed_spans AS s ON e.user_id = s.id AND e.dated_at >= s.begins AND e.dated_at < s.ends
        GROUP BY event_date ORDER BY event_date
        """
    )
    con.unregister("changed_spans")


def _record_first_days(con: duckdb.DuckDBPyConnection, aliases: pl.DataFrame, pairs: pl.DataFrame, seq: int) -> None:
    """Record the first day from which on rows of an id count for someone else, or opt-outs hold for another id.

    Args:
        aliases: id, begins, ends of the days on which an id has another owner than before.
        pairs: user_id, other_id, since_date of pairs that are new or gone.
    """
    first = aliases.group_by("id").agg(day=pl.col("begins").min())
    held = pl.concat([pairs.select(id=name, day="since_date") for name in ("user_id", "other_id")]).unique()
    con.register("first_days", first.to_arrow())
    con.register("held_days", held.to_arrow())
    stored = " UNION ALL ".join(
        f"SELECT user_id FROM landing.{source}" for source in (*EVENT_TIME, "users") if source != LINKED
    )
    con.execute(
        f"""
        INSERT INTO landing.ingested_days BY NAME
        SELECT {seq}::BIGINT AS ingest_seq, '{LINKED}' AS source, day AS event_date, count(*) AS n_events,
               count(DISTINCT id) AS n_users
        FROM (
          SELECT id, day FROM first_days SEMI JOIN ({stored}) AS rows ON rows.user_id = first_days.id
          UNION ALL
          SELECT id, day FROM held_days SEMI JOIN (
            SELECT user_id FROM landing.users UNION ALL SELECT user_id FROM landing.refused_unsubscribes
            UNION ALL SELECT user_id FROM landing.notification_events WHERE unsubscribed_at IS NOT NULL
          ) AS rows ON rows.user_id = held_days.id
        ) GROUP BY day ORDER BY day
        """
    )
    con.unregister("first_days")
    con.unregister("held_days")


def _replace(con: duckdb.DuckDBPyConnection, table: Table, rows: pl.DataFrame) -> None:
    con.execute(f"DELETE FROM {table.qualified_name}")
    con.register("derived_rows", rows.select(table.column_names).to_arrow())
    con.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM derived_rows")
    con.unregister("derived_rows")
