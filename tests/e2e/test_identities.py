"""Linked ids are one person: the promises, on a small world in which some people have several ids.

* ``ann`` and ``ben`` were anonymous at first. ann's cookie goes on being logged after her login; ben logs in late on
  the device that he used first.
* ``cat`` has a chain: a cookie that became an e-mail address, which became a user.
* ``dan`` and ``eve`` log in on one TV, one after the other.
"""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.storage.queries.staleness import stale_keyword_days
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import OUTPUTS, Sandbox
from tests.support.outputs import TIME_COLUMN, assert_same_output

FIRST = date(2026, 3, 2)
N_DAYS = 4
LAST = FIRST + timedelta(days=N_DAYS - 1)
NewSandbox = Callable[[str], Sandbox]
Frames = dict[str, pl.DataFrame]
SCHEMA = LANDING["identities"].polars_schema


def at(day: int, hour: int) -> datetime:
    return datetime.combine(FIRST, datetime.min.time()) + timedelta(days=day, hours=hour)


LINKS = (
    ("ann", "cookie-a", at(2, 12)),
    ("ben", "cookie-b", at(3, 9)),
    ("cat@mail", "cookie-c", at(1, 10)),
    ("cat", "cat@mail", at(3, 10)),
    ("dan", "tv", at(1, 8)),
    ("eve", "tv", at(2, 20)),
)
LINKED = ("ann", "ben", "cat", "dan", "eve")


def identities(*links: tuple[str, str, datetime], unlinked: bool | None = None) -> Frames:
    rows = [(*link, unlinked) for link in links]
    return {"identities": pl.DataFrame(rows, schema=SCHEMA, orient="row")}


@pytest.fixture(scope="module")
def plain() -> Frames:
    """A log in which everybody has one id, of the six busiest users of a larger one."""
    world = generate_world(WorldParams(seed=11, n_users=40, n_days=N_DAYS, first_day=FIRST))
    days = world.landing["search_events"].select("user_id", pl.col("searched_at").dt.date()).unique()
    busiest = days["user_id"].value_counts().sort("count", "user_id", descending=True)["user_id"].to_list()[:6]
    names = dict(zip(busiest, (*LINKED, "fay"), strict=True))
    return {
        name: frame.filter(pl.col("user_id").is_in(busiest)).with_columns(pl.col("user_id").replace(names))
        if "user_id" in frame.columns
        else frame
        for name, frame in world.landing.items()
    }


@pytest.fixture(scope="module")
def logged(plain: Frames) -> Frames:
    """The same log under the ids that the people had at the time, without the links."""
    user = pl.col("user_id")

    def ids(time: pl.Expr) -> pl.Expr:
        return (
            pl.when(user == "ann")
            .then(pl.lit("cookie-a"))
            .when((user == "ben") & (time < at(2, 0)))
            .then(pl.lit("cookie-b"))
            .when((user == "cat") & (time < at(2, 0)))
            .then(pl.lit("cookie-c"))
            .when((user == "cat") & (time < at(3, 10)))
            .then(pl.lit("cat@mail"))
            .when((user == "dan") & time.is_between(at(1, 8), at(2, 19)))
            .then(pl.lit("tv"))
            .when((user == "eve") & (time >= at(2, 20)))
            .then(pl.lit("tv"))
            .otherwise(user)
        )

    events = ("search_events", "pin_engagements", "board_pins")
    return {
        name: frame.with_columns(user_id=ids(pl.col(TIME_COLUMN[name]))) if name in events else frame
        for name, frame in plain.items()
    }


