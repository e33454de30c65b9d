"""The ids that a user's rows are stored for, as of a day.

Staging gives every event to whom it belongs whatever comes later. Only what was done before an id's first link changes
hands, on the day of the link: those rows stay with the id, and ``landing.identity_aliases`` has the user whom they
count for on a day. A query that reads rows of several days goes through this module. Without links it costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import duckdb
import polars as pl

from journeys_assets.domain.identities.links import LINK_COLUMNS, LinkCounts, owners
from journeys_assets.storage.queries.shards import Shard

FIRST_DAY = date.min
"""Since when a user's own rows count for the user."""

ALIASES = "landing.identity_aliases"


def has_aliases(con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the rows of any id count for another one on any day."""
    return bool(con.execute(f"SELECT EXISTS (FROM {ALIASES})").fetchall()[0][0])


def with_logged_ids(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, on: date | str) -> pl.DataFrame:
    """``rows`` (user_id, …), each once for every id whose stored rows count for the user.

    Args:
        on: The day as of which they count, or the name of the column that has it.

    Returns:
        The columns of ``rows``; logged_id; known_from, the first day of the link (``FIRST_DAY`` for the user's own id).
        A user whose own rows count for somebody else on the day has none.
    """
    own = rows.with_columns(logged_id="user_id", known_from=pl.lit(FIRST_DAY))
    if not has_aliases(con):
        return own
    aliases = con.execute(f"FROM {ALIASES}").pl()
    day = pl.col(on) if isinstance(on, str) else pl.lit(on)
    is_active = (pl.col("from_date") <= day) & (day < pl.col("until_date"))
    given_away = rows.join(aliases, on="user_id").filter(is_active).select(rows.columns)
    added = (
        rows.join(aliases.rename({"user_id": "logged_id"}), left_on="user_id", right_on="owner_id")
        .filter(is_active)
        .rename({"from_date": "known_from"})
        .select(own.columns)
    )
    return pl.concat([own.join(given_away, on=rows.columns, how="anti"), added])


def owners_on(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, pl.DataFrame]:
    """The ids whose stored rows count for another user on each of ``days``: user_id, owner_id."""
    aliases = con.execute(f"FROM {ALIASES} WHERE from_date <= $last", {"last": max(days)}).pl()
    return {
        day: aliases.filter((pl.col("from_date") <= day) & (day < pl.col("until_date"))).select("user_id", "owner_id")
        for day in days
    }


def linked_pairs(con: duckdb.DuckDBPyConnection, day: date) -> pl.DataFrame:
    """Each id with every id that it is linked to by the end of ``day``, in both directions: user_id, linked_id."""
    return con.execute(
        """
        SELECT user_id, other_id AS linked_id FROM landing.identity_pairs WHERE since_date <= $day
        UNION SELECT other_id, user_id FROM landing.identity_pairs WHERE since_date <= $day
        ORDER BY ALL
        """,
        {"day": day},
    ).pl()


def owned(rows: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    """``rows`` (user_id, …) with the user whom each counts for.

    Args:
        owners: Those of one day, as of :func:`owners_on`.
    """
    if owners.is_empty():
        return rows
    found = rows.join(owners, on="user_id", how="left", maintain_order="left")
    return found.with_columns(user_id=pl.coalesce("owner_id", "user_id")).drop("owner_id")


def stored_for(shard: Shard, column: str = "user_id") -> str:
    """A condition of SQL that the rows meet which count, on some day, for a user of ``shard``."""
    if shard.is_all:
        return "true"
    aliases = f"SELECT user_id FROM {ALIASES} WHERE {shard.sql('owner_id')}"
    return f"(({shard.sql(column)}) OR {column} IN ({aliases}))"


def owned_days(day: str, shard: Shard) -> str:
    """SQL for user_id, partition_date of keyword_table, with whom the rows count for as of ``day``.

    The rows of other ids are looked up apart, so that conditions on user_id and partition_date reach the scan.

    Args:
        day: SQL of the day.
    """
    active = f"(SELECT user_id, owner_id FROM {ALIASES} WHERE from_date <= {day} AND until_date > {day})"
    return f"""(
        SELECT user_id, partition_date FROM main.keyword_table ANTI JOIN {active} AS a USING (user_id)
        WHERE {shard.sql()}
        UNION ALL
        SELECT a.owner_id, k.partition_date FROM main.keyword_table AS k JOIN {active} AS a USING (user_id)
        WHERE {shard.sql("a.owner_id")}
    )"""


def landed_under(logged_ids: str) -> str:
    """SQL for the ids whose landed rows staging may give to one of some ids.

    Args:
        logged_ids: SQL for those, as staging has them.
    """
    return f"{logged_ids} UNION ALL SELECT other_id FROM landing.identity_periods WHERE user_id IN ({logged_ids})"


def events_as_of(con: duckdb.DuckDBPyConnection, events: str, day: str) -> str:
    """SQL for ``events`` of staging, each with the user whose it is as of ``day``.

    Args:
        events: SQL for user_id, engaged_at.
        day: SQL of the day.
    """
    if not has_aliases(con):
        return events
    return f"""(
        SELECT coalesce(a.owner_id, e.user_id) AS user_id, e.engaged_at
        FROM {events} AS e
        LEFT JOIN {ALIASES} AS a ON a.user_id = e.user_id AND a.from_date <= {day} AND a.until_date > {day}
    )"""


def digest_of_owners(con: duckdb.DuckDBPyConnection) -> str:
    """A digest of whom the rows of ids count for; the order of rows makes no difference."""
    return repr(con.execute(f"SELECT count(*), sum(hash(rows))::VARCHAR FROM {ALIASES} AS rows").fetchone())


def current_owner(con: duckdb.DuckDBPyConnection, logged_id: str, day: date) -> str:
    """The user whom an id stands for at the end of ``day``: the id itself where it is linked to nobody."""
    row = con.execute(
        f"""
        SELECT coalesce(
          (SELECT owner_id FROM {ALIASES} WHERE user_id = coalesce(p.user_id, $id) AND from_date <= $day
           AND until_date > $day),
          p.user_id, $id)
        FROM (SELECT 1) LEFT JOIN landing.identity_periods AS p
          ON p.other_id = $id AND p.valid_from < $day_after AND p.valid_to >= $day_after
        """,
        {"id": logged_id, "day": day, "day_after": datetime.combine(day + timedelta(days=1), datetime.min.time())},
    ).fetchone()
    return logged_id if row is None else str(row[0])


def link_counts(con: duckdb.DuckDBPyConnection) -> LinkCounts | None:
    """What the links of the log come to; None if there never was one."""
    links = con.execute(f"SELECT {', '.join(LINK_COLUMNS)} FROM landing.identities").pl()
    return None if links.is_empty() else owners(links).counts
