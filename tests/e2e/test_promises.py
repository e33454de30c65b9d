"""The promises that hold over the whole pipeline, on real Dagster runs over a small synthetic world.

Promise 3 under `kill -9` is held by ``test_crash``, which kills at chosen writes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering.identity import journey_id
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.outputs import TIME_COLUMN, assert_same_output

FIRST = date(2026, 3, 2)
N_DAYS = 4
"""Most users come back, and days rest on several earlier ones."""
LAST = FIRST + timedelta(days=N_DAYS - 1)
NewSandbox = Callable[[str], Sandbox]


@pytest.fixture(scope="module")
def log() -> dict[str, pl.DataFrame]:
    world = generate_world(
        WorldParams(seed=11, n_users=9, n_days=N_DAYS, pins_per_theme=6, off_topic_pins=20, first_day=FIRST)
    )
    return dict(world.landing)


@pytest.fixture(scope="module")
def calm(log: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The undisturbed run that others are held against."""
    sandbox = Sandbox(tmp_path_factory.mktemp("calm"))
    sandbox.land(log)
    sandbox.run(FIRST, LAST)
    return sandbox


RUN_IN_TWO = """
import socket, sys
from datetime import date
from pathlib import Path

import duckdb

from tests.support.repeated_work import NotThere

def refuse(*a, **k): raise AssertionError(f"network used: {a}")

sys.meta_path.insert(0, NotThere("pandas"))
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
connect = duckdb.connect
duckdb.connect = lambda *arguments, **options: connect(*arguments, **{"config": {"threads": 4}} | options)

from tests.sandbox import Sandbox

sandbox = Sandbox(Path(sys.argv[1]))
first, middle, after, last = map(date.fromisoformat, sys.argv[2:])
sandbox.run(first, middle)
sandbox.run(after, last)
"""
SEVERAL_THREADS = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "4")


