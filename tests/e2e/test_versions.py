"""Promise 9: a changed parameter is a new version, and no user's journeys mix two."""

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.jobs import DAILY_JOB
from journeys_assets.defs.partitions import range_tags
from journeys_assets.storage.queries import staleness
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=5)
NEXT = LAST + timedelta(days=1)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Every day run. Tests change a copy."""
    sandbox = Sandbox(tmp_path_factory.mktemp("ran") / "home")
    world = generate_world(WorldParams(seed=3, n_users=10, n_days=6, first_day=FIRST))
    sandbox.land(world.landing)
    sandbox.run(FIRST, LAST)
    return sandbox


@pytest.fixture
def sandbox(ran: Sandbox, new_sandbox: Callable[[str], Sandbox]) -> Sandbox:
    sandbox = new_sandbox("home")
    shutil.copytree(ran.home, sandbox.home)
    return sandbox


def change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNEYS_ALGORITHM__CLUSTERING__LEAST_LOG_ODDS", "-3")


def stale(sandbox: Sandbox) -> pl.DataFrame:
    deployment = sandbox.deployment
    periods = sandbox.pipeline.versions().periods("closed_days")
    with deployment.warehouse.reading() as con:
        return staleness.stale_users(con, periods, horizon_days=180, start=FIRST, today=LAST)


def inferred_as_of_today(sandbox: Sandbox) -> pl.DataFrame:
    ledger = sandbox.table("inference_ledger").sort("partition_date")
    return ledger.group_by("user_id").agg(pl.col("algorithm_version").last())


def test_a_changed_parameter_shows_as_stale_and_one_full_run_brings_everybody_over(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = sandbox.version_of("closed_days")
    users = set(sandbox.table("inference_ledger")["user_id"])
    assert stale(sandbox).is_empty()
    change(monkeypatch)
    new = sandbox.version_of("closed_days")
    assert new != old
    behind = stale(sandbox)
    assert set(behind["reason"]) == {"algorithm_version"}
    assert set(behind["user_id"]) == users
    sandbox.run(LAST, LAST, full=True)
    assert stale(sandbox).is_empty()
    assert set(inferred_as_of_today(sandbox)["algorithm_version"]) == {sandbox.version_of("journey_clusters")}


def test_a_days_run_after_a_change_takes_inactive_users_along(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(monkeypatch)
    at = datetime.combine(NEXT, datetime.min.time())
    sandbox.land(
        {"search_events": pl.DataFrame({"user_id": "new", "query": ["oak"], "searched_at": [at]})}, name="next"
    )
    sandbox.run(NEXT, NEXT)
    assert set(inferred_as_of_today(sandbox)["algorithm_version"]) == {sandbox.version_of("journey_clusters")}
    current = sandbox.deployment.warehouse.query(
        "SELECT DISTINCT partition_date, algorithm_version FROM current_journeys"
    )
    assert current.rows() == [(NEXT, sandbox.version_of("user_journeys"))]


def test_single_stages_run_after_a_change_are_refused(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch)
    deployment = sandbox.deployment
    with sandbox.instance() as instance:
        result = (
            build_definitions(deployment)
            .resolve_job_def(DAILY_JOB)
            .execute_in_process(
                instance=instance,
                tags=range_tags(LAST, LAST),
                asset_selection=[dg.AssetKey("user_journeys"), dg.AssetKey("published_journeys")],
                raise_on_error=False,
            )
        )
        evaluations = {e.check_name: e for e in result.get_asset_check_evaluations()}
    assert not evaluations["one_version"].passed
    assert "inference_ledger" in str(evaluations["one_version"].description)
    assert not evaluations["one_version"].passed
    assert not result.success


def test_code_versions_follow_the_parameters_of_their_stage_and_of_those_before(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def code_versions() -> dict[str, str | None]:
        graph = build_definitions(sandbox.deployment).get_repository_def().asset_graph
        return {key.to_user_string(): graph.get(key).code_version for key in graph.materializable_asset_keys}

    before = code_versions()
    change(monkeypatch)
    after = code_versions()
    changed = {name for name in before if before[name] != after[name]}
    assert changed >= {"journey_clusters", "journey_names", "ranked_journeys", "user_journeys", "closed_days"}
    assert changed.isdisjoint({"keyword_table", "keyword_embeddings", "opened_days"})
