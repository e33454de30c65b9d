"""What users said about sensitive journeys, as of a day: a no counts early and like an opt-out, a yes only if dated."""

from datetime import date
from pathlib import Path

from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.storage.queries.users import users
from tests.sandbox import Sandbox


def said(world: Sandbox, day: date) -> dict[str, bool | None]:
    list(execute(world.pipeline, ["stg_users"], Run((day,), "test")))
    with world.deployment.warehouse.reading() as con:
        return dict(users(con, day).select("user_id", "sensitive_opt_in").iter_rows())


def test_what_users_say_counts_as_of_the_day_and_a_no_on_the_day_of_the_send(tmp_path: Path) -> None:
    world, file = Sandbox(tmp_path), tmp_path / "users.csv"
    file.write_text("user_id,push_opt_in,sensitive_opt_in\nann,true,true\nbea,true,false\ncy,true,perhaps\ndot,true,\n")
    world.load(file)
    file.write_text(
        "user_id,push_opt_in,sensitive_opt_in,updated_at\n"
        "ann,true,false,2026-05-31T10:00:00Z\n"
        "bea,true,true,2026-06-02T10:00:00Z\n"
        "eve,true,false,soon\n"
        "fay,true,true,soon\n"
    )
    world.load(file)
    undated = {"cy": False, "dot": None, "eve": False, "fay": None}
    assert said(world, date(2026, 5, 29)) == {"ann": True, "bea": False, **undated}
    assert said(world, date(2026, 5, 30)) == {"ann": False, "bea": False, **undated}, "the plan is for the day after"
    assert said(world, date(2026, 6, 2)) == {"ann": False, "bea": True, **undated}
