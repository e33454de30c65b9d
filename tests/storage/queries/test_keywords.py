"""Facts about member keywords, and about generic runs of words in them."""

from datetime import date

import duckdb
import polars as pl
import pytest

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.storage.queries.keywords import keyword_facts
from journeys_assets.storage.warehouse.base import create_tables

DAY = date(2026, 3, 2)
PARAMS = KeywordParams()


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    create_tables(connection, list(IDENTITY_TABLES.values()))
    connection.sql(
        "CREATE TABLE main.keyword_table (partition_date DATE, user_id TEXT, keyword TEXT, display_form TEXT, "
        "n_searches BIGINT, first_engaged_at TIMESTAMP)"
    )
    connection.sql(
        "CREATE TABLE main.keyword_commonness (partition_date DATE, keyword TEXT, n_pins BIGINT, pin_share DOUBLE)"
    )
    return connection


def test_a_run_of_words_that_is_a_common_keyword_has_facts_too(con: duckdb.DuckDBPyConnection) -> None:
    for keyword, n_pins in (
        ("home decor", PARAMS.generic_min_items),
        ("decor ideas", 1),
        ("home", 900),
        ("a b c", 900),
    ):
        con.execute("INSERT INTO main.keyword_commonness VALUES (?, ?, ?, 0.2)", [DAY, keyword, n_pins])
    clusters = pl.DataFrame(
        {
            "user_id": ["u", "v"],
            "window_end_date": [DAY, DAY],
            "keywords": [["home decor ideas", "cheap home decor"], ["b c", "lamp"]],
        }
    )
    facts = keyword_facts(con, clusters, DAY, PARAMS).sort("user_id", "keyword")
    assert facts.select("user_id", "keyword", "commonness").rows() == [
        ("u", "cheap home decor", 0.0),
        ("u", "home decor", 0.2),
        ("u", "home decor ideas", 0.0),
        ("v", "b c", 0.0),
        ("v", "lamp", 0.0),
    ]
    assert not facts.select("user_id", "keyword").is_duplicated().any()
