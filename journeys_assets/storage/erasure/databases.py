"""Removes users from a DuckDB file: their rows, texts that only they had, and the bytes of both.

Rows are found by the columns that hold ids of users, whatever the table, so a new table needs no rule here. A table
without such a column has texts that come from users where ``Table.text_of_users`` names them: those that no other user
and no item has are removed. DuckDB keeps the bytes of deleted rows in free blocks, so the file is written anew and
replaces the old one in one step.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from journeys_assets.domain.tables.landing import ERASED_USERS
from journeys_assets.domain.vocabulary import EDITS, UNDO
from journeys_assets.storage.erasure.occurrences import pattern_of
from journeys_assets.storage.erasure.tombstones import USER_COLUMNS, Tombstones
from journeys_assets.storage.ingest.scratch import EVENT_TIME
from journeys_assets.storage.warehouse.base import STORAGE_VERSION, WarehouseError, quoted, write_compact_copy

ITEMS = "landing.pins"
"""Items belong to nobody: their texts stay."""


@dataclass
class Removed:
    """What was removed from one database.

    Attributes:
        rows: Number of rows by table; tables without any are left out.
        texts: Texts that only the removed rows had, of all columns.
        longer: Texts that are left, of all tables, within which an id of the users is part of a longer word, such as
            another id.
    """

    rows: dict[str, int] = field(default_factory=dict)
    texts: set[str] = field(default_factory=set)
    longer: set[str] = field(default_factory=set)


def remove_users(
    con: duckdb.DuckDBPyConnection, ids: Sequence[str], shared_texts: Mapping[str, str], erased: Tombstones
) -> Removed:
    """Delete all rows of users from the current database, inside the transaction of ``con``.

    Args:
        ids: All ids of the users, clean.
        shared_texts: The column of texts, by the name of a table without users.
        erased: Recognises the ids in quarantined rows.
    """
    columns = _columns(con)
    of_users = {table: found for table, names in columns.items() if (found := [n for n in USER_COLUMNS if n in names])}
    con.execute("CREATE OR REPLACE TEMP TABLE erased_ids AS SELECT unnest($1::VARCHAR[]) AS id", [list(ids)])
    has_id = {
        table: " OR ".join(f'"{name}" IN (SELECT id FROM erased_ids)' for name in names)
        for table, names in of_users.items()
    }
    removed = Removed()
    con.execute(
        "CREATE OR REPLACE TEMP TABLE erased_texts AS SELECT DISTINCT text FROM "
        f"({_texts(columns, has_id)}) WHERE text IS NOT NULL"
    )
    _keep_objections(con, columns)
    _remove_under_shared_ids(con, columns, removed)
    for table in of_users:
        _count(removed, table, con.execute(f"DELETE FROM {table} WHERE {has_id[table]}").fetchone())
    if "landing.quarantined_rows" in columns:
        _remove_quarantined(con, removed, erased)
    _remove_orphans(con, columns, shared_texts, removed)
    rows = con.execute(f"FROM erased_texts ANTI JOIN ({_kept_texts(columns)}) AS kept USING (text)").fetchall()
    removed.texts = {text for (text,) in rows}
    removed.longer = _longer(con, columns, ids)
    con.execute("DROP TABLE erased_texts")
    con.execute("DROP TABLE erased_ids")
    return removed


def remove_before(con: duckdb.DuckDBPyConnection, day: date, shared_texts: Mapping[str, str]) -> Removed:
    """Delete what the log says of days before ``day`` from the current database, inside the transaction of ``con``.

    Consent is kept, however old: users, unsubscribes and verdicts of users on journeys. So are items and judgements.
    Edits of journeys go, because they hold keywords of the log.
    """
    columns = _columns(con)
    removed = Removed()
    for table, is_old in _OLD.items():
        if table in columns:
            _count(removed, table, con.execute(f"DELETE FROM {table} WHERE {is_old}", [day]).fetchone())
    _remove_orphans(con, columns, shared_texts, removed)
    return removed


_OLD = {
    "landing.search_events": "searched_at < $1",
    "landing.pin_engagements": "engaged_at < $1",
    "landing.board_pins": "saved_at < $1",
    "landing.notification_events": "sent_at < $1 AND unsubscribed_at IS NULL",
    "landing.journey_feedback": f"given_at < $1 AND verdict IN {(*EDITS, UNDO)}",
    "landing.quarantined_rows": "quarantined_at < $1",
    "main.keyword_table": "partition_date < $1",
}


def remove_users_from_copy(
    path: Path, ids: Sequence[str], shared_texts: Mapping[str, str], erased: Tombstones
) -> Removed:
    """:func:`remove_users` of a file that the warehouse does not own, such as the published one, and its bytes.

    Raises:
        WarehouseError: the file cannot be opened or written.
    """
    fresh = path.with_name(f".{path.name}-anew")
    try:
        with duckdb.connect(":memory:") as con:
            con.execute(f"ATTACH '{quoted(path)}' AS published (STORAGE_VERSION '{STORAGE_VERSION}')")
            con.execute("USE published")
            con.execute("BEGIN TRANSACTION")
            removed = remove_users(con, ids, shared_texts, erased)
            con.execute("COMMIT")
            write_compact_copy(con, "published", fresh)
    except duckdb.Error as error:
        raise WarehouseError(
            f"cannot remove a user from {path}: {error}; if another program has the file open for writing, close it, "
            "and erase again"
        ) from error
    os.replace(fresh, path)
    Path(f"{path}.wal").unlink(missing_ok=True)
    return removed


def _keep_objections(con: duckdb.DuckDBPyConnection, columns: Mapping[str, Mapping[str, str]]) -> None:
    """Keep what the erased ids objected to as unsubscribes of the ids that stay and that it holds for, too.

    An opt-out of an id holds for the ids that are linked to it. Without its rows, an older yes of these would count.
    """
    if not {"landing.identity_pairs", "landing.refused_unsubscribes"} <= columns.keys():
        return
    con.execute(
        """
        INSERT INTO landing.refused_unsubscribes BY NAME
        WITH sends AS (
          SELECT user_id, channel, sent_at, unsubscribed_at, ingest_seq FROM landing.notification_events
          WHERE unsubscribed_at IS NOT NULL
        ), in_force AS (
          SELECT * FROM landing.users WHERE user_id IN (FROM erased_ids)
          QUALIFY ingest_seq >= coalesce(max(ingest_seq) FILTER (updated_at IS NULL) OVER (PARTITION BY user_id), 0)
        ), current AS (
          SELECT user_id, coalesce(updated_at, ingested_at) AS unsubscribed_at, ingest_seq,
                 coalesce(email_opt_in, false) AS email, coalesce(push_opt_in, false) AS push
          FROM in_force JOIN (
            SELECT ingest_seq, max(ingested_at) AS ingested_at FROM landing.ingest_ledger GROUP BY ingest_seq
          ) AS calls USING (ingest_seq)
          QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY updated_at DESC NULLS LAST, ingest_seq DESC) = 1
        ), stated AS (
          SELECT user_id, bool_or(email_opt_in IS NOT NULL) AS email, bool_or(push_opt_in IS NOT NULL) AS push
          FROM landing.users GROUP BY user_id
        ), objections AS (
          SELECT user_id, channel, unsubscribed_at, ingest_seq FROM sends
          UNION ALL SELECT user_id, channel, unsubscribed_at, ingest_seq FROM landing.refused_unsubscribes
          UNION ALL SELECT user_id, 'email', unsubscribed_at, ingest_seq FROM current JOIN stated USING (user_id)
          WHERE stated.email AND NOT current.email
          UNION ALL SELECT user_id, 'push', unsubscribed_at, ingest_seq FROM current JOIN stated USING (user_id)
          WHERE stated.push AND NOT current.push
        ), linked AS (
          SELECT user_id AS kept, other_id AS gone FROM landing.identity_pairs
          UNION ALL SELECT other_id, user_id FROM landing.identity_pairs
        )
        SELECT DISTINCT kept AS user_id, channel, unsubscribed_at, ingest_seq
        FROM objections JOIN linked ON gone = user_id
        WHERE gone IN (FROM erased_ids) AND kept NOT IN (FROM erased_ids)
        UNION
        -- What was done under a shared id while it was one of the erased users'.
        SELECT s.user_id, channel, unsubscribed_at, ingest_seq FROM sends AS s JOIN landing.identity_periods AS p
        ON p.other_id = s.user_id AND s.sent_at >= p.valid_from AND s.sent_at < p.valid_to
        WHERE p.user_id IN (FROM erased_ids) AND s.user_id NOT IN (FROM erased_ids)
        ORDER BY ALL
        """
    )


def _remove_under_shared_ids(
    con: duckdb.DuckDBPyConnection, columns: Mapping[str, Mapping[str, str]], removed: Removed
) -> None:
    """What was done under an id of several users while it was one of the erased ones'."""
    if "landing.identity_periods" not in columns:
        return
    for source, time in EVENT_TIME.items():
        table = f"landing.{source}"
        if table in columns:
            deleted = con.execute(
                f"DELETE FROM {table} AS e USING landing.identity_periods AS p WHERE p.other_id = e.user_id "
                f"AND e.{time} >= p.valid_from AND e.{time} < p.valid_to AND p.user_id IN (SELECT id FROM erased_ids)"
            ).fetchone()
            _count(removed, table, deleted)


