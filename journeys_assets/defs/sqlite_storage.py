"""Dagster's own SQLite storage, with one open connection per file.

The stock storage opens a connection, and with it an engine and a transaction, for every statement: about a thousand
times for a run of one day, which costs more CPU than the run itself. This one writes the same rows to the same files,
so the UI and the daemon read them with the stock storage. It serves runs in a process of their own (the command line,
the ingest job); a process that lives long and reads from many threads keeps the stock storage.

``_connect`` is private to Dagster; the locked version is tested with it.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from dagster import DagsterInstance, EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.runs.sqlite.sqlite_run_storage import SqliteRunStorage
from dagster._core.storage.schedules.sqlite.sqlite_schedule_storage import SqliteScheduleStorage
from dagster._core.storage.sqlite import create_db_conn_string
from dagster._core.storage.sqlite_storage import (
    DagsterSqliteStorage,
    _event_logs_directory,
    _runs_directory,
    _schedule_directory,
)
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

RUNS = "runs"
BUSY_TIMEOUT_S = 60
"""How long a statement waits for another process that writes the file."""

_NO_CAPTURE = ConfigurableClassData(
    "dagster._core.storage.noop_compute_log_manager", "NoOpComputeLogManager", config_yaml="{}"
)


class OpenFile:
    """One connection to one SQLite file. A use within a use joins its transaction."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(
            url, poolclass=NullPool, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        )
        self._lock = threading.RLock()
        self._depth = 0
        self._connection: Connection | None = None

    @contextmanager
    def use(self) -> Iterator[Connection]:
        """The connection in a transaction, which is committed when the outermost use ends."""
        with self._lock:
            connection = self._opened()
            if self._depth:
                yield connection
                return
            self._depth += 1
            try:
                with connection.begin():
                    yield connection
            finally:
                self._depth -= 1

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._engine.dispose()

    def _opened(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
            # The files are in WAL mode, so a killed process loses nothing; only a power failure may cost the last rows.
            self._connection.exec_driver_sql("PRAGMA synchronous=NORMAL")
            self._connection.commit()
        return self._connection


def is_prepared(file: Path) -> bool:
    """Whether Dagster has made the tables of a file, which it notes last. To ask Dagster takes 50 ms a file."""
    if not file.exists():
        return False
    with closing(sqlite3.connect(file, timeout=BUSY_TIMEOUT_S)) as con:
        try:
            return bool(con.execute("SELECT 1 FROM alembic_version").fetchall())
        except sqlite3.OperationalError:
            return False


class OpenEventLog(SqliteEventLogStorage):
    """The event log: one file for the index and one per run."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._files: dict[str, OpenFile] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._file(shard).use() as connection:
            yield connection

    def _file(self, shard: str) -> OpenFile:
        if shard not in self._files:
            if not is_prepared(Path(self.path_for_shard(shard))):
                # The stock storage makes the file and its tables on the first use.
                with super()._connect(shard):
                    pass
            self._files[shard] = OpenFile(self.conn_string_for_shard(shard))
        return self._files[shard]

    def store_event(self, event: EventLogEntry) -> None:
        with self.index_connection(), self.run_connection(event.run_id):
            super().store_event(event)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        with self.index_connection(), self.run_connection(events[0].run_id):
            super().store_event_batch(events)

    def has_table(self, table_name: str) -> bool:
        """As in the stock storage, which looks again for every event; no table is ever dropped."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        for file in self._files.values():
            file.close()
        super().dispose()


class OpenRunStorage(SqliteRunStorage):
    """The records of runs."""

    _file: OpenFile | None = None

    @classmethod
    def from_local(cls, base_dir: str, inst_data: ConfigurableClassData | None = None) -> Self:
        if is_prepared(Path(base_dir, f"{RUNS}.db")):
            return cls(create_db_conn_string(base_dir, RUNS), inst_data)
        return super().from_local(base_dir, inst_data)

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        if self._file is None:
            self._file = OpenFile(self._conn_string)
        with self._file.use() as connection:
            yield connection

    def dispose(self) -> None:
        if self._file is not None:
            self._file.close()
        super().dispose()


class OpenSqliteStorage(DagsterSqliteStorage):
    """The storage of an instance; its files are those of the stock storage in ``base_dir``."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self.base_dir = base_dir
        self._inst_data = inst_data
        self._run_storage = OpenRunStorage.from_local(_runs_directory(base_dir))
        self._event_log_storage = OpenEventLog(_event_logs_directory(base_dir))
        self._schedule_storage = SqliteScheduleStorage.from_local(_schedule_directory(base_dir))
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call]  # its own constructor would open the stock storages

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Any:
        return cls(inst_data=inst_data, **config_value)


@contextmanager
def with_open_files(instance: DagsterInstance) -> Iterator[DagsterInstance]:
    """``instance`` with this storage, for a run within the process of another run; itself, if it uses another storage.

    The output of the process is captured for the other run already, so it is not captured again.
    """
    ref = None if instance.is_ephemeral else instance.get_ref()
    if ref is None or ref.storage_data is None or ref.storage_data.class_name != DagsterSqliteStorage.__name__:
        yield instance
        return
    storage = ConfigurableClassData(__name__, OpenSqliteStorage.__name__, ref.storage_data.config_yaml)
    with DagsterInstance.from_ref(ref._replace(storage_data=storage, compute_logs_data=_NO_CAPTURE)) as opened:
        yield opened
