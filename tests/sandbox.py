"""A whole deployment in a temporary folder: real warehouse, real Dagster runs, hashing embedder."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import polars as pl

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import RunSummary, dagster_instance, run_days
from journeys_assets.deployment import Deployment, build_deployment
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.ingest.call import IngestReport, ingest

NOW = datetime(2026, 6, 1, 12)
OUTPUTS = ("user_journeys", "notification_candidates", "journey_events")


@dataclass
class Sandbox:
    home: Path

    @property
    def settings(self) -> Settings:
        return load_settings(home=self.home, embedder="hashing")

    @property
    def deployment(self) -> Deployment:
        return build_deployment(self.settings, progress=lambda *_: None)

    def land(self, frames: Mapping[str, pl.DataFrame], *, name: str = "log") -> IngestReport:
        """Write the frames as landing files and ingest them in one call."""
        folder = self.home / "landing" / name
        for source, frame in frames.items():
            (folder / source).mkdir(parents=True, exist_ok=True)
            frame.write_parquet(folder / source / f"{name}.parquet")
        return self.load(folder)

    def load(self, folder: Path) -> IngestReport:
        report = ingest(
            self.deployment.warehouse,
            [folder],
            format="landing",
            now=NOW,
            actions=self.deployment.algorithm.actions,
            scratch_dir=self.home / "scratch",
        )
        if report.first_day is not None:
            self.settings.note_first_day(report.first_day)
        return report

    def run(self, first: date, last: date, *, full: bool = False, is_recorded: bool = False) -> RunSummary:
        """Run days; on an instance in memory, which is faster, or on the deployment's own."""
        sandbox = self.deployment
        with dagster_instance(sandbox) if is_recorded else dg.DagsterInstance.ephemeral() as instance:
            return run_days(sandbox, build_definitions(sandbox), instance, first, last, full=full)

    def table(self, name: str, *, upto: date | None = None) -> pl.DataFrame:
        """All rows of a table, in an order that depends on their content only."""
        rows = self.deployment.warehouse.query(f"SELECT * FROM main.{name} ORDER BY ALL")
        return rows if upto is None else rows.filter(pl.col("partition_date") <= upto)
