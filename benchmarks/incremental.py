"""Cost of incremental inference compared with full inference, with 5, 15 and 50 % of users active per day.

    python benchmarks/incremental.py [--users 2000] [--days 30] [--shares 0.05 0.15 0.5] [--embedder minilm]

For each share, a seeded log is generated in which every user has a few aims and is active on each day with that
probability. The last day is then run three times from the same state: incrementally, in full, and in full on an empty
warehouse that has only the log. All three must give the same rows of user_journeys; otherwise the command fails.

"clustering" is that stage alone (read, cluster, check, write), repeated after the run, best of three. The first line is
the same day for a log with a single user: what a run costs however little there is to do. Runs do not go through
Dagster, whose own cost ``run_cost.py`` measures. Names are made where clusters are; features, ranks, stages and
notifications are computed for every live journey in every mode. CPU seconds are those of all threads of the process.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from journeys_assets.deployment import build_deployment
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import execute, run_days
from journeys_assets.pipeline.stage import Run
from journeys_assets.settings import load_settings
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.synthetic.themes import THEMES

FIRST = date(2026, 3, 2)
SHARES = [0.05, 0.15, 0.50]
AIMS_PER_USER = 4
SEARCHES_PER_DAY = 5
WORDS_BEFORE = ("", "best ", "cheap ", "easy ", "small ", "diy ", "vintage ", "modern ")
NOW = datetime(2026, 6, 1)


@dataclass(frozen=True)
class Cost:
    """Cost of one run of the last day."""

    seconds: float
    cpu_seconds: float
    clustering_seconds: float
    clustering_cpu_seconds: float
    users_clustered: int
    keywords_with_vectors: int
    rows: pl.DataFrame


def searches(n_users: int, n_days: int, share: float, seed: int) -> pl.DataFrame:
    """One row per search. Everybody is active on the first day, so that all users have journeys."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_users):
        aims = rng.choice(len(THEMES), AIMS_PER_USER, replace=False)
        for day in range(n_days):
            if day and rng.random() >= share:
                continue
            start = datetime.combine(FIRST + timedelta(days=day), datetime.min.time()) + timedelta(hours=8)
            for n in range(SEARCHES_PER_DAY):
                phrases = THEMES[rng.choice(aims)].phrases
                query = WORDS_BEFORE[rng.integers(len(WORDS_BEFORE))] + phrases[rng.integers(len(phrases))]
                rows.append((f"u{user:06d}", query, start + timedelta(minutes=n)))
    return pl.DataFrame(rows, schema=["user_id", "query", "searched_at"], orient="row")


