"""The loader of SQL models: reading, rendering, and errors."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.domain.tables.table import TIMESTAMP
from journeys_assets.storage.sql_models import SqlModel, SqlModelError, load_models

PROJECT = """
name: small
vars: {partition_date: "2026-01-01", least: 2}
models:
  small:
    staging: {+materialized: view}
    intermediate: {+materialized: ephemeral}
    marts: {+materialized: incremental}
"""
SOURCES = """
version: 2
sources:
  - name: landing
    tables: [{name: search_events}, {name: users}]
  - name: inference
    tables: [{name: journey_clusters}]
"""
STAGING = "select user_id, query, searched_at from {{ source('landing', 'search_events') }}"
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


def described(name: str, columns: str, grain: str = "user_id") -> str:
    lines = [f"version: 2\nmodels:\n  - name: {name}\n    description: What a row is.\n    columns:"]
    for column in columns.split():
        column_name, _, data_type = column.partition(":")
        lines.append(f"      - {{name: {column_name}, data_type: {data_type}, description: Some column.}}")
    lines.append(f"    data_tests: [{{unique_grain: {{arguments: {{columns: [{grain}]}}}}}}]" if grain else "")
    return "\n".join(lines) + "\n"


FILES = {
    "dbt_project.yml": PROJECT,
    "models/staging/_landing.yml": SOURCES,
    "models/staging/stg_searches.sql": STAGING,
    "models/staging/stg_searches.yml": described(
        "stg_searches", "user_id:VARCHAR query:VARCHAR searched_at:TIMESTAMP", "user_id, query, searched_at"
    ),
    "models/intermediate/int_busy.sql": INTERMEDIATE,
    "models/intermediate/int_busy.yml": described("int_busy", "user_id:VARCHAR n_searches:BIGINT", ""),
    "models/marts/busy_users.sql": MART,
    "models/marts/busy_users.yml": described(
        "busy_users",
        "partition_date:DATE user_id:VARCHAR n_searches:BIGINT journey_id:VARCHAR",
        "partition_date, user_id",
    ),
}
Load = Callable[..., dict[str, SqlModel]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads a small project. ``changes`` replaces files; None removes one."""

    def write_and_load(changes: dict[str, str | None] | None = None) -> dict[str, SqlModel]:
        folder = tmp_path / "project"
        shutil.rmtree(folder, ignore_errors=True)
        for name, text in {**FILES, **(changes or {})}.items():
            if text is not None:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text, encoding="utf-8")
        return load_models(folder)

    return write_and_load


def test_models_come_after_those_that_they_refer_to(load: Load) -> None:
    models = load()
    assert list(models) == ["stg_searches", "int_busy", "busy_users"]
    mart = models["busy_users"]
    assert (mart.layer, mart.materialized) == ("marts", "incremental")
    assert mart.refs == ("int_busy",)
    assert mart.sources == (("main", "journey_clusters"),)
    assert models["stg_searches"].sources == (("landing", "search_events"),)


def test_the_table_follows_the_description(load: Load) -> None:
    text = """
version: 2
models:
  - name: int_busy
    description: >-
      Users who search
      a lot.
    data_tests: [{unique_grain: {arguments: {columns: [user_id]}}}]
    columns:
      - {name: user_id, data_type: VARCHAR, description: Who., data_tests: [not_null]}
      - name: n_searches
        data_type: BIGINT
        description: How many.
        config: {meta: {unit: searches}}
        data_tests:
          - accepted_range: {arguments: {min_value: 0, max_value: 9}}
          - accepted_values: {arguments: {values: [a, b]}}
"""
    table = load({"models/intermediate/int_busy.yml": text})["int_busy"].table
    assert (table.description, table.grain, table.partitioned) == ("Users who search a lot.", ("user_id",), False)
    user, n = table.columns
    assert (user.dtype, user.nullable, user.minimum, user.allowed) == (pl.String(), False, None, None)
    assert (n.dtype, n.nullable, n.minimum, n.maximum) == (pl.Int64(), True, 0, 9)
    assert (n.unit, n.allowed) == ("searches", ("a", "b"))
    models = load()
    assert models["busy_users"].table.partitioned
    assert models["stg_searches"].table.column("searched_at").dtype == TIMESTAMP


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
    changes: dict[str, str | None] = {
        "models/marts/searchers.sql": sql,
        "models/marts/searchers.yml": described("searchers", "user_id:VARCHAR searched_at:TIMESTAMP"),
    }
    assert load(changes)["searchers"].materialized == "view"


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
        (
            "models/marts/busy_users.yml",
            FILES["models/marts/busy_users.yml"].replace("[partition_date, user_id]", "[user_id]"),
            True,
        ),
        ("models/intermediate/int_busy.sql", INTERMEDIATE.replace(">=", ">"), True),
        ("models/staging/stg_searches.sql", STAGING + " where true", False),
    ],
    ids=["comment and layout", "sql", "description", "inlined model", "view below"],
)
def test_the_fingerprint_changes_with_what_the_model_computes(load: Load, file: str, text: str, moves: bool) -> None:
    before = load()["busy_users"].fingerprint
    assert len(before) == 8
    assert (load({file: text})["busy_users"].fingerprint != before) is moves


