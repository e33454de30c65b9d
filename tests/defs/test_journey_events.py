"""journey_events on real runs: each day against the latest day before it, however the days are split over runs."""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta

import dagster as dg
import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.sandbox import Sandbox

NewSandbox = Callable[[str], Sandbox]
FIRST = date(2026, 3, 2)
WEDDING = ["wedding dress", "wedding dresses lace", "wedding dress long", "wedding dress simple"]
OIL = ["engine oil", "engine oil filter", "engine oil change", "engine oil synthetic"]
SETTINGS = "[algorithm.lifecycle]\nended_after_days = 3\n"
LAST = 8


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


def searches(user_id: str, queries: list[str], n: int) -> pl.DataFrame:
    at = datetime.combine(day(n), datetime.min.time()) + timedelta(hours=10)
    times = [at + timedelta(minutes=i) for i in range(len(queries))]
    return pl.DataFrame({"user_id": user_id, "query": queries, "searched_at": times})


def furnished(sandbox: Sandbox, settings: str = SETTINGS) -> Sandbox:
    """No journey on the first day; then a wedding, an engine, silence, and the wedding once more."""
    parts = [
        searches("w", ["something else"], 0),
        searches("u", WEDDING, 1),
        searches("v", OIL, 1),
        searches("u", OIL, 2),
        searches("u", ["wedding dress vintage"], 7),
    ]
    sandbox.land({"search_events": pl.concat(parts)})
    sandbox.home.joinpath("journeys.toml").write_text(settings)
    return sandbox


EXPECTED = [
    (1, "u", "born"),
    (1, "v", "born"),
    (2, "u", "born"),
    (4, "u", "paused"),
    (4, "v", "paused"),
    (5, "u", "paused"),
    (7, "u", "resumed"),
]


def events_of(sandbox: Sandbox) -> list[tuple[int, str, str]]:
    rows = sandbox.table("journey_events").select("partition_date", "user_id", "event").sort(pl.all()).rows()
    return [((when - FIRST).days, user, event) for when, user, event in rows]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = furnished(Sandbox(tmp_path_factory.mktemp("calm")))
    sandbox.run(FIRST, day(LAST))
    return sandbox


def copy_of(sandbox: Sandbox, other: Sandbox, settings: str) -> Sandbox:
    shutil.copytree(sandbox.home, other.home)
    other.home.joinpath("journeys.toml").write_text(settings)
    return other


def test_each_day_of_a_range_is_compared_with_the_day_before(calm: Sandbox) -> None:
    assert events_of(calm) == EXPECTED
    rows = calm.table("journey_events")
    assert (rows["partition_date"] - rows["compared_date"]).unique().to_list() == [timedelta(days=1)]
    assert rows["is_same_algorithm"].all()
    born = rows.filter(pl.col("event") == "born")
    assert born["detail"].unique().to_list() == ["4 of 4 keywords were in no journey before"]
    with duckdb.connect(str(calm.settings.published_path), read_only=True) as con:
        assert con.execute("SELECT count(*) FROM journey_events").fetchall() == [(len(EXPECTED),)]


def test_days_in_runs_of_their_own_tell_the_same(calm: Sandbox, new_sandbox: NewSandbox) -> None:
    sandbox = furnished(new_sandbox("split"))
    # The first day has no journey, and is an earlier day to the second all the same.
    sandbox.run(FIRST, FIRST, is_recorded=True)
    with sandbox.instance() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("journey_events"))
    assert event is not None
    assert event.asset_materialization is not None
    assert "no earlier day" in str(event.asset_materialization.metadata["compared_with"].value)
    sandbox.run(day(1), day(3))
    sandbox.run(day(4), day(LAST))
    assert_frame_equal(sandbox.table("journey_events"), calm.table("journey_events"), check_exact=True)


def test_without_an_earlier_day_nothing_is_told_and_over_a_gap_the_latest_counts(new_sandbox: NewSandbox) -> None:
    sandbox = furnished(new_sandbox("gap"))
    sandbox.run(day(1), day(1))
    assert sandbox.table("user_journeys").height == 2
    assert sandbox.table("journey_events").is_empty()
    sandbox.run(day(3), day(3))
    rows = sandbox.table("journey_events").select("partition_date", "compared_date", "user_id", "event").rows()
    assert rows == [(day(3), day(1), "u", "born")]


def test_events_outlive_the_snapshots_that_they_were_made_from(calm: Sandbox, new_sandbox: NewSandbox) -> None:
    sandbox = copy_of(calm, new_sandbox("retention"), "output_retention_days = 3\n" + SETTINGS)
    sandbox.run(day(LAST), day(LAST))
    oldest = day(LAST - 2)
    assert sandbox.table("user_journeys")["partition_date"].min() == oldest
    assert events_of(sandbox) == EXPECTED
    # Run again, the oldest day that is kept finds nothing before it to be compared with.
    sandbox.run(day(LAST - 1), day(LAST - 1))
    sandbox.run(oldest, oldest)
    assert events_of(sandbox) == EXPECTED


def test_events_that_a_change_of_algorithm_may_have_made_say_so(calm: Sandbox, new_sandbox: NewSandbox) -> None:
    stricter = "[algorithm.clustering]\nmin_journey_keywords = 6\nmin_small_journey_weight = 99.0\n" + SETTINGS
    sandbox = copy_of(calm, new_sandbox("algorithm"), stricter)
    sandbox.run(day(LAST), day(LAST), full=True)
    rows = sandbox.table("journey_events").filter(pl.col("partition_date") == day(LAST))
    assert sorted(rows["event"]) == ["expired"] * 3
    assert not rows["is_same_algorithm"].any()