@pytest.fixture(scope="module")
def apart(logged: Frames, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Never linked."""
    sandbox = Sandbox(tmp_path_factory.mktemp("apart"))
    sandbox.land(logged)
    sandbox.run(FIRST, LAST)
    return sandbox


@pytest.fixture(scope="module")
def linked(logged: Frames, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Landed and run day by day, as it happened; each day is made in shards."""
    sandbox = Sandbox(tmp_path_factory.mktemp("linked"))
    everything = logged | identities(*LINKS)
    times = {**TIME_COLUMN, "identities": "linked_at"}
    for n in range(N_DAYS):
        day = FIRST + timedelta(days=n)
        frames = {
            name: frame.filter(pl.col(times[name]).dt.date() == day) if name in times else frame
            for name, frame in everything.items()
            if name in times or n == 0
        }
        sandbox.land(frames, name=str(day))
        sandbox.run(day, day, users_per_shard=5)
    return sandbox


def copy_of(sandbox: Sandbox, folder: Path) -> Sandbox:
    shutil.copytree(sandbox.home, folder)
    return Sandbox(folder)


def heal(sandbox: Sandbox) -> tuple[date, date]:
    """Run what is stale; returns the days."""
    days = sandbox.days_to_run()
    sandbox.run(*days)
    return days


def rows_on(sandbox: Sandbox, table: str, day: date) -> pl.DataFrame:
    return sandbox.table(table).filter(pl.col("partition_date") == day)


def users_on(sandbox: Sandbox, day: date) -> set[str]:
    return set(rows_on(sandbox, "user_journeys", day)["user_id"])


def test_a_person_has_the_journeys_of_all_ids(linked: Sandbox, plain: Frames, new_sandbox: NewSandbox) -> None:
    """Day by day with several ids is, but for ids of journeys, one full inference of a log with one id a person."""
    one_id = new_sandbox("one_id")
    one_id.land(plain)
    one_id.run(LAST, LAST, full=True)
    of_journeys = ["user_id", "keywords", "journey_name", "kind", "stage", "confidence", "rank", "n_searches_90d"]
    # Without the decisions: only the run day by day has planned sends before.
    of_plans = ["user_id", "title_text", "channel", "arm", "rank", "timezone"]
    for table, columns in {"user_journeys": of_journeys, "notification_candidates": of_plans}.items():
        left, right = (rows_on(s, table, LAST).select(columns).sort(pl.all()) for s in (linked, one_id))
        assert_frame_equal(left, right, check_exact=True)


def test_a_day_sees_the_links_up_to_its_end(linked: Sandbox) -> None:
    day_before = LAST - timedelta(days=1)
    assert "cookie-b" in users_on(linked, day_before)
    assert users_on(linked, LAST) == {*LINKED, "fay"}


def test_late_links_heal_and_links_that_are_taken_back_were_never_there(
    linked: Sandbox, apart: Sandbox, tmp_path: Path
) -> None:
    """Promises 1, 5 and 6: links known on every day of a run, landed in any order, give what they gave day by day."""
    home = copy_of(apart, tmp_path / "home")
    for n, link in enumerate(reversed(LINKS)):
        home.land(identities(link), name=f"late-{n}")
    with home.deployment.warehouse.reading() as con:
        behind = stale_keyword_days(con, home.version_of("keyword_days"), before=LAST)
    # dan's events on the TV have another user; what was done before a link stays as it is stored.
    assert behind == [FIRST + timedelta(days=1)]
    assert heal(home) == (FIRST + timedelta(days=1), LAST)
    assert_same_output(linked, home)
    home.land(identities(("ann", "cookie-a", at(3, 1)), ("zoe", "never-seen", at(2, 0))), name="no-news")
    assert home.days_to_run() == (LAST, LAST), "links that change no owner make nothing stale"
    home.land(identities(*LINKS, ("ann", "cookie-a", at(3, 1)), unlinked=True), name="back")
    assert heal(home) == (FIRST + timedelta(days=1), LAST)
    for table in (*OUTPUTS, "keyword_table", "journey_clusters", "stage_evidence", "ranked_journeys"):
        assert_frame_equal(home.table(table), apart.table(table), check_exact=True)


def test_only_those_concerned_are_computed_and_journeys_keep_their_ids(apart: Sandbox, tmp_path: Path) -> None:
    home = copy_of(apart, tmp_path / "home")
    quiet = LAST + timedelta(days=1)
    home.land(identities(("ann", "cookie-a", at(N_DAYS, 12)), ("ben", "cookie-b", at(N_DAYS, 13))), name="new")
    home.run(quiet, quiet)
    computed = sorted(rows_on(home, "inference_ledger", quiet)["user_id"])
    assert computed == ["ann", "ben", "cookie-a", "cookie-b"], "ann was never seen; ben was computed before"
    assert not users_on(home, quiet) & {"cookie-a", "cookie-b"}
    before, after = (rows_on(home, "user_journeys", day) for day in (LAST, quiet))
    ids = before.filter(pl.col("user_id") == "cookie-a")["journey_id"]
    assert ids.len() > 0
    assert set(ids) == set(after.filter(pl.col("user_id") == "ann")["journey_id"])
    events = rows_on(home, "journey_events", quiet).filter(pl.col("user_id").is_in(["ann", "cookie-a"]))
    assert not set(events["event"]) & {"born", "merged", "reidentified", "expired"}, "the journeys go on"


def test_a_link_makes_its_day_stale_where_only_earlier_events_count(apart: Sandbox, tmp_path: Path) -> None:
    home = copy_of(apart, tmp_path / "home")
    home.land(identities(("ben", "cookie-b", at(2, 9))), name="one")
    assert home.days_to_run() == (FIRST + timedelta(days=2), LAST)
