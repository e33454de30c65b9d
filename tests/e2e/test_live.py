"""Everything at once on a real ``dagster dev``: nothing fails, nothing is lost, nothing is doubled."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from benchmarks.live import Live, wait_until
from journeys_assets.domain.tables.pipeline import PIPELINE_TABLES
from journeys_assets.domain.tables.table import violations
from journeys_assets.storage.queries import staleness
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.outputs import TIME_COLUMN, assert_same_output

FIRST = date(2026, 3, 2)
N_DAYS = 4
"""The first two are run before anything else happens; the daemon, the command line and the sensor share the rest."""
LAST = FIRST + timedelta(days=N_DAYS - 1)
HOLD_OPEN = """
import duckdb, sys
con = duckdb.connect(sys.argv[1], read_only=True)
print(con.execute("SELECT count(*) FROM user_journeys").fetchone(), flush=True)
sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def log() -> dict[str, pl.DataFrame]:
    world = generate_world(WorldParams(seed=23, n_users=8, n_days=N_DAYS, first_day=FIRST))
    return dict(world.landing)


class Reader(threading.Thread):
    """A person who reads the published file over and over; every answer must be of whole days."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path = path
        self.done = threading.Event()
        self.n_reads = 0
        self.wrong: list[str] = []

    def run(self) -> None:
        while not self.done.wait(0.25):
            try:
                with duckdb.connect(str(self.path), read_only=True) as con:
                    days = con.execute("SELECT count(DISTINCT algorithm_version) FROM current_journeys").fetchall()
                    pairs = con.execute(
                        "SELECT count(*) FROM user_journeys j LEFT JOIN notification_candidates n "
                        "USING (partition_date, user_id, journey_id) WHERE n.user_id IS NULL"
                    ).fetchall()
                self.n_reads += 1
                if days[0][0] > 1 or pairs[0][0]:
                    self.wrong.append(f"{days[0][0]} versions, {pairs[0][0]} journeys without a candidate")
            except duckdb.Error as error:
                self.wrong.append(str(error))


@contextmanager
def forgotten_shell(path: Path) -> Iterator[None]:
    """Somebody opened the published file read-only in a shell and went home."""
    command = [sys.executable, "-c", HOLD_OPEN, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        assert shell.stdout.readline().startswith("(")
        yield
        shell.kill()


@pytest.mark.timeout(900)
def test_backfills_sensor_schedule_command_line_and_readers_at_once(
    log: dict[str, pl.DataFrame], tmp_path: Path
) -> None:
    calm = Sandbox(tmp_path / "calm")
    calm.land(log)
    calm.run(FIRST, LAST)

    sandbox = Sandbox(tmp_path / "live")
    early = {n: f.filter(pl.col(TIME_COLUMN[n]) < LAST) if n in TIME_COLUMN else f for n, f in log.items()}
    sandbox.land(early, name="early")
    sandbox.run(FIRST, FIRST + timedelta(days=1))
    live = Live(sandbox.home, {"embedder": "hashing", "sensor_interval_seconds": "5"})
    reader = Reader(sandbox.settings.published_path)
    live.start()
    try:
        reader.start()
        with forgotten_shell(sandbox.settings.published_path):
            every = [
                node["assetKey"]["path"] for node in live.graphql(PARTITIONED)["assetNodes"] if node["isPartitioned"]
            ]
            assets = ["/".join(path) for path in every]
            live.backfill(assets, [FIRST + timedelta(days=n) for n in (1, 2)])
            live.launch("daily_job", LAST - timedelta(days=1), LAST - timedelta(days=1))
            live.launch("full_inference_job", LAST - timedelta(days=2), LAST - timedelta(days=1))
            searches = log["search_events"].sort("searched_at")
            # The last day without its last search, and everything else a second time.
            sandbox.land({**log, "search_events": searches.head(-1)}, name="rest")
            live.cli("run", "--from", LAST - timedelta(days=2), "--to", LAST)
            sandbox.land(
                {"search_events": searches.tail(1)}, name="last"
            )  # for this one only the sensor asks for a run
            versions = sandbox.pipeline.versions().periods("closed_days")
            wait_until(
                lambda: not live.in_flight() and nothing_is_stale(sandbox, versions),
                600,
                "all runs to end and no day to be stale",
                every_s=3,
            )
        runs = live.runs()
    finally:
        reader.done.set()
        live.stop()
    failed = [f"{run['jobName']} {run['tags']}" for run in runs if run["status"] != "SUCCESS"]
    assert not failed
    assert any("journeys/requested_by" in run["tags"] for run in runs)
    assert any(run["jobName"] == "__ASSET_JOB" for run in runs)
    assert reader.n_reads > 20
    assert not reader.wrong, reader.wrong[:3]
    assert_same_output(calm, sandbox, upto=LAST)
    for table in PIPELINE_TABLES.values():
        assert not violations(table, sandbox.table(table.name)), table.name


PARTITIONED = "query { assetNodes { assetKey { path } isPartitioned } }"


def nothing_is_stale(sandbox: Sandbox, versions: Sequence[tuple[date, str]]) -> bool:
    with sandbox.warehouse.reading() as con:
        return staleness.stale_days(con, versions, start=FIRST, today=LAST).is_empty()
