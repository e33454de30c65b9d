"""The loader of SQL models: reading, rendering, and errors."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.domain.tables.table import TEXT, TIMESTAMP, Column, Table
from journeys_assets.storage.sql_models import SqlModel, SqlModelError, load_models
from journeys_assets.storage.warehouse.base import create_tables

PROJECT = """
name: small
vars: {partition_date: "2026-01-01", least: 2}
models:
  small:
    staging: {+materialized: view}
    intermediate: {+materialized: ephemeral}
    marts: {+materialized: incremental}
"""
STAGING = "select user_id, query, searched_at from {{ source('landing', 'search_events') }}"
STAGING_IN_DUCKDB = "select user_id, query, searched_at from landing.search_events"
INTERMEDIATE = """
select user_id, count(*) as n_searches from {{ ref('stg_searches') }}
group by user_id having count(*) >= {{ var("least") }}
"""
MART = """
-- a comment without meaning
select date '{{ var("partition_date") }}' as partition_date, busy.user_id, busy.n_searches, clusters.journey_id
from {{ ref('int_busy') }} as busy
left join {{ source('inference', 'journey_clusters') }} as clusters on busy.user_id = clusters.user_id
"""


def described(name: str, columns: str, grain: str = "user_id", *, partitioned: bool = False) -> Table:
    """A table of the columns ``name:type …``."""
    types = {"VARCHAR": TEXT, "BIGINT": pl.Int64(), "DATE": pl.Date(), "TIMESTAMP": TIMESTAMP}
    made = [
        Column(column, types[data_type], "Some column.") for column, data_type in re.findall(r"(\w+):(\w+)", columns)
    ]
    return Table(name, "What a row is.", tuple(grain.split()), tuple(made), partitioned=partitioned)


FILES = {
    "dbt_project.yml": PROJECT,
    "models/staging/stg_searches.sql": STAGING,
    "models/intermediate/int_busy.sql": INTERMEDIATE,
    "models/marts/busy_users.sql": MART,
}
BUSY_USERS = "partition_date:DATE user_id:VARCHAR n_searches:BIGINT journey_id:VARCHAR"
TABLES = (
    described("stg_searches", "user_id:VARCHAR query:VARCHAR searched_at:TIMESTAMP", "user_id query searched_at"),
    described("int_busy", "user_id:VARCHAR n_searches:BIGINT"),
    described("busy_users", BUSY_USERS, "partition_date user_id", partitioned=True),
)
Load = Callable[..., dict[str, SqlModel]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a small project with some of its files replaced (None removes one) and other tables."""

    def write_and_load(changes: dict[str, str | None] | None = None, *tables: Table) -> dict[str, SqlModel]:
        folder = tmp_path / "project"
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in {**FILES, **(changes or {})}.items():
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
        return load_models(folder, DEFAULT_ACTIONS, {table.name: table for table in (*TABLES, *tables)})

    return write_and_load


def test_models_come_after_those_that_they_refer_to(load: Load) -> None:
    models = load()
    assert list(models) == ["stg_searches", "int_busy", "busy_users"]
    mart = models["busy_users"]
    assert (mart.layer, mart.materialized) == ("marts", "incremental")
    assert mart.refs == ("int_busy",)
    assert mart.sources == (("main", "journey_clusters"),)
    assert models["stg_searches"].sources == (("landing", "search_events"),)


def test_variables_are_those_of_the_model_and_of_the_models_it_inlines(load: Load) -> None:
    models = load()
    assert models["busy_users"].variables == ("least", "partition_date")
    assert models["int_busy"].variables == ("least",)
    assert models["stg_searches"].variables == ()


def test_rendered_sql_names_tables_and_inlines_ephemeral_models(load: Load) -> None:
    models = load()
    assert models["stg_searches"].render({}).endswith("from landing.search_events")
    rendered = models["busy_users"].render({"partition_date": "2026-02-03", "least": 5})
    assert "date '2026-02-03'" in rendered
    assert "from (\nselect user_id, count(*) as n_searches from main.stg_searches" in rendered
    assert ">= 5" in rendered
    assert "main.journey_clusters" in rendered
    assert "int_busy" not in rendered
    assert "{" not in rendered


