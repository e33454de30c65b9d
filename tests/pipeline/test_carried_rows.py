"""Rows carried from day to day, and many days written at once: the rows that making each day anew gives."""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.pipeline import run as runs
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from tests.sandbox import Sandbox

DAY = date(2026, 3, 2)
NEXT = DAY + timedelta(days=1)
QUERIES = {
    "ann": ["oak table", "oak tables", "oak table round", "oak table small"],
    "ben": ["pink tent", "pink tents", "pink tent large", "pink tent small"],
    "chi": ["blue kite", "blue kites", "blue kite large", "blue kite small"],
}
MORE_USERS = {"dia": "green harp", "eva": "grey coat", "fay": "black drum"}
LAST = DAY + timedelta(days=4)


def at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=hour)


def searches(user: str, day: date, queries: list[str] | None = None) -> pl.DataFrame:
    return pl.DataFrame({"user_id": user, "query": queries or QUERIES[user], "searched_at": at(day)})


def items(keyword: str, day: date, n: int = 12) -> pl.DataFrame:
    """Items that carry ``keyword``, known from ``day`` on."""
    return pl.DataFrame(
        {
            "pin_id": [f"{keyword} {i}" for i in range(n)],
            "annotations": [[keyword]] * n,
            "interests": [[]] * n,
            "updated_at": at(day, 1),
        },
        schema_overrides={"interests": pl.List(pl.String)},
    )


def three_users(sandbox: Sandbox) -> Sandbox:
    """Three users with one journey each on DAY; only ann is active on NEXT."""
    for user in QUERIES:
        sandbox.land({"search_events": searches(user, DAY)}, name=user)
    sandbox.land({"search_events": searches("ann", NEXT)}, name="next")
    return sandbox


def names_made(sandbox: Sandbox, *days: date) -> int:
    """Runs ``days``; the number of names that were made and not carried over."""
    pipeline = sandbox.pipeline
    pipeline.prepare()
    outcomes = list(execute(pipeline, [entry.name for entry in pipeline.entries], Run(days, f"run of {days}")))
    (made,) = [o.notes.shown["names_made"] for o in outcomes if o.entry.name == "journey_names"]
    (counts,) = [o.counts["journey_names"] for o in outcomes if o.entry.name == "journey_names"]
    stored = sandbox.table("journey_names")
    for day in days:
        rows = stored.filter(pl.col("partition_date") == day)
        assert (counts[day].rows, counts[day].users) == (rows.height, rows["user_id"].n_unique())
    assert isinstance(made, int)
    return made


