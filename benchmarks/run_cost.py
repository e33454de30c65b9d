"""The fixed cost of a run: CPU seconds of a whole process that runs one user and one day.

    python benchmarks/run_cost.py [--repeats 3] [--embedder minilm]

Each figure is the least of the repeats: user and system time of a whole process, imports included. The day has been run
before, so every keyword has its vector, and what remains is the cost that every run has.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

DAY = "2026-03-02"
QUERIES = ["wedding dress", "wedding dresses", "wedding dress long", "wedding dress lace"]

THROUGH_DAGSTER = "from journeys_assets.cli.app import main; main()"
WITHOUT_DAGSTER = f"""
from datetime import date
from journeys_assets.cli.app import collect_less_often
from journeys_assets.deployment import build_deployment
from journeys_assets.pipeline.pipeline import build_pipeline
from journeys_assets.pipeline.run import run_days
from journeys_assets.settings import load_settings
collect_less_often()
day = date.fromisoformat("{DAY}")
run_days(build_pipeline(build_deployment(load_settings(), progress=lambda *_: None)), day, day)
"""
ONLY_IMPORTS = "import dagster, duckdb, polars"


def cpu_seconds(code: str, arguments: list[str], environment: dict[str, str]) -> float:
    """User and system time of one process."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=environment, stdout=subprocess.DEVNULL
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"the run failed with exit code {process.returncode}")
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--embedder", default="minilm")
    given = parser.parse_args()
    run = ["run", "--from", DAY, "--to", DAY]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = os.environ | {"JOURNEYS_HOME": str(home), "JOURNEYS_EMBEDDER": given.embedder}
        file = Path(folder) / "search_events.csv"
        at = datetime.fromisoformat(DAY)
        pl.DataFrame({"user_id": "ann", "query": QUERIES, "searched_at": at}).write_csv(file)
        cpu_seconds(THROUGH_DAGSTER, ["ingest", str(file)], environment)
        first = cpu_seconds(THROUGH_DAGSTER, run, environment)
        measured = {
            "import dagster, duckdb, polars": (ONLY_IMPORTS, []),
            "a day without Dagster (pipeline.run.run_days)": (WITHOUT_DAGSTER, []),
            "a day through Dagster, recorded (journeys run)": (THROUGH_DAGSTER, run),
        }
        table = Table("process", "CPU seconds")
        for name, (code, arguments) in measured.items():
            least = min(cpu_seconds(code, arguments, environment) for _ in range(given.repeats))
            table.add_row(name, f"{least:.2f}")
        table.add_row("the first run of the deployment, which embeds the keywords", f"{first:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