def test_config_in_the_sql_overrides_the_project(load: Load) -> None:
    sql = "{{ config(materialized='view') }}\n" + STAGING.replace("query, ", "")
    searchers = described("searchers", "user_id:VARCHAR searched_at:TIMESTAMP")
    assert load({"models/marts/searchers.sql": sql}, searchers)["searchers"].materialized == "view"


def test_lineage_resolves_ephemeral_models(load: Load) -> None:
    lineage = load()["busy_users"].column_lineage
    assert lineage["user_id"] == [("main.stg_searches", "user_id")]
    assert lineage["journey_id"] == [("main.journey_clusters", "journey_id")]
    assert lineage["partition_date"] == []


@pytest.mark.parametrize(
    ("file", "text", "moves"),
    [
        ("models/marts/busy_users.sql", MART.replace("a comment without", "another, without") + "\n\n", False),
        ("models/marts/busy_users.sql", MART.replace("left join", "inner join"), True),
        ("models/intermediate/int_busy.sql", INTERMEDIATE.replace(">=", ">"), True),
        ("models/staging/stg_searches.sql", STAGING + " where true", False),
    ],
    ids=["comment and layout", "sql", "inlined model", "view below"],
)
def test_the_fingerprint_changes_with_what_the_model_computes(load: Load, file: str, text: str, moves: bool) -> None:
    before = load()["busy_users"].fingerprint
    assert len(before) == 8
    assert (load({file: text})["busy_users"].fingerprint != before) is moves


def test_fingerprint_moves_with_names_and_types_of_columns_and_not_with_their_descriptions(load: Load) -> None:
    before = load()["busy_users"].fingerprint
    table = described("busy_users", BUSY_USERS, "partition_date user_id", partitioned=True)
    reworded = tuple(replace(column, description="Other words.", unit="users") for column in table.columns)
    assert load({}, replace(table, columns=reworded, description="Rows."))["busy_users"].fingerprint == before
    retyped = described("busy_users", BUSY_USERS.replace("BIGINT", "VARCHAR"), "user_id", partitioned=True)
    assert load({}, retyped)["busy_users"].fingerprint != before
    renamed = described("busy_users", BUSY_USERS.replace("n_searches", "searches"), "user_id", partitioned=True)
    changes = {SQL: MART.replace("busy.n_searches", "busy.n_searches as searches")}
    same_sql_otherwise = load({}, described("busy_users", BUSY_USERS, "user_id", partitioned=True))["busy_users"]
    assert same_sql_otherwise.fingerprint == before
    assert load(changes, renamed)["busy_users"].fingerprint != before


