"""stage_evidence and stage_release: released models judge the days after them, and only those."""

from datetime import date, timedelta

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.jobs import TRAINING_JOB
from journeys_assets.domain.lifecycle.evidence import FEATURES
from journeys_assets.models.lifecycle.release import save
from journeys_assets.models.lifecycle.training import train_stage_model
from journeys_assets.storage.queries.labels import stage_snapshot, stage_training_rows
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.lifecycle_labels import labelled

FIRST = date(2026, 3, 2)
N_DAYS = 5
LAST = FIRST + timedelta(days=N_DAYS - 1)
LIVE_FROM = FIRST + timedelta(days=2)
WORLD = WorldParams(seed=3, n_users=10, n_days=N_DAYS, pins_per_theme=6, off_topic_pins=20, first_day=FIRST)


def release_from(day: date, *sandboxes: Sandbox) -> str:
    """Release one model in each deployment."""
    rows = labelled().with_columns(pl.col("day") - (pl.col("day").max() - day) - timedelta(days=29))
    release = train_stage_model(rows, as_of=day - timedelta(days=1), params=sandboxes[0].deployment.algorithm.lifecycle)
    for sandbox in sandboxes:
        save(release, sandbox.deployment.releases("stage"))
    return release.version


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sandbox, Sandbox, str]:
    """The same log, run as one range and day by day; a stage model is released meanwhile."""
    world = generate_world(WORLD).landing
    folder = tmp_path_factory.mktemp("stages")
    at_once, daily = Sandbox(folder / "once"), Sandbox(folder / "daily")
    for sandbox in (at_once, daily):
        sandbox.land({name: rows for name, rows in world.items() if rows.height})
    version = release_from(LIVE_FROM, at_once, daily)
    at_once.run(FIRST, LAST)
    daily.run(FIRST, LIVE_FROM)
    for day in pl.date_range(LIVE_FROM + timedelta(days=1), LAST, eager=True):
        daily.run(day, day)
    return at_once, daily, version


def test_a_release_judges_from_its_first_day_on(houses: tuple[Sandbox, Sandbox, str]) -> None:
    sandbox, _, version = houses
    judged = sandbox.table("stage_evidence")
    before = judged.filter(pl.col("partition_date") < LIVE_FROM)
    after = judged.filter(pl.col("partition_date") >= LIVE_FROM)
    assert before["judged_by"].unique().to_list() == ["fixed gap"]
    assert before["p_ended"].null_count() == before.height > 0
    assert after["judged_by"].unique().to_list() == [version]
    assert after["p_ended"].is_between(0, 1).all()
    shown = sandbox.table("user_journeys").filter(pl.col("partition_date") >= LIVE_FROM)
    assert shown.height == after.height
    by_model = shown.filter(pl.col("stage_reason").is_in(["likely_ended", "likely_ongoing"]))
    assert by_model.height > 0
    is_over = by_model["p_ended"] >= sandbox.deployment.algorithm.lifecycle.ended_min_probability
    assert (is_over == (by_model["stage"] == "ended")).all()


def test_a_range_is_as_day_by_day_and_as_a_full_inference(houses: tuple[Sandbox, Sandbox, str]) -> None:
    at_once, daily, _ = houses
    for table in ("stage_evidence", "user_journeys"):
        assert_frame_equal(at_once.table(table), daily.table(table), check_exact=True)
    of_last = pl.col("partition_date") == LAST
    before = daily.table("stage_evidence").filter(of_last)
    daily.run(LAST, LAST, full=True)
    assert_frame_equal(daily.table("stage_evidence").filter(of_last), before, check_exact=True)


def test_training_sees_each_day_as_it_was_judged_then(houses: tuple[Sandbox, Sandbox, str]) -> None:
    sandbox, _, _ = houses
    algorithm = sandbox.deployment.algorithm
    day = FIRST + timedelta(days=3)
    with sandbox.deployment.warehouse.reading() as con:
        snapshot = stage_snapshot(con, day, algorithm)
        known = stage_training_rows(con, LAST, algorithm)
    own = ["user_id", "journey_id"]
    judged = sandbox.table("stage_evidence").filter(pl.col("partition_date") == day).select(*own, *FEATURES).sort(own)
    assert judged.height > 0
    assert_frame_equal(snapshot.join(judged, on=own, how="semi").select(*own, *FEATURES), judged, check_exact=True)
    assert known.is_empty(), "a log of five days tells of no journey what became of it in four weeks"


def test_a_log_too_short_releases_no_stage_model(houses: tuple[Sandbox, Sandbox, str]) -> None:
    sandbox, _, version = houses
    definitions = build_definitions(sandbox.deployment)
    with dg.DagsterInstance.ephemeral() as instance:
        result = definitions.resolve_job_def(TRAINING_JOB).execute_in_process(
            instance=instance,
            run_config={
                "ops": {n: {"config": {"as_of": LAST.isoformat()}} for n in ("ranker_release", "stage_release")}
            },
            raise_on_error=False,
            asset_selection=[dg.AssetKey("stage_release")],
        )
    assert result.success
    assert not result.asset_materializations_for_node("stage_release")
    assert [path.name for path in sandbox.deployment.releases("stage").iterdir()] == [version]
