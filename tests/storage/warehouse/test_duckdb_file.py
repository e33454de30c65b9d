"""Promise 3: partitions are replaced exactly, in one transaction, even if the writer is killed."""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.storage.warehouse.base import STORAGE_VERSION, WarehouseBusyError, WarehouseError
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.counts_table import DAY, NEXT, TABLE, rows


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "w.duckdb")


def test_replacing_a_day_again_changes_only_that_day(warehouse: Warehouse) -> None:
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])
    warehouse.replace_partitions(TABLE, rows(NEXT, 7), [NEXT])
    warehouse.replace_partitions(TABLE, rows(DAY, 3, v=1), [DAY])
    counted = warehouse.query("SELECT partition_date, count(*) n, sum(v) v FROM counts GROUP BY 1 ORDER BY 1")
    assert counted.rows() == [(DAY, 3, 3), (NEXT, 7, 0)]


def test_a_day_that_gets_no_rows_loses_its_own(warehouse: Warehouse) -> None:
    warehouse.replace_partitions(TABLE, rows(DAY, 0), [DAY])
    assert warehouse.query("SELECT * FROM counts").is_empty()
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])
    warehouse.replace_partitions(TABLE, rows(NEXT, 7), [NEXT])
    warehouse.replace_partitions(TABLE, rows(DAY, 0), [DAY])
    assert warehouse.query("SELECT partition_date, count(*) n FROM counts GROUP BY 1").rows() == [(NEXT, 7)]


def test_no_rows_in_place_of_none_are_no_write(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.replace_partitions(TABLE, rows(NEXT, 7), [NEXT])
    monkeypatch.setattr(Warehouse, "writing", lambda *_: pytest.fail("a write"))
    warehouse.replace_partitions(TABLE, rows(DAY, 0), [DAY])


def test_a_failing_write_leaves_the_old_rows(warehouse: Warehouse) -> None:
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])

    def delete_then_fail() -> None:
        with warehouse.writing() as con:
            con.execute("DELETE FROM counts")
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        delete_then_fail()
    assert warehouse.query("SELECT count(*) n FROM counts")["n"].to_list() == [5]


def test_rows_of_another_day_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match="2026-01-02"):
        warehouse.replace_partitions(TABLE, rows(NEXT, 1), [DAY])


def test_columns_that_do_not_fit_are_named(warehouse: Warehouse) -> None:
    with pytest.raises(WarehouseError, match=r"missing columns \['v'\].*unknown columns \['w'\]"):
        warehouse.replace_partitions(TABLE, rows(DAY, 1).rename({"v": "w"}), [DAY])


def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(WarehouseError, match="cannot open the warehouse"):
        Warehouse(path).query("SELECT 1")
    assert path.read_bytes().startswith(b"not a database")


def _write_many(path: Path, worker: int) -> None:
    warehouse = Warehouse(path)
    for i in range(5):
        day = date(2026, 2, 1 + worker * 5 + i)
        warehouse.replace_partitions(TABLE, rows(day, 100), [day])
        warehouse.query("SELECT count(*) FROM counts")


def test_processes_wait_for_each_other(warehouse: Warehouse) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write_many, args=(warehouse.path, w)) for w in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [w.exitcode for w in workers] == [0, 0, 0]
    assert warehouse.query("SELECT count(*) n FROM counts")["n"].to_list() == [1500]


KILLED_WRITER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from tests.support.counts_table import DAY, TABLE, rows
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
warehouse = Warehouse(Path({path!r}))
print("ready", flush=True)
v = 0
while True:
    v += 1
    warehouse.replace_partitions(TABLE, rows(DAY, 20_000, v=v), [DAY])
