"""What a full inference and an incremental day cost for many users: CPU, wall time and peak memory of every stage.

    python benchmarks/scale.py HOME [--users 100000] [--keywords 30] [--days 10] [--share 0.1] [--runs full incremental]

HOME is the folder of a deployment. If it is new, a log of searches is generated there in blocks (each user has four
aims and searches for phrases of them, spread over the days), ingested, and its last day run, so that every keyword has
its vector ("cold"). Then the last day is run in full ("full"), and one more day is landed, on which a share of the
users is active, and run ("incremental"). In a HOME of an earlier call, only the chosen runs are made.

There are some thousand distinct keywords, so that embedding is hardly a part of what is measured. Peak memory is the
highest resident memory of the process within a stage: the kernel's mark is reset before each stage. Runs do not go
through Dagster.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

from journeys_assets.cli.app import collect_less_often
from journeys_assets.deployment import build_deployment
from journeys_assets.pipeline.pipeline import build_pipeline
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import USERS_PER_SHARD, Run
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.synthetic.themes import THEMES

FIRST = date(2026, 3, 2)
NOW = datetime(2026, 6, 1)
NOTED = "scale.json"
AIMS_PER_USER = 4
USERS_PER_BLOCK = 50_000
WORDS_BEFORE = ("", "best ", "cheap ", "easy ", "small ", "diy ", "vintage ", "modern ")

out = Console(width=140)


# ── the log ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def searches(users: np.ndarray, n_keywords: int, first: date, n_days: int, seed: int) -> Iterator[pl.DataFrame]:
    """Searches of ``users`` (their numbers) in blocks: ``n_keywords`` each, at random times of ``n_days`` days.

    The aims of a user follow from the number alone.
    """
    most = min(len(theme.phrases) for theme in THEMES)
    phrases = np.array([theme.phrases[:most] for theme in THEMES], dtype=object)
    for number, start in enumerate(range(0, len(users), USERS_PER_BLOCK)):
        block = users[start : start + USERS_PER_BLOCK]
        rng = np.random.default_rng((seed, number))
        shape = (len(block), n_keywords)
        aims = (block[:, None] * 7919 + rng.integers(0, AIMS_PER_USER, shape) * 31) % len(THEMES)
        words = np.array(WORDS_BEFORE, dtype=object)[rng.integers(0, len(WORDS_BEFORE), shape)]
        micros = rng.integers(0, n_days * 86_400, shape) * 1_000_000
        yield pl.DataFrame(
            {
                "user_id": "u" + pl.Series(np.repeat(block, n_keywords)).cast(pl.String).str.zfill(8),
                "query": pl.Series((words + phrases[aims, rng.integers(0, most, shape)]).ravel(), dtype=pl.String),
                "searched_at": pl.Series(micros.ravel()).cast(pl.Duration("us"))
                + datetime.combine(first, datetime.min.time()),
            }
        )


def land(settings: Settings, blocks: Iterator[pl.DataFrame], name: str) -> None:
    """Write the blocks as Parquet files and ingest them."""
    folder = settings.home / f"landing-{name}" / "search_events"
    folder.mkdir(parents=True)
    for number, block in enumerate(blocks):
        block.write_parquet(folder / f"{number:04d}.parquet")
    deployment = build_deployment(settings, progress=lambda *_: None)
    ingest(
        deployment.warehouse,
        [folder.parent],
        now=NOW,
        actions=deployment.algorithm.actions,
        scratch_dir=settings.home / "scratch",
    )
    settings.note_first_day(FIRST)


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────────────


def reset_peak() -> None:
    """Let the kernel's mark of the highest resident memory start anew."""
    Path("/proc/self/clear_refs").write_text("5")


