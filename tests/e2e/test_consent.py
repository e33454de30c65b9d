"""Promise 15: no send to someone who opted out, unsubscribed, is over the cap or in quiet hours, whatever order files,
runs and reruns come in.

A simulator lands random files about consent and runs plans; an independent oracle checks every planned send. It runs
some weeks; with ``HYPOTHESIS_PROFILE=thorough``, years.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import polars as pl
import pytest

from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from tests.sandbox import Sandbox
from tests.support.consent_world import SETTINGS, ConsentWorld, searches
from tests.thorough import usual_or_thorough

FIRST = date(2025, 3, 5)
"""The clocks of North America, Europe, Chile, New Zealand and Australia change in the five weeks that follow."""
N_DAYS = usual_or_thorough(24, 365)
WHOLE_DAYS = usual_or_thorough(5, 36)
"""Enough for opt-outs to come late. What takes weeks, and every kind of file and run, is shown by the plans alone."""
SEEDS = range(1, usual_or_thorough(1, 4) + 1)
NewSandbox = Callable[[str], Sandbox]

HOLDS = {
    "not_opted_in": "opt-outs",
    "unsubscribed": "unsubscribes",
    "arm_holdout": "the holdout",
    "weekly_cap": "the weekly cap",
    "cool_down": "the cool-down",
}
"""Reasons that must occur, or the simulation shows nothing about them."""


def steady_world(sandbox: Sandbox, seed: int) -> ConsentWorld:
    """A world in which every user has the same journeys every day, so that only the plan needs to be run."""
    sandbox.home.mkdir(parents=True)
    (sandbox.home / "journeys.toml").write_text(SETTINGS)
    sandbox.land({"search_events": searches(FIRST - timedelta(days=20), 21)})
    sandbox.run(FIRST, FIRST)
    pipeline, days = sandbox.pipeline, [FIRST + timedelta(days=n) for n in range(N_DAYS)]
    for name in ("user_journeys", "ranked_journeys"):
        table = next(t for t in pipeline.tables if t.name == name)
        rows = sandbox.table(name)
        everyday = pl.concat([rows.with_columns(partition_date=pl.lit(day, dtype=pl.Date)) for day in days])
        pipeline.warehouse.replace_partitions(table, everyday, days)

    def run(chosen: Sequence[date]) -> None:
        list(execute(pipeline, ["notification_candidates"], Run(tuple(chosen), "simulated")))

    return ConsentWorld(pipeline.warehouse, sandbox.home / "landing", run, FIRST, seed)


def whole_world(sandbox: Sandbox, seed: int, n_days: int) -> ConsentWorld:
    """A world in which every stage is run on a log that lands day by day."""
    sandbox.home.mkdir(parents=True)
    (sandbox.home / "journeys.toml").write_text(SETTINGS)
    before = searches(FIRST - timedelta(days=20), 20)
    sandbox.land({"search_events": before})

    def run(days: Sequence[date]) -> None:
        for span in spans(days):
            sandbox.run(span[0], span[-1])

    warehouse, landing = sandbox.deployment.warehouse, sandbox.home / "landing"
    return ConsentWorld(warehouse, landing, run, FIRST, seed, searches=searches(FIRST, n_days))


def spans(days: Sequence[date]) -> list[list[date]]:
    """Days that follow one another, together."""
    found: list[list[date]] = []
    for day in sorted(days):
        if found and day == found[-1][-1] + timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    return found


def assert_no_breach(world: ConsentWorld) -> None:
    shown = [
        f"seed {world.seed}, run at {at}: {breach.rule}: {breach.planned}: {breach.why}\n  landed before:\n{facts}"
        for at, breach, facts in world.breaches[:3]
    ]
    assert not world.breaches, f"{len(world.breaches)} sends break a rule, the first are\n" + "\n".join(shown)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_no_send_breaks_a_rule_whatever_files_and_runs_come(new_sandbox: NewSandbox, seed: int) -> None:
    world = steady_world(new_sandbox("steady"), seed)
    world.live(N_DAYS)
    assert_no_breach(world)
    assert world.n_sends > N_DAYS, "too few sends to show anything"
    missing = [what for reason, what in HOLDS.items() if not world.reasons[reason]]
    assert not missing, f"never held back by {missing}: {world.reasons}"
    assert min(world.done.values()) > 0, world.done


@pytest.mark.timeout(900)
def test_no_send_breaks_a_rule_when_the_whole_pipeline_runs(new_sandbox: NewSandbox) -> None:
    world = whole_world(new_sandbox("whole"), seed=5, n_days=WHOLE_DAYS)
    world.live(WHOLE_DAYS)
    assert_no_breach(world)
    assert world.n_sends > WHOLE_DAYS, "too few sends to show anything"
    assert world.reasons["not_opted_in"]
