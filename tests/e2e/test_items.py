"""Items of journeys on a real pipeline: true to the promises of the output, with a release and without one."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from journeys_assets.domain.items.together import TOGETHER
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts.items import METHODS, OURS, evaluate_items
from journeys_assets.models.items.release import make_release, released_items, save
from journeys_assets.models.logistic import Ranking
from journeys_assets.pipeline.item_training import ModelVersions, make_item_release
from journeys_assets.pipeline.training import model_versions
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
BEFORE, AS_OF, LAST = (FIRST + timedelta(days=n) for n in (14, 18, 22))
"""The day whose candidates weights are fitted on, the day of the release, and the last one, four days apart each. The
catalogue changes after the release."""
SETTINGS = """
[algorithm.items]
min_users = 2
min_positives = 5
outcome_days = 4

[algorithm.notifications]
journey_arm_share = 0.5
interest_arm_share = 0.5
"""
TABLES = ("journey_items", "interest_items")
NewSandbox = Callable[[str], Sandbox]
Log = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def log() -> Log:
    """A small world, with the items alone that anybody engaged with: each item is embedded and judged."""
    found = dict(generate_world(WorldParams(seed=11, n_users=20, n_days=23, first_day=FIRST)).landing)
    return found | {"pins": found["pins"].join(found["pin_engagements"], on="pin_id", how="semi")}


def models_of(sandbox: Sandbox) -> ModelVersions:
    return model_versions(sandbox.deployment)


@pytest.fixture(scope="module")
def calm(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Run up to the release, released, and run on: a day, and some days at once."""
    sandbox = Sandbox(tmp_path_factory.mktemp("calm"))
    sandbox.home.joinpath("journeys.toml").write_text(SETTINGS)
    sandbox.land(log)
    sandbox.run(BEFORE, BEFORE)
    sandbox.run(AS_OF, AS_OF)
    deployment = sandbox.deployment
    made = make_item_release(deployment.warehouse, AS_OF, deployment.algorithm, models_of(sandbox))
    ranking = Ranking(made.weights | {"together": 20.0}, "Trained")
    # Twenty users share too few items, so which belong together is made up: each item with those that follow it.
    ids = sorted(log["pins"]["pin_id"].unique())
    pairs = [(one, ids[(n + k) % len(ids)], 500) for n, one in enumerate(ids) for k in range(1, 6)]
    together = pl.DataFrame(pairs, schema=TOGETHER, orient="row").sort("item_id", "other_id")
    release = make_release(together, made.popularity, ranking, 20, AS_OF, deployment.algorithm.items)
    save(release, deployment.releases("items"))
    sandbox.run(AS_OF + timedelta(days=1), AS_OF + timedelta(days=1))
    sandbox.run(AS_OF + timedelta(days=2), LAST)
    return sandbox


def with_release_of(sandbox: Sandbox, other: Sandbox) -> Sandbox:
    """The same settings and releases, without any other state."""
    other.home.mkdir(exist_ok=True)
    shutil.copy(sandbox.home / "journeys.toml", other.home)
    shutil.copytree(sandbox.deployment.releases("items"), other.deployment.releases("items"))
    return other


def test_every_ongoing_journey_that_may_be_notified_has_a_row(calm: Sandbox) -> None:
    key = ["partition_date", "user_id", "journey_id"]
    shown = calm.table("user_journeys").filter(pl.col("feedback").is_null(), stage="ongoing", safety_decision="allow")
    assert_frame_equal(calm.table("journey_items").select(key), shown.select(key).sort(key))
    assert calm.table("journey_items")["item_ids"].list.len().mean() > 5  # type: ignore[operator]


def test_a_release_counts_from_the_day_after_on(calm: Sandbox) -> None:
    rows = calm.table("journey_items")
    release = released_items(calm.deployment.releases("items"), LAST)
    assert release is not None
    assert set(rows.filter(pl.col("partition_date") <= AS_OF)["ranked_by"]) == {"parameters"}
    later = rows.filter(pl.col("partition_date") > AS_OF)
    assert set(later["ranked_by"]) == {release.version}
    assert "together" in {way for found in later["item_found_by"].explode().drop_nulls() for way in found.split("+")}
    assert calm.version_of("journey_items", AS_OF) != calm.version_of("journey_items", LAST)
    assert calm.version_of("notification_candidates", AS_OF) != calm.version_of("notification_candidates", LAST)


def test_no_item_is_shown_that_the_user_has_had_or_that_is_not_known_yet(calm: Sandbox, log: Log) -> None:
    shown = calm.table("journey_items").select("partition_date", "user_id", item="item_ids").explode("item")
    saved = log["board_pins"].select("user_id", item="pin_id", at="saved_at")
    acted = log["pin_engagements"].filter(pl.col("action") != "closeup")
    had = pl.concat([saved, acted.select("user_id", item="pin_id", at="engaged_at")])
    again = shown.join(had, on=["user_id", "item"]).filter(pl.col("at").dt.date() <= pl.col("partition_date"))
    assert again.is_empty()
    assert shown.drop_nulls().join(had, on=["user_id", "item"]).height > 0, "some of it is engaged with later"


