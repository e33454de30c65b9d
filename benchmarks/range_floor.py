"""What a day of a range costs, beside the floor: storing the rows that it stores, and nothing else.

    OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 python benchmarks/range_floor.py HOME FIRST LAST

HOME is the folder of a deployment; FIRST and LAST are days of its log. It is copied and not changed. The range is run
twice, without Dagster: the second time every vector is known and nothing has changed, as in a range after an algorithm
change of a late stage. Then the rows that the run stored are stored again, table by table, in one transaction each.
CPU seconds of one process.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from journeys_assets.deployment import build_deployment
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.settings import load_settings
from journeys_assets.storage.queries import tables

out = Console(width=100, highlight=False)


def run_range(pipeline: Pipeline, days: Sequence[date]) -> dict[str, float]:
    """CPU seconds by stage."""
    seconds, started = {}, time.process_time()
    for outcome in execute(pipeline, [entry.name for entry in pipeline.entries], Run(tuple(days), "benchmark")):
        ended = time.process_time()
        seconds[outcome.entry.name], started = ended - started, ended
    return seconds


def store_again(pipeline: Pipeline, days: Sequence[date]) -> tuple[int, float]:
    """Rows of the tables with a row for each day, and the CPU seconds that replacing them by themselves takes."""
    n_rows, seconds = 0, 0.0
    for table in pipeline.tables:
        if pipeline.entry(table.name).appends or table.name == "journey_events":
            continue
        with pipeline.warehouse.reading() as con:
            rows = tables.rows_on(con, table.name, days)
        started = time.process_time()
        pipeline.warehouse.replace_partitions(table, rows, days)
        seconds += time.process_time() - started
        n_rows += rows.height
    return n_rows, seconds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("home", type=Path)
    arguments.add_argument("first", type=date.fromisoformat)
    arguments.add_argument("last", type=date.fromisoformat)
    given = arguments.parse_args()
    days = [given.first + timedelta(days=n) for n in range((given.last - given.first).days + 1)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        shutil.copytree(given.home, home)
        pipeline = build_pipeline(build_deployment(load_settings(home=home), progress=lambda *_: None))
        pipeline.prepare()
        run_range(pipeline, days)
        seconds = run_range(pipeline, days)
        n_rows, floor = store_again(pipeline, days)
    shown = Table(
        "stage", "CPU s a day", title=f"{len(days)} days, {n_rows / len(days):,.0f} rows a day", title_justify="left"
    )
    for name, of_stage in sorted(seconds.items(), key=lambda pair: -pair[1])[:15]:
        shown.add_row(name, f"{of_stage / len(days):.3f}")
    shown.add_row("all stages", f"{sum(seconds.values()) / len(days):.2f}")
    shown.add_row("storing the same rows, nothing else", f"{floor / len(days):.2f}")
    out.print(shown)


if __name__ == "__main__":
    main()