@pytest.fixture(scope="module")
def apart(log: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The same log in another order and other files, run in two parts by a process of its own.

    That process has no network and no environment; DuckDB and polars have several threads, and one for ``calm``.
    """
    sandbox = Sandbox(tmp_path_factory.mktemp("apart"))
    frames = {name: frame.sample(fraction=1.0, shuffle=True, seed=3) for name, frame in log.items()}
    for part in (1, 0):
        halves = {n: f.gather_every(2, offset=part) for n, f in frames.items() if n in TIME_COLUMN}
        rest = {n: f for n, f in frames.items() if n not in TIME_COLUMN} if part else {}
        sandbox.land(halves | rest, name=f"part-{part}")
    days = (FIRST, FIRST + timedelta(days=1), FIRST + timedelta(days=2), LAST)
    command = [sys.executable, "-c", RUN_IN_TWO, str(sandbox.home), *map(str, days)]
    bare = {"PATH": os.environ["PATH"], "HOME": str(sandbox.home)} | SEVERAL_THREADS
    result = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return sandbox


def test_promise_1_same_rows_whatever_the_order_and_the_files_and_the_split_over_runs_and_threads(
    calm: Sandbox, apart: Sandbox
) -> None:
    assert_same_output(calm, apart)


def test_promise_11_runs_with_no_network_and_no_environment(apart: Sandbox) -> None:
    assert not apart.table("user_journeys").is_empty()


def test_promise_2_other_users_never_change_a_users_journeys(
    log: dict[str, pl.DataFrame], calm: Sandbox, new_sandbox: NewSandbox
) -> None:
    users = sorted(log["search_events"]["user_id"].unique())
    kept = users[::2]
    alone = new_sandbox("alone")
    alone.land({n: f.filter(pl.col("user_id").is_in(kept)) if "user_id" in f.columns else f for n, f in log.items()})
    alone.run(FIRST, LAST)
    assert_same_output(calm, alone, users=kept)


def test_promise_3_a_rerun_replaces_exactly_its_days(calm: Sandbox, new_sandbox: NewSandbox) -> None:
    again = new_sandbox("again")
    shutil.copytree(calm.home, again.home)
    middle = FIRST + timedelta(days=2)
    again.run(middle, middle)
    assert_same_output(calm, again)


def test_promise_4_day_by_day_equals_one_full_inference(
    log: dict[str, pl.DataFrame], calm: Sandbox, new_sandbox: NewSandbox
) -> None:
    full = new_sandbox("full")
    full.land(log)
    full.run(LAST, LAST, full=True)
    incremental, at_once = (
        sandbox.table("user_journeys").filter(pl.col("partition_date") == LAST) for sandbox in (calm, full)
    )
    assert not at_once.is_empty()
    assert_frame_equal(incremental, at_once, check_exact=True)


def test_promise_5_future_events_change_nothing_before_them(
    log: dict[str, pl.DataFrame], calm: Sandbox, new_sandbox: NewSandbox
) -> None:
    cut = LAST - timedelta(days=1)
    past = new_sandbox("past")
    end = datetime.combine(cut + timedelta(days=1), datetime.min.time())
    past.land({n: f.filter(pl.col(TIME_COLUMN[n]) < end) if n in TIME_COLUMN else f for n, f in log.items()})
    past.run(FIRST, cut)
    assert_same_output(past, calm, upto=cut)


def test_promise_7_ids_come_from_the_past_alone_and_stay(calm: Sandbox) -> None:
    clusters = calm.table("journey_clusters")
    days_per_journey = clusters.group_by("user_id", "journey_id").agg(pl.col("partition_date").n_unique().alias("days"))
    assert days_per_journey.filter(pl.col("days") > 1).height > 5
    # What gave an id was engaged with on or before the journey's own day, by the same user.
    engaged = calm.table("keyword_table").select("user_id", "keyword", "partition_date")
    founders = engaged.group_by("user_id", "keyword").agg(pl.col("partition_date").min().alias("since"))
    known = founders.with_columns(
        pl.Series("journey_id", [journey_id(u, k) for u, k in founders.select("user_id", "keyword").iter_rows()])
    )
    joined = clusters.join(known.drop("keyword"), on=["user_id", "journey_id"], how="inner")
    assert joined.height > 0.9 * clusters.height  # the rest are side journeys
    assert joined.select((pl.col("since") <= pl.col("window_end_date")).all()).item()


def searches(user_id: str, queries: list[str], day: date) -> pl.DataFrame:
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=10)
    return pl.DataFrame(
        {
            "user_id": user_id,
            "query": queries,
            "searched_at": [at + timedelta(minutes=i) for i in range(len(queries))],
        }
    )


def test_promise_7_a_journey_of_200_days_keeps_its_id_whichever_days_are_run(new_sandbox: NewSandbox) -> None:
    # Every search is a new keyword, so after 90 days nothing of the beginning is in the window. An id of the earliest
    # keyword in the window is another one in each run.
    sandbox, start = new_sandbox("long"), FIRST - timedelta(days=120)
    rows = [
        searches("long", [f"{topic} {i}{c}" for c in "ab"], start + timedelta(days=i + after))
        for i in range(0, 200, 4)
        for after, topic in enumerate(("wedding dress style", "income tax form"))
    ]
    sandbox.land({"search_events": pl.concat(rows)})
    expected = {journey_id("long", "wedding dress style 0a"), journey_id("long", "income tax form 0a")}
    for day in (start + timedelta(days=n) for n in (20, 101, 197)):
        sandbox.run(day, day)
        found = sandbox.table("journey_clusters").filter(pl.col("is_journey"), partition_date=day)
        assert set(found["journey_id"]) == expected, day


def test_promise_8_a_user_who_stops_coming_has_the_journey_ended_on_the_right_day(new_sandbox: NewSandbox) -> None:
    # Few days suffice: what is tested is that each of them carries the user over, and which one ends the journey.
    sandbox = new_sandbox("inactive")
    sandbox.home.mkdir()
    (sandbox.home / "journeys.toml").write_text("[algorithm.lifecycle]\nended_after_days = 3\n")
    wedding = ["wedding dress", "wedding dresses lace", "wedding dress long", "wedding dress simple"]
    sandbox.land({"search_events": searches("gone", wedding, FIRST)})
    ended_on = FIRST + timedelta(days=sandbox.settings.algorithm.lifecycle.ended_after_days)
    sandbox.run(FIRST, ended_on)
    stages = sandbox.table("user_journeys").group_by("stage").agg(pl.col("partition_date").min().alias("since"))
    assert dict(stages.iter_rows()) == {"ongoing": FIRST, "ended": ended_on}
