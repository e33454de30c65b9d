"""What a warehouse takes on disk, by table, and what publishing costs.

    python benchmarks/storage.py HOME [--users 10000] [--days 365]

HOME is the folder of a deployment that has run, for instance on a synthetic world of 300 users and 60 days. It is read
and not changed. Bytes of a table are those of its blocks: the table is copied into a file of its own, and the share of
each block counts that is in use. The extrapolation assumes that rows per user and day stay as they are. Tables that
retention trims have the days that it keeps, inferences those that are not superseded yet and one more for each user,
all others every day. Tables about days, not users, grow with days alone; those with a row per distinct text or item
grow more slowly than stated.

Publishing is measured on copies, with the days of each table also repeated for ``--times`` as many users: the first
time, when nothing changed, and when one day of every table changed.
"""

import argparse
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from journeys_assets.deployment import build_deployment
from journeys_assets.domain.tables.pipeline import INFERENCE_LEDGER, JOURNEY_CLUSTERS
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.queries.superseded import kept_from
from journeys_assets.storage.warehouse.base import STORAGE_VERSION
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

INFERENCES = (JOURNEY_CLUSTERS.name, INFERENCE_LEDGER.name)
"""Tables that keep what is not superseded."""

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
            con.execute(f"ATTACH '{file}' AS one (STORAGE_VERSION '{STORAGE_VERSION}')")
            con.execute(f"CREATE TABLE one.copied AS FROM warehouse.{schema}.{name}")
            con.execute("CHECKPOINT one")
            con.execute("DETACH one")
            rows = con.sql(f"SELECT count(*) FROM warehouse.{schema}.{name}").fetchall()[0][0]
            # A file of its own has a few blocks of its own, whatever it holds.
            found[f"{schema}.{name}"] = (rows, max(0, file.stat().st_size - 3 * 4096) if rows else 0)
            file.unlink()
    return found


@dataclass(frozen=True)
class Span:
    """The days of a table: how many it has whole, and the share of its rows on them; whether it grows with users."""

    days: int
    share: float = 1.0
    of_users: bool = True


def spans(warehouse: Path) -> dict[str, Span]:
    """The days that each table of the schema main covers, and as ``landing`` those of the log."""
    found = {}
    with duckdb.connect(str(warehouse), read_only=True) as con:
        since = kept_from(con)
        first, last = con.sql("SELECT min(partition_date), max(partition_date) FROM main.keyword_table").fetchall()[0]
        found["landing"] = Span((last - first).days + 1)
        tables = con.sql(
            "SELECT table_name, list(column_name) FROM duckdb_columns() WHERE schema_name = 'main' "
            "AND table_name IN (SELECT table_name FROM duckdb_tables()) "
            "GROUP BY ALL HAVING list_contains(list(column_name), 'partition_date')"
        ).fetchall()
        for name, columns in tables:
            of_users = bool({"user_id", "keyword", "text", "name"} & set(columns))
            whole = f"partition_date >= DATE '{since}'" if name in INFERENCES else "true"
            of_table, n = con.sql(
                f"SELECT min(partition_date) FILTER ({whole}), count(*) FILTER ({whole}) / count(*) FROM main.{name}"
            ).fetchall()[0]
            if of_table is not None:
                found[name] = Span((last - of_table).days + 1, n, of_users)
    return found