SQL, YML = "models/marts/busy_users.sql", "models/marts/busy_users.yml"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dbt_project.yml": None}, "dbt_project.yml is missing"),
        ({YML: None}, "busy_users.yml is missing"),
        ({YML: "models: ["}, "busy_users.yml is not YAML"),
        ({YML: "version: 2"}, "must describe exactly one model 'busy_users'"),
        ({YML: FILES[YML].replace("What a row is.", "''")}, "busy_users needs a description"),
        ({YML: FILES[YML].replace("BIGINT", "HUGEINT")}, "column 'n_searches' .* not 'HUGEINT'"),
        ({YML: FILES[YML].replace("description: Some column.", "description: ''")}, "column 'partition_date' needs"),
        ({YML: FILES[YML].replace("unique_grain", "unique_grian")}, "unknown test 'unique_grian'; the known tests are"),
        (
            {YML: FILES[YML].replace("Some column.}", "Some column., data_tests: [not_nul]}")},
            "busy_users.yml, partition_date: unknown test 'not_nul'; the known tests are accepted_range, accepted_val",
        ),
        ({YML: FILES[YML].replace("[partition_date, user_id]", "[day]")}, "grain names columns .*'day'"),
        ({YML: FILES[YML].split("    data_tests")[0]}, "busy_users needs its grain"),
        ({YML: FILES[YML].replace("name: n_searches", "name: n_clicks")}, r"only in the SQL \['n_searches'\]"),
        ({SQL: MART.replace(", clusters.journey_id", "")}, r"only in the description \['journey_id'\]"),
        ({SQL: MART.replace("busy.user_id, busy.n_searches", "busy.n_searches, busy.user_id")}, "order differs"),
        ({SQL: MART.replace("busy.user_id, busy.n_searches", "busy.*")}, r"only in the SQL \['\*'\]"),
        ({SQL: "select from where ("}, "busy_users.sql is not SQL"),
        ({SQL: MART.replace("int_busy", "int_bsy")}, r"ref\('int_bsy'\); known models are busy_users, int_busy, stg_"),
        (
            {SQL: MART.replace("'inference'", "'inferred'")},
            r"source\('inferred', …\); known sources are inference, lan",
        ),
        ({SQL: MART.replace("'journey_clusters'", "'clusters'")}, r"known tables of inference are journey_clusters"),
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
        ({"models/staging/busy_users.sql": STAGING, "models/staging/busy_users.yml": ""}, "two models are named 'busy"),
        ({"models/extra/more.sql": STAGING, "models/extra/more.yml": "version: 2"}, "layer 'extra'"),
    ],
)
def test_errors_name_what_is_wrong(load: Load, changes: dict[str, str | None], message: str) -> None:
    with pytest.raises(SqlModelError, match=message):
        load(changes)


def test_a_view_may_not_use_variables_through_inlined_models(load: Load) -> None:
    changes: dict[str, str | None] = {
        "models/marts/busy_now.sql": "{{ config(materialized='view') }} select user_id from {{ ref('int_busy') }}",
        "models/marts/busy_now.yml": described("busy_now", "user_id:VARCHAR"),
    }
    with pytest.raises(SqlModelError, match=r"busy_now.sql is a view.*var\('least'\) \(in int_busy.sql\)"):
        load(changes)


def test_a_variable_that_is_not_given_is_named(load: Load) -> None:
    with pytest.raises(SqlModelError, match=r"uses var\('least'\).*the given ones are partition_date"):
        load()["busy_users"].render({"partition_date": "2026-01-01"})


def test_a_folder_without_models_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text(PROJECT)
    with pytest.raises(SqlModelError, match=r"no \.sql file under"):
        load_models(tmp_path)


def test_templates_cannot_reach_into_python(load: Load) -> None:
    with pytest.raises(SqlModelError, match=r"unsafe|undefined"):
        load({SQL: MART + "{{ ref.__globals__ }}"})


def test_loading_imports_no_database() -> None:
    folder = Path(__file__).parents[2] / "dbt_like_sql"
    code = (
        "import sys; from pathlib import Path; from journeys_assets.storage.sql_models import load_models; "
        f"load_models(Path({str(folder)!r})); assert 'duckdb' not in sys.modules and 'dagster' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