def test_day_by_day_equals_one_full_inference_and_users_are_isolated(
    log: Log, calm: Sandbox, new_sandbox: NewSandbox
) -> None:
    users = sorted(log["search_events"]["user_id"].unique())
    kept = users[::2]
    other = with_release_of(calm, new_sandbox("half"))
    other.land({n: f.filter(pl.col("user_id").is_in(kept)) if "user_id" in f.columns else f for n, f in log.items()})
    other.run(LAST, LAST, full=True)
    for table in TABLES:
        expected = calm.table(table).filter(pl.col("user_id").is_in(kept), partition_date=LAST)
        assert not expected.is_empty()
        assert_frame_equal(other.table(table), expected, check_exact=True)


def test_a_send_shows_items_of_its_journey_or_of_the_interest(calm: Sandbox) -> None:
    sends = calm.table("notification_candidates").filter(decision="send")
    assert set(sends["arm"]) == {"journey", "interest"}
    key = ["partition_date", "user_id"]
    of_journeys = sends.filter(arm="journey").join(
        calm.table("journey_items").select(*key, "journey_id", known="item_ids"), on=[*key, "journey_id"]
    )
    of_interests = sends.filter(arm="interest").join(
        calm.table("interest_items").select(*key, "interest_name", known="item_ids"), on=key
    )
    assert of_journeys.height + of_interests.height == sends.height
    for rows in (of_journeys, of_interests):
        assert not rows["item_ids"].list.len().eq(0).all()
        assert rows.filter(pl.col("item_ids") != pl.col("known").list.head(5)).is_empty()
    assert of_interests.filter(~pl.col("title_text").str.ends_with(pl.col("interest_name"))).is_empty()


def test_a_new_version_of_the_catalogue_is_seen_by_users_who_did_nothing(
    calm: Sandbox, new_sandbox: NewSandbox
) -> None:
    changed = new_sandbox("changed")
    shutil.copytree(calm.home, changed.home)
    before = calm.table("journey_items").filter(partition_date=LAST)
    idle = set(before["user_id"]) - set(calm.table("inference_ledger").filter(partition_date=LAST)["user_id"])
    copied = before.filter(pl.col("user_id").is_in(idle)).sort("user_id", "journey_id")["item_ids"].list.first()
    pins = pl.DataFrame(changed.deployment.warehouse.query("SELECT * FROM main.stg_pins")).filter(
        pl.col("pin_id").is_in(copied.implode())
    )
    # Without a time they are known on every day.
    changed.land({"pins": pins.select(pl.col("pin_id") + "-twin", "title", "annotations", "interests")}, name="pins")
    changed.run(LAST, LAST)
    after = changed.table("journey_items").filter(pl.col("user_id").is_in(idle), partition_date=LAST)
    assert after["item_ids"].explode().drop_nulls().str.ends_with("-twin").any()


def test_the_evaluation_measures_every_method(calm: Sandbox) -> None:
    study = Study("small", calm.deployment.warehouse, [BEFORE, AS_OF, LAST], LAST, calm.deployment.algorithm)
    section = evaluate_items([study], models_of(calm), n_resamples=50)
    assert set(section.results["method"]) == set(METHODS)
    values = dict(section.results.filter(metric="hit rate@50").select("method", "value").iter_rows())
    assert 0 < values[OURS] <= 1
    assert np.isfinite(section.results["value"].to_numpy()).all()


def test_the_command_line_shows_the_items_of_a_user(calm: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYS_HOME", str(calm.home))
    monkeypatch.setenv("JOURNEYS_EMBEDDER", "hashing")
    row = calm.table("journey_items").filter(pl.col("item_ids").list.len() > 0, partition_date=LAST).row(0, named=True)
    runner = CliRunner()
    one = ["items", "--user", row["user_id"], "--journey", row["journey_id"]]
    shown = runner.invoke(app, [*one, "--json"])
    assert shown.exit_code == 0, shown.output
    assert [item["item_id"] for item in json.loads(shown.stdout)["items"]] == row["item_ids"]
    printed = runner.invoke(app, one[:3])
    assert printed.exit_code == 0, printed.output
    assert row["item_ids"][0] in printed.output
    assert runner.invoke(app, ["items", "--user", "nobody"]).exit_code == 2
    unknown = runner.invoke(app, [*one[:4], "j0"])
    assert (unknown.exit_code, "has no journey 'j0'" in unknown.output) == (2, True)