def show_storage(settings: Settings, given: argparse.Namespace, folder: Path) -> None:
    file = settings.warehouse_path
    with duckdb.connect(str(file), read_only=True) as con:
        users = con.sql("SELECT count(DISTINCT user_id) FROM landing.search_events").fetchall()[0][0]
        n_inferred, n_inferences = con.sql(
            "SELECT count(DISTINCT user_id), count(*) FROM main.inference_ledger"
        ).fetchall()[0]
    covered = spans(file)
    keep_days, params = settings.output_retention_days, settings.algorithm
    unsuperseded = max(keep_days + params.quality.trailing_days, params.lifecycle.training_days + 1)
    trimmed = {name for entry in pipeline(settings).entries if entry.keeps == "recent" for name in entry.assets}
    kept = dict.fromkeys(trimmed, keep_days) | dict.fromkeys(INFERENCES, unsuperseded)
    title = f"GiB at {given.users:,} users, {given.days} days"
    table = Table("table", "rows", "MiB", "bytes / user and day", title)
    total, daily, later = 0, 0.0, 0.0
    for qualified, (rows, n_bytes) in sorted(bytes_by_table(file, folder).items(), key=lambda item: -item[1][1]):
        name = qualified.removeprefix("main.")
        span = covered.get(name, covered["landing"])
        each = n_bytes * span.share / users / span.days
        days = min(given.days, kept.get(name, given.days))
        # Beside the inferences of the days, the one before them of each user.
        before = n_bytes / n_inferences * n_inferred / users if name in INFERENCES and days < given.days else 0.0
        extrapolated = (given.users if span.of_users else users) * (each * days + before) / 2**30
        total, daily, later = total + n_bytes, daily + each, later + extrapolated
        if n_bytes > 0.002 * file.stat().st_size:
            shown = f"{extrapolated:.2f} ({days} days)"
            table.add_row(qualified, f"{rows:,}", f"{n_bytes / 2**20:.1f}", f"{each:,.0f}", shown)
    table.add_row("all tables", "", f"{total / 2**20:.1f}", f"{daily:,.0f}", f"{later:.2f}")
    table.add_row("the file", "", f"{file.stat().st_size / 2**20:.1f}", "", "")
    published = settings.published_path.stat().st_size
    each = published / users / covered["user_journeys"].days
    of_published = each * given.users * min(given.days, keep_days) / 2**30
    table.add_row("the published file", "", f"{published / 2**20:.1f}", f"{each:,.0f}", f"{of_published:.2f}")
    out.print(f"{users:,} users with searches, {covered['landing'].days} days of the log")
    out.print(table)


def show_publishing(settings: Settings, folder: Path, times: int) -> None:
    """What publishing costs on a copy of the warehouse whose published tables have ``times`` as many users."""
    warehouse = Warehouse(folder / "warehouse.duckdb")
    shutil.copyfile(settings.warehouse_path, warehouse.path)
    published = [entry for entry in pipeline(settings).entries if entry.is_published]
    tables = [name for entry in published if not entry.is_view for name in entry.assets]
    models = build_deployment(settings, progress=lambda *_: None).sql_models
    views = {entry.name: models[entry.name].render({}) for entry in published if entry.is_view}
    target = folder / "journeys.duckdb"
    table = Table(f"publishing, {times} x the users", "CPU s", "wall s", "MiB of the file")
    with warehouse.writing() as con:
        columns = con.sql("SELECT table_name FROM duckdb_columns() WHERE column_name = 'user_id'").fetchall()
        for name in {name for (name,) in columns} & set(tables) if times > 1 else ():
            con.execute(
                f"CREATE OR REPLACE TABLE main.{name} AS SELECT * EXCLUDE (n) REPLACE (user_id || ' ' || n AS user_id) "
                f"FROM main.{name}, range({times}) AS copies(n) ORDER BY partition_date, n, user_id"
            )

    def publish(what: str) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        warehouse.publish(tables, target, views=views)
        spent = [f"{time.process_time() - cpu:.2f}", f"{time.perf_counter() - wall:.2f}"]
        table.add_row(what, *spent, f"{target.stat().st_size / 2**20:.1f}")

    publish("everything, into no file")
    publish("nothing changed")
    for turn in range(3):
        with warehouse.reading() as con:
            last = {name: con.sql(f"SELECT max(partition_date) FROM main.{name}").fetchall()[0][0] for name in tables}
        with warehouse.writing({name: [day] for name, day in last.items() if day}) as con:
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
    parser.add_argument("--times", type=int, default=20)
    given = parser.parse_args()
    settings = load_settings(home=given.home)
    with tempfile.TemporaryDirectory() as name:
        show_storage(settings, given, Path(name))
        for times in (1, given.times):
            with tempfile.TemporaryDirectory() as copies:
                show_publishing(settings, Path(copies), times)


if __name__ == "__main__":
    main()
