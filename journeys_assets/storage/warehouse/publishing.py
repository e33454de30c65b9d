"""Makes the file for outside readers from the warehouse, at the cost of what changed since the last time.

The published file records a digest of the rows of each table and day, and the mark that the last write left on it
(``changes``). Days with another mark or another number of rows are read; those whose digest differs are replaced in a
copy of the published file. The whole file is written anew if there is none that fits, if most rows changed, or if too
much of it is free space: DuckDB reuses the space of deleted rows, but never gives it back.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import polars as pl

from journeys_assets.storage.warehouse.base import CATALOG, STORAGE_VERSION, WarehouseError, quoted
from journeys_assets.storage.warehouse.changes import marks

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_FREE_SHARE = 0.5
"""Share of free blocks of the published file above which it is written anew."""
MOST_CHANGED_SHARE = 0.5
"""Share of rows to be replaced above which it is written anew."""


class _Day(NamedTuple):
    """The rows of a table on a day: their number, their digest, and the mark of the last write."""

    n_rows: int
    digest: str
    mark: str

    def has_rows_of(self, other: _Day) -> bool:
        return self[:2] == other[:2]


_Days = dict[tuple[str, date], _Day]
"""By table and day."""


@dataclass(frozen=True)
class _Published:
    """What the published file has: its columns, its days, the SELECT of each view, and the share of free blocks."""

    columns: list[tuple[str, str, str]]
    days: _Days
    views: dict[str, str]
    free_share: float


def write_published(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[str],
    views: Mapping[str, str],
    old: Path,
    fresh: Path,
    unfinished_days: Sequence[date],
) -> bool:
    """Write to ``fresh`` what is to replace ``old``: the tables of the attached warehouse, and the views as tables.

    Args:
        unfinished_days: Days for which the rows of ``old`` are kept.

    Returns:
        Whether it was written; otherwise ``old`` has all of it already.

    Raises:
        WarehouseError: ``old`` is needed and cannot be read.
    """
    unfinished = set(unfinished_days)
    columns = [column for column in _columns(con, CATALOG) if column[0] in tables]
    published = _read_published(con, old)
    days = _stored_days(con, columns, unfinished, published)
    # A day that is kept has the digest that it had. Without one, it counts as changed once it is finished.
    kept = {key: value for key, value in (published.days if published else {}).items() if key[1] in unfinished}
    if published is None or [column for column in published.columns if column[0] not in views] != columns:
        _write_anew(con, tables, views, old, fresh, unfinished_days, kept | days)
        return True
    changed = {
        key for key, day in days.items() if key not in published.days or not day.has_rows_of(published.days[key])
    }
    gone = {key for key in published.days if key[1] not in unfinished and key not in days}
    if not changed and not gone and published.views == views:
        return False
    n_rows = sum(day.n_rows for day in days.values())
    n_replaced = sum(days[key].n_rows for key in changed) + sum(published.days[key].n_rows for key in gone)
    if n_replaced > n_rows * MOST_CHANGED_SHARE or published.free_share > MOST_FREE_SHARE:
        _write_anew(con, tables, views, old, fresh, unfinished_days, kept | days)
        return True
    shutil.copyfile(old, fresh)
    with _attached(con, fresh):
        con.execute("BEGIN TRANSACTION")
        for table in tables:
            new = _listed([day for name, day in changed if name == table])
            replaced = [day for name, day in changed | gone if name == table]
            if replaced:
                con.execute(
                    f"DELETE FROM published.main.{table} WHERE list_contains({_listed(replaced)}, partition_date)"
                )
                con.execute(
                    f"INSERT INTO published.main.{table} BY NAME SELECT * FROM {CATALOG}.main.{table} "
                    f"WHERE list_contains({new}, partition_date)"
                )
        _write_views(con, views)
        _record(con, kept | days, views)
        con.execute("COMMIT")
    return True


def _write_anew(
    con: duckdb.DuckDBPyConnection,
    tables: Sequence[str],
    views: Mapping[str, str],
    old: Path,
    fresh: Path,
    unfinished_days: Sequence[date],
    days: _Days,
) -> None:
    with _attached(con, fresh):
        _copy_days(con, tables, old, unfinished_days)
        _write_views(con, views)
        _record(con, days, views)


@contextmanager
def _attached(con: duckdb.DuckDBPyConnection, fresh: Path) -> Iterator[None]:
    con.execute(f"ATTACH '{quoted(fresh)}' AS published (STORAGE_VERSION '{STORAGE_VERSION}')")
    yield
    con.execute("CHECKPOINT published")
    con.execute("DETACH published")


def _stored_days(
    con: duckdb.DuckDBPyConnection,
    columns: Sequence[tuple[str, str, str]],
    left_out: Set[date],
    published: _Published | None,
) -> _Days:
    """The days of the warehouse; rows are read only of those that may differ from what is published."""
    marked = marks(con)
    known = published.days if published and [c for c in published.columns if c in columns] == list(columns) else {}
    found: _Days = {}
    for table in sorted({table for table, *_ in columns}):
        counts = con.execute(f"SELECT partition_date, count(*) FROM {CATALOG}.main.{table} GROUP BY ALL").fetchall()
        unread = {}
        for day, n in counts:
            if day in left_out:
                continue
            mark = marked.get((table, day), marked[table, None])
            before = known.get((table, day))
            if before is not None and before.mark == mark and before.n_rows == n:
                found[table, day] = before
            else:
                unread[day] = (int(n), mark)
        for day, digest in _digests(con, table, columns, list(unread)):
            n, mark = unread[day]
            found[table, day] = _Day(n, digest, mark)
    return found


def _digests(
    con: duckdb.DuckDBPyConnection, table: str, columns: Sequence[tuple[str, str, str]], days: Sequence[date]
) -> list[tuple[date, str]]:
    """Day, and digest of its rows, of those of ``days`` that have any; the order of rows makes no difference."""
    if not days:
        return []
    names = ", ".join(f'"{name}"' for of, name, _ in columns if of == table)
    return con.execute(
        f"SELECT partition_date, sum(hash({names}))::VARCHAR FROM {CATALOG}.main.{table} "
        f"WHERE list_contains({_listed(days)}, partition_date) GROUP BY ALL"
    ).fetchall()


def _columns(con: duckdb.DuckDBPyConnection, database: str) -> list[tuple[str, str, str]]:
    """Table, name and type of each column of the schema main, sorted by table and position."""
    rows = con.execute(
        "SELECT table_name, column_name, data_type FROM duckdb_columns() "
        f"WHERE database_name = '{database}' AND schema_name = 'main' ORDER BY table_name, column_index"
    ).fetchall()
    return [(str(table), str(name), str(dtype)) for table, name, dtype in rows]


def _read_published(con: duckdb.DuckDBPyConnection, old: Path) -> _Published | None:
    """What the published file has; None if there is none, or it is damaged or of an earlier release."""
    if not old.exists():
        return None
    try:
        con.execute(f"ATTACH '{quoted(old)}' AS old (READ_ONLY)")
    except duckdb.Error:
        return None
    try:
        rows = con.execute("SELECT table_name, partition_date, n_rows, digest, mark FROM old.publishing.days")
        days = {(table, day): _Day(n, digest, mark) for table, day, n, digest, mark in rows.fetchall()}
        views = con.execute("SELECT name, query FROM old.publishing.views").fetchall()
        sizes = "SELECT free_blocks / greatest(total_blocks, 1) FROM pragma_database_size() WHERE database_name = 'old'"
        return _Published(
            _columns(con, "old"),
            days,
            dict(views),
            float(con.execute(sizes).fetchall()[0][0]),
        )
    except duckdb.Error:
        return None
    finally:
        with suppress(duckdb.Error):
            con.execute("DETACH old")


def _write_views(con: duckdb.DuckDBPyConnection, views: Mapping[str, str]) -> None:
    con.execute("USE published")
    for name, select in views.items():
        con.execute(f"CREATE OR REPLACE TABLE published.main.{name} AS {select}")
    con.execute(f"USE {CATALOG}")


def _record(con: duckdb.DuckDBPyConnection, days: _Days, views: Mapping[str, str]) -> None:
    con.execute("CREATE SCHEMA IF NOT EXISTS published.publishing")
    con.execute(
        "CREATE OR REPLACE TABLE published.publishing.days "
        "(table_name VARCHAR, partition_date DATE, n_rows BIGINT, digest VARCHAR, mark VARCHAR)"
    )
    con.execute("CREATE OR REPLACE TABLE published.publishing.views (name VARCHAR, query VARCHAR)")
    if views:
        con.executemany(
            "INSERT INTO published.publishing.views VALUES ($1, $2)", [list(view) for view in views.items()]
        )
    rows = [(*key, *day) for key, day in sorted(days.items())]
    schema = {
        "table_name": pl.String,
        "partition_date": pl.Date,
        "n_rows": pl.Int64,
        "digest": pl.String,
        "mark": pl.String,
    }
    con.register("published_days", pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
    con.execute("INSERT INTO published.publishing.days SELECT * FROM published_days")
    con.unregister("published_days")


def _listed(days: Sequence[date]) -> str:
    return "[" + ", ".join(f"DATE '{day}'" for day in sorted(days)) + "]::DATE[]"


def _copy_days(
    con: duckdb.DuckDBPyConnection, tables: Sequence[str], old: Path, unfinished_days: Sequence[date]
) -> None:
    """Fill the attached ``published``: unfinished days from the file ``old`` (if it exists), the others from here."""
    days = _listed(unfinished_days)
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
