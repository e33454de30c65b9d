"""What warehouse backends share: errors, table creation, quoting."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import polars as pl

from journeys_assets.domain.tables.table import Table
from journeys_assets.errors import JourneysError

CATALOG = "warehouse"

STORAGE_VERSION = "v1.3.0"
"""The format of the DuckDB files: the first that compresses repeated text well (``DICT_FSST``), so that tables with
lists of keywords take half the space. The default format is older, and takes twice as long to attach too. DuckDB from
this version on reads the files. A file of an earlier format is raised to this one by the next write."""


class WarehouseError(JourneysError):
    """The warehouse cannot be opened, or a write does not fit its table."""


class WarehouseBusyError(WarehouseError):
    """Another process or thread held the warehouse for longer than the lock timeout."""


def create_tables(con: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    for table in tables:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {table.schema}")
        con.execute(table.ddl)


def append_rows(con: duckdb.DuckDBPyConnection, table: Table, frame: pl.DataFrame) -> None:
    """Insert the rows of ``frame``, which has at least the columns of ``table``."""
    con.register("rows_to_append", frame.select(table.column_names).to_arrow())
    con.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM rows_to_append")
    con.unregister("rows_to_append")


def has_table(con: duckdb.DuckDBPyConnection, table: Table) -> bool:
    """Whether the current database has the table."""
    found = con.execute(
        "SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = $1 "
        "AND table_name = $2",
        [table.schema, table.name],
    ).fetchone()
    return found is not None


def write_compact_copy(con: duckdb.DuckDBPyConnection, catalog: str, fresh: Path) -> None:
    """Write an attached database to the file ``fresh``, without free blocks and the bytes of deleted rows in them."""
    for leftover in (fresh, Path(f"{fresh}.wal")):
        leftover.unlink(missing_ok=True)
    con.execute(f"ATTACH '{quoted(fresh)}' AS compact (STORAGE_VERSION '{STORAGE_VERSION}')")
    con.execute(f"COPY FROM DATABASE {catalog} TO compact")
    con.execute("CHECKPOINT compact")
    con.execute("DETACH compact")


def quoted(path: Path) -> str:
    """A path for a string literal of SQL: ``'{quoted(path)}'``."""
    return str(path).replace("'", "''")