"""


def test_threads_wait_for_each_other(warehouse: Warehouse) -> None:
    """Sensors in a code server do this. Under the file lock alone, DuckDB would refuse to attach the file twice."""
    warehouse.replace_partitions(TABLE, rows(DAY, 1), [DAY])

    def work(mine: Warehouse) -> int:
        for turn in range(20):
            if turn % 4:
                mine.query("SELECT count(*) FROM counts")
            else:
                mine.replace_partitions(TABLE, rows(DAY, turn), [DAY])
        return 20

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(work, [warehouse, warehouse, Warehouse(warehouse.path)])) == 60


def test_a_thread_that_waits_too_long_gets_an_error(warehouse: Warehouse) -> None:
    hasty = Warehouse(warehouse.path, lock_timeout_s=0.01)
    with warehouse.writing(), ThreadPoolExecutor(1) as pool:
        error = pool.submit(hasty.query, "SELECT 1").exception()
    assert isinstance(error, WarehouseBusyError)
    assert hasty.query("SELECT 1 AS one")["one"].to_list() == [1]


def test_kill_9_leaves_the_old_or_the_new_partition(warehouse: Warehouse) -> None:
    root = str(Path(__file__).parents[3])
    warehouse.replace_partitions(TABLE, rows(DAY, 20_000), [DAY])
    script = KILLED_WRITER.format(paths=[root], path=str(warehouse.path))
    for round_ in range(6):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.05 + 0.037 * round_)
            os.kill(process.pid, signal.SIGKILL)
        state = warehouse.query("SELECT count(*) n, count(DISTINCT v) versions FROM counts")
        assert state.rows() == [(20_000, 1)]


def test_publishing_replaces_the_file_under_a_reader(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "journeys.duckdb"
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])
    warehouse.publish(["counts"], target)
    reader = duckdb.connect(str(target), read_only=True)
    warehouse.replace_partitions(TABLE, rows(DAY, 9), [DAY])
    warehouse.publish(["counts"], target)
    assert reader.sql("SELECT count(*) FROM counts").fetchone() == (5,)
    reader.close()
    assert duckdb.connect(str(target), read_only=True).sql("SELECT count(*) FROM counts").fetchone() == (9,)


def test_unfinished_days_stay_as_published_and_views_see_only_published_days(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    target, next_day = tmp_path / "journeys.duckdb", NEXT
    view = {"latest": "SELECT * FROM main.counts WHERE partition_date = (SELECT max(partition_date) FROM main.counts)"}

    def published() -> list[tuple[object, ...]]:
        with duckdb.connect(str(target), read_only=True) as con:
            days = con.sql("SELECT partition_date, count(*), min(v) FROM counts GROUP BY ALL ORDER BY 1").fetchall()
            return [*days, *con.sql("SELECT DISTINCT partition_date FROM latest").fetchall()]

    warehouse.replace_partitions(TABLE, rows(DAY, 5, v=1), [DAY])
    warehouse.publish(["counts"], target, views=view)
    warehouse.replace_partitions(TABLE, rows(DAY, 7, v=2), [DAY])
    warehouse.replace_partitions(TABLE, rows(next_day, 3, v=2), [next_day])
    warehouse.publish(["counts"], target, views=view, unfinished_days=lambda _: [DAY, next_day])
    assert published() == [(DAY, 5, 1), (DAY,)]
    warehouse.publish(["counts"], target, views=view, unfinished_days=lambda _: [next_day])
    assert published() == [(DAY, 7, 2), (DAY,)]
    warehouse.publish(["counts"], target, views=view)
    assert published() == [(DAY, 7, 2), (next_day, 3, 2), (next_day,)]


def test_a_damaged_old_file_is_an_error_where_it_is_needed(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "journeys.duckdb"
    target.write_bytes(b"not a database" * 1000)
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])
    with pytest.raises(WarehouseError, match=r"journeys\.duckdb.*Delete it"):
        warehouse.publish(["counts"], target, unfinished_days=lambda _: [DAY])
    warehouse.publish(["counts"], target)
    assert duckdb.connect(str(target), read_only=True).sql("SELECT count(*) FROM counts").fetchone() == (5,)


def test_appending_keeps_existing_rows_and_adds_new_ones(warehouse: Warehouse) -> None:
    warehouse.append_new(TABLE, rows(DAY, 3, v=1))
    warehouse.append_new(TABLE, rows(DAY, 5, v=2))
    assert warehouse.query("SELECT k, v FROM counts ORDER BY k").rows() == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)]


def test_a_copy_has_what_a_killed_writer_committed_and_nothing_later(warehouse: Warehouse, tmp_path: Path) -> None:
    # The writer committed, and was killed before a checkpoint moved the write-ahead log into the file.
    code = (
        "import duckdb, os, sys\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "con.execute(\"SET checkpoint_threshold = '1TB'\")\n"
        "con.execute('CREATE TABLE main.counts AS SELECT range AS k FROM range(1000)')\n"
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(warehouse.path)], check=True)
    assert Path(f"{warehouse.path}.wal").exists()
    copy = Warehouse(tmp_path / "copies" / "copy.duckdb")
    warehouse.copy_to(copy.path)
    with warehouse.writing() as con:
        con.execute("DELETE FROM main.counts")
    assert copy.query("SELECT count(*) AS n FROM main.counts")["n"].to_list() == [1000]


def test_copying_an_idle_warehouse_changes_no_byte_of_it(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])
    before = warehouse.path.read_bytes()
    warehouse.copy_to(tmp_path / "copy.duckdb")
    assert warehouse.path.read_bytes() == before
    assert (tmp_path / "copy.duckdb").read_bytes() == before


def test_a_copy_without_disk_space_is_an_error_and_leaves_nothing(warehouse: Warehouse, tmp_path: Path) -> None:
    warehouse.replace_partitions(TABLE, rows(DAY, 5), [DAY])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(WarehouseError, match="cannot copy the warehouse"):
            warehouse.copy_to(tmp_path / "copy.duckdb")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "copy.duckdb").exists()
    assert warehouse.query("SELECT count(*) AS n FROM counts")["n"].to_list() == [5]


def test_publishing_copies_what_changed_however_it_was_changed(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "journeys.duckdb"
    days = [date(2026, 1, day) for day in range(1, 9)]

    def published() -> list[tuple[object, ...]]:
        with duckdb.connect(str(target), read_only=True) as con:
            return con.sql("FROM counts ORDER BY ALL").fetchall()

    for number, day in enumerate(days):
        warehouse.replace_partitions(TABLE, rows(day, 50, v=number), [day])
    warehouse.publish(["counts"], target)
    before = target.stat()
    warehouse.publish(["counts"], target)
    assert target.stat().st_ino == before.st_ino  # nothing changed, so nothing was written
    # Checked that this fails where writes that name no days leave no mark.
    # A day is replaced with as many rows, one goes, one is new, and one row changes behind the back of the warehouse.
    warehouse.replace_partitions(TABLE, rows(days[0], 50, v=99), days[:1])
    warehouse.replace_partitions(TABLE, rows(days[1], 0), days[1:2])
    warehouse.replace_partitions(TABLE, rows(date(2026, 2, 1), 5), [date(2026, 2, 1)])
    with warehouse.writing() as con:
        con.execute(f"UPDATE main.counts SET v = 77 WHERE partition_date = DATE '{days[2]}' AND k = 3")
    warehouse.publish(["counts"], target)
    assert published() == warehouse.query("FROM main.counts ORDER BY ALL").rows()
    assert target.stat().st_ino != before.st_ino


operation = st.tuples(
    st.sampled_from(["replace", "append", "delete old", "by hand", "publish"]),
    st.integers(1, 6),
    st.integers(0, 4),
    st.integers(0, 3),
)


@settings(max_examples=12, deadline=None)
@given(operations=st.lists(operation, min_size=3, max_size=10))
def test_what_is_published_is_what_the_warehouse_has_whatever_was_written(
    operations: list[tuple[str, int, int, int]],
) -> None:
    with TemporaryDirectory() as folder:
        warehouse, target = Warehouse(Path(folder) / "w.duckdb"), Path(folder) / "journeys.duckdb"
        warehouse.ensure(TABLE)
        for what, number, n, v in [*operations, ("publish", 1, 0, 0)]:
            day = date(2026, 1, number)
            if what == "replace":
                warehouse.replace_partitions(TABLE, rows(day, n, v), [day])
            elif what == "append":
                warehouse.append_new(TABLE, rows(day, n, v))
            elif what == "delete old":
                warehouse.delete_old_partitions(["counts"], keep_days=1 + n)
            elif what == "by hand":
                with warehouse.writing() as con:
                    con.execute(f"UPDATE main.counts SET v = {v} WHERE partition_date = DATE '{day}'")
            else:
                warehouse.publish(["counts"], target)
                with duckdb.connect(str(target), read_only=True) as con:
                    published = con.sql("FROM counts ORDER BY ALL").fetchall()
                assert published == warehouse.query("FROM main.counts ORDER BY ALL").rows()


def test_publishing_reads_only_days_that_were_written_since(warehouse: Warehouse, tmp_path: Path) -> None:
    # A change that a write does not name is not found, because the day is not read.
    target = tmp_path / "journeys.duckdb"
    warehouse.replace_partitions(TABLE, rows(DAY, 5, v=1), [DAY])
    warehouse.publish(["counts"], target)
    with warehouse.writing({}) as con:
        con.execute("UPDATE main.counts SET v = 2")
    warehouse.replace_partitions(TABLE, rows(NEXT, 5, v=3), [NEXT])
    warehouse.publish(["counts"], target)
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.sql("SELECT DISTINCT v FROM counts ORDER BY v").fetchall() == [(1,), (3,)]
    with warehouse.writing({"counts": [DAY]}) as con:
        con.execute("UPDATE main.counts SET v = 4 WHERE k = 0")
    warehouse.publish(["counts"], target)
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.sql("SELECT DISTINCT v FROM counts ORDER BY v").fetchall() == [(2,), (3,), (4,)]


def test_another_warehouse_is_published_over_the_file_of_the_one_before(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "journeys.duckdb"
    warehouse.replace_partitions(TABLE, rows(DAY, 5, v=1), [DAY])
    warehouse.publish(["counts"], target)
    other = Warehouse(tmp_path / "other.duckdb")
    other.replace_partitions(TABLE, rows(DAY, 5, v=2), [DAY])
    other.publish(["counts"], target)
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.sql("SELECT DISTINCT v FROM counts").fetchall() == [(2,)]


def test_files_of_an_earlier_format_are_raised_to_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{path}' AS old (STORAGE_VERSION 'v1.0.0')")
        con.execute(
            f"CREATE TABLE old.main.counts AS SELECT DATE '{DAY}' AS partition_date, 1::BIGINT AS k, 2::BIGINT AS v"
        )
    warehouse = Warehouse(path)
    assert warehouse.query("FROM main.counts").height == 1
    warehouse.replace_partitions(TABLE, rows(NEXT, 1), [NEXT])
    assert warehouse.query("SELECT v FROM main.counts ORDER BY v")["v"].to_list() == [0, 2]
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{path}' AS raised (READ_ONLY)")
        found = con.sql("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'raised'")
        assert found.fetchone() == (f"{STORAGE_VERSION}+",)


def test_a_new_view_and_a_new_column_are_published(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "journeys.duckdb"
    warehouse.replace_partitions(TABLE, rows(DAY, 5, v=1), [DAY])
    warehouse.publish(["counts"], target, views={"few": "SELECT * FROM main.counts WHERE k < 2"})
    warehouse.publish(["counts"], target, views={"few": "SELECT * FROM main.counts WHERE k < 3"})
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM few").fetchone() == (3,)
    with warehouse.writing() as con:
        con.execute("ALTER TABLE main.counts ADD COLUMN extra INTEGER")
    warehouse.publish(["counts"], target)
    with duckdb.connect(str(target), read_only=True) as con:
        assert con.sql("SELECT count(*), count(extra) FROM counts").fetchone() == (5, 0)


def test_the_published_file_does_not_grow_by_what_it_no_longer_has(warehouse: Warehouse, tmp_path: Path) -> None:
    target = tmp_path / "journeys.duckdb"
    for turn in range(12):
        with warehouse.writing() as con:
            con.execute("CREATE TABLE IF NOT EXISTS main.wide (partition_date DATE, k BIGINT, text VARCHAR)")
            con.execute(f"DELETE FROM main.wide WHERE partition_date <= DATE '2026-01-01' + {turn - 4}")
            con.execute(
                f"INSERT INTO main.wide SELECT DATE '2026-01-01' + {turn}, k, md5((k * {turn + 1})::VARCHAR) "
                "FROM range(20_000) AS numbers(k)"
            )
        warehouse.publish(["wide"], target)
    anew = tmp_path / "anew.duckdb"
    warehouse.publish(["wide"], anew)
    assert target.stat().st_size < 3 * anew.stat().st_size


KILLED_PUBLISHER = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from tests.support.counts_table import DAY, NEXT, TABLE, rows
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
warehouse = Warehouse(Path({path!r}))
print("ready", flush=True)
v = 0
while True:
    v += 1
    warehouse.replace_partitions(TABLE, rows(NEXT, 2_000, v=v), [NEXT])
    warehouse.publish(["counts"], Path({target!r}))
"""


