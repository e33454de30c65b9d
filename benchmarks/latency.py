"""From a landed file to published journeys, with a live daemon: how long, and where does the time go?

    python benchmarks/latency.py [--users 1000] [--days 14] [--files 5] [--embedder minilm] [--format parquet]

A home with users and history is computed by the command line. Then ``dagster dev`` (webserver and daemon) runs on it
with default settings, and files land one after the other: each has five searches of a user who is new, and one search
of a tenth of the others. The clock runs from the rename that puts the file into the landing folder until the new user
is in the published file. At the end the daemon idles, and the CPU time of its processes is read from ``/proc``.
"""

import argparse
import itertools
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.live import Live, wait_until
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world

QUERIES = tuple(f"raised garden bed {end}" for end in ("plans", "ideas", "cheap", "cedar", "diy"))
ACTIVE_SHARE = 0.1
TIMEOUT_S = 300
PARTS = (
    "landed to requested: the file settles, the sensor ticks",
    "requested to started: the queue, a process starts",
    "started to loaded: ingest",
    "loaded to the stages' start",
    "stages and publishing",
)
out = Console(highlight=False)


def make_home(live: Live, users: int, days: list[date], seed: int) -> list[str]:
    """Compute the history of a synthetic world; returns its users."""
    world = generate_world(WorldParams(seed=seed, n_users=users, n_days=len(days), first_day=days[0])).landing
    log = live.home / "log"
    for source, rows in world.items():
        (log / source).mkdir(parents=True)
        rows.write_parquet(log / source / "all.parquet")
    live.cli("ingest", log)
    live.cli("run")
    (live.home / "landing").mkdir(exist_ok=True)
    names: list[str] = world["users"]["user_id"].to_list()
    return names


def file_of(number: int, users: list[str], day: date, chance: random.Random) -> tuple[str, pl.DataFrame]:
    """A user who is new, and the rows that land."""
    newcomer = f"newcomer-{number}"
    active = chance.sample(users, round(len(users) * ACTIVE_SHARE))
    return newcomer, pl.DataFrame(
        {
            "user_id": [newcomer] * len(QUERIES) + active,
            "query": [*QUERIES, *(f"raised garden bed {chance.choice(('soil', 'liner', 'kit'))}" for _ in active)],
            "searched_at": datetime.combine(day, datetime.min.time()) + timedelta(hours=23, seconds=number % 3600),
        }
    )


def land(live: Live, rows: pl.DataFrame, name: str, file_format: str) -> float:
    """Write under a hidden name, then rename; returns the time, seconds since 1970."""
    target = live.home / "landing" / "search_events" / f"{name}.{file_format}"
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{target.name}")
    if file_format == "parquet":
        rows.write_parquet(hidden)
    else:
        rows.write_csv(hidden)
    hidden.rename(target)
    return time.time()


def measured(live: Live, number: int, users: list[str], day: date, file_format: str, pause_s: float) -> list[float]:
    """Land one file; the seconds of each of ``PARTS``."""
    newcomer, rows = file_of(number, users, day, random.Random(number))
    # Not in step with the ticks of the daemon.
    time.sleep(pause_s)
    landed_at = land(live, rows, newcomer, file_format)

    def is_there() -> bool:
        with duckdb.connect(str(live.home / "journeys.duckdb"), read_only=True) as con:
            return bool(con.execute("SELECT 1 FROM current_journeys WHERE user_id = $1", [newcomer]).fetchall())

    wait_until(is_there, TIMEOUT_S, f"journeys of {newcomer}", every_s=0.1)
    published_at = time.time()
    runs = [run for run in live.runs() if run["creationTime"] > landed_at]
    ingest = next(run for run in runs if run["jobName"] == "ingest_job")
    stages = next(run for run in runs if run["jobName"] == "daily_job")
    times = [
        landed_at,
        ingest["creationTime"],
        ingest["startTime"],
        stages["creationTime"],
        stages["startTime"],
        published_at,
    ]
    wait_until(lambda: not live.in_flight(), TIMEOUT_S, "the runs to end")
    return [after - before for before, after in itertools.pairwise(times)]


def cpu_seconds(group: int) -> dict[tuple[int, str], float]:
    """CPU time so far of every process of a process group, by its id and what it is."""
    seconds: dict[tuple[int, str], float] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
            command = (status.parent / "cmdline").read_text()
        except OSError:
            continue
        if int(fields[2]) == group:
            name = next((name for name in ("webserver", "daemon", "grpc") if name in command), "dagster dev")
            used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            seconds[int(status.parent.name), name] = used
    return seconds


def idle_share(live: Live, seconds: float) -> Mapping[str, float]:
    """The share of a core that the processes use while nothing happens; only those that are there all the time."""
    assert live.process is not None
    group = os.getpgid(live.process.pid)
    before, started = cpu_seconds(group), time.monotonic()
    time.sleep(seconds)
    elapsed, shares = time.monotonic() - started, Counter[str]()
    for process, used in cpu_seconds(group).items():
        if process in before:
            shares[process[1]] += (used - before[process]) / elapsed
    return shares


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=1000)
    options.add_argument("--days", type=int, default=14)
    options.add_argument("--files", type=int, default=5)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--embedder", default="minilm")
    options.add_argument("--format", choices=("parquet", "csv"), default="parquet")
    options.add_argument("--idle-seconds", type=float, default=60)
    options.add_argument("--home", type=Path, help="a home that is kept; if it is there already, it is not made anew")
    given = options.parse_args()
    first = datetime.now(UTC).date() - timedelta(days=given.days)
    days = [first + timedelta(days=n) for n in range(given.days)]
    with tempfile.TemporaryDirectory() as scratch:
        live = Live(given.home or Path(scratch) / "home", {"embedder": given.embedder})
        if (live.home / "log").exists():
            users = pl.read_parquet(live.home / "log" / "users" / "all.parquet")["user_id"].to_list()
        else:
            users = make_home(live, given.users, days, given.seed)
        numbers = [int(time.time()) % 100_000_000 + n for n in range(given.files)]
        live.start()
        try:
            pauses = random.Random(given.seed)
            parts = [measured(live, number, users, days[-1], given.format, pauses.uniform(5, 15)) for number in numbers]
            idle = idle_share(live, given.idle_seconds)
        finally:
            live.stop()
    report(parts, idle, f"{len(users):,} users, {given.files} files ({given.format}), {given.embedder}")


def report(parts: list[list[float]], idle: Mapping[str, float], title: str) -> None:
    table = Table("seconds", "median", "range", title=f"From a landed file to published journeys: {title}")
    rows = [*((name, [run[n] for run in parts]) for n, name in enumerate(PARTS)), ("all", [sum(run) for run in parts])]
    for name, seconds in rows:
        table.add_row(name, f"{statistics.median(seconds):.1f}", f"{min(seconds):.1f}–{max(seconds):.1f}")
    out.print(table)
    used = ", ".join(f"{name} {share:.1%}" for name, share in sorted(idle.items()))
    out.print(f"CPU while nothing happens, share of a core: {used}; together {sum(idle.values()):.1%}")


if __name__ == "__main__":
    main()
