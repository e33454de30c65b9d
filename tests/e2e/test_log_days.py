"""No row of a day depends on where the output of the log begins: promise 4 with outliers and first_partition_date."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import OUTPUTS, Sandbox
from tests.support.command_line import runner
from tests.support.outputs import TIME_COLUMN

NewSandbox = Callable[[str], Sandbox]
FIRST = date(2026, 3, 2)
N_DAYS = 4
"""Two days before ``START``, and a day after it that rests on it."""
LAST = FIRST + timedelta(days=N_DAYS - 1)
START = FIRST + timedelta(days=2)


@pytest.fixture(scope="module")
def world() -> dict[str, pl.DataFrame]:
    return generate_world(WorldParams(seed=8, n_users=7, n_days=N_DAYS, first_day=FIRST)).landing


def a_row_of_the_epoch(world: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The first query of a user, dated 1970 as well: it becomes the oldest keyword of one of the user's journeys."""
    return {"search_events": world["search_events"].head(1).with_columns(searched_at=pl.lit(datetime(1970, 1, 1)))}


def without_a_return(world: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The world without what its users did from ``START`` on, but for one of them."""
    kept = world["search_events"].sort("searched_at", "user_id")["user_id"].last()
    return {
        name: rows.filter((pl.col("user_id") == kept) | (pl.col(TIME_COLUMN[name]).dt.date() < START))
        if name in TIME_COLUMN
        else rows
        for name, rows in world.items()
    }


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
    world = without_a_return(world)
    is_late = pl.col("searched_at").dt.date() == FIRST
    late, on_time = (world["search_events"].filter(some) for some in (is_late, ~is_late))
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
    journeys = [
        sandbox.table("user_journeys").filter(pl.col("partition_date") == LAST) for sandbox in (piecemeal, full)
    ]
    assert_frame_equal(*journeys, check_exact=True)


def test_the_command_line_says_which_days_it_runs_and_which_not(tmp_path: Path) -> None:
    journeys, log = runner(tmp_path / "home"), tmp_path / "search_events"
    now = datetime.now(UTC).replace(tzinfo=None)
    days = {"tomorrow": now + timedelta(hours=23, minutes=59), "today": now, "epoch": datetime(1970, 1, 1)}
    if days["tomorrow"].date() == now.date():
        pytest.skip("in the first minute of a day, the clock allows no event of tomorrow")
    log.mkdir()
    for name, at in days.items():
        rows = pl.DataFrame({"user_id": "ann", "query": ["oak table", "oak tables"], "searched_at": at})
        rows.write_parquet(log / f"{name}.parquet")
    journeys("ingest", log / "tomorrow.parquet")
    assert "nothing to run yet: 2 events of" in journeys("run").output
    journeys("ingest", log)
    said = " ".join(journeys("run").output.split())
    assert f"Running {now.date()} … {now.date()} (1 day, incremental inference)" in said
    assert "set aside: 2 events of 1970-01-01" in said
    assert "waiting: 2 events of" in said
    checked = " ".join(journeys("doctor", code=1).output.split())  # a third of this log is set aside
    assert "bad days of the log: set aside: 2 events of 1970-01-01" in checked
    assert f"ok computed: up to {now.date()}" in checked
