"""Crashes, full disks, damaged files: a clear error, the state as before, and a rerun gives what a calm run gives."""

import itertools
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from journeys_assets.defs.in_process import RunError
from journeys_assets.models.releases import ReleaseError
from journeys_assets.storage.warehouse.base import WarehouseError
from journeys_assets.storage.warehouse.changes import ChangedDays
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import OUTPUTS, Sandbox
from tests.support.outputs import assert_same_output

FIRST = date(2026, 3, 2)
N_DAYS = 3
LAST = FIRST + timedelta(days=N_DAYS - 1)
"""Enough for more writes than those at which runs are killed, with days that rest on earlier ones."""

CRASHING_RUN = """
import os, signal, sys
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.sandbox import Sandbox
from tests.support.one_thread import use_one_thread

use_one_thread()
home, first, last, n_writes = sys.argv[1:]
writing = Warehouse.writing
done = 0

@contextmanager
def writing_until_killed(self, *changed):
    global done
    done += 1
    with writing(self, *changed) as con:
        yield con
        if done == int(n_writes):
            os.kill(os.getpid(), signal.SIGKILL)

Warehouse.writing = writing_until_killed
Sandbox(Path(home)).run(date.fromisoformat(first), date.fromisoformat(last))
"""


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("landed"))
    sandbox.land(
        generate_world(
            WorldParams(seed=5, n_users=12, n_days=N_DAYS, pins_per_theme=6, off_topic_pins=20, first_day=FIRST)
        ).landing
    )
    return sandbox


@pytest.fixture(scope="module")
def calm(landed: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    sandbox = Sandbox(tmp_path_factory.mktemp("calm") / "home")
    shutil.copytree(landed.home, sandbox.home)
    sandbox.run(FIRST, LAST)
    return sandbox


def copy_of(sandbox: Sandbox, folder: Path) -> Sandbox:
    shutil.copytree(sandbox.home, folder)
    return Sandbox(folder)


class KilledHere(BaseException):
    """Ends a run in this process at the moment at which a copy of its files was taken."""


def run_until(sandbox: Sandbox, where: str, n_writes: int, copy: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """Run the days up to a write, and return a deployment with the files as a kill at that moment leaves them.

    What a killed process has written stays, and nothing else does. So a copy of the files is what it leaves, and needs
    no process that imports everything anew.
    """
    writing = Warehouse.writing
    count = itertools.count(1)

    @contextmanager
    def writing_until_copied(self: Warehouse, *changed: ChangedDays) -> Iterator[duckdb.DuckDBPyConnection]:
        is_last = next(count) == n_writes
        if is_last and where == "before":
            raise KilledHere(shutil.copytree(self.path.parent, copy))
        with writing(self, *changed) as con:
            yield con
        if is_last:
            raise KilledHere(shutil.copytree(self.path.parent, copy))

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "writing", writing_until_copied)
        with pytest.raises(KilledHere):
            sandbox.run(FIRST, LAST)
    return Sandbox(copy)


def test_promise_3_what_kills_between_and_in_writes_leave_then_a_rerun_gives_the_rows_of_a_calm_run(
    landed: Sandbox, calm: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox = copy_of(landed, tmp_path / "home")
    for where, n_writes in (("before", 3), ("committed", 9), ("before", 12)):
        sandbox = run_until(sandbox, where, n_writes, tmp_path / f"killed-{n_writes}", monkeypatch)
    n_writes = 17
    command = [sys.executable, "-c", CRASHING_RUN, str(sandbox.home), str(FIRST), str(LAST), str(n_writes)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, f"write {n_writes} was not reached: {killed.stderr[-500:]}"
    sandbox.run(FIRST, LAST)
    assert_same_output(calm, sandbox, upto=LAST)
    assert not list(sandbox.home.glob(".publish-*"))


@contextmanager
def no_file_longer_than(n_bytes: int) -> Iterator[None]:
    """To DuckDB a write beyond the limit of file size fails as one on a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_clear_error_and_a_rerun_with_room_goes_on(calm: Sandbox, tmp_path: Path) -> None:
    sandbox = copy_of(calm, tmp_path / "home")
    before = {name: sandbox.table(name) for name in OUTPUTS}
    many = range(1000)
    big = {"user_id": [f"u{n}" for n in many], "query": [f"garden shed number {n} " + "x" * 150 for n in many]}
    at = pl.lit(LAST).cast(pl.Datetime("us"))
    sandbox.land({"search_events": pl.DataFrame(big).with_columns(searched_at=at)}, name="big")
    size = sandbox.settings.warehouse_path.stat().st_size
    with no_file_longer_than(size + 20_000), pytest.raises(RunError, match="disk is full") as full:
        Sandbox(sandbox.home).run(LAST, LAST)
    assert str(sandbox.settings.warehouse_path) in str(full.value)
    for name in OUTPUTS:
        assert sandbox.table(name).equals(before[name])
    sandbox.run(LAST, LAST)
    assert sandbox.table("keyword_table").filter(pl.col("user_id") == "u7").height == 1


def test_a_damaged_warehouse_is_named_and_not_touched(calm: Sandbox, tmp_path: Path) -> None:
    sandbox = copy_of(calm, tmp_path / "home")
    path = sandbox.settings.warehouse_path
    content = bytearray(path.read_bytes())
    content[:4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(WarehouseError, match=r"warehouse\.duckdb.*restore it"):
        sandbox.run(FIRST, LAST)
    assert path.read_bytes() == bytes(content)


def test_a_damaged_block_is_an_error_and_never_wrong_rows(calm: Sandbox, tmp_path: Path) -> None:
    sandbox = copy_of(calm, tmp_path / "home")
    path = sandbox.settings.warehouse_path
    content = bytearray(path.read_bytes())
    for start in range(3 * 4096 + 5000, len(content), 2**18):
        content[start : start + 64] = b"\x5a" * 64
    path.write_bytes(content)
    with pytest.raises((WarehouseError, RunError), match="damaged"):
        sandbox.run(FIRST, LAST)


def test_a_damaged_ranker_is_named_and_the_output_stays(calm: Sandbox, tmp_path: Path) -> None:
    sandbox = copy_of(calm, tmp_path / "home")
    folder = sandbox.deployment.releases("ranker") / "2026-03-01-broken"
    folder.mkdir(parents=True)
    (folder / "card.json").write_text('{"version": "broken", "live_fr')
    (folder / "model.txt").write_text("tree")
    before = sandbox.table("user_journeys")
    with pytest.raises(ReleaseError, match=r"ranker/2026-03-01-broken/card\.json"):
        sandbox.run(LAST, LAST)
    assert sandbox.table("user_journeys").equals(before)
    assert [finding.subject for finding in sandbox.findings() if "card.json" in finding.text] == ["ranker"]
    shutil.rmtree(folder)
    sandbox.run(LAST, LAST)
    assert_same_output(calm, sandbox, upto=LAST)
