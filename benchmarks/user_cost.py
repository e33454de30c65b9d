"""What a user costs: a run of every stage beside a plain script, for growing numbers of users.

    python benchmarks/user_cost.py [--users 1000 3000] [--days 30] [--keep FOLDER]

For each number of users, a synthetic world is made and ingested. Then the last day is run in processes of their own,
one thread each, without Dagster: *cold* on a warehouse that has the log alone, then *warm* in full, with every vector
and every keyword known. ``plain_pipeline.py``, what a good engineer would write in an afternoon, does its part of the
same work beside it, cold and warm. Figures are CPU seconds of whole processes, ingestion aside. The cost of a further
user is the difference between the smallest and the largest number. ``--keep`` keeps worlds and warehouses for the next
time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

FIRST = date(2026, 1, 1)
HERE = Path(__file__).parent
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"), "1"
) | {"HF_HUB_OFFLINE": "1"}

RUN = """
import sys
from datetime import date
from journeys_assets.cli.app import collect_less_often
from journeys_assets.deployment import build_deployment
from journeys_assets.pipeline.pipeline import build_pipeline
from journeys_assets.pipeline.run import run_days
from journeys_assets.settings import load_settings
collect_less_often()
day = date.fromisoformat(sys.argv[1])
run_days(build_pipeline(build_deployment(load_settings(), progress=lambda *_: None)), day, day, full=True)
"""


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of one process."""
    with subprocess.Popen([sys.executable, *command], env=environment, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:3])} failed with exit code {process.returncode}")
    return used.ru_utime + used.ru_stime


def costs(n_users: int, n_days: int, folder: Path, repeats: int) -> dict[str, float]:
    """CPU seconds of the four ways to run the last day."""
    day = str(FIRST + timedelta(days=n_days - 1))
    world, home, vectors = folder / f"world-{n_users}", folder / f"home-{n_users}", folder / f"vectors-{n_users}.npy"
    environment = os.environ | ONE_THREAD | {"JOURNEYS_HOME": str(home)}
    journeys = ["-c", "from journeys_assets.cli.app import main; main()"]
    plain = [str(HERE / "plain_pipeline.py"), str(world / "landing"), day, str(folder / "out.parquet")]
    plain += ["--vectors", str(vectors)]
    found = {}
    if not home.exists():
        synth = ["synth", str(world), "--users", str(n_users), "--days", str(n_days), "--first-day", str(FIRST)]
        cpu_seconds([*journeys, *synth], environment)
        cpu_seconds([*journeys, "ingest", str(world / "landing")], environment)
        found["cold"] = cpu_seconds(["-c", RUN, day], environment)
        found["plain, cold"] = cpu_seconds(plain, environment)
    # In turns, the least of the repeats: other work on the machine makes figures larger, never smaller.
    warm = [(cpu_seconds(["-c", RUN, day], environment), cpu_seconds(plain, environment)) for _ in range(repeats)]
    return found | {"warm": min(ours for ours, _ in warm), "plain, warm": min(theirs for _, theirs in warm)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, nargs="+", default=[1000, 3000])
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--keep", type=Path, help="folder for worlds and warehouses (default: a temporary one)")
    given = options.parse_args()
    sizes = sorted(given.users)
    table = Table(title=f"CPU seconds of the last of {given.days} days")
    for header in ("", *(f"{size:,} users" for size in sizes), "a further user, ms"):
        table.add_column(header, justify="right" if header else "left")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        measured = []
        for size in sizes:
            measured.append(costs(size, given.days, folder, given.repeats))
            print(f"{size:,} users: {measured[-1]}", file=sys.stderr, flush=True)
    for name in ("warm", "plain, warm", "cold", "plain, cold"):
        if all(name in found for found in measured):
            seconds = [found[name] for found in measured]
            further = 1000 * (seconds[-1] - seconds[0]) / max(1, sizes[-1] - sizes[0])
            table.add_row(name, *(f"{value:.1f}" for value in seconds), f"{further:.2f}" if len(sizes) > 1 else "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