@pytest.mark.slow
def test_kill_9_while_publishing_leaves_a_whole_file(warehouse: Warehouse, tmp_path: Path) -> None:
    root, target = str(Path(__file__).parents[3]), tmp_path / "out" / "journeys.duckdb"
    warehouse.replace_partitions(TABLE, rows(DAY, 20_000), [DAY])
    warehouse.publish(["counts"], target)
    script = KILLED_PUBLISHER.format(paths=[root], path=str(warehouse.path), target=str(target))
    for round_ in range(6):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.05 + 0.043 * round_)
            os.kill(process.pid, signal.SIGKILL)
        with duckdb.connect(str(target), read_only=True) as con:
            found = con.sql("SELECT partition_date, count(*), count(DISTINCT v) FROM counts GROUP BY 1").fetchall()
        assert set(found) <= {(DAY, 20_000, 1), (NEXT, 2_000, 1)}
        warehouse.publish(["counts"], target)
        with duckdb.connect(str(target), read_only=True) as con:
            published = con.sql("FROM counts ORDER BY ALL").fetchall()
        assert published == warehouse.query("FROM main.counts ORDER BY ALL").rows()
        assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_each_bounded_write_has_a_folder_of_its_own_to_spill_to(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    many = "SELECT hash(range)::VARCHAR || hash(range + 1)::VARCHAR AS s FROM range(3000000) ORDER BY s"
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        with warehouse.bounded_writing("60MB", folder / "spill") as con:
            con.execute(f"CREATE TEMP TABLE spilled AS {many}")
            assert list((folder / "spill").iterdir())
        shutil.rmtree(folder)
    settings = "SELECT current_setting('temp_directory') AS folder, current_setting('memory_limit') AS most"
    assert warehouse.query(settings).equals(Warehouse(tmp_path / "other.duckdb").query(settings))


def test_no_progress_bar_is_written_into_the_output_of_a_command(tmp_path: Path) -> None:
    """DuckDB has one in what it takes for an interactive session: a main module without a file, as in ``python -c``."""
    code = (
        "import sys; from pathlib import Path; from journeys_assets.storage.warehouse.duckdb_file import Warehouse\n"
        "rows = Warehouse(Path(sys.argv[1])).query(\"SELECT current_setting('enable_progress_bar') AS bar\")\n"
        "print(rows['bar'].to_list())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "warehouse.duckdb")]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "[False]\n"
