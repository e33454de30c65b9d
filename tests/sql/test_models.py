"""All models together: the described columns are what DuckDB returns, and names and values agree with the code."""

import polars as pl
import pytest

from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.storage.sql_models import SqlModel
from tests.support.sql_world import DAY, MODELS, SqlWorld, variables

INCREMENTAL = [name for name, model in MODELS.items() if model.materialized == "incremental"]


@pytest.fixture(scope="module")
def empty() -> SqlWorld:
    return SqlWorld()


@pytest.mark.parametrize("name", MODELS)
def test_described_columns_and_types_are_what_duckdb_returns(empty: SqlWorld, name: str) -> None:
    model = MODELS[name]
    returned = empty.con.sql(f"DESCRIBE {model.render(variables(DAY))}").fetchall()
    assert [(row[0], row[1]) for row in returned] == [(c.name, c.sql_type) for c in model.table.columns]


@pytest.mark.parametrize("name", INCREMENTAL)
def test_nothing_in_gives_no_rows(empty: SqlWorld, name: str) -> None:
    assert empty.con.sql(MODELS[name].render(variables(DAY))).pl().is_empty()


@pytest.mark.parametrize("name", INCREMENTAL)
def test_a_mart_is_one_partition_of_one_version(name: str) -> None:
    table = MODELS[name].table
    assert table.partitioned
    assert table.column_names[0] == table.grain[0] == "partition_date"
    assert table.column_names[-1] == "algorithm_version"


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_counts_times_and_days_state_their_unit(model: SqlModel) -> None:
    numbers = [c for c in model.table.columns if c.name.startswith("n_") or c.name.endswith(("_date", "_at", "_days"))]
    assert [c.name for c in numbers if not c.unit] == []


def test_layers_run_one_way() -> None:
    order = ["staging", "intermediate", "marts"]
    for model in MODELS.values():
        for ref in model.refs:
            assert order.index(MODELS[ref].layer) <= order.index(model.layer), f"{model.name} → {ref}"
        if model.sources and model.layer == "marts":
            assert {schema for schema, _ in model.sources} == {"main"}, "marts read logs through staging"


# ── lineage ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LINEAGE = {
    ("stg_pins", "annotations"): {("landing.pins", "annotations")},
    ("int_keyword_events", "keyword"): {
        ("main.stg_search_events", "keyword"),
        ("main.stg_pins", "annotation_keywords"),
        ("main.stg_pins", "interest_keywords"),
        ("main.stg_board_pins", "board_keyword"),
    },
    ("int_keyword_events", "source"): set(),
    ("keyword_table", "n_searches"): {("main.int_keyword_events", "action")},
    ("keyword_table", "display_form"): {("main.int_keyword_events", "display_form")},
    ("keyword_commonness", "keyword"): {
        ("main.stg_pins", "annotation_keywords"),
        ("main.stg_pins", "interest_keywords"),
    },
    # through the ephemeral int_live_journeys
    ("journey_features", "cohesion"): {("main.journey_clusters", "cohesion")},
    ("journey_features", "n_saves_7d"): {("main.keyword_table", "n_saves"), ("main.keyword_table", "partition_date")},
    ("stage_labels", "p_ended"): {("main.stage_evidence", "p_ended")},
    ("stage_labels", "days_since_last_engaged"): {("main.journey_features", "days_since_last_engaged")},
    ("user_journeys", "journey_name"): {("main.journey_names", "journey_name")},
    ("user_journeys", "confidence"): {("main.ranked_journeys", "confidence")},
    ("user_journeys", "first_engaged_at"): {("main.journey_clusters", "first_engaged_at")},
    ("user_journeys", "area_id"): {("main.journey_clusters", "area_id")},
    ("user_journeys", "area_name"): {
        ("main.journey_names", "journey_name"),
        ("main.journey_clusters", "user_id"),
        ("main.journey_clusters", "area_id"),
        ("main.journey_clusters", "journey_id"),
        ("main.journey_clusters", "keyword_weights"),
    },
    ("user_journeys", "stage"): {("main.stage_labels", "stage")},
    ("current_journeys", "stage"): {("main.user_journeys", "stage")},
}


@pytest.mark.parametrize(("model", "column"), LINEAGE, ids=lambda name: str(name))
def test_lineage_of_a_column(model: str, column: str) -> None:
    assert set(MODELS[model].column_lineage[column]) == LINEAGE[model, column]


@pytest.mark.parametrize("name", MODELS)
def test_lineage_names_only_columns_that_exist(name: str) -> None:
    known = {
        (table.qualified_name, column)
        for table in [
            *LANDING_TABLES.values(),
            *IDENTITY_TABLES.values(),
            *PIPELINE_TABLES.values(),
            *(MODELS[ref].table for ref in MODELS if MODELS[ref].materialized != "ephemeral"),
        ]
        for column in table.column_names
    }
    lineage = MODELS[name].column_lineage
    assert tuple(lineage) == MODELS[name].table.column_names
    assert {upstream for columns in lineage.values() for upstream in columns} <= known


def test_rows_of_a_mart_fit_its_table(empty: SqlWorld) -> None:
    rows = empty.con.sql(MODELS["user_journeys"].render(variables(DAY))).pl()
    assert rows.schema == MODELS["user_journeys"].table.polars_schema
    assert isinstance(rows, pl.DataFrame)
