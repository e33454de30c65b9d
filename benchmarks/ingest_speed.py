"""The speed and the memory of an ingest: rows per CPU second and peak memory, by source and size.

    python benchmarks/ingest_speed.py [--rows 3000000] [--sources search_events,pins] [--format parquet] [--files 1]
                                      [--onto-rows 0] [--profile FILE]

Each figure is of a process of its own that loads one generated log into an empty warehouse, or, with ``--onto-rows``,
into one that has that many rows of other days already. CPU seconds are user and system time of all threads during the
call. Peak memory is that of the whole process; that of a process that has only the imports is given beside it. The log
has 30 rows a user, 200,000 distinct queries of which one in ten is not ASCII, and one row in 10,000 twice.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

SOURCES = ("search_events", "pin_engagements", "board_pins", "pins")
START = datetime(2026, 1, 1)
DAYS = 60
ROWS_PER_USER = 30
BLOCK_ROWS = 500_000
DISTINCT_TEXTS = 200_000
ENDINGS = {"parquet": "parquet", "csv": "csv", "json": "jsonl"}

WORDS = [
    "wedding",
    "dress",
    "garden",
    "kitchen",
    "small",
    "ideas",
    "vegan",
    "recipe",
    "paint",
    "wall",
    "guitar",
    "lessons",
    "beginner",
    "hiking",
    "boots",
    "winter",
    "coat",
    "birthday",
    "cake",
    "kids",
    "room",
    "storage",
    "bathroom",
    "tiles",
    "japan",
    "travel",
    "kyoto",
    "food",
    "easy",
    "dinner",
    "crochet",
    "pattern",
    "baby",
    "shower",
]
OTHER_WORDS = ["Straße", "crème brûlée", "日本 旅行", "сад", "بستان", "café"]


def texts(n: int) -> list[str]:
    """``n`` distinct texts, one in ten of them not ASCII, some of them in capitals."""
    chance = np.random.default_rng(0)
    picked = chance.integers(len(WORDS), size=(n, 3))
    made = []
    for at, (a, b, c) in enumerate(picked):
        last = OTHER_WORDS[at % len(OTHER_WORDS)] if at % 10 == 0 else WORDS[c]
        text = f"{WORDS[a]} {WORDS[b]} {last} {at}"
        made.append(text.title() if at % 7 == 0 else text)
    return made


def blocks(source: str, n_rows: int, first_day: int = 0) -> Iterator[pl.DataFrame]:
    """A log of ``source`` in blocks of rows."""
    chance = np.random.default_rng([SOURCES.index(source), n_rows, first_day])
    distinct = pl.Series(texts(min(DISTINCT_TEXTS, n_rows)))
    n_users = max(1, n_rows // ROWS_PER_USER)
    for first in range(0, n_rows, BLOCK_ROWS):
        n = min(BLOCK_ROWS, n_rows - first)
        users = pl.select(pl.format("user-{}", pl.Series(chance.integers(n_users, size=n)))).to_series()
        items = pl.select(pl.format("pin-{}", pl.Series(chance.integers(n_rows // 10 + 1, size=n)))).to_series()
        micros = (first_day * 86_400 + chance.integers(DAYS * 86_400, size=n)) * 1_000_000
        at = pl.Series(micros).cast(pl.Duration("us")) + pl.Series([START])
        if source == "search_events":
            query = distinct.gather(chance.integers(len(distinct), size=n))
            frame = pl.DataFrame({"user_id": users, "query": query, "searched_at": at})
        elif source == "pin_engagements":
            action = pl.Series(["closeup", "save", "clickthrough"]).gather(chance.integers(3, size=n))
            frame = pl.DataFrame({"user_id": users, "pin_id": items, "action": action, "engaged_at": at})
        elif source == "board_pins":
            boards = pl.select(pl.format("board-{}", pl.Series(chance.integers(n_users * 5, size=n)))).to_series()
            name = distinct.gather(chance.integers(len(distinct), size=n))
            frame = pl.DataFrame(
                {"user_id": users, "board_id": boards, "board_name": name, "pin_id": items, "saved_at": at}
            )
        else:
            ids = pl.select(pl.format("pin-{}", pl.int_range(first, first + n))).to_series()
            lists = distinct.gather(chance.integers(len(distinct), size=2 * n)).reshape((n, 2)).arr.to_list()
            interests = distinct.head(500).gather(chance.integers(min(500, len(distinct)), size=n)).reshape((n, 1))
            frame = pl.DataFrame({"pin_id": ids, "annotations": lists, "interests": interests.arr.to_list()})
        yield pl.concat([frame.head(n - n // 10_000), frame.head(n // 10_000)])


def write_log(folder: Path, source: str, n_rows: int, n_files: int, form: str, first_day: int = 0) -> None:
    """Write a log as ``n_files`` files ``SOURCE-NUMBER.ENDING``."""
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    for number in range(n_files):
        file = folder / f"{source}-{number}.{ENDINGS[form]}"
        mine = blocks(source, n_rows // n_files, first_day + number)
        if form == "parquet":
            writer = None
            for block in mine:
                arrow = block.to_arrow(compat_level=pl.CompatLevel.oldest())
                writer = writer or pq.ParquetWriter(file, arrow.schema)
                writer.write_table(arrow)
            if writer is not None:
                writer.close()
            continue
        with file.open("wb") as stream:
            for at, block in enumerate(mine):
                if form == "csv":
                    plain = [pl.col(n).list.join("|") for n, dtype in block.schema.items() if dtype == pl.List]
                    block.with_columns(plain).write_csv(stream, include_header=at == 0)
                else:
                    block.write_ndjson(stream)


def load(warehouse_file: Path, folder: Path, profile: Path | None) -> dict[str, float]:
    """Ingest ``folder``: rows, CPU and wall seconds of the call, and peak memory of this process, MiB."""
    from journeys_assets.domain.actions import DEFAULT_ACTIONS
    from journeys_assets.storage.ingest.call import ingest
    from journeys_assets.storage.ingest.load import ensure_landing
    from journeys_assets.storage.warehouse.duckdb_file import Warehouse

    warehouse = Warehouse(warehouse_file)
    ensure_landing(warehouse)
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    watching = None
    if profile is not None:
        import cProfile

        watching = cProfile.Profile()
        watching.enable()
    report = ingest(
        warehouse, [folder], now=START + timedelta(days=400), actions=DEFAULT_ACTIONS, scratch_dir=folder.parent / "tmp"
    )
    if watching is not None:
        watching.disable()
        watching.dump_stats(profile)
    return {
        "rows": sum(file.n_rows for file in report.files),
        "accepted": sum(file.n_accepted for file in report.files),
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "imports_mib": imported / 1024,
    }


def loaded_in_own_process(arguments: Sequence[str]) -> dict[str, float]:
    command = [sys.executable, __file__, "--load", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def measured(source: str, n_rows: int, n_onto: int, given: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        warehouse = str(folder / "warehouse.duckdb")
        if n_onto:
            write_log(folder / "before", source, n_onto, 1, "parquet", first_day=DAYS)
            loaded_in_own_process([warehouse, str(folder / "before")])
        write_log(folder / "log", source, n_rows, given.files, given.format)
        profile = [str(given.profile)] if given.profile else []
        return loaded_in_own_process([warehouse, str(folder / "log"), *profile])


def main() -> None:
    if sys.argv[1:2] == ["--load"]:
        warehouse, folder, *profile = map(Path, sys.argv[2:])
        print(json.dumps(load(warehouse, folder, profile[0] if profile else None)))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default="3000000", help="rows of a log; several, separated by commas, for memory")
    parser.add_argument("--sources", default=",".join(SOURCES))
    parser.add_argument("--format", default="parquet", choices=ENDINGS)
    parser.add_argument("--files", type=int, default=1)
    parser.add_argument("--onto-rows", type=int, default=0)
    parser.add_argument("--profile", type=Path, help="where to write a profile of the call (cProfile)")
    parser.add_argument("--folder", type=Path, help="where to put logs and warehouses; by default the temporary folder")
    given = parser.parse_args()
    table = Table("source", "rows", "accepted", "CPU s", "rows / CPU s", "wall s", "peak MiB", "of imports MiB")
    for source in given.sources.split(","):
        for n_rows in map(int, given.rows.split(",")):
            m = measured(source, n_rows, given.onto_rows, given)
            table.add_row(
                source,
                f"{m['rows']:,.0f}",
                f"{m['accepted']:,.0f}",
                f"{m['cpu_s']:.2f}",
                f"{m['rows'] / m['cpu_s']:,.0f}",
                f"{m['wall_s']:.2f}",
                f"{m['peak_mib']:,.0f}",
                f"{m['imports_mib']:,.0f}",
            )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
