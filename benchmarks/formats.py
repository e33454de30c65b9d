"""Whether the log of each format gives the journeys of the same world in the landing contract, row for row.

    python benchmarks/formats.py [--users 300] [--days 30] [--formats ga4,ubi] [--embedder hashing] [--all-days]

For each format, a generated world with known journeys is written as a log of the format's true shape, loaded with one
command (``journeys ingest LOGS --format auto``) and run (``journeys run``), as a user would. The same world is loaded
in the landing contract, as far as the format keeps it (``synthetic/exports/kept.py``), and run. The rows of the public
tables are compared, every column of every row. The journeys are those as of the last day, computed in full from all
days, or with ``--all-days`` those of every day, computed day by day. The time is that of the two commands, on the
clock.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from journeys_assets.synthetic.exports.kept import CATEGORIES, MICROSECONDS, WITH_CATALOGUE, kept_landing
from journeys_assets.synthetic.exports.write import LANDING_BESIDE, MAPPING_FILE, write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world

FIRST_DAY = date(2026, 3, 2)
COMPARED = ("user_journeys", "notification_candidates", "journey_items", "journey_events")


def journeys(home: Path, embedder: str, *arguments: str | Path) -> tuple[Any, float]:
    """What a command puts out as JSON, and its seconds on the clock."""
    root = Path(__file__).parents[1]
    environment = os.environ | {"JOURNEYS_HOME": str(home), "PYTHONPATH": str(root)}
    if embedder:
        environment["JOURNEYS_EMBEDDER"] = embedder
    command = [sys.executable, "-c", "from journeys_assets.cli.app import main; main()", *map(str, arguments), "--json"]
    start = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"journeys {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stderr}")
    return json.loads(done.stdout), time.monotonic() - start


def load_as_landing(world: World, format: str, folder: Path, embedder: str, days: Sequence[str]) -> Path:
    """The home of the world in the landing contract, as a format keeps it."""
    for source, rows in kept_landing(world.landing, format).items():
        (folder / "landing" / source).mkdir(parents=True)
        rows.write_parquet(folder / "landing" / source / f"{source}.parquet")
    home = folder / "home"
    journeys(home, embedder, "ingest", folder / "landing")
    journeys(home, embedder, "run", *days)
    return home


def differences(home: Path, other: Path) -> dict[str, tuple[int, int]]:
    """For each compared table, the number of rows that both homes have, and of those that only one has."""
    con = duckdb.connect()
    con.execute(f"ATTACH '{home / 'warehouse.duckdb'}' AS one (READ_ONLY)")
    con.execute(f"ATTACH '{other / 'warehouse.duckdb'}' AS other (READ_ONLY)")
    found = {}
    for table in COMPARED:
        counts = con.execute(
            f"SELECT (SELECT count(*) FROM (FROM one.main.{table} INTERSECT ALL FROM other.main.{table})), "
            f"(SELECT count(*) FROM (FROM one.main.{table} EXCEPT ALL FROM other.main.{table})) + "
            f"(SELECT count(*) FROM (FROM other.main.{table} EXCEPT ALL FROM one.main.{table}))"
        ).fetchone()
        assert counts is not None
        found[table] = (int(counts[0]), int(counts[1]))
    return found


def row_of(
    world: World, format: str, folder: Path, landed: Path, embedder: str, days: Sequence[str]
) -> tuple[str, ...]:
    """The row of the table for a format."""
    logs = write_export(world, format, folder / format)
    home = folder / format / "home"
    journeys(home, embedder, "ingest", folder / format / "landing")
    is_generic = format == "generic"
    options = ("--mapping", folder / format / MAPPING_FILE) if is_generic else ("--format", "auto")
    report, seconds = journeys(home, embedder, "ingest", logs, *options)
    _, of_run = journeys(home, embedder, "run", *days)
    outcomes: Counter[str] = Counter()
    for event in report["events"]:
        outcomes[event["outcome"]] += event["n"]
    skipped = {what.removeprefix("skipped: "): n for what, n in outcomes.items() if what.startswith("skipped: ")}
    others = {what: n for what, n in outcomes.items() if what.startswith(("noise", "refused"))}
    of_events = [file for file in report["files"] if file["source"] in ("search_events", "pin_engagements")]
    accepted, duplicate = (sum(file[name] for file in of_events) for name in ("n_accepted", "n_duplicate"))
    found = differences(home, landed)
    equal, different = found["user_journeys"]
    others_differ = [f"{table} {n:,}" for table, (_, n) in found.items() if n and table != "user_journeys"]
    return (
        format,
        f"{sum(outcomes.values()):,}",
        f"{accepted:,}",
        f"{duplicate:,}",
        "; ".join(f"{reason} {n:,}" for reason, n in sorted({**skipped, **others}.items())),
        f"{equal:,}",
        f"{different:,}",
        f"{found['notification_candidates'][0]:,}",
        "; ".join(others_differ) or "none",
        f"{seconds + of_run:.0f} s",
    )


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--formats", default=",".join(LANDING_BESIDE))
    parser.add_argument("--embedder", default="", help="hashing, or another one than that of the settings")
    parser.add_argument("--all-days", action="store_true", help="compute every day, and compare all of them")
    options = parser.parse_args(given)
    world = generate_world(WorldParams(seed=7, n_users=options.users, n_days=options.days, first_day=FIRST_DAY))
    last = str(FIRST_DAY + timedelta(days=options.days - 1))
    days = () if options.all_days else ("--from", last, "--to", last, "--full")
    with tempfile.TemporaryDirectory(prefix="formats-") as temporary:
        folder = Path(temporary)
        landed: dict[tuple[int, int | None, bool], Path] = {}
        table = Table(
            "format", "records", "accepted", "duplicate", "skipped and others", "journeys equal", "different",
            "candidates equal", "other rows that differ", "files to candidates",
        )  # fmt: skip
        for format in options.formats.split(","):
            key = (MICROSECONDS.get(format, 1), CATEGORIES.get(format), format in WITH_CATALOGUE)
            if key not in landed:
                landed[key] = load_as_landing(world, format, folder / f"landed-{len(landed)}", options.embedder, days)
            row = row_of(world, format, folder, landed[key], options.embedder, days)
            print(" | ".join(row), flush=True)
            table.add_row(*row)
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
