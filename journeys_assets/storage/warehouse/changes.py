"""Which days of which tables were written since, so that publishing need not read rows to find out.

Each write marks the days that it may have changed with a value that occurs once. As long as the mark of a day is the
one that the published file records, the day has not changed. A write that does not name its days marks them all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import uuid4

import duckdb
import polars as pl

from journeys_assets.storage.warehouse.base import CATALOG

ChangedDays = Mapping[str, Sequence[date]]
"""Days by the name of a table of the schema main."""

_EVERY_DAY = ""
"""Stands for the table in the row whose mark every day shares."""


def note_changes(con: duckdb.DuckDBPyConnection, changed: ChangedDays | None) -> None:
    """Mark the days ``changed``, or with None every day, inside the transaction of ``con``."""
    con.execute("CREATE SCHEMA IF NOT EXISTS publishing")
    con.execute("CREATE TABLE IF NOT EXISTS publishing.changes (table_name VARCHAR, partition_date DATE, mark VARCHAR)")
    mark = uuid4().hex
    is_new = con.execute("SELECT 1 FROM publishing.changes LIMIT 1").fetchone() is None
    if changed is None or is_new:
        con.execute("DELETE FROM publishing.changes")
        con.execute("INSERT INTO publishing.changes VALUES ($1, NULL, $2)", [_EVERY_DAY, mark])
    rows = [(name, day) for name, days in (changed or {}).items() for day in days]
    if rows:
        schema = {"table_name": pl.String, "partition_date": pl.Date}
        con.register("changed_days", pl.DataFrame(rows, schema=schema, orient="row").unique().to_arrow())
        con.execute(
            "DELETE FROM publishing.changes AS old USING changed_days AS new "
            "WHERE old.table_name = new.table_name AND old.partition_date = new.partition_date"
        )
        con.execute("INSERT INTO publishing.changes SELECT *, $1 FROM changed_days", [mark])
        con.unregister("changed_days")


def marks(con: duckdb.DuckDBPyConnection) -> tuple[str | None, dict[tuple[str, date], str]]:
    """The mark that every day shares (None if nothing was ever marked), and those of single days, by table and day."""
    is_there = con.execute(
        f"SELECT 1 FROM duckdb_tables() WHERE database_name = '{CATALOG}' AND schema_name = 'publishing' "
        "AND table_name = 'changes'"
    ).fetchone()
    if not is_there:
        return None, {}
    found = con.execute(f"SELECT table_name, partition_date, mark FROM {CATALOG}.publishing.changes").fetchall()
    shared = next((mark for name, _, mark in found if name == _EVERY_DAY), None)
    return shared, {(name, day): mark for name, day, mark in found if name != _EVERY_DAY}
