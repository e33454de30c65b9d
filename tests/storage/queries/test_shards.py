"""Shards: every user is in one of them, in SQL as in memory."""

from datetime import date, datetime

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.storage.queries.shards import (
    EVERYONE,
    Shard,
    merged,
    most_events_of_a_day,
    shards_of_users,
    users_with_events,
)

DAY = date(2026, 3, 2)
user_ids = st.text(alphabet="ab'\\-é漢 🙂Z", min_size=1, max_size=4)


def with_events(con: duckdb.DuckDBPyConnection, users: list[str], at: datetime) -> None:
    """One search of each user."""
    con.execute("CREATE SCHEMA IF NOT EXISTS landing")
    for table, time in (
        ("search_events", "searched_at"),
        ("pin_engagements", "engaged_at"),
        ("board_pins", "saved_at"),
    ):
        con.execute(f"CREATE TABLE IF NOT EXISTS landing.{table} (user_id VARCHAR, {time} TIMESTAMP)")
    rows = pl.DataFrame({"user_id": users}, schema={"user_id": pl.String}).with_columns(searched_at=pl.lit(at))
    con.register("rows", rows.to_arrow())
    con.execute("INSERT INTO landing.search_events FROM rows")
    con.unregister("rows")


@settings(max_examples=60, deadline=None)
@given(users=st.lists(user_ids), others=st.lists(user_ids), users_per_shard=st.integers(1, 5), most=st.integers(1, 4))
def test_every_user_is_in_one_shard(users: list[str], others: list[str], users_per_shard: int, most: int) -> None:
    with duckdb.connect() as con:
        with_events(con, users, datetime(2026, 3, 2, 23, 59))
        shards = shards_of_users(con, DAY, users_per_shard)
        assert len(shards) == max(1, -(-len(set(users)) // users_per_shard))
        # Others have no event yet, or come while the run goes on.
        everyone = pl.DataFrame({"user_id": sorted({*users, *others})}, schema={"user_id": pl.String})
        con.register("everyone", everyone.to_arrow())
        for found in (shards, merged(shards, most)):
            assert [(shard.number, shard.of) for shard in found] == [(n, len(found)) for n in range(len(found))]
            parts = [shard.of_frame(everyone) for shard in found]
            assert pl.concat(parts).equals(everyone)
            for shard, part in zip(found, parts, strict=True):
                in_sql = con.sql(f"FROM everyone WHERE {shard.sql()} ORDER BY user_id").pl()
                assert in_sql["user_id"].to_list() == part["user_id"].to_list()
        assert len(merged(shards, most)) <= most
        assert all(shard.of_frame(everyone).filter(pl.col("user_id").is_in(users)).height <= users_per_shard
                   for shard in shards)  # fmt: skip


def test_only_events_up_to_the_day_count() -> None:
    with duckdb.connect() as con:
        with_events(con, ["a", "b", "b"], datetime(2026, 3, 2, 9))
        with_events(con, ["c"], datetime(2026, 3, 3))
        assert users_with_events(con, DAY) == 2
        assert most_events_of_a_day(con, DAY, date(2026, 3, 3)) == 3
        assert shards_of_users(con, DAY, 1) == (Shard(0, 2, None, "b"), Shard(1, 2, "b", None))
        assert shards_of_users(con, DAY, 2) == (EVERYONE,)


@pytest.mark.parametrize("shard", [EVERYONE, Shard(0, 2, None, "b"), Shard(1, 2, "b", None)])
def test_the_only_shard_and_the_last_one_are_told_apart(shard: Shard) -> None:
    assert shard.is_all == (shard == EVERYONE)
    assert shard.is_last == (shard.high is None)