def resident_mib(mark: str) -> float:
    """``VmHWM`` (highest since the reset) or ``VmRSS`` (now) of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{mark}:")) / 1024


def show(title: str, rows: list[tuple[str, float, float, float, float]]) -> None:
    """Print stages that cost something, with a line for all of them."""
    table = Table("stage", "CPU s", "wall s", "peak MiB", "MiB after", title=title)
    cpu, wall, peak = sum(row[1] for row in rows), sum(row[2] for row in rows), max(row[3] for row in rows)
    for name, *figures in rows:
        if figures[0] > 0.01 * cpu or figures[2] > 0.9 * peak:
            table.add_row(name, *(f"{figure:,.1f}" for figure in figures))
    table.add_row("all", f"{cpu:,.1f}", f"{wall:,.1f}", f"{peak:,.1f}", "")
    out.print(table)


def measured_run(settings: Settings, day: date, title: str, users_per_shard: int, *, full: bool) -> None:
    """Run every stage of one day; prints what each costs."""
    pipeline = build_pipeline(build_deployment(settings, progress=lambda *_: None))
    pipeline.prepare()
    rows = []
    reset_peak()
    cpu, wall = time.process_time(), time.monotonic()
    run = Run((day,), uuid.uuid4().hex, full, users_per_shard=users_per_shard)
    for outcome in execute(pipeline, [entry.name for entry in pipeline.entries], run):
        spent = time.process_time() - cpu, time.monotonic() - wall
        rows.append((outcome.entry.name, *spent, resident_mib("VmHWM"), resident_mib("VmRSS")))
        print(f"{title}: {rows[-1]}", file=sys.stderr, flush=True)
        reset_peak()
        cpu, wall = time.process_time(), time.monotonic()
    with pipeline.warehouse.reading() as con:
        journeys, users = con.execute(
            "SELECT count(*), count(DISTINCT user_id) FROM user_journeys WHERE partition_date = $1", [day]
        ).fetchall()[0]
    show(f"{title}: {day}, {users:,} users, {journeys:,} live journeys", rows)


def generate(settings: Settings, n_users: int, n_keywords: int, n_days: int) -> None:
    """Land the log of a new deployment."""
    reset_peak()
    started, cpu = time.monotonic(), time.process_time()
    settings.home.mkdir(parents=True)
    land(settings, searches(np.arange(n_users), n_keywords, FIRST, n_days, 1), "0")
    spent = time.process_time() - cpu, time.monotonic() - started
    show("generate and ingest", [("ingest", *spent, resident_mib("VmHWM"), resident_mib("VmRSS"))])
    (settings.home / NOTED).write_text(json.dumps({"users": n_users, "days": n_days}))


def land_next_day(settings: Settings, share: float) -> None:
    """Land five searches of each of a share of the users, on the day after the last."""
    state = json.loads((settings.home / NOTED).read_text())
    n_users, n_days = state["users"], state["days"]
    active = np.random.default_rng(n_days).choice(n_users, int(n_users * share), replace=False)
    land(settings, searches(np.sort(active), 5, FIRST + timedelta(days=n_days), 1, n_days), str(n_days))
    (settings.home / NOTED).write_text(json.dumps({**state, "days": n_days + 1}))


def last_day(settings: Settings) -> date:
    return FIRST + timedelta(days=json.loads((settings.home / NOTED).read_text())["days"] - 1)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("home", type=Path)
    options.add_argument("--users", type=int, default=100_000)
    options.add_argument("--keywords", type=int, default=30)
    options.add_argument("--days", type=int, default=10)
    options.add_argument("--share", type=float, default=0.1, help="of the users who are active on the incremental day")
    options.add_argument("--runs", nargs="*", choices=("full", "incremental"), default=("full", "incremental"))
    options.add_argument("--embedder", default="minilm")
    options.add_argument("--users-per-shard", type=int, default=USERS_PER_SHARD)
    options.add_argument("--phase", choices=("generate", "cold", "full", "land", "incremental"), help=argparse.SUPPRESS)
    given = options.parse_args()
    settings = load_settings(home=given.home, embedder=given.embedder)
    if given.phase is None:
        phases = [] if given.home.exists() else ["generate", "cold"]
        for name in given.runs:
            phases += ["land", name] if name == "incremental" else [name]
        for phase in phases:  # each in a process of its own, so that none starts with memory of another
            subprocess.run([sys.executable, *sys.argv, "--phase", phase], check=True)
        return
    collect_less_often()
    if given.phase == "generate":
        generate(settings, given.users, given.keywords, given.days)
    elif given.phase == "land":
        land_next_day(settings, given.share)
    else:
        is_full = given.phase != "incremental"
        measured_run(settings, last_day(settings), given.phase, given.users_per_shard, full=is_full)


if __name__ == "__main__":
    main()
