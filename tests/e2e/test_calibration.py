"""A calibration is a release: found from the log or from pairs, refused where it says nothing, live from a day."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.defs.assets.training import NOT_RELEASED
from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.jobs import CALIBRATION_JOB
from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.models import releases
from journeys_assets.models.calibration import release as calibrations
from journeys_assets.operations import calibrate as operation
from journeys_assets.operations.calibrate import (
    LEAST_AREA_CHANGE,
    LEAST_CHANGE,
    CalibrationError,
    calibrate,
    proposal,
    write_pairs,
)
from journeys_assets.operations.judged_pairs import read_pairs
from journeys_assets.operations.preview import preview
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox
from tests.support.command_line import Journeys, runner
from tests.support.pages import elements_of

FIRST = date(2026, 3, 2)
N_DAYS = 4
LAST = FIRST + timedelta(days=N_DAYS - 1)
AS_OF = FIRST + timedelta(days=1)
LIVE_FROM = AS_OF + timedelta(days=1)
WORLD = WorldParams(seed=5, n_users=60, n_days=N_DAYS, first_day=FIRST, annotation_share=0.0)
PARAMS = ClusteringParams()


def folder_of(sandbox: Sandbox) -> Path:
    return sandbox.deployment.releases("calibration")


def read_ids(file: Path) -> pl.DataFrame:
    """The judged pairs of a file that names users by their ids."""
    return read_pairs(file, list, file.with_name("no salt"))


def judge(sandbox: Sandbox, file: Path, answer: Callable[[str, str], str]) -> Path:
    """Pairs of the deployment, answered."""
    write_pairs(*log_of(sandbox), AS_OF, file, 25, sandbox.home / "annotation_salt")
    rows = pl.read_csv(file, infer_schema=False)
    assert rows.columns == ["user_id", "keyword_a", "keyword_b", "same"]
    assert rows["same"].null_count() == rows.height == 25
    answers = [answer(a, b) for a, b in rows.select("keyword_a", "keyword_b").iter_rows()]
    rows.with_columns(same=pl.Series(answers)).write_csv(file)
    return file


@dataclass(frozen=True)
class Unreleased:
    """The same log, run day by day and not at all; clusters without a calibration; and a preview of one.

    Attributes:
        previewed: user_journeys of ``LAST`` with the calibration.
        before, after: Files of ``daily`` before and after the preview.
    """

    daily: Sandbox
    at_once: Sandbox
    clusters: pl.DataFrame
    judged: pl.DataFrame
    previewed: pl.DataFrame
    before: dict[str, bytes]
    after: dict[str, bytes]


def files_of(sandbox: Sandbox) -> dict[str, bytes]:
    """Every file of the deployment but those that a preview is there to write."""
    files = [p for p in sandbox.home.rglob("*") if p.is_file() and "versions" not in p.parts and p.suffix != ".lock"]
    return {str(path.relative_to(sandbox.home)): path.read_bytes() for path in files}


def log_of(sandbox: Sandbox) -> tuple[Warehouse, ClusteringParams, str]:
    """What a calibration reads of a deployment."""
    return sandbox.deployment.warehouse, PARAMS, sandbox.deployment.embedder().model_version


@pytest.fixture(scope="module")
def unreleased(tmp_path_factory: pytest.TempPathFactory) -> Unreleased:
    world = generate_world(WORLD).landing
    folder = tmp_path_factory.mktemp("calibration")
    daily, at_once = Sandbox(folder / "daily"), Sandbox(folder / "once")
    for sandbox in (daily, at_once):
        sandbox.land({name: rows for name, rows in world.items() if rows.height})
    daily.run(FIRST, LAST)
    judged = read_ids(judge(daily, folder / "pairs.csv", lambda a, b: "Yes"))
    proposed = proposal(*log_of(daily), folder_of(daily), AS_OF, judged).release
    before = files_of(daily)
    tried = replace(proposed, live_from=LAST, card=proposed.card | {"live_from": str(LAST)})
    made = preview(daily.pipeline, daily.home, LAST, {folder_of(daily): partial(calibrations.save, tried)})
    return Unreleased(daily, at_once, daily.table("journey_clusters"), judged, made.new_rows, before, files_of(daily))


@pytest.fixture(scope="module")
def run(unreleased: Unreleased) -> tuple[Sandbox, Sandbox, pl.DataFrame]:
    """The same log day by day and at once, both with a calibration; and the clusters without one."""
    daily, at_once = unreleased.daily, unreleased.at_once
    for sandbox in (daily, at_once):
        done = calibrate(*log_of(daily), folder_of(sandbox), AS_OF, unreleased.judged)
        assert done.refused is None
        assert done.live_from == LIVE_FROM
        assert done.threshold.n_pairs == 25
        assert done.threshold.least_log_odds < done.before.least_log_odds == PARAMS.least_log_odds
    at_once.run(FIRST, LAST)
    for day in pl.date_range(LIVE_FROM, LAST, eager=True):
        daily.run(day, day)
    return daily, at_once, unreleased.clusters


def test_a_preview_writes_nothing_and_shows_what_the_release_then_gives(
    unreleased: Unreleased, run: tuple[Sandbox, Sandbox, pl.DataFrame]
) -> None:
    assert unreleased.before == unreleased.after
    live = run[0].table("user_journeys").filter(partition_date=LAST).sort("user_id", "journey_id")
    assert_frame_equal(unreleased.previewed, live, check_exact=True)


def test_the_command_previews_and_releases_nothing(run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path) -> None:
    daily, _, _ = run
    command = runner(daily.home)
    pairs = judge(daily, tmp_path / "no.csv", lambda a, b: "no")
    before = files_of(daily)
    said = json.loads(command("calibrate", "--pairs", pairs, "--as-of", LAST, "--preview", "--json").stdout)
    assert files_of(daily) == before
    assert (said["folder"], said["not_released"], said["live_from"]) == (None, None, str(LAST + timedelta(days=1)))
    assert said["least_log_odds"] > said["before"]["least_log_odds"]
    found = said["comparison"]
    assert found["one"]["day"] == found["other"]["day"] == str(LAST)
    assert found["one"]["version"] == daily.version_of("user_journeys", LAST) != found["other"]["version"]
    mean = {side: n["mean"] for side, n in found["journeys_per_user"].items()}
    assert mean == {side: found["journeys"][side] / found["users"][side] for side in ("one", "other")}
    assert found["changes"]["split"] > 0
    assert 0 < found["users_changed"] <= found["users"]["one"]
    users = found["example_users"]
    assert len(users) == min(10, found["users_changed"])
    stored = daily.table("user_journeys").filter(partition_date=LAST)
    for user in users:
        mine = stored.filter(user_id=user["user_id"]).sort("rank")["journey_name"].to_list()
        assert user["before"] == mine
    text = command("calibrate", "--pairs", pairs, "--as-of", LAST, "--preview").stdout
    assert f"{len(users)} of these users: names of their journeys" in text
    assert "Nothing was released. Without --preview it is live from" in text
    assert files_of(daily) == before


def test_a_refused_calibration_can_be_looked_at_and_says_so(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path
) -> None:
    daily, _, _ = run
    few = pl.read_csv(judge(daily, tmp_path / "no.csv", lambda a, b: "no"), infer_schema=False).head(9)
    few.write_csv(tmp_path / "few.csv")
    before = files_of(daily)
    for options in ((), ("--preview",)):
        said = runner(daily.home)(
            "calibrate", "--pairs", tmp_path / "few.csv", "--as-of", LAST, *options, code=1
        ).stdout
        assert "not released: 9 of 9 judged pairs can be used, of " in said
        assert "users; at least 10 pairs of 5 users" in said
        assert "or leave the pairs out and take the log alone" in said
        assert files_of(daily) == before


def test_pairs_of_few_users_or_of_another_deployment_are_too_little(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path
) -> None:
    daily, _, _ = run
    yes = read_ids(judge(daily, tmp_path / "yes.csv", lambda a, b: "yes"))
    heavy = daily.table("journey_clusters").filter(partition_date=FIRST).sort("n_keywords").tail(1)
    keywords = heavy["keywords"].to_list()[0]
    one_user = pl.DataFrame(
        [(heavy["user_id"][0], a, b, True, None) for a, b in pairwise(keywords)], schema=yes.schema, orient="row"
    )
    assert one_user.height >= 10
    for judged, said in (
        (one_user, f"{one_user.height} of {one_user.height} judged pairs can be used, of 1 users"),
        (yes.with_columns(user_id=pl.lit("nobody")), "0 of 25 judged pairs can be used, of 0 users"),
    ):
        found = proposal(*log_of(daily), tmp_path / "none", AS_OF, judged)
        assert said in (found.refused or "")


def test_a_threshold_that_tells_no_keywords_apart_is_refused(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily, _, _ = run
    yes = read_ids(judge(daily, tmp_path / "yes.csv", lambda a, b: "yes"))
    no = yes.with_columns(same=False)
    for judged, threshold, said in (
        (yes, -1000.0, "would have all keywords in one journey"),
        (no, 1000.0, "would have no two keywords in one journey"),
    ):
        monkeypatch.setattr(calibration, "from_pairs", lambda *_, found=threshold: found)
        found = proposal(*log_of(daily), tmp_path / "none", AS_OF, judged)
        assert re.fullmatch(rf"100% of \d+ users with 5 keywords or more {said}, \d+% have now", found.refused or "")
        # Where the live threshold is no better, the new one may replace it.
        warehouse, _, model = log_of(daily)
        worse = replace(PARAMS, least_log_odds=2 * threshold)
        assert proposal(warehouse, worse, model, tmp_path / "none", AS_OF, judged).refused is None


def test_a_threshold_that_contradicts_more_answers_than_the_live_one_is_refused(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily, _, _ = run
    yes = read_ids(judge(daily, tmp_path / "yes.csv", lambda a, b: "yes"))
    # Answers cannot lead there unless the log is sure of the opposite.
    monkeypatch.setattr(calibration, "from_pairs", lambda *_: 2.0)
    found = proposal(*log_of(daily), tmp_path / "none", AS_OF, yes)
    new, old = (found.threshold.contradicted(threshold) for threshold in (2.0, PARAMS.least_log_odds))
    assert new > old > 0
    assert found.refused == f"the threshold contradicts {new} of the judged pairs, and the live one {old}"


def test_users_of_judged_pairs_count_however_few_others_are_looked_at(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    daily, _, _ = run
    yes = read_ids(judge(daily, tmp_path / "yes.csv", lambda a, b: "yes"))
    monkeypatch.setattr(operation, "MOST_USERS", 1)
    found = proposal(*log_of(daily), tmp_path / "none", AS_OF, yes).threshold
    assert (found.n_pairs, found.n_unused) == (25, 0)
    assert found.n_asked_users == yes["user_id"].n_unique()


def test_a_release_that_a_later_one_would_hide_is_refused(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path
) -> None:
    daily, _, _ = run
    live = calibrations.released_calibration(folder_of(daily), date.max)
    assert live is not None
    late = read_ids(judge(daily, tmp_path / "late.csv", lambda a, b: "no"))
    found = calibrate(*log_of(daily), folder_of(daily), FIRST, late)
    assert f"calibration {live.version} is from {LIVE_FROM} on; calibrate as of {AS_OF}" in (found.refused or "")


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
    moved = abs(alone.threshold.least_log_odds - alone.before.least_log_odds) >= LEAST_CHANGE
    changes = moved or abs(alone.threshold.log.area_distance - alone.before.area_distance) >= LEAST_AREA_CHANGE
    assert (alone.refused is None) == (alone.folder is not None) == changes
    unanswered = judge(daily, tmp_path / "unanswered.csv", lambda a, b: "")
    assert read_ids(unanswered).is_empty()
    live, answered = folder_of(daily), read_ids(judge(daily, tmp_path / "yes.csv", lambda a, b: "yes"))
    before = sorted(live.iterdir())
    again = calibrate(warehouse, PARAMS, model, live, AS_OF, answered)
    assert "is as good" in (again.refused or "")
    few = calibrate(warehouse, PARAMS, model, tmp_path / "few", FIRST)
    assert "at least 20 are needed; judge some pairs" in (few.refused or "")
    assert sorted(live.iterdir()) == before
    with pytest.raises(CalibrationError, match="no user has been clustered by 2026-01-01"):
        calibrate(warehouse, PARAMS, model, live, date(2026, 1, 1))


def test_a_log_whose_areas_alone_change_has_a_release(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path
) -> None:
    daily, _, _ = run
    model, warehouse = daily.deployment.embedder().model_version, daily.deployment.warehouse
    log = proposal(warehouse, PARAMS, model, tmp_path, LAST).threshold.log
    suits = replace(PARAMS, least_log_odds=log.least_log_odds, area_distance=log.area_distance)
    assert "so it is for areas" in (proposal(warehouse, suits, model, tmp_path, LAST).refused or "")
    done = calibrate(warehouse, replace(suits, area_distance=log.area_distance - 0.1), model, tmp_path, LAST)
    assert done.refused is None
    assert calibrations.clustering_on(tmp_path, done.live_from, PARAMS) == suits


def test_a_release_for_another_cut_is_an_error_that_names_the_cure(tmp_path: Path) -> None:
    release = calibrations.make(
        ClusteringParams(learned_cut="another", least_log_odds=-2.0), FIRST, {"source": "a test"}
    )
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


def test_answers_on_a_page_are_those_of_the_deployment_and_of_the_file(
    run: tuple[Sandbox, Sandbox, pl.DataFrame], tmp_path: Path
) -> None:
    daily, _, _ = run
    command = runner(daily.home)
    keywords = daily.table("journey_clusters").filter(partition_date=LIVE_FROM).select("user_id", "keywords")
    keywords.explode("keywords").rename({"keywords": "keyword"}).write_csv(tmp_path / "in.csv")
    for source in ((), (tmp_path / "in.csv",)):
        page, saved = tmp_path / f"page{len(source)}.html", tmp_path / f"page{len(source)}-judged.csv"
        assert "open it in a browser" in command("pairs", *source, page, "--n", 30).stdout
        record = json.loads(elements_of(page.read_text(encoding="utf-8")).data)
        # As the page saves it: a byte order mark, its columns in order, an empty cell for "not sure".
        rows = pl.DataFrame(record["rows"]).with_columns(same=pl.lit("no")).select(record["columns"])
        rows = rows.with_columns(same=pl.when(pl.int_range(pl.len()) > 1).then("same").otherwise(pl.lit("")))
        saved.write_text("\ufeff" + rows.write_csv(), encoding="utf-8")
    said = json.loads(
        command("calibrate", "--pairs", tmp_path / "page0-judged.csv", "--as-of", LAST, "--preview", "--json").stdout
    )
    assert (said["n_pairs"], said["n_unused_pairs"]) == (28, 0)
    assert said["least_log_odds"] > said["before"]["least_log_odds"]
    out = command("cluster", tmp_path / "in.csv", tmp_path / "out.csv", "--pairs", saved, "--json").stdout
    assert json.loads(out)["found_from"].startswith("28 judged pairs")
    release = calibrations.released_calibration(folder_of(daily), date.max)
    assert release is not None
    out = command("cluster", tmp_path / "in.csv", tmp_path / "plain.csv", "--no-calibrate", "--json").stdout
    assert json.loads(out)["least_log_odds"] == release.least_log_odds != PARAMS.least_log_odds
    assert "no language model is set" in command("pairs", tmp_path / "x.csv", "--judge", "llm", code=2).stderr
    assert not (tmp_path / "x.csv").exists()


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
