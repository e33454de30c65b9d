"""A week of a live deployment, in a few minutes: does it end in the same state as an undisturbed run, row for row?

    python benchmarks/live_week.py [--users 40] [--days 7] [--seconds-between-files 10] [--embedder hashing]

``dagster dev`` (webserver and daemon) runs on an empty home. Files land throughout each day: some events days late,
some files twice, one half-written for a while, one broken, one with a wrong row. Half of the catalogue comes in the
middle of the week. Once, every process is killed during a run. No command is called. A second home gets the same log at
once and is run without disturbance. At the end both must have the same rows; otherwise the exit code is 1.
"""

import argparse
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.live import Live, wait_until
from journeys_assets.deployment import Deployment, build_deployment
from journeys_assets.pipeline.pipeline import DAY, build_pipeline
from journeys_assets.settings import load_settings
from journeys_assets.storage.queries import staleness
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world

TIMES = {
    "search_events": "searched_at",
    "pin_engagements": "engaged_at",
    "board_pins": "saved_at",
    "notification_events": "sent_at",
    "journey_feedback": "given_at",
}
OUTPUTS = ("user_journeys", "notification_candidates")
PARTS = 3
LATE_SHARE = 0.1
MOST_DAYS_LATE = 3
SETTLE_TIMEOUT_S = 900
out = Console(highlight=False)


