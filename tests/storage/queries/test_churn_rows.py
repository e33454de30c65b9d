"""What the churn of journeys is measured on: fewer keywords are read, and nothing is measured differently."""

from datetime import date, timedelta

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.quality.churn import churn
from journeys_assets.storage.queries.quality import journeys_before_and_on

DAY = date(2026, 3, 3)
BEFORE = DAY - timedelta(days=1)
SCHEMA = {
    "partition_date": pl.Date,
    "user_id": pl.String,
    "journey_id": pl.String,
    "journey_name": pl.String,
    "keywords": pl.List(pl.String),
}

journeys_of_users = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("123")),
    st.tuples(st.sampled_from("NM"), st.lists(st.sampled_from("pqrs"), min_size=1, max_size=3, unique=True)),
)


def rows_of(day: date, journeys: dict[tuple[str, str], tuple[str, list[str]]]) -> pl.DataFrame:
    rows = [(day, user, journey, name, words) for (user, journey), (name, words) in journeys.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


@settings(max_examples=60, deadline=None)
@given(before=journeys_of_users.filter(bool), after=journeys_of_users)
def test_churn_is_what_it_is_on_all_keywords(
    before: dict[tuple[str, str], tuple[str, list[str]]], after: dict[tuple[str, str], tuple[str, list[str]]]
) -> None:
    sides = rows_of(BEFORE, before), rows_of(DAY, after)
    with duckdb.connect() as con:
        con.register("stored", pl.concat(sides).to_arrow())
        con.execute("CREATE TABLE main.user_journeys AS FROM stored")
        con.execute("CREATE TABLE main.closed_days (partition_date DATE)")
        read = journeys_before_and_on(con, DAY, 90)
    assert read is not None
    for one, other in zip(churn(*sides), churn(*read), strict=True):
        assert (one.value, one.passed) == (other.value, other.passed)
        assert_frame_equal(one.offenders, other.offenders)
    same = {user for user, _ in before} - {
        user for user, journey in {*before, *after} if words(before, user, journey) != words(after, user, journey)
    }
    for rows in read:
        assert rows.filter(pl.col("user_id").is_in(same))["keywords"].list.len().sum() == 0


def words(side: dict[tuple[str, str], tuple[str, list[str]]], user: str, journey: str) -> set[str] | None:
    return set(side[user, journey][1]) if (user, journey) in side else None
