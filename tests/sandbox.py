"""A whole deployment in a temporary folder: real warehouse, real runs, hashing embedder."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path

import dagster as dg
import polars as pl

from journeys_assets.defs import in_process
from journeys_assets.defs.build import build_definitions
from journeys_assets.deployment import Deployment, build_deployment, note_first_day, open_warehouse
from journeys_assets.models.llm.base import Asker
from journeys_assets.operations.doctor import Finding, examine
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import DaysToRun, RunSummary, days_to_run, run_days
from journeys_assets.pipeline.stage import USERS_PER_SHARD
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

NOW = datetime(2026, 6, 1, 12)
TODAY = NOW.date()
OUTPUTS = ("user_journeys", "journey_items", "notification_candidates", "journey_events")


@dataclass
class Sandbox:
    """A deployment in a folder.

    Attributes:
        asker: Answers the questions to the language model that the settings name.
    """

    home: Path
    asker: Asker | None = None

    @property
    def settings(self) -> Settings:
        return load_settings(home=self.home, embedder="hashing")

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, for what needs no model. Its connection is kept, as a new one takes longer than most reads."""
        return open_warehouse(self.settings)

    @property
    def deployment(self) -> Deployment:
        return build_deployment(self.settings, progress=lambda *_: None, asker=self.asker)

    @property
    def pipeline(self) -> Pipeline:
        return build_pipeline(self.deployment)

    def version_of(self, stage: str, day: date = date.max) -> str:
        """The algorithm version of a stage."""
        return self.pipeline.versions().of(stage, day)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The deployment's own Dagster instance."""
        with in_process.dagster_instance(self.settings.dagster_home) as instance:
            yield instance

    def findings(self) -> list[Finding]:
        """What doctor finds."""
        return examine(self.pipeline, self.settings, self.deployment.embedder, today=NOW.date())

    def land(self, frames: Mapping[str, pl.DataFrame], *, name: str = "log") -> IngestReport:
        """Write the frames as landing files and ingest them in one call."""
        folder = self.home / "landing" / name
        for source, frame in frames.items():
            (folder / source).mkdir(parents=True, exist_ok=True)
            frame.write_parquet(folder / source / f"{name}.parquet")
        return self.load(folder)

    def load(self, folder: Path) -> IngestReport:
        settings = self.settings
        report = ingest(
            self.warehouse,
            [folder],
            format="landing",
            now=NOW,
            actions=settings.algorithm.actions,
            scratch_dir=self.home / "scratch",
        )
        note_first_day(settings, self.warehouse)
        return report

    def run(
        self,
        first: date,
        last: date,
        *,
        full: bool = False,
        is_recorded: bool = False,
        users_per_shard: int = USERS_PER_SHARD,
    ) -> RunSummary:
        """Run days: without Dagster, or through it on the deployment's own instance."""
        if not is_recorded:
            return run_days(self.pipeline, first, last, full=full, users_per_shard=users_per_shard)
        deployment = self.deployment
        with self.instance() as instance:
            return in_process.run_days(self.pipeline, build_definitions(deployment), instance, first, last, full=full)

    def days_to_run(self, first: date | None = None, last: date | None = None) -> tuple[date, date]:
        """The days that a run would compute."""
        found = self.plan(first, last)
        return found.first, found.last

    def plan(self, first: date | None = None, last: date | None = None, *, today: date = TODAY) -> DaysToRun:
        """The days that a run would compute, with what it would say of them."""
        return days_to_run(self.pipeline, first, last, today=today)

    def table(self, name: str, *, upto: date | None = None) -> pl.DataFrame:
        """All rows of a table, in an order that depends on their content only."""
        rows = self.warehouse.query(f"SELECT * FROM main.{name} ORDER BY ALL")
        return rows if upto is None else rows.filter(pl.col("partition_date") <= upto)
