"""Kept connections: the command line's storage writes what Dagster's own would write, where Dagster's own reads it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.defs.in_process import dagster_instance, prepare_dagster_home
from journeys_assets.defs.sqlite_storage import OpenFile, OpenRunStorage, is_prepared

PARTITIONS = dg.StaticPartitionsDefinition(["a"])


@dg.asset(check_specs=[dg.AssetCheckSpec("checked", asset="first")], partitions_def=PARTITIONS)
def first() -> Iterator[dg.MaterializeResult[None]]:
    yield dg.MaterializeResult(metadata={"rows": 3}, check_results=[dg.AssetCheckResult(passed=True)])


@dg.asset(deps=[first], partitions_def=PARTITIONS)
def second() -> None:
    pass


@dg.asset(deps=[second])
def failing() -> None:
    raise ValueError("on purpose")


DEFINITIONS = dg.Definitions(
    assets=[first, second, failing],
    jobs=[
        dg.define_asset_job("good", ["first", "second"], executor_def=dg.in_process_executor),
        dg.define_asset_job("bad", ["failing"], executor_def=dg.in_process_executor),
    ],
)


def run_both_jobs(instance: dg.DagsterInstance) -> None:
    good = DEFINITIONS.resolve_job_def("good").execute_in_process(instance=instance, partition_key="a")
    bad = DEFINITIONS.resolve_job_def("bad").execute_in_process(instance=instance, raise_on_error=False)
    assert (good.success, bad.success) == (True, False)


def stock_instance(folder: Path) -> dg.DagsterInstance:
    """An instance with Dagster's own storage, as the UI opens it."""
    prepare_dagster_home(folder)
    return dg.DagsterInstance.from_config(str(folder))


def counts(folder: Path) -> dict[str, dict[str, int]]:
    """Rows of each table of each SQLite file; the files of single runs are counted together."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted(folder.rglob("*.db")):
        name = path.stem if path.stem in ("index", "runs", "schedules") else "a run"
        with closing(sqlite3.connect(path)) as con:
            for (table,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                (n,) = con.execute(f"SELECT count(*) FROM {table}").fetchone()
                tables = found.setdefault(name, {})
                tables[table] = tables.get(table, 0) + n
    return found


def event_types(instance: dg.DagsterInstance) -> list[tuple[str, list[str]]]:
    """Jobs with the types of their events, in the order in which they were stored."""

    def types_of(run: dg.DagsterRun) -> list[str]:
        records = instance.get_records_for_run(run.run_id).records
        return [str(record.event_log_entry.dagster_event_type) for record in records]

    return [(run.job_name, types_of(run)) for run in sorted(instance.get_runs(), key=lambda run: run.job_name)]


def test_the_same_rows_are_stored_as_by_dagsters_own_storage(tmp_path: Path) -> None:
    with dagster_instance(tmp_path / "kept") as kept:
        run_both_jobs(kept)
    with stock_instance(tmp_path / "stock") as stock:
        run_both_jobs(stock)
        expected = event_types(stock)
    assert counts(tmp_path / "kept") == counts(tmp_path / "stock")
    with stock_instance(tmp_path / "kept") as read_by_the_ui:
        assert event_types(read_by_the_ui) == expected
        (record,) = read_by_the_ui.fetch_materializations(dg.AssetKey("first"), limit=5).records
        assert record.partition_key == "a"


def test_the_ui_reads_while_a_run_writes(tmp_path: Path) -> None:
    seen = []

    @dg.asset
    def watched() -> None:
        with stock_instance(tmp_path) as ui:
            seen.extend(run.status for run in ui.get_runs())
            ui.add_dynamic_partitions("of_the_ui", ["p"])

    job = dg.Definitions(assets=[watched], jobs=[dg.define_asset_job("watch", executor_def=dg.in_process_executor)])
    with dagster_instance(tmp_path) as instance:
        assert job.resolve_job_def("watch").execute_in_process(instance=instance).success
        assert seen == [dg.DagsterRunStatus.STARTED]
        assert instance.get_dynamic_partitions("of_the_ui") == ["p"]


def test_an_instance_is_opened_again_with_what_it_holds(tmp_path: Path) -> None:
    for n in (1, 2):
        with dagster_instance(tmp_path) as instance:
            assert isinstance(instance.run_storage, OpenRunStorage)
            run_both_jobs(instance)
            assert instance.get_runs_count() == 2 * n


def test_a_file_that_was_left_half_made_is_not_taken_as_prepared(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    assert not is_prepared(file)
    with closing(sqlite3.connect(file)) as con:
        con.execute("CREATE TABLE alembic_version (version_num TEXT)")
        con.commit()
    assert not is_prepared(file)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=8))
@settings(max_examples=30)
def test_a_use_is_stored_exactly_if_no_error_left_it(
    tmp_path_factory: pytest.TempPathFactory, uses: list[tuple[int, bool]]
) -> None:
    """Uses nest ``depth`` times, each of which adds a row; one that fails takes back what it and those in it added."""
    path = tmp_path_factory.mktemp("file") / "rows.db"
    file, expected = OpenFile(f"sqlite:///{path}"), 0
    with file.use() as con:
        con.exec_driver_sql("CREATE TABLE rows (n INTEGER)")

    def add(depth: int) -> None:
        with file.use() as con:
            con.exec_driver_sql("INSERT INTO rows VALUES (1)")
            if depth:
                add(depth - 1)

    for depth, fails in uses:
        try:
            with file.use():
                add(depth)
                if fails:
                    raise ValueError
        except ValueError:
            continue
        expected += depth + 1
    file.close()
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("SELECT count(*) FROM rows").fetchone() == (expected,)
