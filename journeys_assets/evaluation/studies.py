"""Logs with the pipeline run over them, for the evaluation: a seeded synthetic world, a public log, the log at hand.

What belongs here: making and keeping studies under ``$JOURNEYS_HOME/evaluation``. What does not: what is measured on
them (``evaluation``).

A study that was made is taken again as long as what it was made from (log, days, parameters) is the same.
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

import dagster as dg
import polars as pl

from journeys_assets import __version__
from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import run_days
from journeys_assets.deployment import Deployment, build_deployment
from journeys_assets.domain.lifecycle.evidence import YEAR_DAYS
from journeys_assets.evaluation.data.study import Study
from journeys_assets.settings import Settings
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world, write_world

SEED = 20260
FIRST_DAY = date(2025, 10, 6)
"""Of the synthetic world: autumn, so that seasons begin and end in it."""
SEASONS = WorldParams(seed=20280, n_users=60, n_days=600, first_day=date(2025, 6, 2))
"""The world that seasons are told in: most of them come twice. No parameter was chosen on its seed."""
SEASONS_EVERY_DAYS = 28
RETAIL = "online_retail_by_day_csv.tar.xz"
RETAIL_EVERY_DAYS = 14
_DONE = "study.json"
_LOADED_AT = datetime(2027, 1, 1)
"""Load time of a study's log: the same whenever it is made, and after its end, else its last events count as errors."""


def synthetic_world(settings: Settings) -> WorldParams:
    """The world of the evaluation. No model and no parameter was fitted on its seed."""
    return WorldParams(
        seed=SEED, n_users=settings.evaluation_users, n_days=settings.evaluation_days, first_day=FIRST_DAY
    )


def synthetic_study(
    settings: Settings, world: WorldParams | None = None, *, first_day: int = 0, every_days: int = 1
) -> Study:
    """A synthetic world, whose days (all, or some from ``first_day`` on) were run in order, and its truth.

    The world is the evaluation's own by default.
    """
    world = world or synthetic_world(settings)
    folder = settings.evaluation_path / f"synthetic-{world.seed}-{world.n_users}x{world.n_days}"
    days = [world.first_day + timedelta(days=n) for n in range(first_day, world.n_days, every_days)]

    def log(target: Path) -> tuple[Path, str]:
        write_world(generate_world(world), target / "world")
        return target / "world" / "landing", "landing"

    deployment = _made(
        settings, folder, log, days, {"world": repr(world), "every_days": every_days, "first": first_day}
    )
    truth = {path.stem: pl.read_parquet(path) for path in sorted((folder / "world" / "truth").glob("*.parquet"))}
    return Study("synthetic", deployment.warehouse, days, days[-1], settings.algorithm, truth)


def seasons_study(settings: Settings) -> Study:
    """A synthetic world of twenty months and its truth, as of every fourth week from a year after its begin on.

    What returns each year shows in no shorter one.
    """
    study = synthetic_study(settings, SEASONS, first_day=YEAR_DAYS + 21, every_days=SEASONS_EVERY_DAYS)
    return dataclasses.replace(study, name="synthetic, 20 months")


def retail_study(settings: Settings, data: Path) -> Study | None:
    """The Online Retail log as of every other week; None where the file is not in ``data``."""
    archive = data / RETAIL
    if not archive.exists():
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
    deployment = _made(settings, folder, log, days, {"log": archive.stat().st_size, "days": [str(day) for day in days]})
    return Study("online-retail", deployment.warehouse, days, last, settings.algorithm)


def own_study(deployment: Deployment) -> Study | None:
    """The deployment's own log, with the days that it has run; None where it has none."""
    if not deployment.settings.warehouse_path.exists():
        return None
    days = deployment.warehouse.query("SELECT DISTINCT partition_date AS day FROM main.user_journeys ORDER BY 1")
    landed = deployment.warehouse.query("SELECT max(event_date) AS day FROM landing.ingested_days")["day"][0]
    if days.is_empty() or landed is None:
        return None
    return Study("own", deployment.warehouse, days["day"].to_list(), landed, deployment.algorithm)


def _made(
    settings: Settings,
    folder: Path,
    log: Callable[[Path], tuple[Path, str]],
    days: Sequence[date],
    identity: dict[str, object],
) -> Deployment:
    """The deployment of a study in ``folder``, made anew unless what is there was made from the same."""
    own = settings.model_copy(
        update={"home": folder, "first_partition_date": None, "output_retention_days": 10_000},
    )
    version = own.algorithm.version_of("quality", embedder=own.embedder, package=__version__)
    state = json.dumps({"version": version, **identity}, sort_keys=True)
    mark = hashlib.sha256(state.encode()).hexdigest()
    done = folder / _DONE
    if not (done.exists() and json.loads(done.read_text())["sha256"] == mark):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        path, format = log(folder)
        deployment = build_deployment(own)
        report = ingest(
            deployment.warehouse,
            [path],
            format=format,
            now=_LOADED_AT,
            actions=own.algorithm.actions,
            scratch_dir=folder / "scratch",
        )
        if report.first_day is None:
            raise ValueError(f"{path} holds no event to study")
        own.note_first_day(report.first_day)
        _run(own, days)
        done.write_text(json.dumps({"sha256": mark, **json.loads(state)}, indent=2))
    deployment = build_deployment(own)
    deployment.prepare()
    return deployment


def _run(settings: Settings, days: Sequence[date]) -> None:
    """The days in order; stretches of days that follow one another are one run."""
    stretches: list[list[date]] = []
    for day in days:
        if stretches and day - stretches[-1][-1] == timedelta(days=1):
            stretches[-1].append(day)
        else:
            stretches.append([day])
    deployment = build_deployment(settings)
    definitions = build_definitions(deployment)
    for stretch in stretches:
        with dg.DagsterInstance.ephemeral() as instance:
            run_days(deployment, definitions, instance, stretch[0], stretch[-1])