@dataclass
class Week:
    """The landing folder, what has landed so far, and rows that will land later."""

    landing: Path
    chance: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    delayed: dict[date, list[tuple[str, pl.DataFrame]]] = field(default_factory=dict)

    def land(self, source: str, rows: pl.DataFrame, name: str) -> Path:
        """Write under a hidden name, then rename, as a careful writer does."""
        target = self.landing / source / f"{name}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden = target.with_name(f".{target.name}")
        rows.write_parquet(hidden)
        hidden.rename(target)
        self.counts["files"] += 1
        return target

    def land_slowly(self, source: str, rows: pl.DataFrame, name: str, pause_s: float) -> None:
        """Write under the final name, in two steps, as a careless writer does."""
        complete = self.landing / f".{name}.parquet"
        rows.write_parquet(complete)
        content = complete.read_bytes()
        complete.unlink()
        with (self.landing / source / f"{name}.parquet").open("wb") as file:
            file.write(content[: len(content) // 2])
            file.flush()
            time.sleep(pause_s)
            file.write(content[len(content) // 2 :])
        self.counts["files"] += 1
        self.counts["files half written for a while"] += 1

    def land_part(self, day: date, part: int, events: dict[str, pl.DataFrame]) -> None:
        """Land one third of a day: most of its events now, some in a few days, and now and then a file twice."""
        for source, rows in events.items():
            mine = rows.filter(pl.col(TIMES[source]).dt.hour() // (24 // PARTS) == part)
            if mine.is_empty():
                continue
            is_late = pl.Series([self.chance.random() < LATE_SHARE for _ in range(mine.height)])
            late, now = mine.filter(is_late), mine.filter(~is_late)
            if late.height:
                due = day + timedelta(days=self.chance.randint(1, MOST_DAYS_LATE))
                self.delayed.setdefault(due, []).append((source, late))
                self.counts["events that come late"] += late.height
            if now.height:
                file = self.land(source, now, f"{day}-{part}")
                if self.chance.random() < 0.2:
                    shutil.copy(file, file.with_name(f"{day}-{part}-again.parquet"))
                    self.counts["files that come twice"] += 1

    def land_late(self, day: date) -> None:
        for number, (source, rows) in enumerate(self.delayed.pop(day, [])):
            self.land(source, rows, f"late-{day}-{number}")

    def land_broken(self, day: date) -> None:
        """Land an unreadable file, and a file with a row that breaks the contract."""
        (self.landing / "search_events" / "broken.parquet").write_bytes(b"PAR1 this is no Parquet file PAR1")
        lines = ["user_id,query,searched_at", f"u00001,a good row,{day}T10:00:00Z", "u00001,a wrong row,yesterday"]
        (self.landing / "search_events" / "one_wrong_row.csv").write_text("\n".join(lines) + "\n")
        self.counts["files"] += 2
        self.counts["files that are broken"] += 1


def live_week(live: Live, world: dict[str, pl.DataFrame], days: list[date], pause_s: float, seed: int) -> Week:
    """Run the week."""
    week = Week(live.home / "landing", random.Random(seed))
    week.landing.mkdir(parents=True)
    live.start()
    pins = world["pins"]
    week.land("users", world["users"], "users")
    week.land("pins", pins.gather_every(2), "first-half")
    for number, day in enumerate(days):
        out.print(f"{day}: {len(live.runs())} runs so far")
        events = {
            name: rows.filter(pl.col(time).dt.date() == day)
            for name, time in TIMES.items()
            if name in world
            for rows in [world[name]]
        }
        for part in range(PARTS):
            week.land_part(day, part, events)
            if part == 0:
                week.land_late(day)
            if part == 1 and number == len(days) // 2:
                week.land_slowly("pins", pins.gather_every(2, offset=1), "second-half", pause_s)
                week.land_broken(day)
            if part == 2 and number == len(days) - 3:
                crash(live, week)
            time.sleep(pause_s)
    for due in sorted(week.delayed):
        week.land_late(due)
    return week


def crash(live: Live, week: Week) -> None:
    """Kill every process during a run, and start again."""
    wait_until(lambda: any(run["status"] == "STARTED" for run in live.runs()), 180, "a run to start", every_s=0.2)
    time.sleep(5)
    live.kill()
    week.counts["crashes"] += 1
    live.start()


def deployment_at(home: Path, embedder: str) -> Deployment:
    return build_deployment(load_settings(home=home, embedder=embedder))


def is_settled(live: Live, deployment: Deployment, week: Week) -> bool:
    """Whether every file was processed, no run is in progress, and no day is stale."""
    if live.in_flight():
        return False
    with deployment.warehouse.reading() as con:
        looked_at = con.sql("SELECT count(*) FROM landing.landed_files WHERE outcome <> 'unfinished'").fetchall()[0][0]
        pipeline, today = build_pipeline(deployment), datetime.now(UTC).date()
        start = pipeline.log_days(con, today=today).start
        stale = staleness.stale_days(con, pipeline.versions().periods(DAY), start=start, today=today)
    return bool(looked_at == week.counts["files"] + week.counts["files that come twice"]) and stale.is_empty()


def tables(home: Path) -> dict[str, pl.DataFrame]:
    with duckdb.connect(str(home / "journeys.duckdb"), read_only=True) as con:
        return {name: con.sql(f"SELECT * FROM {name} ORDER BY ALL").pl() for name in OUTPUTS}


def latency_s(live: Live, day: date, number: int) -> float:
    """Seconds from landing a file until the new user's journeys are in the published file."""
    user = f"newcomer-{number}"
    queries = [f"raised garden bed {end}" for end in ("plans", "ideas", "cheap", "cedar", "diy")]
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=23, minutes=number)
    rows = pl.DataFrame({"user_id": user, "query": queries}).with_columns(searched_at=pl.lit(at))
    Week(live.home / "landing", random.Random(0)).land("search_events", rows, user)

    def is_there() -> bool:
        with duckdb.connect(str(live.home / "journeys.duckdb"), read_only=True) as con:
            return bool(con.execute("SELECT 1 FROM current_journeys WHERE user_id = $1", [user]).fetchall())

    return wait_until(is_there, 300, f"journeys of {user}", every_s=0.25)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--users", type=int, default=40)
    options.add_argument("--days", type=int, default=7)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--seconds-between-files", type=float, default=10.0)
    options.add_argument("--embedder", default="hashing", help="hashing starts immediately; minilm is the real one")
    options.add_argument("--home", type=Path, help="keep both homes here (default: a temporary folder)")
    given = options.parse_args()
    first = datetime.now(UTC).date() - timedelta(days=given.days)
    days = [first + timedelta(days=n) for n in range(given.days)]
    world = dict(
        generate_world(WorldParams(seed=given.seed, n_users=given.users, n_days=given.days, first_day=first)).landing
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.home or Path(scratch)
        live = Live(
            folder / "live",
            {"embedder": given.embedder, "sensor_interval_seconds": "10", "landing_patience_seconds": "60"},
        )
        deployment = deployment_at(live.home, given.embedder)
        started = time.monotonic()
        try:
            week = live_week(live, world, days, given.seconds_between_files, given.seed)
            out.print("the week is over; waiting until nothing is stale")
            wait_until(
                lambda: is_settled(live, deployment, week), SETTLE_TIMEOUT_S, "the deployment to settle", every_s=3
            )
            seconds = time.monotonic() - started
            runs = live.runs()
            ended = tables(live.home)
            latencies = [latency_s(live, days[-1], number) for number in range(3)]
        finally:
            live.stop()
        extra = pl.DataFrame({"user_id": ["u00001"], "query": ["a good row"]}).with_columns(
            searched_at=pl.lit(datetime.combine(days[given.days // 2], datetime.min.time()) + timedelta(hours=10))
        )
        calm = calm_run(folder / "calm", world, extra, given.embedder)
        report(week, deployment, runs, ended, calm, latencies, seconds)


def calm_run(home: Path, world: dict[str, pl.DataFrame], extra: pl.DataFrame, embedder: str) -> dict[str, pl.DataFrame]:
    """The final tables for the same log, loaded at once and run without disturbance."""
    log = home / "log"
    for source, rows in world.items():
        (log / source).mkdir(parents=True)
        rows.write_parquet(log / source / "all.parquet")
    extra.write_parquet(log / "search_events" / "extra.parquet")
    calm = Live(home, {"embedder": embedder})
    calm.cli("ingest", log)
    calm.cli("run")
    return tables(home)


def report(
    week: Week,
    deployment: Deployment,
    runs: list[dict[str, object]],
    ended: dict[str, pl.DataFrame],
    calm: dict[str, pl.DataFrame],
    latencies: list[float],
    seconds: float,
) -> None:
    """Print the summary; exit code 1 if a row differs."""
    log = deployment.warehouse.query(
        "SELECT (SELECT count(*) FROM landing.quarantined_rows) AS quarantined, "
        "(SELECT count(*) FROM landing.landed_files WHERE outcome = 'refused') AS refused"
    )
    by_status = Counter(f"{run['jobName']}, {str(run['status']).lower()}" for run in runs)
    summary = Table("event", "", title="A live week")
    for name, n in [*sorted(week.counts.items()), *sorted(by_status.items())]:
        summary.add_row(name, f"{n:,}")
    summary.add_row("rows quarantined, files refused", f"{log['quarantined'][0]}, {log['refused'][0]}")
    summary.add_row("until nothing was stale", f"{seconds:.0f} s")
    shown = ", ".join(f"{latency:.0f}" for latency in latencies)
    summary.add_row("landed file to published journeys", f"{statistics.median(latencies):.0f} s (of {shown})")
    is_same = True
    for name in OUTPUTS:
        same = ended[name].equals(calm[name])
        is_same &= same
        summary.add_row(
            f"{name}: rows live, rows calm",
            f"{ended[name].height:,}, {calm[name].height:,}: {'equal' if same else 'DIFFERENT'}",
        )
    out.print(summary)
    if not is_same:
        raise SystemExit("the live week did not end in the same state as the undisturbed run")


if __name__ == "__main__":
    main()