def _remove_orphans(
    con: duckdb.DuckDBPyConnection,
    columns: Mapping[str, Mapping[str, str]],
    shared_texts: Mapping[str, str],
    removed: Removed,
) -> None:
    """Delete shared texts that no user and no item has any more."""
    kept = f"SELECT text FROM ({_kept_texts(columns)}) WHERE text IS NOT NULL"
    for table, column in shared_texts.items():
        if f"main.{table}" in columns:
            deleted = con.execute(f'DELETE FROM main.{table} WHERE "{column}" NOT IN ({kept})').fetchone()
            _count(removed, f"main.{table}", deleted)


def _kept_texts(columns: Mapping[str, Mapping[str, str]]) -> str:
    """SQL for all texts of users and items."""
    owned = [table for table, names in columns.items() if table == ITEMS or any(name in names for name in USER_COLUMNS)]
    return _texts(columns, dict.fromkeys(owned, "true"))


def _longer(con: duckdb.DuckDBPyConnection, columns: Mapping[str, Mapping[str, str]], ids: Sequence[str]) -> set[str]:
    rows = con.execute(
        f"SELECT DISTINCT text FROM ({_texts(columns, dict.fromkeys(columns, 'true'))}) "
        "WHERE EXISTS (FROM erased_ids WHERE contains(text, id))"
    ).fetchall()
    by_itself = pattern_of(ids)
    return {text for (text,) in rows if by_itself is None or not by_itself.search(text)}