SQL = "models/marts/busy_users.sql"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dbt_project.yml": None}, "dbt_project.yml is missing"),
        ({SQL: None}, "no .sql file under .* makes busy_users"),
        (
            {"models/marts/more.sql": STAGING},
            "more.sql: domain.tables.sql describes no 'more', only busy_users, int_busy",
        ),
        ({SQL: "{{ config(materialized='view') }}" + MART}, "materialized as 'view', .* described as partitioned"),
        ({SQL: MART.replace("int_busy", "int_bsy")}, r"ref\('int_bsy'\); known models are busy_users, int_busy, stg_"),
        (
            {SQL: MART.replace("'inference'", "'inferred'")},
            r"source\('inferred', …\); known sources are inference, lan",
        ),
        ({SQL: MART.replace("'journey_clusters'", "'clusters'")}, r"known tables of inference are closed_days, inf"),
        ({SQL: MART.replace('partition_date"', 'day"')}, r"var\('day'\); the vars .* are least, partition_date"),
        ({SQL: MART + "{{ fer('x') }}"}, "'fer' is undefined; the functions are ref, source, var and config"),
        ({SQL: MART + "{{ source('landing') }}"}, "busy_users.sql: .*missing 1 required positional argument"),
        ({SQL: MART + "{% if %}"}, "busy_users.sql: "),
        ({SQL: "{{ config(materialized='table') }}" + MART}, "materialized 'table' is not known"),
        ({"models/staging/stg_searches.sql": STAGING + " limit {{ var('least') }}"}, "a view, so it cannot use var"),
        (
            {
                "models/staging/stg_searches.sql": STAGING.replace(
                    "source('landing', 'search_events')", "ref('int_busy')"
                )
            },
            "in a circle: int_busy → stg_searches → int_busy",
        ),
        ({"models/staging/busy_users.sql": STAGING}, "two models are named 'busy"),
        ({"models/extra/more.sql": STAGING}, "layer 'extra'"),
    ],
)
def test_errors_name_what_is_wrong(load: Load, changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(SqlModelError, match=message):
        load(changes)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """A warehouse without rows."""
    con = duckdb.connect()
    create_tables(con, [LANDING_TABLES["search_events"], PIPELINE_TABLES["journey_clusters"]])
    con.execute(f"CREATE VIEW main.stg_searches AS {STAGING_IN_DUCKDB}")
    return con


VARIABLES = {"partition_date": "2026-02-03", "least": 1}


def test_a_query_has_the_columns_of_its_table(load: Load, con: duckdb.DuckDBPyConnection) -> None:
    assert load()["busy_users"].query(con, VARIABLES).columns == list(TABLES[-1].column_names)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        (MART.replace("busy.n_searches", "busy.n_searches as n"), r"only in the SQL \['n'\]"),
        (MART.replace(", clusters.journey_id", ""), r"only in the description \['journey_id'\]"),
        (MART.replace("busy.user_id, busy.n_searches", "busy.n_searches, busy.user_id"), "order differs"),
        (MART.replace(", clusters.journey_id", ", clusters.*"), r"only in the SQL \['algorithm_version'"),
        (MART.replace("n_searches", "n_clicks"), "busy_users.sql: .*n_clicks"),
        ("select from where (", "busy_users.sql: .*syntax error"),
        ("create table t (a int)", "busy_users.sql is not a SELECT"),
    ],
    ids=["other column", "column missing", "order", "star", "unknown column", "no SQL", "no query"],
)
def test_a_query_that_does_not_fit_its_table_is_refused(
    load: Load, con: duckdb.DuckDBPyConnection, sql: str, message: str
) -> None:
    with pytest.raises(SqlModelError, match=message):
        load({SQL: sql})["busy_users"].query(con, VARIABLES)


def test_a_view_may_not_use_variables_through_inlined_models(load: Load) -> None:
    sql = "{{ config(materialized='view') }} select user_id from {{ ref('int_busy') }}"
    with pytest.raises(SqlModelError, match=r"busy_now.sql is a view.*var\('least'\) \(in int_busy.sql\)"):
        load({"models/marts/busy_now.sql": sql}, described("busy_now", "user_id:VARCHAR"))


def test_a_variable_that_is_not_given_is_named(load: Load) -> None:
    with pytest.raises(SqlModelError, match=r"uses var\('least'\).*the given ones are partition_date"):
        load()["busy_users"].render({"partition_date": "2026-01-01"})


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    with pytest.raises(SqlModelError, match=r"no \.sql file under"):
        load_models(tmp_path, DEFAULT_ACTIONS)


def test_templates_cannot_reach_into_python(load: Load) -> None:
    with pytest.raises(SqlModelError, match=r"unsafe|undefined"):
        load({SQL: MART + "{{ ref.__globals__ }}"})


def test_loading_neither_imports_dagster_nor_parses_sql() -> None:
    folder = Path(__file__).parents[2] / "dbt_like_sql"
    code = (
        "import sys; from pathlib import Path; from journeys_assets.domain.actions import DEFAULT_ACTIONS; "
        "from journeys_assets.storage.sql_models import load_models; "
        f"load_models(Path({str(folder)!r}), DEFAULT_ACTIONS); "
        "assert 'dagster' not in sys.modules and 'sqlglot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
