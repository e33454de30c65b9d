"""Copies partitions into the file for outside readers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import duckdb

from journeys_assets.storage.warehouse.base import CATALOG, WarehouseError, quoted


def copy_days(
    con: duckdb.DuckDBPyConnection, tables: Sequence[str], old: Path, unfinished_days: Sequence[date]
) -> None:
    """Fill the attached ``published``: unfinished days from the file ``old`` (if it exists), the others from here."""
    days = "[" + ", ".join(f"DATE '{day}'" for day in unfinished_days) + "]::DATE[]"
    has_old = bool(unfinished_days) and old.exists()
    if has_old:
        try:
            con.execute(f"ATTACH '{quoted(old)}' AS old (READ_ONLY)")
        except duckdb.Error as error:
            raise WarehouseError(
                f"cannot read {old}: {error}. Delete it; it will be created again from the warehouse"
            ) from error
    for table in tables:
        con.execute(
            f"CREATE TABLE published.main.{table} AS "
            f"SELECT * FROM {CATALOG}.main.{table} WHERE NOT list_contains({days}, partition_date)"
        )
        if has_old and (shared := _shared_columns(con, table)):
            con.execute(
                f"INSERT INTO published.main.{table} BY NAME "
                f"SELECT {', '.join(shared)} FROM old.main.{table} WHERE list_contains({days}, partition_date)"
            )
    if has_old:
        con.execute("DETACH old")


def _shared_columns(con: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    """The columns that a table has both in ``published`` and in ``old``; none if ``old`` lacks the table."""
    rows = con.execute(
        "SELECT column_name FROM duckdb_columns() WHERE table_name = $table AND database_name IN ('published', 'old') "
        "GROUP BY 1 HAVING count(*) = 2 ORDER BY min(column_index)",
        {"table": table},
    ).fetchall()
    return [f'"{row[0]}"' for row in rows]
