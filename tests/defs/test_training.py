"""The training job: it releases a ranker that holds up on later days, and refuses one that does not."""

import re
from collections.abc import Callable
from datetime import timedelta

import dagster as dg

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import Trained, train_models
from journeys_assets.deployment import Deployment
from journeys_assets.models.ranker.release import released
from journeys_assets.pipeline.registry import RANKER
from journeys_assets.pipeline.training import TRAININGS
from tests.sandbox import Sandbox
from tests.support.ranking_world import FIRST, N_JOURNEYS, RUN_DAYS, Habit, hot_and_cold, make_study

AS_OF = RUN_DAYS[-1]
NewSandbox = Callable[[str], Sandbox]


def habits_that_change(user: int, journey: int, day: int) -> float:
    """For eleven weeks users go round their journeys week by week, so what was last touched is the last to come."""
    if day < 77:
        return 0.5 if (day // 7 + user) % N_JOURNEYS == journey else 0.02
    return hot_and_cold(user, journey, day)


def deployment_of(sandbox: Sandbox, habit: Habit) -> Sandbox:
    sandbox.home.mkdir(parents=True, exist_ok=True)
    make_study(sandbox.settings.warehouse_path, n_users=40, habit=habit)
    sandbox.settings.note_first_day(FIRST)
    sandbox.pipeline.prepare()
    return sandbox


def trained(sandbox: Deployment) -> dict[str, Trained]:
    with dg.DagsterInstance.ephemeral() as instance:
        return {one.model: one for one in train_models(build_definitions(sandbox), instance, AS_OF)}


def test_a_ranker_is_released_from_the_log_alone(new_sandbox: NewSandbox) -> None:
    sandbox = deployment_of(new_sandbox("home"), hot_and_cold).deployment
    folder = trained(sandbox)[RANKER.name].folder
    assert folder is not None
    live = released(sandbox.releases("ranker"), AS_OF + timedelta(days=1))
    assert live is not None
    assert folder.name == live.version
    assert released(sandbox.releases("ranker"), AS_OF) is None
    assert live.card["data"]["later"]["sources"] == {"engagement": live.card["data"]["later"]["n"]}
    assert live.card["calibration"]["from"] == "prior"
    page = (folder / "model_card.md").read_text()
    assert "| engagement | NDCG" in page


def test_a_ranker_that_does_not_hold_up_is_not_released_and_the_run_says_why(new_sandbox: NewSandbox) -> None:
    sandbox = deployment_of(new_sandbox("home"), habits_that_change).deployment
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = {one.model: one for one in train_models(build_definitions(sandbox), instance, AS_OF)}
        (record,) = instance.fetch_observations(dg.AssetKey(RANKER.name), limit=2).records
    assert outcome[RANKER.name].folder is None
    assert re.match(r"ranker-\w+: on later days .* prior", outcome[RANKER.name].reason or "")
    assert record.asset_observation is not None
    assert "model_card" in record.asset_observation.metadata  # what was measured can be read in the run
    assert not sandbox.releases("ranker").exists()


def test_too_short_a_log_is_no_failure(new_sandbox: NewSandbox) -> None:
    sandbox = deployment_of(new_sandbox("home"), hot_and_cold).deployment
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = train_models(build_definitions(sandbox), instance, FIRST)
    assert [one.folder for one in outcome] == [None] * len(TRAININGS)
    assert all(re.search("too few|needs", one.reason or "") for one in outcome)
