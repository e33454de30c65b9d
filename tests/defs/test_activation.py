"""The asset that hands over what changed, as its job runs it."""

from collections.abc import Callable
from datetime import datetime, timedelta

import dagster as dg
import polars as pl

from journeys_assets.defs.build import build_definitions
from tests.sandbox import Sandbox

NewSandbox = Callable[[str], Sandbox]
AT = datetime(2026, 3, 2, 9)


def test_the_job_hands_over_to_each_destination_of_the_settings(new_sandbox: NewSandbox) -> None:
    sandbox = new_sandbox("home")
    sandbox.home.mkdir(parents=True)
    (sandbox.home / "journeys.toml").write_text(f'[activation]\nto = ["csv:{sandbox.home / "out"}"]\n')
    queries = [f"garden {word}" for word in ("bed", "path", "fence", "gate")]
    searches = pl.DataFrame(
        {"user_id": "ann", "query": queries, "searched_at": [AT + timedelta(hours=n) for n in range(4)]}
    )
    sandbox.land({"search_events": searches})
    definitions = build_definitions(sandbox.deployment)
    schedule = definitions.resolve_schedule_def("activation_schedule")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING

    def hand_over() -> dict[str, int]:
        with sandbox.instance() as instance:
            result = definitions.resolve_job_def("activation_job").execute_in_process(instance=instance)
        (made,) = result.asset_materializations_for_node("activation")
        return {name.rpartition(" ")[2]: value.value for name, value in made.metadata.items()}  # type: ignore[misc]

    sandbox.run(AT.date(), AT.date())
    assert hand_over()["accepted"] == 1
    assert hand_over()["accepted"] == 0
    assert len(list((sandbox.home / "out").iterdir())) == 1
