"""Stages made by SQL models, on a real warehouse."""

from dataclasses import replace
from pathlib import Path

import pytest

from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.pipeline.sql import SqlView, views_of_the_log
from journeys_assets.pipeline.stage import Run
from journeys_assets.storage.ingest.load import ensure_landing
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.sql_world import DAY, MODELS, filled

MODEL = MODELS["stg_search_events"]
RUN = Run((DAY,), "run")


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    ensure_landing(warehouse)
    with warehouse.writing() as con:
        con.register("incoming", filled(LANDING_TABLES["search_events"], [{"keyword": "oak table"}]).to_arrow())
        con.execute("INSERT INTO landing.search_events BY NAME FROM incoming")
        con.unregister("incoming")
    return warehouse


def made(warehouse: Warehouse, stage: SqlView) -> int:
    """Run the stage in a run of its own; returns the rows of its view."""
    list(replace(stage, seen=set()).run(RUN))
    return warehouse.query(f"SELECT * FROM main.{MODEL.name}").height


def test_a_view_that_is_there_already_is_not_written_again(warehouse: Warehouse) -> None:
    stage = SqlView(warehouse, MODEL)
    assert made(warehouse, stage) == 1
    before = warehouse.path.read_bytes()
    assert made(warehouse, stage) == 1
    assert warehouse.path.read_bytes() == before


def test_a_view_of_another_model_is_replaced(warehouse: Warehouse) -> None:
    other = replace(MODEL, sql=f"SELECT * FROM ({MODEL.sql}) AS model WHERE false")
    assert made(warehouse, SqlView(warehouse, other)) == 0
    assert made(warehouse, SqlView(warehouse, MODEL)) == 1


def test_a_view_that_something_else_replaced_is_made_again(warehouse: Warehouse) -> None:
    stage = SqlView(warehouse, MODEL)
    assert made(warehouse, stage) == 1
    with warehouse.writing() as con:
        con.execute(f"CREATE OR REPLACE VIEW main.{MODEL.name} AS {MODEL.render({})} LIMIT 0")
    assert made(warehouse, stage) == 1


def test_a_view_over_a_column_of_another_type_is_made_again(warehouse: Warehouse) -> None:
    stage = SqlView(warehouse, MODEL)
    assert made(warehouse, stage) == 1
    with warehouse.writing() as con:
        con.execute("ALTER TABLE landing.search_events ALTER query TYPE BLOB")
    assert made(warehouse, stage) == 1


def test_a_new_warehouse_gets_every_view_of_the_log_in_one_write(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    ensure_landing(warehouse)
    views = views_of_the_log(MODELS)
    assert {view.layer for view in views} == {"staging", "intermediate"}
    list(SqlView(warehouse, MODEL, views).run(RUN))
    before = warehouse.path.read_bytes()
    for view in views:
        list(SqlView(warehouse, view, views).run(RUN))
    assert warehouse.path.read_bytes() == before


def test_the_views_of_one_run_are_looked_at_together(warehouse: Warehouse) -> None:
    views, seen = views_of_the_log(MODELS), set[str]()
    list(SqlView(warehouse, MODEL, views, seen).run(RUN))
    assert seen == {view.name for view in views}
    warehouse.path.unlink()
    for view in views:
        list(SqlView(warehouse, view, views, seen).run(RUN))
    assert not warehouse.path.exists()
