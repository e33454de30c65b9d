"""Studies, which are logs that the pipeline was run over: a synthetic world, a public log, the deployment's own log.

They are created and kept under ``$JOURNEYS_HOME/evaluation``. A study is reused as long as its log, days and parameters
are the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import tarfile
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets import __version__
from journeys_assets.deployment import build_deployment, note_first_day
from journeys_assets.domain.lifecycle.evidence import YEAR_DAYS
from journeys_assets.domain.tables.pipeline import QUALITY_METRICS
from journeys_assets.evaluation.data.study import Study, public_file
from journeys_assets.pipeline.pipeline import Pipeline, build_pipeline
from journeys_assets.pipeline.run import run_days
from journeys_assets.settings import Settings
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world, write_world

SEED = 20260
FIRST_DAY = date(2025, 10, 6)
"""First day of the synthetic world: in autumn, so that seasons begin and end in it."""
SEASONS = WorldParams(seed=20280, n_users=60, n_days=600, first_day=date(2025, 6, 2))
"""The world for measuring seasons. Most of them occur twice. No parameter was chosen on its seed."""
SEASONS_EVERY_DAYS = 28
RETAIL = "online_retail_by_day_csv.tar.xz"
RETAIL_EVERY_DAYS = 14
_DONE = "study.json"
_LOADED_AT = datetime(2027, 1, 1)
"""Load time of a study's log. It is fixed, and after the end of the log, because later events would count as errors."""


def synthetic_world(settings: Settings) -> WorldParams:
    """The world of the evaluation. No model or parameter was fitted on its seed."""
    return WorldParams(
        seed=SEED, n_users=settings.evaluation_users, n_days=settings.evaluation_days, first_day=FIRST_DAY
    )


def synthetic_study(
    settings: Settings, world: WorldParams | None = None, *, first_day: int = 0, every_days: int = 1
) -> Study:
    """A synthetic world and its truth, with its days (all, or some from ``first_day`` on) run in order.

    By default it is the evaluation's own world.
    """
    world = world or synthetic_world(settings)
    folder = settings.evaluation_path / f"synthetic-{world.seed}-{world.n_users}x{world.n_days}"
    days = [world.first_day + timedelta(days=n) for n in range(first_day, world.n_days, every_days)]

    def log(target: Path) -> tuple[Path, str]:
        write_world(generate_world(world), target / "world")
        return target / "world" / "landing", "landing"

    pipeline = _study_pipeline(
        settings, folder, log, days, {"world": repr(world), "every_days": every_days, "first": first_day}
    )
    truth = {
        path.stem: pl.read_parquet(path, glob=False) for path in sorted((folder / "world" / "truth").glob("*.parquet"))
    }
    return Study("synthetic", pipeline.warehouse, days, days[-1], settings.algorithm, truth)


def seasons_study(settings: Settings) -> Study:
    """A synthetic world of twenty months and its truth, run every fourth week from a year after its begin on.

    Journeys that return each year cannot be seen in a shorter one.
    """
    study = synthetic_study(settings, SEASONS, first_day=YEAR_DAYS + 21, every_days=SEASONS_EVERY_DAYS)
    return dataclasses.replace(study, name="synthetic, 20 months")


def retail_study(settings: Settings) -> Study | None:
    """The Online Retail log, run every other week; None if the public data does not contain it."""
    archive = public_file(settings.public_data, RETAIL)
    if archive is None:
        return None
    folder = settings.evaluation_path / "online-retail"
    with tarfile.open(archive) as packed:
        log_days = sorted(date.fromisoformat(Path(n).stem[-10:]) for n in packed.getnames() if n.endswith(".csv"))

    def log(target: Path) -> tuple[Path, str]:
        with tarfile.open(archive) as packed:
            packed.extractall(target / "csv", filter="data")
        return target / "csv", "online-retail"

    first, last = log_days[0], log_days[-1]
    n_days = (last - first).days
    days = [first + timedelta(days=n) for n in range(27, n_days + 1, RETAIL_EVERY_DAYS)]
    pipeline = _study_pipeline(
        settings, folder, log, days, {"log": archive.stat().st_size, "days": [str(day) for day in days]}
    )
    return Study("online-retail", pipeline.warehouse, days, last, settings.algorithm)


def own_study(pipeline: Pipeline) -> Study | None:
    """The deployment's own log, with the days that it has run; None where it has none."""
    if not pipeline.warehouse.path.exists():
        return None
    days = pipeline.warehouse.query("SELECT DISTINCT partition_date AS day FROM main.user_journeys ORDER BY 1")
    with pipeline.warehouse.reading() as con:
        landed = list(day_queries.events_by_day(con))
    if days.is_empty() or not landed:
        return None
    return Study("own", pipeline.warehouse, days["day"].to_list(), landed[-1], pipeline.params)


def _study_pipeline(
    settings: Settings,
    folder: Path,
    log: Callable[[Path], tuple[Path, str]],
    days: Sequence[date],
    identity: dict[str, object],
) -> Pipeline:
    """The pipeline of a study in ``folder``. It is created unless the folder has one made from the same inputs."""
    own = without_judging(settings).model_copy(
        update={"home": folder, "first_partition_date": None, "output_retention_days": 10_000}
    )
    pipeline = build_pipeline(build_deployment(own, progress=lambda *_: None))
    version = pipeline.versions().of(QUALITY_METRICS.name)
    state = json.dumps({"version": version, "package": __version__, **identity}, sort_keys=True)
    mark = hashlib.sha256(state.encode()).hexdigest()
    done = folder / _DONE
    if not (done.exists() and json.loads(done.read_text())["sha256"] == mark):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path, format = log(folder)
        load_log(own, pipeline, path, format, folder / "scratch")
        for first, last in _stretches(days):
            run_days(pipeline, first, last)
        done.write_text(json.dumps({"sha256": mark, **json.loads(state)}, indent=2))
    pipeline.prepare()
    return pipeline


def without_judging(settings: Settings) -> Settings:
    """``settings`` by which no journey is judged: nobody reads the judgements of a study, and a language model would be
    asked about each of its days."""
    judging = dataclasses.replace(settings.algorithm.judging, share_of_users=0.0)
    return settings.model_copy(update={"algorithm": dataclasses.replace(settings.algorithm, judging=judging)})


def load_log(settings: Settings, pipeline: Pipeline, path: Path, format: str, scratch: Path) -> None:
    """Load a log into the warehouse of a pipeline, at a time that does not depend on the clock.

    Args:
        settings: Those of the pipeline.
        scratch: Folder for files that are needed while loading.

    Raises:
        ValueError: the log has no events.
    """
    report = ingest(
        pipeline.warehouse,
        [path],
        format=format,
        now=_LOADED_AT,
        actions=settings.algorithm.actions,
        scratch_dir=scratch,
    )
    if report.first_day is None:
        raise ValueError(f"{path} has no events")
    note_first_day(settings, pipeline.warehouse)


def _stretches(days: Sequence[date]) -> list[tuple[date, date]]:
    """First and last day of each stretch of days that follow one another."""
    stretches: list[tuple[date, date]] = []
    for day in days:
        if stretches and day - stretches[-1][1] == timedelta(days=1):
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches
