"""Reading the training data of the ranker."""

from datetime import date, datetime, timedelta

import duckdb
import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import features
from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.storage.queries.labels import training_rows

FEATURES = features(DEFAULT_ACTIONS)
AS_OF = date(2026, 3, 31)


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.sql("CREATE SCHEMA landing")
    for source in ("journey_annotations", "notification_events"):
        connection.sql(LANDING_TABLES[source].ddl)
    connection.sql("CREATE VIEW main.stg_notification_events AS FROM landing.notification_events")
    connection.sql("CREATE TABLE main.keyword_table (partition_date DATE, user_id TEXT, keyword TEXT, source TEXT)")
    connection.sql(
        "CREATE TABLE main.user_journeys (partition_date DATE, user_id TEXT, journey_id TEXT, keywords TEXT[])"
    )
    features = ", ".join(f"{name} DOUBLE" for name in FEATURES)
    connection.sql(
        f"CREATE TABLE main.journey_features (partition_date DATE, user_id TEXT, journey_id TEXT, {features})"
    )
    return connection


def add_journey(con: duckdb.DuckDBPyConnection, day: date, journey_id: str, keywords: list[str], n: float) -> None:
    con.execute("INSERT INTO main.user_journeys VALUES (?, 'u', ?, ?)", [day, journey_id, keywords])
    marks = ", ".join("?" for _ in FEATURES)
    con.execute(
        f"INSERT INTO main.journey_features VALUES (?, 'u', ?, {marks})", [day, journey_id, *[n for _ in FEATURES]]
    )


def test_labels_come_with_the_features_of_their_own_day(con: duckdb.DuckDBPyConnection) -> None:
    add_journey(con, date(2026, 3, 9), "j", ["kitchen tiles"], 1.0)
    add_journey(con, date(2026, 3, 10), "j", ["kitchen tiles"], 2.0)
    add_journey(con, date(2026, 3, 20), "k", ["kitchen tiles", "sink"], 3.0)
    sends = pl.DataFrame(
        {
            "notification_id": ["n1", "n2"],
            "user_id": ["u", "u"],
            "journey_id": ["j", "j"],
            "channel": ["push", "push"],
            "arm": ["journey", "journey"],
            "sent_at": [datetime(2026, 3, 10, 8), datetime(2026, 4, 10, 8)],
            "clicked_at": [datetime(2026, 3, 10, 9), datetime(2026, 4, 10, 9)],
            "propensity": [0.5, 0.5],
        }
    ).to_arrow()
    judged = pl.DataFrame(
        {
            "user_id": ["u"],
            "keywords": [["  Kitchen TILES"]],
            "relevance": [2],
            "annotator_id": ["a"],
            "annotated_at": [datetime(2026, 3, 25)],
        }
    ).to_arrow()
    con.register("sends", sends)
    con.register("judged", judged)
    con.sql("INSERT INTO landing.notification_events BY NAME SELECT * FROM sends")
    con.sql("INSERT INTO landing.journey_annotations BY NAME SELECT * FROM judged")
    rows = training_rows(con, AS_OF, RankingParams(), FEATURES)
    assert rows.select("day", "journey_id", "source", "label", "n_saves_7d").rows() == [
        (date(2026, 3, 9), "j", "feedback", 1, 1.0),
        (date(2026, 3, 20), "k", "annotation", 0, 3.0),
    ]


def engage(con: duckdb.DuckDBPyConnection, day: date, keyword: str) -> None:
    con.execute("INSERT INTO main.keyword_table VALUES (?, 'u', ?, 'query')", [day, keyword])


def test_later_engagement_gives_one_label_a_week(con: duckdb.DuckDBPyConnection) -> None:
    for number, day in enumerate(AS_OF - timedelta(days=age) for age in (22, 21, 20, 14, 8, 7, 6, 0)):
        add_journey(con, day, "j", ["kitchen tiles"], float(number))
    engage(con, AS_OF - timedelta(days=20), "kitchen tiles")
    engage(con, AS_OF - timedelta(days=1), "garden")
    engage(con, AS_OF + timedelta(days=1), "kitchen tiles")
    rows = training_rows(con, AS_OF, RankingParams(), FEATURES)
    # The last computed day of each week whose window is over. In the week after the day 14 days ago nobody was active.
    assert rows.select("day", "label", "n_saves_7d", "source").rows() == [
        (AS_OF - timedelta(days=21), 1, 1.0, "engagement"),
        (AS_OF - timedelta(days=7), 0, 5.0, "engagement"),
    ]
    before = training_rows(con, AS_OF - timedelta(days=1), RankingParams(), FEATURES)
    assert before["known_on"].max() == AS_OF - timedelta(days=1)


def test_the_number_of_labels_is_limited_by_whole_users(con: duckdb.DuckDBPyConnection) -> None:
    day = AS_OF - timedelta(days=7)
    marks = ", ".join("1.0" for _ in FEATURES)
    for user in range(30):
        for journey in ("a", "b"):
            con.execute("INSERT INTO main.user_journeys VALUES (?, ?, ?, ['x'])", [day, f"u{user}", journey])
            con.execute(f"INSERT INTO main.journey_features VALUES (?, ?, ?, {marks})", [day, f"u{user}", journey])
        con.execute("INSERT INTO main.keyword_table VALUES (?, ?, 'x', 'query')", [AS_OF, f"u{user}"])
    rows = training_rows(con, AS_OF, RankingParams(max_engagement_labels=21), FEATURES)
    assert rows.height == 20
    assert rows.group_by("user_id").len()["len"].unique().to_list() == [2]
    assert training_rows(con, AS_OF, RankingParams(max_engagement_labels=21), FEATURES).equals(rows)


def test_without_labels_there_are_no_rows(con: duckdb.DuckDBPyConnection) -> None:
    rows = training_rows(con, AS_OF, RankingParams(), FEATURES)
    assert rows.is_empty()
    assert set(FEATURES) <= set(rows.columns)
