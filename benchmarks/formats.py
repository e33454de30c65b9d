"""Whether the log of each format gives the journeys of the same world in the landing contract, row for row.

    python benchmarks/formats.py [--users 300] [--days 30] [--formats ga4,ubi] [--embedder hashing] [--keep FOLDER]

For each format, a generated world with known journeys is written as a log of the format's true shape, loaded with one
command (``journeys ingest LOGS --format auto``) and run (``journeys run``), as a user would. The same world is loaded in
the landing contract, as far as the format keeps it (``synthetic/exports/kept.py``), and run. The rows of the public
tables of all days are compared, every column of every row. The time is that of the two commands together, on the clock.
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
from datetime import date
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


def load_as_landing(world: World, format: str, folder: Path, embedder: str) -> Path:
    """The home of the world in the landing contract, as a format keeps it."""
    for source, rows in kept_landing(world.landing, format).items():
        (folder / "landing" / source).mkdir(parents=True)
        rows.write_parquet(folder / "landing" / source / f"{source}.parquet")
    home = folder / "home"
    journeys(home, embedder, "ingest", folder / "landing")
    journeys(home, embedder, "run")
    return home


def differences(home: Path, other: Path) -> dict[str, tuple[int, int]]:
    """For each compared table, the number of rows that both homes have, and of those that only one has."""
    con = duckdb.connect()
    con.execute("INSTALL icu; LOAD icu") if False else None
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