def _remove_quarantined(con: duckdb.DuckDBPyConnection, removed: Removed, erased: Tombstones) -> None:
    """Refused rows are kept as they came, so a user may be anywhere in them."""
    rows = con.execute("SELECT rowid, row_json FROM landing.quarantined_rows").fetchall()
    found = [row for row, text in rows if erased.mentioned_in(text)]
    if not found:
        return
    texts = "SELECT row_json AS text FROM landing.quarantined_rows WHERE rowid IN (SELECT unnest($1::BIGINT[]))"
    con.execute(f"INSERT INTO erased_texts {texts}", [found])
    deleted = con.execute(
        "DELETE FROM landing.quarantined_rows WHERE rowid IN (SELECT unnest($1::BIGINT[]))", [found]
    ).fetchone()
    _count(removed, "landing.quarantined_rows", deleted)


def _count(removed: Removed, table: str, deleted: tuple[int] | None) -> None:
    if deleted and deleted[0]:
        removed.rows[table] = removed.rows.get(table, 0) + int(deleted[0])


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str]]:
    """Type of each column by name, by table."""
    rows = con.execute(
        """
        SELECT schema_name || '.' || table_name, column_name, data_type FROM duckdb_columns()
        SEMI JOIN (SELECT database_name, schema_name, table_name FROM duckdb_tables() WHERE NOT temporary) AS tables
          USING (database_name, schema_name, table_name)
        WHERE database_name = current_database() AND table_name <> $1
        """,
        [ERASED_USERS.name],
    ).fetchall()
    found: dict[str, dict[str, str]] = {}
    for table, name, dtype in rows:
        found.setdefault(table, {})[name] = dtype
    return found


def _texts(columns: Mapping[str, Mapping[str, str]], where: Mapping[str, str]) -> str:
    """SQL for the column ``text``: every text in rows of the tables of ``where`` that meet its condition."""
    parts = ["SELECT NULL::VARCHAR AS text WHERE false"]
    for table, condition in where.items():
        for name, dtype in columns[table].items():
            if dtype == "VARCHAR":
                parts.append(f'SELECT "{name}" FROM {table} WHERE {condition}')
            elif dtype == "VARCHAR[]":
                parts.append(f'SELECT unnest("{name}") FROM {table} WHERE {condition}')
    return " UNION ALL ".join(parts)
