"""A calibration is a release: found from the log or from pairs, refused where it says nothing, live from a day."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.defs.assets.training import NOT_RELEASED
from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.jobs import CALIBRATION_JOB
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.models import releases
from journeys_assets.models.calibration import release as calibrations
from journeys_assets.operations.calibrate import LEAST_CHANGE, CalibrationError, calibrate, write_pairs
from journeys_assets.operations.judged_pairs import read_pairs
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.command_line import Journeys, runner

FIRST = date(2026, 3, 2)
N_DAYS = 4
LAST = FIRST + timedelta(days=N_DAYS - 1)
LIVE_FROM = FIRST + timedelta(days=2)
WORLD = WorldParams(seed=5, n_users=60, n_days=N_DAYS, first_day=FIRST, annotation_share=0.0)
PARAMS = ClusteringParams()


def folder_of(sandbox: Sandbox) -> Path:
    return sandbox.deployment.releases("calibration")


def read_ids(file: Path) -> pl.DataFrame:
    """The judged pairs of a file that names users by their ids."""
    return read_pairs(file, list, file.with_name("no salt"))


def judge(sandbox: Sandbox, file: Path, answer: Callable[[str, str], str]) -> Path:
    """Pairs of the deployment, answered."""
    model = sandbox.deployment.embedder().model_version
    as_of, salt_file = LIVE_FROM - timedelta(days=1), sandbox.home / "annotation_salt"
    write_pairs(sandbox.deployment.warehouse, PARAMS, model, as_of, file, 25, salt_file)
    rows = pl.read_csv(file, infer_schema=False)
    assert rows.columns == ["user_id", "keyword_a", "keyword_b", "same"]
    assert rows["same"].null_count() == rows.height == 25
    answers = [answer(a, b) for a, b in rows.select("keyword_a", "keyword_b").iter_rows()]
    rows.with_columns(same=pl.Series(answers)).write_csv(file)
    return file


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sandbox, Sandbox, pl.DataFrame]:
    """The same log day by day and at once, both with a calibration; and the clusters without one."""
    world = generate_world(WORLD).landing
    folder = tmp_path_factory.mktemp("calibration")
    daily, at_once = Sandbox(folder / "daily"), Sandbox(folder / "once")
    for sandbox in (daily, at_once):
        sandbox.land({name: rows for name, rows in world.items() if rows.height})
    daily.run(FIRST, LAST)
    without = daily.table("journey_clusters")
    file = judge(daily, folder / "pairs.csv", lambda a, b: "Yes")
    for sandbox in (daily, at_once):
        done = calibrate(
            daily.deployment.warehouse,
            PARAMS,
            daily.deployment.embedder().model_version,
            folder_of(sandbox),
            LIVE_FROM - timedelta(days=1),
            read_ids(file),
        )
        assert done.refused is None
        assert done.threshold.n_pairs == 25
        assert done.threshold.least_log_odds < done.before == PARAMS.least_log_odds
    at_once.run(FIRST, LAST)
    for day in pl.date_range(LIVE_FROM, LAST, eager=True):
        daily.run(day, day)
    return daily, at_once, without


def test_every_live_user_is_clustered_again_from_the_first_day_on(run: tuple[Sandbox, Sandbox, pl.DataFrame]) -> None:
    daily, _, without = run
    clusters, before = daily.table("journey_clusters"), pl.col("partition_date") < LIVE_FROM
    assert_frame_equal(clusters.filter(before), without.filter(before), check_exact=True)
    old, new = (daily.version_of("journey_clusters", day) for day in (FIRST, LIVE_FROM))
    assert old != new
    assert clusters.filter(~before)["algorithm_version"].unique().to_list() == [new]
    ledger = daily.table("inference_ledger")
    known = ledger.filter(before)["user_id"].unique()
    again = ledger.filter(partition_date=LIVE_FROM)["user_id"]
    assert set(known) <= set(again)
    assert clusters.filter(partition_date=LIVE_FROM)["n_keywords"].mean() > without["n_keywords"].mean()  # type: ignore[operator]


def test_a_range_is_as_day_by_day_and_as_a_full_inference(run: tuple[Sandbox, Sandbox, pl.DataFrame]) -> None:
    daily, at_once, _ = run
    for table in ("journey_clusters", "user_journeys", "journey_events"):
        assert_frame_equal(daily.table(table), at_once.table(table), check_exact=True)
    of_last = pl.col("partition_date") == LAST
    before = daily.table("user_journeys").filter(of_last)
    daily.run(LAST, LAST, full=True)
    assert_frame_equal(daily.table("user_journeys").filter(of_last), before, check_exact=True)


def test_a_release_that_changes_nothing_or_says_nothing_is_refused(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path
) -> None:
    daily, _, _ = run
    model, warehouse = daily.deployment.embedder().model_version, daily.deployment.warehouse
    alone = calibrate(warehouse, PARAMS, model, tmp_path / "alone", LAST)
    assert alone.threshold.log.is_known
    assert alone.threshold.source == f"the log alone, {alone.threshold.log.n_users} users"
    changes = abs(alone.threshold.least_log_odds - alone.before) >= LEAST_CHANGE
    assert (alone.refused is None) == (alone.folder is not None) == changes
    unanswered = judge(daily, tmp_path / "unanswered.csv", lambda a, b: "")
    assert read_ids(unanswered).is_empty()
    live, answered = folder_of(daily), read_ids(judge(daily, tmp_path / "yes.csv", lambda a, b: "yes"))
    before = sorted(live.iterdir())
    again = calibrate(warehouse, PARAMS, model, live, LIVE_FROM - timedelta(days=1), answered)
    assert "is as good" in (again.refused or "")
    few = calibrate(warehouse, PARAMS, model, tmp_path / "few", FIRST)
    assert "at least 20 are needed; judge some pairs" in (few.refused or "")
    assert sorted(live.iterdir()) == before
    with pytest.raises(CalibrationError, match="no user has been clustered by 2026-01-01"):
        calibrate(warehouse, PARAMS, model, live, date(2026, 1, 1))


def test_a_release_for_another_cut_is_an_error_that_names_the_cure(tmp_path: Path) -> None:
    release = calibrations.make(-2.0, ClusteringParams(learned_cut="another"), FIRST, {"source": "a test"})
    calibrations.save(release, tmp_path)
    assert calibrations.clustering_on(tmp_path, FIRST, PARAMS) == PARAMS
    with pytest.raises(releases.ReleaseError, match=r"learned cut another.*`journeys calibrate`"):
        calibrations.clustering_on(tmp_path, FIRST + timedelta(days=1), PARAMS)


def test_the_job_calibrates_and_says_why_not(run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path) -> None:
    empty = Sandbox(tmp_path / "empty")
    empty.land({"search_events": generate_world(WORLD).landing["search_events"]})
    for sandbox, released in ((empty, False), (run[1], None)):
        job = build_definitions(sandbox.deployment).resolve_job_def(CALIBRATION_JOB)
        with sandbox.instance() as instance:
            result = job.execute_in_process(instance=instance)
            events = result.all_events
        assert result.success
        observed = [event for event in events if event.event_type == dg.DagsterEventType.ASSET_OBSERVATION]
        made = [event for event in events if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION]
        assert len(observed) + len(made) == 1
        if released is False:
            assert observed[0].asset_observation_data.asset_observation.metadata[NOT_RELEASED].value == (
                "no day has been run yet"
            )


@pytest.fixture
def journeys(tmp_path: Path) -> Journeys:
    return runner(tmp_path / "home")


def test_twenty_answers_about_a_file_change_its_journeys(journeys: Journeys, tmp_path: Path) -> None:
    topics = ("oak desk", "wedding cake", "guitar song", "garden pond", "ski trip", "knitted hat")
    details = ("red", "blue", "big", "small", "old", "new", "cheap", "round")
    rows = [
        (f"u{user:02d}", f"{topic} {details[(user + k) % 8]} {details[(user * 3 + k) % 8]}")
        for user in range(24)
        for t, topic in enumerate(topics)
        if (user + t) % 2
        for k in range(4)
    ]
    source, pairs = tmp_path / "in.csv", tmp_path / "pairs.csv"
    pl.DataFrame(rows, schema=["user_id", "keyword"], orient="row").unique().write_csv(source)
    said = json.loads(journeys("pairs", source, pairs, "--n", "20", "--json").stdout)
    assert said["n_pairs"] == 20
    asked = pl.read_csv(pairs, infer_schema=False)
    found = {}
    for answer in ("yes", "no"):
        asked.with_columns(same=pl.lit(answer)).write_csv(tmp_path / f"{answer}.csv")
        out = tmp_path / f"{answer}.parquet"
        found[answer] = json.loads(
            journeys("cluster", source, out, "--pairs", tmp_path / f"{answer}.csv", "--json").stdout
        )
        assert found[answer]["found_from"] == "20 judged pairs and the log"
    assert found["yes"]["least_log_odds"] < found["no"]["least_log_odds"]
    assert found["yes"]["n_journeys"] < found["no"]["n_journeys"]
    default = json.loads(journeys("cluster", source, tmp_path / "d.csv", "--no-calibrate", "--json").stdout)
    assert (default["least_log_odds"], default["found_from"]) == (PARAMS.least_log_odds, "the deployment")
    assert "exists, and may hold judgements" in journeys("pairs", source, pairs, code=2).stderr
