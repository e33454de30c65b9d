"""Which days of the published tables were written since, so that publishing need not read rows to find out.

Each write marks the days that it may have changed with a value that occurs once. As long as a day has the mark that the
published file records, it has not changed. A write that does not name its days marks them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import uuid4

import duckdb

ChangedDays = Mapping[str, Sequence[date]]
"""Days by the name of a table of the schema main."""

_EVERY_DAY = ""
"""Stands for the table in the row whose mark every day shares."""


def mark_from_now_on(con: duckdb.DuckDBPyConnection, tables: Sequence[str]) -> None:
    """Let :func:`mark` mark the days of ``tables``; every day counts as changed once."""
    con.execute("CREATE SCHEMA IF NOT EXISTS publishing")
    # A row without a day: the table is marked.
    con.execute("CREATE OR REPLACE TABLE publishing.changes (table_name VARCHAR, partition_date DATE, mark VARCHAR)")
    con.executemany(
        "INSERT INTO publishing.changes VALUES ($1, NULL, $2)", [[name, uuid4().hex] for name in (_EVERY_DAY, *tables)]
    )


def mark(con: duckdb.DuckDBPyConnection, changed: ChangedDays | None) -> None:
    """Mark the days ``changed``, or with None every day, inside the transaction of ``con``."""
    marked = marked_tables(con)
    if marked and changed is None:
        con.execute("UPDATE publishing.changes SET mark = $1 WHERE table_name = $2", [uuid4().hex, _EVERY_DAY])
    for name, days in (changed or {}).items():
        if name in marked and days:
            listed = ", ".join(f"DATE '{day}'" for day in set(days))
            con.execute(
                f"DELETE FROM publishing.changes WHERE table_name = $1 AND partition_date IN ({listed})", [name]
            )
            con.execute(f"INSERT INTO publishing.changes SELECT $1, unnest([{listed}]), $2", [name, uuid4().hex])


def marked_tables(con: duckdb.DuckDBPyConnection) -> set[str]:
    """The tables whose days are marked."""
    is_there = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'publishing' "
        "AND table_name = 'changes'"
    ).fetchone()
    if not is_there:
        return set()
    rows = con.execute("SELECT table_name FROM publishing.changes WHERE partition_date IS NULL").fetchall()
    return {name for (name,) in rows} - {_EVERY_DAY}


def marks(con: duckdb.DuckDBPyConnection) -> dict[tuple[str, date | None], str]:
    """The mark of each day that was written since its table is marked, and with None that of all its other days."""
    if not marked_tables(con):
        return {}
    found = con.execute("SELECT table_name, partition_date, mark FROM publishing.changes").fetchall()
    (shared,) = (value for name, _, value in found if name == _EVERY_DAY)
    return {(name, day): f"{shared} {value}" for name, day, value in found if name != _EVERY_DAY}
