"""Rows carried from day to day, and many days written at once: the rows that making each day anew gives."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

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


def test_only_users_with_a_new_inference_are_named_again(new_sandbox: Callable[[str], Sandbox]) -> None:
    by_day, at_once = three_users(new_sandbox("by-day")), three_users(new_sandbox("at-once"))
    assert [names_made(by_day, DAY), names_made(by_day, NEXT)] == [3, 1]
    assert names_made(at_once, DAY, NEXT) == 4
    assert_frame_equal(names(by_day), names(at_once))
    assert names(by_day).height == 6


def test_a_day_that_was_not_finished_lends_no_names(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = three_users(new_sandbox("home"))
    names_made(sandbox, DAY)
    with sandbox.deployment.warehouse.writing() as con:
        con.execute("UPDATE main.opened_days SET run_id = 'killed'")
        con.execute("UPDATE main.journey_names SET journey_name = 'wrong'")
    assert names_made(sandbox, NEXT) == 3
    assert "wrong" not in names(sandbox).filter(pl.col("partition_date") == NEXT)["journey_name"]


def test_a_day_that_is_behind_its_log_lends_no_names(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = three_users(new_sandbox("home"))
    names_made(sandbox, DAY)
    sandbox.land({"search_events": searches("ben", DAY, ["pink tent for two"])}, name="late")
    assert names_made(sandbox, NEXT) == 3


def test_names_of_another_version_are_not_kept(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = three_users(new_sandbox("home"))
    names_made(sandbox, DAY)
    with sandbox.deployment.warehouse.writing() as con:
        con.execute("UPDATE main.journey_names SET algorithm_version = 'old' WHERE user_id = 'ben'")
    assert names_made(sandbox, NEXT) == 3


@pytest.mark.parametrize(
    ("keyword", "n_made"),
    [("pink tent", 2), ("tent large", 2), ("pink", 2), ("ink tent", 1), ("sofa", 1)],
    ids=["a keyword", "a run of its words", "a word of it", "a part of a word", "no keyword of theirs"],
)
def test_who_uses_a_keyword_that_became_common_is_named_again(
    new_sandbox: Callable[[str], Sandbox], keyword: str, n_made: int
) -> None:
    by_day, at_once = three_users(new_sandbox("by-day")), three_users(new_sandbox("at-once"))
    for sandbox in (by_day, at_once):
        sandbox.land({"pins": items("lamp", DAY)}, name="lamps")
        sandbox.land({"pins": items(keyword, NEXT)}, name="items")
    names_made(by_day, DAY)
    assert names_made(by_day, NEXT) == n_made  # ann, who was active, among them
    at_once.run(DAY, NEXT, full=True)
    assert_frame_equal(names(by_day), names(at_once))


@pytest.mark.parametrize("days_per_write", [1, 2, 3])
def test_rows_do_not_depend_on_how_many_days_are_written_at_once(
    new_sandbox: Callable[[str], Sandbox], monkeypatch: pytest.MonkeyPatch, days_per_write: int
) -> None:
    last = DAY + timedelta(days=5)
    homes = [three_users(new_sandbox(name)) for name in ("some", "all")]
    for sandbox in homes:
        sandbox.land({"pins": items("lamp", DAY)}, name="lamps")
        sandbox.land({"pins": items("blue kite", NEXT)}, name="items")
        sandbox.land({"search_events": searches("chi", DAY + timedelta(days=3))}, name="later")
        users = pl.DataFrame({"user_id": list(QUERIES), "push_opt_in": True, "email_opt_in": True})
        sandbox.land({"users": users}, name="users")
    homes[1].run(DAY, last)
    (journey,) = homes[1].table("journey_clusters").filter(pl.col("user_id") == "ann")["journey_id"].unique()
    # It holds on DAY, and no longer on NEXT, when ann goes on with the journey.
    word = {"user_id": ["ann"], "journey_id": [journey], "verdict": ["finished"], "given_at": [at(DAY, 12)]}
    for sandbox in homes:
        sandbox.land({"journey_feedback": pl.DataFrame(word)}, name="feedback")
    homes[1].run(DAY, last)
    monkeypatch.setattr(runs, "DAYS_PER_WRITE", days_per_write)
    homes[0].run(DAY, last)
    assert homes[0].table("notification_candidates").filter(pl.col("decision") == "send").height > 1
    for table in homes[0].pipeline.tables:
        run_columns = [name for name in ("run_id", "measured_at") if name in table.column_names]
        rows = [sandbox.table(table.name).drop(run_columns) for sandbox in homes]
        assert_frame_equal(*rows)
