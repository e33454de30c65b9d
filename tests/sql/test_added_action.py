"""One entry of the registry adds an action: landing, counts, weight, intent, yml and docs follow."""

import math
from pathlib import Path

import pytest
import yaml

from docs.generate import landing_page, model_yml, sources_yml, tables_page
from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action, count_columns, with_actions
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.ranking.prior import features, part_of
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.sql import keyword_table, sql_tables
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.sql_models import load_models
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.sql_world import DAY, MODELS, SQL_FOLDER, SqlWorld, ago, at, filled, variables

ACTIONS = with_actions(DEFAULT_ACTIONS, [Action("purchase", weight=2.0, strength="act")])
WITH_PURCHASE = load_models(SQL_FOLDER, ACTIONS)


@pytest.fixture
def world() -> SqlWorld:
    """A journey of one keyword: two purchases today and one save a week ago."""
    world = SqlWorld(models=WITH_PURCHASE)
    world.pin("p", ["Tiles"])
    world.engage("ann", "p", "save", at(ago(7)))
    world.engage("ann", "p", "purchase", at(DAY, 9))
    world.engage("ann", "p", "purchase", at(DAY, 10))
    for day in (ago(7), DAY):
        world.build("keyword_table", day)
    world.infer("ann", DAY, {"journey_id": "j", "keywords": ["tiles"], "n_keywords": 1})
    return world


def test_it_is_counted_and_weighs(world: SqlWorld) -> None:
    rows = world.query("SELECT partition_date, n_saves, n_purchases FROM main.keyword_table ORDER BY 1")
    assert rows.rows() == [(ago(7), 1, 0), (DAY, 0, 2)]
    row = world.build("journey_features").row(0, named=True)
    assert [row[f"n_purchases_{days}d"] for days in (1, 7, 28, 90)] == [2, 2, 2, 2]
    assert row["engagement_weight_28d"] == row["user_engagement_weight_28d"] == 1.0 + 2 * 2.0
    users = world.query(f"SELECT 'ann' AS user_id, DATE '{DAY}' AS window_end_date")
    weighed = keyword_queries.window_keywords(world.con, users, DAY, KeywordParams(), ACTIONS)
    assert weighed.select("keyword", "weight").rows() == [("tiles", math.log(1 + 1.0 + 2 * 2.0))]


def test_it_decides_intent_by_its_strength_and_shows_in_the_output(world: SqlWorld) -> None:
    for hour in range(8):
        world.engage("ann", "p", "purchase", at(DAY, 11 + hour))
    for mart in ("keyword_table", "journey_features", "stage_labels"):
        world.build(mart)
    assert world.query("SELECT intent FROM main.stage_labels")["intent"].to_list() == ["acting"]
    world.build("user_journeys")
    shown = world.query("SELECT n_saves_90d, n_purchases_90d, intent FROM main.current_journeys")
    assert shown.rows() == [(1, 10, "acting")]


def test_the_order_of_other_columns_stays() -> None:
    for name, model in WITH_PURCHASE.items():
        kept = [column for column in model.table.column_names if "purchase" not in column]
        assert tuple(kept) == MODELS[name].table.column_names


@pytest.mark.parametrize("name", WITH_PURCHASE)
def test_described_columns_are_what_duckdb_returns(name: str) -> None:
    world = SqlWorld(models=WITH_PURCHASE)
    returned = world.con.sql(f"DESCRIBE {WITH_PURCHASE[name].render(variables(DAY))}").fetchall()
    assert [(row[0], row[1]) for row in returned] == [(c.name, c.sql_type) for c in WITH_PURCHASE[name].table.columns]


def test_a_ranker_reads_its_counts_and_explains_them() -> None:
    added = set(features(ACTIONS)) - set(features(DEFAULT_ACTIONS))
    assert added == {f"n_purchases_{days}d" for days in (1, 7, 28, 90)}
    assert {part_of(name) for name in added} == {"recency", "volume"}
    assert set(features(ACTIONS)) <= set(WITH_PURCHASE["journey_features"].table.column_names)


def test_only_models_that_count_it_are_another_algorithm() -> None:
    moved = {name for name in MODELS if MODELS[name].fingerprint != WITH_PURCHASE[name].fingerprint}
    assert moved == {"keyword_table", "journey_features", "user_journeys", "current_journeys"}
    assert {name for name in MODELS if "counts" in MODELS[name].variables} == moved
    assert {name for name in MODELS if "actions" in MODELS[name].variables} == {"journey_features", "stage_labels"}


def test_generated_files_name_it() -> None:
    described = yaml.safe_load(model_yml(WITH_PURCHASE["keyword_table"]))["models"][0]["columns"]
    assert "Purchases that day." in [column["description"] for column in described]
    assert "values: [search, closeup, save, clickthrough, purchase, board_pin]" in model_yml(
        WITH_PURCHASE["int_keyword_events"]
    )
    assert "acting (more clickthroughs and purchases)" in model_yml(WITH_PURCHASE["stage_labels"])
    assert "pin_engagements" in sources_yml("landing", WITH_PURCHASE, ACTIONS)
    assert "One of `closeup`, `save`, `clickthrough`, `purchase`." in landing_page(ACTIONS)
    assert "`n_purchases_90d`" in tables_page(ACTIONS)
    assert "purchase" not in landing_page(DEFAULT_ACTIONS) + tables_page(DEFAULT_ACTIONS)


def test_a_warehouse_of_before_counts_none(tmp_path: Path) -> None:
    """Partitions that were written before the action was added hold 0, and new ones can be written beside them."""
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    day_before, before, after = ago(1), keyword_table(DEFAULT_ACTIONS), keyword_table(ACTIONS)
    none = dict.fromkeys(count_columns(DEFAULT_ACTIONS), 0)
    row = {**none, "user_id": "ann", "keyword": "tiles"}
    old = filled(before, [{**row, "partition_date": day_before, "n_saves": 3}])
    warehouse.replace_partitions(before, old, [day_before])
    for actions in (DEFAULT_ACTIONS, ACTIONS):
        partitioned = (table for table in sql_tables(actions).values() if table.partitioned)
        warehouse.ensure(*IDENTITY_TABLES.values(), *partitioned)
    new = filled(after, [{**row, "partition_date": DAY, "n_purchases": 2}])
    warehouse.replace_partitions(after, new, [DAY])
    rows = warehouse.query("SELECT partition_date, n_saves, n_purchases FROM main.keyword_table ORDER BY 1")
    assert rows.rows() == [(day_before, 3, 0), (DAY, 0, 2)]
    users = warehouse.query(f"SELECT 'ann' AS user_id, DATE '{DAY}' AS window_end_date")
    with warehouse.reading() as con:
        weight = keyword_queries.window_keywords(con, users, DAY, KeywordParams(), ACTIONS)["weight"].item()
        names = con.sql("DESCRIBE main.journey_features").pl()["column_name"].to_list()
    assert weight == math.log(1 + 3 * 1.0 + 2 * 2.0)
    assert "n_purchases_7d" in names


def test_an_action_that_is_removed_and_added_again_counts_none_in_between(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    without = keyword_table(DEFAULT_ACTIONS)
    warehouse.ensure(keyword_table(ACTIONS))
    warehouse.replace_partitions(without, filled(without, [{"partition_date": DAY}]), [DAY])
    assert warehouse.query("SELECT n_purchases FROM main.keyword_table")["n_purchases"].to_list() == [0]
