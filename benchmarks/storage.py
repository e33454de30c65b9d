"""What a warehouse takes on disk, by table, and what publishing costs.

    python benchmarks/storage.py HOME [--users 10000] [--days 365]

HOME is the folder of a deployment that has run, for instance on a synthetic world of 300 users and 60 days. It is read
and not changed. Bytes of a table are those of its blocks: the table is copied into a file of its own, and the share of
each block counts that is in use. The extrapolation assumes that rows per user and day stay as they are: tables that
retention trims have the days that it keeps, all others have every day.

Publishing is measured on copies: the first time, when nothing changed, and when one day of every table changed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from journeys_assets.deployment import build_deployment
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

out = Console(width=120, highlight=False)


def pipeline(settings: Settings) -> Pipeline:
    return build_pipeline(build_deployment(settings, progress=lambda *_: None))


def bytes_by_table(warehouse: Path, folder: Path) -> dict[str, tuple[int, int]]:
    """Rows and bytes on disk of each table, by its name with the schema."""
    found = {}
    with duckdb.connect() as con:
        con.execute(f"ATTACH '{warehouse}' AS warehouse (READ_ONLY)")
        names = con.sql(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = 'warehouse' ORDER BY ALL"
        ).fetchall()
        for number, (schema, name) in enumerate(names):
            file = folder / f"{number}.duckdb"
            con.execute(f"ATTACH '{file}' AS one")
            con.execute(f"CREATE TABLE one.copied AS FROM warehouse.{schema}.{name}")
            con.execute("CHECKPOINT one")
            con.execute("DETACH one")
            rows = con.sql(f"SELECT count(*) FROM warehouse.{schema}.{name}").fetchall()[0][0]
            # A file of its own has a few blocks of its own, whatever it holds.
            found[f"{schema}.{name}"] = (rows, max(0, file.stat().st_size - 3 * 4096) if rows else 0)
            file.unlink()
    return found


def show_storage(settings: Settings, given: argparse.Namespace, folder: Path) -> None:
    file = settings.warehouse_path
    with duckdb.connect(str(file), read_only=True) as con:
        users, days = con.sql(
            "SELECT (SELECT count(DISTINCT user_id) FROM landing.search_events), count(*) FROM main.closed_days"
        ).fetchall()[0]
    trimmed = {name for entry in pipeline(settings).entries if entry.keeps == "recent" for name in entry.assets}
    table = Table("table", "rows", "MiB", "bytes / user and day", f"GiB at {given.users:,} users, {given.days} days")
    total, later = 0, 0.0
    for name, (rows, n_bytes) in sorted(bytes_by_table(file, folder).items(), key=lambda item: -item[1][1]):
        each = n_bytes / users / days
        kept = min(given.days, settings.output_retention_days) if name.removeprefix("main.") in trimmed else given.days
        total, later = total + n_bytes, later + each * given.users * kept / 2**30
        if n_bytes > 0.002 * file.stat().st_size:
            extrapolated = f"{each * given.users * kept / 2**30:.2f} ({kept} days)"
            table.add_row(name, f"{rows:,}", f"{n_bytes / 2**20:.1f}", f"{each:,.0f}", extrapolated)
    table.add_row("all tables", "", f"{total / 2**20:.1f}", f"{total / users / days:,.0f}", f"{later:.2f}")
    table.add_row("the file", "", f"{file.stat().st_size / 2**20:.1f}", "", "")
    out.print(f"{users:,} users with searches, {days} days")
    out.print(table)


def show_publishing(settings: Settings, folder: Path) -> None:
    warehouse = Warehouse(folder / "warehouse.duckdb")
    shutil.copyfile(settings.warehouse_path, warehouse.path)
    published = [entry for entry in pipeline(settings).entries if entry.is_published]
    tables = [name for entry in published if not entry.is_view for name in entry.assets]
    models = build_deployment(settings, progress=lambda *_: None).sql_models
    views = {entry.name: models[entry.name].render({}) for entry in published if entry.is_view}
    target = folder / "journeys.duckdb"
    table = Table("publishing", "CPU s", "wall s", "MiB of the file")

    def publish(what: str) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        warehouse.publish(tables, target, views=views)
        spent = [f"{time.process_time() - cpu:.2f}", f"{time.perf_counter() - wall:.2f}"]
        table.add_row(what, *spent, f"{target.stat().st_size / 2**20:.1f}")

    publish("everything, into no file")
    publish("nothing changed")
    for turn in range(3):
        with warehouse.writing() as con:
            for name in tables:
                con.execute(
                    f"CREATE OR REPLACE TEMP TABLE day AS FROM main.{name} "
                    f"WHERE partition_date = (SELECT max(partition_date) FROM main.{name})"
                )
                con.execute(f"DELETE FROM main.{name} WHERE partition_date IN (SELECT partition_date FROM day)")
                con.execute(f"INSERT INTO main.{name} FROM day LIMIT (SELECT count(*) - 1 FROM day)")
        publish(f"one row less on the last day of every table, {turn + 1}")
    out.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("home", type=Path)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    given = parser.parse_args()
    settings = load_settings(home=given.home)
    with tempfile.TemporaryDirectory() as name:
        show_storage(settings, given, Path(name))
        show_publishing(settings, Path(name))


if __name__ == "__main__":
    main()