class Home:
    """A deployment in a folder, without progress lines."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self.folder = folder
        self.settings = load_settings(home=folder, embedder=embedder)
        self.deployment = build_deployment(self.settings, progress=lambda *_: None)

    def land(self, log: pl.DataFrame) -> None:
        self.folder.mkdir(parents=True)
        log.write_parquet(self.folder / "search_events.parquet")
        file = self.folder / "search_events.parquet"
        ingest(
            self.deployment.warehouse,
            [file],
            now=NOW,
            actions=self.deployment.algorithm.actions,
            scratch_dir=self.folder / "scratch",
        )
        self.settings.note_first_day(FIRST)

    def run(self, first: date, last: date, *, full: bool = False) -> Cost:
        deployment = build_deployment(self.settings, progress=lambda *_: None)
        deployment.embedder().embed(["load the model before the clock starts"])
        n_before = self.count("keyword_embeddings")
        started, cpu = time.monotonic(), time.process_time()
        pipeline = build_pipeline(deployment)
        run_days(pipeline, first, last, full=full)
        seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu
        n_after = self.count("keyword_embeddings")
        clustering_seconds, clustering_cpu_seconds = clustering_cost(pipeline, last, full=full)
        ledger = deployment.warehouse.query(
            "SELECT count(*) AS n FROM inference_ledger WHERE partition_date = $d", {"d": last}
        )
        journeys = "SELECT * FROM user_journeys WHERE partition_date = $d ORDER BY ALL"
        return Cost(
            seconds=seconds,
            cpu_seconds=cpu_seconds,
            clustering_seconds=clustering_seconds,
            clustering_cpu_seconds=clustering_cpu_seconds,
            users_clustered=int(ledger["n"][0]),
            keywords_with_vectors=n_after - n_before,
            rows=deployment.warehouse.query(journeys, {"d": last}),
        )

    def count(self, table: str) -> int:
        build_pipeline(self.deployment).prepare()
        return int(self.deployment.warehouse.query(f"SELECT count(*) AS n FROM {table}")["n"][0])


def clustering_cost(pipeline: Pipeline, day: date, *, full: bool) -> tuple[float, float]:
    """The lowest wall and CPU seconds of the clustering stage on ``day``, which has been run before."""
    seconds, cpu_seconds = [], []
    for _ in range(3):
        started, cpu = time.monotonic(), time.process_time()
        list(execute(pipeline, ["journey_clusters"], Run((day,), "benchmark", full=full)))
        seconds.append(time.monotonic() - started)
        cpu_seconds.append(time.process_time() - cpu)
    return min(seconds), min(cpu_seconds)


def measure(share: float, n_users: int, n_days: int, embedder: str, scratch: Path) -> dict[str, Cost]:
    last = FIRST + timedelta(days=n_days - 1)
    log = searches(n_users, n_days, share, seed=1)
    state = Home(scratch / "state", embedder)
    state.land(log)
    state.run(last - timedelta(days=1), last - timedelta(days=1))
    for name in ("incremental", "full"):
        shutil.copytree(state.folder, scratch / name)
    empty = Home(scratch / "empty", embedder)
    empty.land(log)
    costs = {
        "incremental": Home(scratch / "incremental", embedder).run(last, last),
        "full": Home(scratch / "full", embedder).run(last, last, full=True),
        "full, empty warehouse": empty.run(last, last),
    }
    reference = costs["incremental"].rows
    if reference.is_empty() or not all(cost.rows.equals(reference) for cost in costs.values()):
        raise SystemExit(f"at {share:.0%} active: the runs gave different rows of user_journeys")
    return costs


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=2000)
    options.add_argument("--days", type=int, default=30)
    options.add_argument("--shares", type=float, nargs="+", default=SHARES)
    options.add_argument("--embedder", default="minilm")
    given = options.parse_args()
    table = Table(title=f"{given.users:,} users, {given.days} days; the last day's run")
    for header in ("active per day", "inference", "users clustered", "keywords embedded"):
        table.add_column(header)
    for header in ("clustering", "its CPU", "whole run", "its CPU", "rows, all equal"):
        table.add_column(header, justify="right")
    with tempfile.TemporaryDirectory() as scratch:
        alone = measure(1.0, 1, 2, given.embedder, Path(scratch))["incremental"]
    table.add_row("–", "one user", "1", "", "", "", f"{alone.seconds:.1f} s", f"{alone.cpu_seconds:.1f} s", "")
    for share in given.shares:
        with tempfile.TemporaryDirectory() as scratch:
            costs = measure(share, given.users, given.days, given.embedder, Path(scratch))
        base = costs["incremental"]
        for name, cost in costs.items():
            table.add_row(
                f"{share:.0%}",
                name,
                f"{cost.users_clustered:,}",
                f"{cost.keywords_with_vectors:,}",
                f"{cost.clustering_seconds:.2f} s ({cost.clustering_seconds / base.clustering_seconds:.1f}×)",
                f"{cost.clustering_cpu_seconds:.2f} s",
                f"{cost.seconds:.1f} s ({cost.seconds / base.seconds:.1f}×)",
                f"{cost.cpu_seconds:.1f} s ({cost.cpu_seconds / base.cpu_seconds:.1f}×)",
                f"{cost.rows.height:,}",
            )
        print(f"{share:.0%} done", file=sys.stderr, flush=True)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
