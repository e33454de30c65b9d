"""Queries of the Python stages: the window of each user, and the whole history up to its end."""

from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.tables.identities import IDENTITY_TABLES
from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, OPENED_DAYS
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries import notifications as notification_queries
from journeys_assets.storage.warehouse.base import create_tables
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

END = date(2026, 3, 31)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    rows = [
        ("a", "old", 800),
        ("a", "old", 10),
        ("a", "oak", 89),
        ("a", "elm", 90),
        ("a", "later", -1),
        ("b", "oak", 5),
    ]
    days = [(user, keyword, END - timedelta(days=ago)) for user, keyword, ago in rows]
    frame = pl.DataFrame(
        [
            {
                "partition_date": day,
                "user_id": user,
                "keyword": keyword,
                "source": "query",
                "display_form": keyword,
                "first_engaged_at": datetime(day.year, day.month, day.day, 9),
                "last_engaged_at": datetime(day.year, day.month, day.day, 10),
                "algorithm_version": "v",
            }
            | dict.fromkeys(("n_searches", "n_closeups", "n_saves", "n_clickthroughs", "n_board_pins", "n_items"), 1)
            for user, keyword, day in days
        ]
    )
    connection.register("rows", frame.to_arrow())
    connection.sql("CREATE TABLE main.keyword_table AS FROM rows")
    create_tables(connection, list(IDENTITY_TABLES.values()))
    return connection


USERS = pl.DataFrame({"user_id": ["a"], "window_end_date": [END]})


def test_the_window_is_90_days_of_the_wanted_users(con: duckdb.DuckDBPyConnection) -> None:
    got = keyword_queries.window_keywords(con, USERS, END, KeywordParams(), DEFAULT_ACTIONS)
    assert got.select("user_id", "keyword").rows() == [("a", "oak"), ("a", "old")]
    assert got["first_engaged_at"].to_list() == [datetime(2026, 1, 1, 9), datetime(2026, 3, 21, 9)]


def test_only_the_heaviest_keywords_are_kept(con: duckdb.DuckDBPyConnection) -> None:
    assert keyword_queries.window_keywords(con, USERS, END, KeywordParams(max_keywords_per_user=1), DEFAULT_ACTIONS)[
        "keyword"
    ].to_list() == ["oak"]


def test_the_history_is_unlimited_and_ends_with_the_window(con: duckdb.DuckDBPyConnection) -> None:
    # Checked that this fails with a look-back of 365 days, and without an end.
    assert keyword_queries.keyword_history(con, USERS, END).rows() == [
        ("a", "elm", datetime(2025, 12, 31, 9)),
        ("a", "oak", datetime(2026, 1, 1, 9)),
        ("a", "old", datetime(2024, 1, 21, 9)),
    ]


def test_feedback_is_the_latest_by_the_end_of_the_day() -> None:
    # Checked that this fails with the feedback of the next day, and with the first verdict instead of the latest.
    evening, midnight = datetime(2026, 3, 31, 23, 59), datetime(2026, 4, 1)
    feedback = [
        ("a", "j", "mute", datetime(2026, 3, 1)),
        ("a", "j", "more", datetime(2026, 3, 2)),
        ("a", "j", "finished", datetime(2026, 3, 3)),
        ("a", "j", "finished", evening),
        ("a", "j", "not_mine", midnight),
        ("a", "k", "more", evening),
        ("a", "k", "mute", evening),
        ("b", "j", "finished", evening),
        ("c", "j", "mute", midnight),
    ]
    con = duckdb.connect()
    create_tables(con, list(IDENTITY_TABLES.values()))
    con.execute("CREATE TABLE feedback (user_id TEXT, journey_id TEXT, verdict TEXT, given_at TIMESTAMP)")
    con.executemany("INSERT INTO feedback VALUES (?, ?, ?, ?)", feedback)
    con.execute("CREATE VIEW main.stg_journey_feedback AS SELECT *, given_at::DATE AS event_date FROM feedback")
    assert notification_queries.feedback_as_of(con, END).rows() == [
        ("a", "j", "more", datetime(2026, 3, 2), evening, evening),
        ("a", "k", "mute", evening, None, evening),
        ("b", "j", None, None, evening, evening),
    ]


def test_days_that_another_run_opened_and_did_not_close_are_not_finished(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path / "w.duckdb")
    warehouse.ensure(OPENED_DAYS, CLOSED_DAYS)
    opened_by = ["done", "other", "mine", "again", "before run ids were stored"]
    closed_by = ["done", None, None, "earlier", None]
    days = [date(2026, 3, 2) + timedelta(days=n) for n in range(5)]
    opened = pl.DataFrame({"partition_date": days, "run_id": opened_by}).with_columns(
        ingest_seq=1, covered_seq=1, algorithm_version=pl.lit("v")
    )
    closed = pl.DataFrame({"partition_date": days, "run_id": closed_by}, schema_overrides={"run_id": pl.String})
    closed = closed.with_columns(covered_seq=1, algorithm_version=pl.lit("v"))
    kept = [days[0], days[3], days[4]]
    warehouse.replace_partitions(OPENED_DAYS, opened, days)
    warehouse.replace_partitions(CLOSED_DAYS, closed.filter(pl.col("partition_date").is_in(kept)), kept)
    with warehouse.reading() as con:
        assert day_queries.days_not_finished(con, "mine") == [days[1], days[3]]
