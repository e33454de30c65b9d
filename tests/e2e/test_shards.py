"""A day made in shards: the same rows for any number of them, and a killed run goes on where it was."""

import shutil
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.compute import work
from journeys_assets.storage.warehouse.pieces import Pieces
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
N_DAYS = 3
N_USERS = 9
LAST = FIRST + timedelta(days=N_DAYS - 1)
NEXT = LAST + timedelta(days=1)
PER_RUN = {"run_id"}
"""Columns that name the run and say nothing of the rows."""


class KilledHere(BaseException):
    """Ends a run in this process at the moment at which a copy of its files was taken."""


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("landed"))
    sandbox.land(
        generate_world(
            WorldParams(seed=3, n_users=N_USERS, n_days=N_DAYS, pins_per_theme=6, off_topic_pins=20, first_day=FIRST)
        ).landing
    )
    return sandbox


def copy_of(sandbox: Sandbox, folder: Path) -> Sandbox:
    shutil.copytree(sandbox.home, folder)
    return Sandbox(folder)


def run_everything(sandbox: Sandbox, users_per_shard: int) -> Sandbox:
    """A range after a day that is history only, and a day on which few users are active and one is new."""
    sandbox.run(FIRST + timedelta(days=1), LAST, users_per_shard=users_per_shard)
    someone = sandbox.table("user_journeys")["user_id"].min()
    at = datetime.combine(NEXT, datetime.min.time())
    queries = ["oak table", "oak tables", "oak table round", "oak table small"]
    late = pl.DataFrame({"user_id": [someone, "a newcomer"], "query": [queries, queries]}).explode("query")
    sandbox.land({"search_events": late.with_columns(searched_at=pl.lit(at))}, name="late")
    sandbox.run(NEXT, NEXT, users_per_shard=users_per_shard)
    return sandbox


@pytest.fixture(scope="module")
def whole(landed: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return run_everything(copy_of(landed, tmp_path_factory.mktemp("whole") / "home"), 1000)


def assert_same_tables(one: Sandbox, other: Sandbox) -> None:
    for table in one.pipeline.tables:
        left, right = one.table(table.name), other.table(table.name)
        left, right = (rows.drop(PER_RUN, strict=False) for rows in (left, right))
        assert left.equals(right), f"{table.name}: {left.join(right, on=left.columns, how='anti', nulls_equal=True)}"


def test_promise_1_every_table_has_the_same_rows_for_any_number_of_shards(
    landed: Sandbox, whole: Sandbox, tmp_path: Path
) -> None:
    sharded = run_everything(copy_of(landed, tmp_path / "home"), 2)
    assert_same_tables(whole, sharded)
    assert whole.table("journey_events").height
    assert not list((sharded.home / "unfinished").glob("*/*"))


def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets the number of users of each call of the clustering from now on."""
    made: list[int] = []
    cluster_users = work.cluster_users

    def counted(keywords: pl.DataFrame, *args: object, **options: object) -> pl.DataFrame:
        made.append(keywords["user_id"].n_unique())
        return cluster_users(keywords, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(work, "cluster_users", counted)
    return made


def killed(sandbox: Sandbox, day: date, stage: str, number: int, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """A deployment with the files that a kill before a shard of the stage is written leaves."""
    write, copy = Pieces.write, sandbox.home.with_name("killed")

    def write_until_copied(self: Pieces, name: str, rows: Mapping[str, pl.DataFrame]) -> None:
        if stage in rows and int(name) == number:
            raise KilledHere(shutil.copytree(sandbox.home, copy))
        write(self, name, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Pieces, "write", write_until_copied)
        with pytest.raises(KilledHere):
            sandbox.run(day, day, full=True, users_per_shard=2)
    return Sandbox(copy)


def test_promise_3_a_killed_run_goes_on_with_the_missing_shards(
    landed: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm, sandbox = copy_of(landed, tmp_path / "calm"), copy_of(landed, tmp_path / "home")
    calm.run(LAST, LAST, full=True)
    n_users = calm.table("inference_ledger").height
    sandbox = killed(sandbox, LAST, "journey_clusters", 2, monkeypatch)
    assert sandbox.table("journey_clusters").is_empty()
    left = sorted((sandbox.home / "unfinished" / "journey_clusters").glob("*/[0-9]*/inference_ledger.parquet"))
    n_done = pl.concat(map(pl.read_parquet, left)).height
    assert len(left) == 2
    assert 0 < n_done < n_users
    made = computed(monkeypatch)
    sandbox.run(LAST, LAST, full=True, users_per_shard=2)
    assert_same_tables(calm, sandbox)
    assert sum(made) == n_users - n_done
    assert not list((sandbox.home / "unfinished").glob("*/*"))
