"""No row of a day depends on where the output of the log begins: promise 4 with outliers and first_partition_date."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import OUTPUTS, Sandbox

NewSandbox = Callable[[str], Sandbox]
FIRST = date(2026, 3, 2)
N_DAYS = 6
LAST = FIRST + timedelta(days=N_DAYS - 1)
START = FIRST + timedelta(days=4)


@pytest.fixture(scope="module")
def world() -> dict[str, pl.DataFrame]:
    return generate_world(WorldParams(seed=8, n_users=12, n_days=N_DAYS, first_day=FIRST)).landing


def a_row_of_the_epoch(world: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The first query of a user, dated 1970 as well: it becomes the oldest keyword of one of the user's journeys."""
    return {"search_events": world["search_events"].head(1).with_columns(searched_at=pl.lit(datetime(1970, 1, 1)))}


def before_and_after(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Half of the users come late: their events of the first days are loaded after these days were run."""
    users = rows["user_id"].unique().sort().gather_every(2).to_list()
    is_late = pl.col("user_id").is_in(users) & (pl.col("searched_at").dt.date() < START - timedelta(days=2))
    return rows.filter(~is_late), rows.filter(is_late)


def assert_same_day(one: Sandbox, other: Sandbox, day: date) -> None:
    for name in OUTPUTS:
        left, right = (box.table(name).filter(pl.col("partition_date") == day) for box in (one, other))
        assert name == "journey_events" or not left.is_empty()
        assert_frame_equal(left, right, check_exact=True)


def test_an_outlier_that_comes_late_or_early_gives_the_rows_of_one_full_run(
    world: dict[str, pl.DataFrame], new_sandbox: NewSandbox
) -> None:
    late, early, full = new_sandbox("late"), new_sandbox("early"), new_sandbox("full")
    late.land(world)
    late.run(*late.days_to_run())
    late.land(a_row_of_the_epoch(world), name="epoch")
    early.land(a_row_of_the_epoch(world), name="epoch")
    early.run(*early.days_to_run())
    early.land(world)
    full.land(a_row_of_the_epoch(world), name="epoch")
    full.land(world)
    for sandbox in (late, early, full):
        assert sandbox.days_to_run() == (FIRST, LAST)
        sandbox.run(FIRST, LAST, full=sandbox is full)
        assert sandbox.days_to_run() == (LAST, LAST)
    for sandbox in (late, early):
        assert_same_day(sandbox, full, LAST)


def test_first_partition_date_changes_no_row_of_a_later_day(
    world: dict[str, pl.DataFrame], new_sandbox: NewSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is set after days before it were run; then events come late for these days, of users who did not return."""
    on_time, late = before_and_after(world["search_events"])
    piecemeal, full = new_sandbox("piecemeal"), new_sandbox("full")
    piecemeal.land({**world, "search_events": on_time})
    piecemeal.run(*piecemeal.days_to_run())
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", str(START))
    piecemeal.land({"search_events": late}, name="late")
    assert piecemeal.days_to_run() == (START, LAST)
    piecemeal.run(START, LAST)
    assert piecemeal.days_to_run() == (LAST, LAST)
    full.land(world)
    full.run(START, LAST, full=True)
    gone = world["search_events"].group_by("user_id").agg(last=pl.col("searched_at").dt.date().max())
    assert gone.filter(pl.col("last") < START).join(late, on="user_id", how="semi").height > 0
    journeys = [
        sandbox.table("user_journeys").filter(pl.col("partition_date") == LAST) for sandbox in (piecemeal, full)
    ]
    assert_frame_equal(*journeys, check_exact=True)
