"""What the rows of an ingest call say of consent beside themselves, within the transaction of the call.

``incoming`` has the rows of the call, ``given`` the last one of each version, ``fresh`` those to store
(``storage.ingest.load``). The rules for lists of users and for records that cannot be read are there, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import duckdb
import polars as pl

WITHOUT_YES = ", ".join(
    f"{name} = CASE WHEN NOT {name} THEN false END" for name in ("email_opt_in", "push_opt_in", "sensitive_opt_in")
)
"""SQL for ``SET``: each yes becomes unknown."""


def keep_last_list(con: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> Counter[int]:
    """Delete from ``incoming`` what earlier lists of users say of users whom the last one does not list, or their yes.

    Args:
        numbers: Numbers of the files that are lists.

    Returns:
        Number of rows deleted, by file number.
    """
    if not numbers:
        return Counter()
    first = numbers[0]
    for number in numbers:
        repeated = con.execute(
            """
            SELECT count(*) > 0 AND 2 * count(DISTINCT user_id) FILTER (user_id IN (
              SELECT user_id FROM incoming WHERE updated_at IS NULL AND list_contains($before, file_no)))
              >= count(DISTINCT user_id)
            FROM incoming WHERE updated_at IS NULL AND file_no = $number
            """,
            {"before": [n for n in numbers if first <= n < number], "number": number},
        ).fetchall()[0][0]
        first = number if repeated else first
    replaced = """
        updated_at IS NULL AND list_contains($earlier, file_no) AND user_id NOT IN (
          SELECT user_id FROM incoming WHERE updated_at IS NULL AND list_contains($last, file_no))
    """
    lists = {"earlier": [n for n in numbers if n < first], "last": [n for n in numbers if n >= first]}
    # Who has versions with a time in this call stays as left out by the last list: otherwise such a version would be
    # all that is known, and an older yes would count.
    con.execute(
        f"""
        UPDATE incoming SET {WITHOUT_YES}
        WHERE {replaced} AND user_id IN (SELECT user_id FROM incoming WHERE updated_at IS NOT NULL)
        """,
        lists,
    )
    rows = con.execute(
        f"""
        DELETE FROM incoming WHERE {replaced}
          AND user_id NOT IN (SELECT user_id FROM incoming WHERE updated_at IS NOT NULL) RETURNING file_no
        """,
        lists,
    ).fetchall()
    return Counter(number for (number,) in rows)


def replaced_unsubscribes(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The unsubscribes that a later row of the call about the same send does not repeat; file_no is null."""
    columns = "user_id, channel, unsubscribed_at"
    return con.sql(
        f"""
        SELECT {columns}, NULL::BIGINT AS file_no FROM (
          SELECT {columns} FROM incoming WHERE unsubscribed_at IS NOT NULL
          EXCEPT SELECT {columns} FROM given WHERE unsubscribed_at IS NOT NULL)
        """
    ).pl()


def add_unlisted_users(con: duckdb.DuckDBPyConnection) -> int:
    """Add to ``fresh`` a version with unknown opt-ins of every user with an opt-in whom a snapshot does not list."""
    return _add_unknown(con, "SELECT user_id FROM landing.users ANTI JOIN incoming USING (user_id)")


def add_doubtful_users(con: duckdb.DuckDBPyConnection) -> int:
    """Add to ``fresh`` such a version of every user in ``doubtful``, unless the call has one without a time already."""
    undated = "FROM incoming WHERE updated_at IS NULL UNION ALL BY NAME FROM fresh WHERE updated_at IS NULL"
    return _add_unknown(con, f"FROM doubtful ANTI JOIN ({undated}) AS undated USING (user_id)")


def _add_unknown(con: duckdb.DuckDBPyConnection, users: str) -> int:
    """Add to ``fresh`` a version with unknown opt-ins of each of ``users`` (SQL) with an opt-in; returns how many."""
    added = con.execute(
        f"""
        INSERT INTO fresh BY NAME
        SELECT user_id FROM (
          SELECT user_id, email_opt_in, push_opt_in FROM (
            SELECT * FROM landing.users SEMI JOIN ({users}) AS wanted USING (user_id)
            QUALIFY ingest_seq >= coalesce(max(ingest_seq) FILTER (updated_at IS NULL) OVER (PARTITION BY user_id), 0)
          )
          UNION ALL SELECT user_id, email_opt_in, push_opt_in FROM fresh SEMI JOIN ({users}) AS wanted USING (user_id)
        ) GROUP BY user_id HAVING bool_or(coalesce(email_opt_in, false) OR coalesce(push_opt_in, false))
        RETURNING user_id
        """
    ).fetchall()
    return len(added)