def names(sandbox: Sandbox) -> pl.DataFrame:
    return sandbox.table("journey_names")


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of three_users, before any run."""
    return three_users(Sandbox(tmp_path_factory.mktemp("carried") / "landed")).home


@pytest.fixture(scope="module")
def after_day(landed: Path) -> Path:
    """The same after a run of DAY, in which all three were named."""
    home = shutil.copytree(landed, landed.parent / "after-day")
    assert names_made(Sandbox(home), DAY) == 3
    return home


@pytest.fixture
def sandbox(after_day: Path, tmp_path: Path) -> Sandbox:
    """Three users, after a run of DAY."""
    return Sandbox(shutil.copytree(after_day, tmp_path / "home"))


def test_only_users_with_a_new_inference_are_named_again(landed: Path, sandbox: Sandbox, tmp_path: Path) -> None:
    at_once = Sandbox(shutil.copytree(landed, tmp_path / "at-once"))
    assert names_made(sandbox, NEXT) == 1
    assert names_made(at_once, DAY, NEXT) == 4
    assert_frame_equal(names(sandbox), names(at_once))
    assert names(sandbox).height == 6


def test_a_day_that_was_not_finished_lends_no_names(sandbox: Sandbox) -> None:
    with sandbox.warehouse.writing() as con:
        con.execute("UPDATE main.opened_days SET run_id = 'killed'")
        con.execute("UPDATE main.journey_names SET journey_name = 'wrong'")
    assert names_made(sandbox, NEXT) == 3
    assert "wrong" not in names(sandbox).filter(pl.col("partition_date") == NEXT)["journey_name"]


def test_a_day_that_is_behind_its_log_lends_no_names(sandbox: Sandbox) -> None:
    sandbox.land({"search_events": searches("ben", DAY, ["pink tent for two"])}, name="late")
    assert names_made(sandbox, NEXT) == 3


def test_names_of_another_version_are_not_kept(sandbox: Sandbox) -> None:
    with sandbox.warehouse.writing() as con:
        con.execute("UPDATE main.journey_names SET algorithm_version = 'old' WHERE user_id = 'ben'")
    assert names_made(sandbox, NEXT) == 3


BECAME_COMMON = {
    "ben": "pink tent",  # a keyword
    "dia": "harp large",  # a run of its words
    "eva": "grey",  # a word of it
    "fay": "lack drum",  # a part of a word
    "nobody": "sofa",
}


def test_who_uses_a_keyword_that_became_common_is_named_again(new_sandbox: Callable[[str], Sandbox]) -> None:
    more = {user: [thing + end for end in ("", "s", " large", " small")] for user, thing in MORE_USERS.items()}
    by_day = new_sandbox("by-day")
    queries = QUERIES | more
    on_day = [searches(user, DAY, queries[user]) for user in queries]
    by_day.land(
        {
            "search_events": pl.concat([*on_day, searches("ann", NEXT)]),
            "pins": pl.concat([items("lamp", DAY), *(items(keyword, NEXT) for keyword in BECAME_COMMON.values())]),
        }
    )
    at_once = Sandbox(shutil.copytree(by_day.home, by_day.home.with_name("at-once")))
    names_made(by_day, DAY)
    with by_day.warehouse.writing() as con:
        con.execute("UPDATE main.journey_names SET named_by = 'the day before'")
    made = names_made(by_day, NEXT)
    of_next = names(by_day).filter(pl.col("partition_date") == NEXT, pl.col("named_by") != "the day before")
    assert set(of_next["user_id"]) == {"ann", "ben", "dia", "eva"}  # ann was active
    assert made == of_next.height == 4
    at_once.run(DAY, NEXT, full=True)
    assert_frame_equal(names(by_day).drop("named_by"), names(at_once).drop("named_by"))


@pytest.fixture(scope="module")
def several_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame]]:
    """A home in which nothing was run, and all rows of another one with the same log whose days were run at once."""
    at_once = Sandbox(tmp_path_factory.mktemp("several") / "at-once")
    user = pl.DataFrame({"user_id": list(QUERIES), "push_opt_in": True, "email_opt_in": True})
    days = [searches(one, DAY) for one in QUERIES] + [searches("ann", NEXT), searches("chi", DAY + timedelta(days=3))]
    pins = pl.concat([items("lamp", DAY), items("blue kite", NEXT)])
    at_once.land({"search_events": pl.concat(days), "pins": pins, "users": user})
    nothing_run = Sandbox(shutil.copytree(at_once.home, at_once.home.with_name("nothing-run")))
    at_once.run(DAY, DAY)
    (journey,) = at_once.table("journey_clusters").filter(pl.col("user_id") == "ann")["journey_id"].unique()
    # It holds on DAY, and no longer on NEXT, when ann goes on with the journey.
    word = {"user_id": ["ann"], "journey_id": [journey], "verdict": ["finished"], "given_at": [at(DAY, 12)]}
    for sandbox in (nothing_run, at_once):
        sandbox.land({"journey_feedback": pl.DataFrame(word)}, name="feedback")
    at_once.run(DAY, LAST)
    assert at_once.table("notification_candidates").filter(pl.col("decision") == "send").height > 1
    return nothing_run.home, rows_by_table(at_once)


def rows_by_table(sandbox: Sandbox) -> dict[str, pl.DataFrame]:
    return {table.name: sandbox.table(table.name) for table in sandbox.pipeline.tables}


def test_rows_do_not_depend_on_how_many_days_are_written_at_once(
    several_days: tuple[Path, dict[str, pl.DataFrame]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home, expected = several_days
    sandbox = Sandbox(shutil.copytree(home, tmp_path / "home"))
    monkeypatch.setattr(runs, "DAYS_PER_WRITE", 2)  # two days of one write, two of the next, and one of the last
    sandbox.run(DAY, LAST)
    for name, rows in rows_by_table(sandbox).items():
        run_columns = [column for column in ("run_id", "measured_at") if column in rows.columns]
        assert_frame_equal(rows.drop(run_columns), expected[name].drop(run_columns))
