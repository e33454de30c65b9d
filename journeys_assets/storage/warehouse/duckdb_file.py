"""The warehouse: one private DuckDB file, opened briefly, with one transaction per write.

This module has connections, locks, transactions, the replacement of partitions, and publishing.
``domain.tables.pipeline`` defines the tables.

DuckDB allows one writing process or several reading ones, and fails immediately if they overlap. A kernel file lock
(shared for readers, exclusive for writers) around short connections makes them wait for each other instead. The kernel
releases it when a process dies. But the lock belongs to the process, and is lost as soon as one of its threads releases
it, so the threads of a process (sensors in a code server) use the file one at a time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import fasteners
import polars as pl

from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.warehouse.base import (
    CATALOG,
    STORAGE_VERSION,
    WarehouseBusyError,
    WarehouseError,
    create_tables,
    quoted,
    write_compact_copy,
)
from journeys_assets.storage.warehouse.changes import ChangedDays, mark, mark_from_now_on, marked_tables
from journeys_assets.storage.warehouse.publishing import write_published

_turns: dict[Path, threading.Lock] = {}
"""For each warehouse file, the lock of the thread in this process that has the file open."""


class Warehouse:
    """A DuckDB file behind a file lock.

    Args:
        path: The database file; created, with its folder, on the first write.
        lock_timeout_s: How long to wait for other processes before giving up, seconds.
    """

    def __init__(self, path: Path, *, lock_timeout_s: float = 600.0) -> None:
        self.path = Path(path)
        self.lock_timeout_s = lock_timeout_s
        self._local = threading.local()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection under a shared lock. Do not compute in Python while it is open."""
        if not self.path.exists():
            with self.writing():
                pass
        with self._locked(exclusive=False), self._connected(read_only=True) as con:
            yield con

    @contextmanager
    def writing(self, changed: ChangedDays | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection under the exclusive lock, inside one transaction, which is committed at the end.

        Args:
            changed: The days of each table of the schema main with a partition_date whose rows may change. Without it,
                any may have, and the next publishing reads all rows.

        Raises:
            WarehouseError: the file cannot be opened or written to (for instance because the disk is full).
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(exclusive=True), self._connected(read_only=False) as con:
            # On any error the connection is closed, which rolls the transaction back.
            con.execute("BEGIN TRANSACTION")
            yield con
            if changed is None or any(len(days) for days in changed.values()):
                mark(con, changed)
            con.execute("COMMIT")

    @contextmanager
    def bounded_writing(self, memory_limit: str, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """:meth:`writing` of landing tables with at most ``memory_limit``, such as ``2GiB``.

        On a connection of its own: DuckDB keeps to the first folder that a connection has used.

        Args:
            spill: Folder for what is beyond the limit.
        """
        usual, self._local.con = getattr(self._local, "con", None), None
        try:
            con = self._connection()
            con.execute(f"SET temp_directory = '{quoted(spill)}'")
            con.execute(f"SET memory_limit = '{memory_limit}'")
            with self.writing({}) as con:
                yield con
        finally:
            self._disconnect()
            self._local.con = usual

    @contextmanager
    def writing_anew(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """:meth:`writing`, after which the file is a copy without the bytes of deleted rows.

        Every day counts as changed. A reader that has the file open goes on reading the old one.
        """
        with self._locked(exclusive=True):
            fresh = self.path.with_name(f".{self.path.name}-anew")
            with self._connected(read_only=False) as con:
                con.execute("BEGIN TRANSACTION")
                yield con
                mark(con, None)
                con.execute("COMMIT")
                write_compact_copy(con, CATALOG, fresh)
            os.replace(fresh, self.path)

    def ensure(self, *tables: Table) -> None:
        """Create the tables (and their schemas) that do not exist, and add columns that a table lacks.

        A warehouse from an earlier release lacks columns that were added later. A column is added if it is nullable or
        has a default; earlier rows have null or the default there.
        """
        with self.reading() as con:
            rows = con.execute(
                f"""
                SELECT schema_name || '.' || table_name, list(column_name) FROM duckdb_columns()
                WHERE database_name = '{CATALOG}' GROUP BY ALL
                """
            ).fetchall()
        existing = {str(name): set(columns) for name, columns in rows}
        missing = [t for t in tables if t.qualified_name not in existing]
        late = [
            (t, column)
            for t in tables
            for column in t.columns
            if (column.nullable or column.default is not None)
            and t.qualified_name in existing
            and column.name not in existing[t.qualified_name]
        ]
        if missing or late:
            with self.writing() as con:
                create_tables(con, missing)
                for table, column in late:
                    con.execute(f"ALTER TABLE {table.qualified_name} ADD COLUMN IF NOT EXISTS {column.ddl}")

    def query(self, sql: str, params: Mapping[str, Any] | None = None) -> pl.DataFrame:
        """The rows of one SELECT."""
        with self.reading() as con:
            return con.execute(sql, dict(params) if params else None).pl()

    def replace_partitions(self, table: Table, frame: pl.DataFrame, days: Sequence[date]) -> int:
        """Replace exactly the partitions ``days`` of ``table`` with ``frame``; returns the rows written.

        Raises:
            WarehouseError: a column is missing or unknown, or a row belongs to another day.
        """
        self.replace_together([(table, frame)], days)
        return frame.height

    def replace_together(
        self,
        tables: Sequence[tuple[Table, pl.DataFrame | Sequence[Path]]],
        days: Sequence[date],
        carried: Sequence[tuple[str, date, date, pl.DataFrame]] = (),
    ) -> None:
        """:meth:`replace_partitions` for several tables in one transaction.

        Args:
            tables: The rows of each table, or Parquet files that have them.
            carried: Table, a day, a later day among ``days``, and user_id. The rows of these users are copied from the
                one day to the other, one after the other, so that a day may be copied on.
        """
        for table, rows in tables:
            if isinstance(rows, pl.DataFrame):
                self._check_fits(table, rows, days)
        if not carried and self._are_empty(tables, days):
            return
        names = {table.name for table, _ in tables if table.schema == "main"} | {name for name, *_ in carried}
        with self.writing(dict.fromkeys(names, days)) as con:
            for table, rows in tables:
                create_tables(con, [table])
                con.execute(
                    f"DELETE FROM {table.qualified_name} WHERE partition_date IN (SELECT unnest($1))", [list(days)]
                )
                if isinstance(rows, pl.DataFrame):
                    con.register("incoming", rows.select(table.column_names).to_arrow())
                    con.execute(f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM incoming")
                    con.unregister("incoming")
                else:
                    con.execute(
                        f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM read_parquet($1)",
                        [[str(path) for path in rows]],
                    )
            for name, before, day, users in carried:
                con.register("carried_users", users.select("user_id").to_arrow())
                con.execute(
                    f"INSERT INTO main.{name} BY NAME SELECT * REPLACE ($day::DATE AS partition_date) FROM main.{name} "
                    "SEMI JOIN carried_users USING (user_id) WHERE partition_date = $before",
                    {"day": day, "before": before},
                )
                con.unregister("carried_users")

    def _are_empty(self, tables: Sequence[tuple[Table, pl.DataFrame | Sequence[Path]]], days: Sequence[date]) -> bool:
        """Whether the days are to have no rows and have none. To see that takes half the time of a write."""
        if any(not isinstance(rows, pl.DataFrame) or rows.height for _, rows in tables):
            return False
        with self.reading() as con:
            try:
                return not any(_has_rows(con, table, days) for table, _ in tables)
            except duckdb.CatalogException:
                return False  # a table is not there yet

    def append_new(self, table: Table, frame: pl.DataFrame) -> None:
        """Insert the rows of ``frame`` whose grain is not in the table yet; existing rows stay unchanged.

        Raises:
            WarehouseError: a column is missing or unknown.
        """
        self._check_columns(table, frame)
        same = " AND ".join(f"existing.{name} = incoming.{name}" for name in table.grain)
        days = frame["partition_date"].unique().to_list() if "partition_date" in frame.columns else []
        with self.writing({table.name: days} if table.schema == "main" else {}) as con:
            create_tables(con, [table])
            con.register("incoming", frame.select(table.column_names).to_arrow())
            con.execute(
                f"INSERT INTO {table.qualified_name} BY NAME SELECT * FROM incoming "
                f"WHERE NOT EXISTS (SELECT 1 FROM {table.qualified_name} AS existing WHERE {same})"
            )
            con.unregister("incoming")

    def delete_old_partitions(self, tables: Sequence[str], *, keep_days: int) -> int:
        """Delete partitions of ``tables`` older than ``keep_days`` before their newest; returns the rows deleted."""
        dropped = 0
        # Publishing sees that a day is gone, so no change of it is noted.
        with self.writing({}) as con:
            for table in tables:
                result = con.execute(
                    f"DELETE FROM main.{table} WHERE partition_date <= "
                    f"(SELECT max(partition_date) FROM main.{table}) - {keep_days}"
                ).fetchone()
                dropped += int(result[0]) if result else 0
        return dropped

    def publish(
        self,
        tables: Sequence[str],
        target: Path,
        *,
        views: Mapping[str, str] | None = None,
        unfinished_days: Callable[[duckdb.DuckDBPyConnection], Sequence[date]] = lambda _: (),
    ) -> None:
        """Copy what changed of ``tables`` into a new DuckDB file, and replace ``target`` with it in one step.

        If nothing changed, ``target`` stays as it is. A reader that has the old file open can go on reading it. The
        next reader opens the new file.

        Args:
            tables: Tables with a partition_date.
            views: SELECT statements by name, over these tables; they are stored as tables too.
            unfinished_days: Returns the days that must not be published now (a run is working on them), from the
                warehouse at the moment of the copy. For those days the rows of the old file are kept.

        Raises:
            WarehouseError: the old file is needed and cannot be read, or there is no space for the new one.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(exclusive=True):
            for leftover in target.parent.glob(".publish-*"):
                shutil.rmtree(leftover)  # left by a process that was killed while it published
            folder = Path(tempfile.mkdtemp(prefix=".publish-", dir=target.parent))
            try:
                fresh = folder / target.name
                with self._connected(read_only=True) as con:
                    is_marked = set(tables) <= marked_tables(con)
                if not is_marked:
                    with self._connected(read_only=False) as con:
                        con.execute("BEGIN TRANSACTION")
                        mark_from_now_on(con, tables)
                        con.execute("COMMIT")
                with self._connected(read_only=True) as con:
                    is_new = write_published(con, tables, dict(views or {}), target, fresh, unfinished_days(con))
                if is_new:
                    os.replace(fresh, target)
            finally:
                shutil.rmtree(folder)

    def _check_columns(self, table: Table, frame: pl.DataFrame) -> None:
        missing = set(table.column_names) - set(frame.columns)
        unknown = set(frame.columns) - set(table.column_names)
        if missing or unknown:
            raise WarehouseError(
                f"rows for {table.qualified_name} do not fit: missing columns {sorted(missing)}, "
                f"unknown columns {sorted(unknown)}"
            )

    def copy_to(self, target: Path) -> None:
        """Copy the whole file, in the state between two writes.

        Raises:
            WarehouseError: it cannot be written there (for instance for lack of space); nothing is left behind.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._locked(exclusive=True):
            # The checkpoint moves what a killed writer left in the write-ahead log into the file.
            with self._connected(read_only=False) as con:
                con.execute(f"CHECKPOINT {CATALOG}")
            try:
                shutil.copyfile(self.path, target)
            except OSError as error:
                target.unlink(missing_ok=True)
                raise WarehouseError(
                    f"cannot copy the warehouse ({self.path.stat().st_size / 2**20:,.0f} MiB) to {target}: {error}"
                ) from error

    def _check_fits(self, table: Table, frame: pl.DataFrame, days: Sequence[date]) -> None:
        self._check_columns(table, frame)
        strays = set(frame["partition_date"].unique()) - set(days)
        if strays:
            raise WarehouseError(
                f"rows for {table.qualified_name} belong to {sorted(map(str, strays))}, "
                f"outside of the partitions being replaced ({min(days)} … {max(days)})"
            )

    @contextmanager
    def _connected(self, *, read_only: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        """The thread's in-memory connection with the file attached; the file is detached at the end."""
        con = self._connection()
        try:
            mode = "READ_ONLY" if read_only else f"STORAGE_VERSION '{STORAGE_VERSION}'"
            try:
                con.execute(f"ATTACH '{quoted(self.path)}' AS {CATALOG} ({mode})")
            except duckdb.Error as error:
                raise WarehouseError(
                    f"cannot open the warehouse {self.path}: {error}. If another program has the file open, close it "
                    "(read journeys.duckdb instead); if the file is damaged, restore it or ingest and run again"
                ) from error
            con.execute(f"USE {CATALOG}")
            yield con
            con.execute("USE memory")
            con.execute(f"DETACH {CATALOG}")
        except BaseException as error:
            # Whatever the state of the connection, closing it rolls back and releases the file.
            self._disconnect()
            if isinstance(error, duckdb.IOException | duckdb.InternalException | duckdb.FatalException):
                raise WarehouseError(
                    f"cannot read or write the warehouse {self.path}: {error}. If the disk is full, make room and run "
                    "again: the warehouse is unchanged; if the file is damaged, restore it or ingest and run again"
                ) from error
            raise

    def _connection(self) -> duckdb.DuckDBPyConnection:
        """One in-memory connection per thread: attaching a file to it takes a third of the time of a new connection."""
        con: duckdb.DuckDBPyConnection | None = getattr(self._local, "con", None)
        if con is None:
            con = duckdb.connect(":memory:")
            con.execute("SET TimeZone = 'UTC'")
            # In `python -c` and in notebooks, DuckDB would write a bar into the output of a command.
            con.execute("SET enable_progress_bar = false")
            self._local.con = con
        return con

    def _disconnect(self) -> None:
        """Close the thread's connection; the next use makes a new one."""
        con, self._local.con = getattr(self._local, "con", None), None
        if con is not None:
            _close_quietly(con)

    @contextmanager
    def _locked(self, *, exclusive: bool) -> Iterator[None]:
        if getattr(self._local, "held", False):
            raise WarehouseError("the warehouse is already open in this thread; close that connection first")
        started = time.monotonic()
        turn = _turns.setdefault(self.path.resolve(), threading.Lock())
        if not turn.acquire(timeout=self.lock_timeout_s):
            raise WarehouseBusyError(f"waited {self.lock_timeout_s:.0f} s for {self.path}: another thread holds it")
        try:
            lock = fasteners.InterProcessReaderWriterLock(str(self.path.with_suffix(".lock")))
            acquire = lock.acquire_write_lock if exclusive else lock.acquire_read_lock
            if not acquire(timeout=self.lock_timeout_s, delay=0.005, max_delay=0.05):
                raise WarehouseBusyError(
                    f"waited {time.monotonic() - started:.0f} s for {self.path}: another process holds it; "
                    "see which one with `fuser` on the .lock file beside it"
                )
            self._local.held = True
            try:
                yield
            finally:
                self._local.held = False
                (lock.release_write_lock if exclusive else lock.release_read_lock)()
        finally:
            turn.release()


def _has_rows(con: duckdb.DuckDBPyConnection, table: Table, days: Sequence[date]) -> bool:
    query = f"SELECT 1 FROM {table.qualified_name} WHERE partition_date IN (SELECT unnest($1)) LIMIT 1"
    return con.execute(query, [list(days)]).fetchone() is not None


def _close_quietly(con: duckdb.DuckDBPyConnection) -> None:
    """Close a connection that may be broken. Errors are suppressed, because an earlier error is the one to report."""
    with suppress(duckdb.Error):
        con.close()
