"""Promises 4 and 6 over random worlds and a real log: however the log came and the days were run, a full run agrees."""

import random
import tarfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.deployment import note_first_day
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import NOW, Sandbox
from tests.support.outputs import TIME_COLUMN

NewSandbox = Callable[[str], Sandbox]
FIRST = date(2026, 3, 2)
N_DAYS = 4
"""Days in a world: enough for events to come some runs late, with days after them that rest on them."""
LAST = FIRST + timedelta(days=N_DAYS - 1)
SEED = 7
N_USERS, PARTS = 12, 3
"""One large world in three pieces: an event can come a run late, two runs late, or after later ones."""
ZONES = ("Europe/Paris", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Auckland")
RETAIL = Path(__file__).parents[3] / "shared" / "data" / "online_retail_by_day_csv.tar.xz"
N_RETAIL_FILES = 4
"""Over five days, as there is no file of a Saturday: hundreds of customers, some of whom come back."""
LATE_FILE = 1
"""The file that comes last has days before it, and days after it that rest on it."""


def run_what_is_stale(sandbox: Sandbox) -> None:
    sandbox.run(*sandbox.days_to_run())


def random_pieces(landing: dict[str, pl.DataFrame], parts: int, chance: random.Random) -> list[dict[str, pl.DataFrame]]:
    """The rows of ``landing``, each in one of ``parts`` pieces at random."""
    piece_of = {
        name: pl.Series([chance.randrange(parts) for _ in range(rows.height)], dtype=pl.Int64)
        for name, rows in landing.items()
    }
    return [{name: rows.filter(piece_of[name] == part) for name, rows in landing.items()} for part in range(parts)]


def land_and_run(sandbox: Sandbox, pieces: list[dict[str, pl.DataFrame]]) -> None:
    """Land one piece after the other; after each, run what is stale."""
    for part, piece in enumerate(pieces):
        sandbox.land({name: rows for name, rows in piece.items() if rows.height}, name=f"part-{part}")
        run_what_is_stale(sandbox)


def journeys_of(sandbox: Sandbox, day: date) -> pl.DataFrame:
    rows = sandbox.table("user_journeys").filter(pl.col("partition_date") == day)
    assert not rows.is_empty()
    return rows


def with_changes(world: dict[str, pl.DataFrame], chance: random.Random) -> dict[str, pl.DataFrame]:
    """``world`` with items and users that change: every version has a time, most within the days of the log."""
    begin = datetime.combine(FIRST, datetime.min.time())

    def moment() -> datetime:
        return begin + timedelta(minutes=chance.randrange(N_DAYS * 24 * 60))

    pins = world["pins"].with_columns(updated_at=pl.lit(begin - timedelta(days=9)))
    users = world["users"].with_columns(updated_at=pl.lit(begin - timedelta(days=9)))
    engaged = world["pin_engagements"]["pin_id"].unique().sort().to_list()
    catalogue = {row["pin_id"]: row for row in pins.iter_rows(named=True)}
    changed = [
        catalogue[pin]
        | {"annotations": [*catalogue[chance.choice(engaged)]["annotations"], "renewed"], "updated_at": moment()}
        for pin in chance.sample(engaged, len(engaged) // 2)
        for _ in range(2)
    ]
    opted = [
        row | {"push_opt_in": chance.random() < 0.5, "timezone": chance.choice(ZONES), "updated_at": moment()}
        for row in users.iter_rows(named=True)
        for _ in range(3)
    ]
    return world | {
        "pins": pl.concat([pins, pl.DataFrame(changed, schema=pins.schema)]),
        "users": pl.concat([users, pl.DataFrame(opted, schema=users.schema)]),
    }


def test_a_log_catalogue_and_users_that_come_in_any_pieces_end_as_one_full_run(new_sandbox: NewSandbox) -> None:
    """Every row falls into one of a few pieces at random, so most come late; after each, what is stale is run."""
    chance = random.Random(SEED)
    landing = dict(generate_world(WorldParams(seed=SEED, n_users=N_USERS, n_days=N_DAYS, first_day=FIRST)).landing)
    world = with_changes(landing, chance)
    piecemeal, at_once = new_sandbox("pieces"), new_sandbox("once")
    landed = {name: rows for name, rows in world.items() if name in TIME_COLUMN or name in ("pins", "users")}
    land_and_run(piecemeal, random_pieces(landed, PARTS, chance))
    at_once.land(landed)
    at_once.run(LAST, LAST, full=True)
    assert_frame_equal(journeys_of(piecemeal, LAST), journeys_of(at_once, LAST), check_exact=True)
    at_once.run(at_once.settings.first_day, LAST)
    for table in ("keyword_table", "user_journeys", "notification_candidates"):
        assert_frame_equal(piecemeal.table(table), at_once.table(table), check_exact=True)
    keywords = at_once.table("keyword_table")["keyword"]
    assert "renewed" in keywords.to_list()
    assert at_once.table("notification_candidates")["decision"].n_unique() == 2


on_a_real_log = pytest.mark.skipif(not RETAIL.exists(), reason="the Online Retail log is not on this machine")


def ingest_retail(sandbox: Sandbox, paths: list[Path]) -> None:
    ingest(
        sandbox.deployment.warehouse,
        paths,
        format="online-retail",
        now=NOW,
        actions=sandbox.deployment.algorithm.actions,
        scratch_dir=sandbox.home / "scratch",
    )
    note_first_day(sandbox.settings, sandbox.deployment.warehouse)


@pytest.fixture(scope="module")
def retail_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("csv")
    with tarfile.open(RETAIL) as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".csv"))[:N_RETAIL_FILES]
        archive.extractall(folder, members=[archive.getmember(name) for name in names], filter="data")
    return sorted(folder.rglob("*.csv"))


@on_a_real_log
@pytest.mark.timeout(600)
def test_a_real_log_day_by_day_with_a_day_that_comes_late_ends_as_one_full_run(
    retail_files: list[Path], new_sandbox: NewSandbox
) -> None:
    late, full = new_sandbox("late"), new_sandbox("full")
    for file in (*retail_files[:LATE_FILE], *retail_files[LATE_FILE + 1 :]):
        ingest_retail(late, [file])
    run_what_is_stale(late)
    days = late.table("user_journeys")["partition_date"]
    last = days.max()
    assert isinstance(last, date)
    assert days.n_unique() >= N_RETAIL_FILES
    without_the_file = journeys_of(late, last)
    ingest_retail(late, [retail_files[LATE_FILE]])
    run_what_is_stale(late)
    ingest_retail(full, [retail_files[0].parent])
    full.run(last, last, full=True)
    rows = journeys_of(late, last)
    assert not rows.equals(without_the_file)
    assert rows["user_id"].n_unique() > 200
    assert_frame_equal(rows, journeys_of(full, last), check_exact=True)
