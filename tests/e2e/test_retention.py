"""Retention: what is deleted changes no row of a day that is kept, whatever is run or comes late afterwards.

Two deployments with the same log and the same parameters do the same. One of them keeps every inference, because its
trainings go back further; what a training follows shapes no row.
"""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.settings import Settings, load_settings
from journeys_assets.storage.queries import staleness
from journeys_assets.storage.queries.labels import stage_training_rows
from journeys_assets.storage.queries.superseded import kept_from
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.outputs import TIME_COLUMN

pytestmark = pytest.mark.slow

FIRST = date(2026, 3, 2)
N_DAYS = 14
SPANS = [(0, 8), (9, 11)]
"""First and last day of each run."""
KEEP_DAYS = 4
HORIZON_DAYS = 7
OLD_DAY = 3
"""A day before those that are kept."""
LATE_DAY = 4
"""Its events come at the end; by then its inferences are superseded."""

TABLES = (
    "user_journeys",
    "journey_names",
    "notification_candidates",
    "journey_events",
    "quality_metrics",
    "closed_days",
)


def day(n: int) -> date:
    return FIRST + timedelta(days=n)


class KeepsFew(Sandbox):
    """A deployment that keeps few days; ``training_snapshots`` says how many weeks of inferences its trainings need."""

    training_snapshots = 1

    @property
    def settings(self) -> Settings:
        params = AlgorithmParams()
        params = replace(
            params,
            keywords=replace(params.keywords, horizon_days=HORIZON_DAYS),
            quality=replace(params.quality, trailing_days=2),
            lifecycle=replace(
                params.lifecycle, label_days=2, label_min_visits=1, training_snapshots=self.training_snapshots
            ),
        )
        return load_settings(home=self.home, embedder="hashing", output_retention_days=KEEP_DAYS, algorithm=params)


class KeepsAll(KeepsFew):
    training_snapshots = 1_000


@pytest.fixture(scope="module")
def landing() -> dict[str, pl.DataFrame]:
    return dict(generate_world(WorldParams(seed=2, n_users=7, n_days=N_DAYS, first_day=FIRST)).landing)


def part(landing: dict[str, pl.DataFrame], days: list[int]) -> dict[str, pl.DataFrame]:
    """The events of some days, and with those of the first day all that has no day."""
    wanted = [day(n) for n in days]
    found = {}
    for source, rows in landing.items():
        if source in TIME_COLUMN:
            found[source] = rows.filter(pl.col(TIME_COLUMN[source]).dt.date().is_in(wanted))
        elif 0 in days:
            found[source] = rows
    return {source: rows for source, rows in found.items() if not rows.is_empty()}


@pytest.fixture(scope="module")
def pair(landing: dict[str, pl.DataFrame], tmp_path_factory: pytest.TempPathFactory) -> tuple[KeepsFew, KeepsAll]:
    """A deployment that deletes superseded inferences and one that keeps all, after the same runs."""
    both = KeepsFew(tmp_path_factory.mktemp("short")), KeepsAll(tmp_path_factory.mktemp("long"))
    for sandbox in both:
        for first, last in SPANS:
            sandbox.land(part(landing, [n for n in range(first, last + 1) if n != LATE_DAY]), name=f"from{first}")
            sandbox.run(day(first), day(last))
    return both


def kept_inferences(sandbox: Sandbox, name: str, since: date) -> pl.DataFrame:
    return sandbox.table(name).filter(pl.col("partition_date") >= since)


def assert_same(short: Sandbox, long: Sandbox) -> None:
    """The same rows in every table, and of journey_clusters those from the first day on that anything reads."""
    for name in TABLES:
        ours, theirs = short.table(name), long.table(name)
        assert not ours.is_empty(), f"{name} has no rows: the test would prove nothing"
        assert_frame_equal(ours.drop("run_id", strict=False), theirs.drop("run_id", strict=False), check_exact=True)
    with short.deployment.warehouse.reading() as con:
        since = kept_from(con)
    for name in ("journey_clusters", "inference_ledger"):
        assert_frame_equal(kept_inferences(short, name, since), kept_inferences(long, name, since), check_exact=True)
        assert short.table(name).height < long.table(name).height


def stale(sandbox: Sandbox) -> list[pl.DataFrame]:
    """The stale days, and the stale users of each."""
    pipeline, today = sandbox.pipeline, day(N_DAYS)
    periods = pipeline.versions().periods("closed_days")
    with pipeline.warehouse.reading() as con:
        return [
            staleness.stale_days(con, periods, start=FIRST, today=today),
            staleness.stale_users(con, periods, horizon_days=HORIZON_DAYS, start=FIRST, today=today),
        ]


def copies_of(pair: tuple[KeepsFew, KeepsAll], folder: Path) -> tuple[KeepsFew, KeepsAll]:
    short, long = pair
    shutil.copytree(short.home, folder / "short")
    shutil.copytree(long.home, folder / "long")
    return KeepsFew(folder / "short"), KeepsAll(folder / "long")


def test_kept_days_reruns_and_late_events_give_the_rows_of_a_deployment_that_keeps_every_inference(
    landing: dict[str, pl.DataFrame], pair: tuple[KeepsFew, KeepsAll], tmp_path: Path
) -> None:
    assert_same(*pair)
    short, long = pair = copies_of(pair, tmp_path)
    for sandbox in pair:
        sandbox.land(part(landing, [LATE_DAY, N_DAYS - 2]), name="late")
    for ours, theirs in zip(stale(short), stale(long), strict=True):
        assert not ours.is_empty()
        assert_frame_equal(ours, theirs)
    for sandbox in pair:
        sandbox.run(*sandbox.days_to_run())
    assert_same(short, long)


def test_a_day_before_those_that_are_kept_is_computed_from_the_log(
    landing: dict[str, pl.DataFrame], pair: tuple[KeepsFew, KeepsAll], tmp_path: Path
) -> None:
    old = day(OLD_DAY)
    untouched = KeepsAll(tmp_path / "untouched")
    untouched.land(part(landing, [n for n in range(OLD_DAY + 1) if n != LATE_DAY]))
    untouched.run(FIRST, old)
    short, _ = copies_of(pair, tmp_path)
    pipeline = short.pipeline
    names = [entry.name for entry in pipeline.entries if entry.group != "staging"]
    list(execute(pipeline, names[: names.index("user_journeys") + 1], Run((old,), "by hand")))
    ours = short.table("user_journeys").filter(pl.col("partition_date") == old)
    assert not ours.is_empty()
    assert_frame_equal(ours, untouched.table("user_journeys").filter(pl.col("partition_date") == old), check_exact=True)


def test_trainings_leave_out_days_whose_inferences_are_not_all_kept(pair: tuple[KeepsFew, KeepsAll]) -> None:
    short, long = pair
    params = long.settings.algorithm
    with short.deployment.warehouse.reading() as con:
        since = kept_from(con)
        ours = stage_training_rows(con, day(SPANS[-1][1]), params, n_snapshots=2)
        assert stage_training_rows(con, since, params, n_snapshots=1).is_empty()
    with long.deployment.warehouse.reading() as con:
        theirs = stage_training_rows(con, day(SPANS[-1][1]), params, n_snapshots=2)
    days = theirs["day"].to_list()
    assert min(days) < since <= max(days)
    assert_frame_equal(ours, theirs.filter(pl.col("day") >= since), check_exact=True)
