"""With a memory of sends, planned and logged ones make similar journeys wait; what is run again stays as it was."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
from polars.testing import assert_frame_equal

from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=5)
THEMES = ["wedding dress", "wedding dresses", "oak table", "dog harness"]
NewSandbox = Callable[[str], Sandbox]
PLAN = """[algorithm.notifications]
min_confidence = 0.01
journey_cool_down_days = 0
weekly_cap_per_user = 7
journey_arm_share = 1.0
interest_arm_share = 0.0
memory_penalty = {penalty}
"""


def planned(new_sandbox: NewSandbox, name: str, penalty: float, *, sent: pl.DataFrame | None = None) -> Sandbox:
    sandbox = new_sandbox(name)
    sandbox.home.mkdir(parents=True, exist_ok=True)
    (sandbox.home / "journeys.toml").write_text(PLAN.format(penalty=penalty))
    at = datetime.combine(FIRST, datetime.min.time()) + timedelta(hours=9)
    ends = ("", " long", " small", " ideas", " cheap")
    queries = [f"{theme}{end}" for n, theme in enumerate(THEMES) for end in ends[: 5 - n // 2]]
    log = {
        "search_events": pl.DataFrame({"user_id": "ann", "query": queries}).with_columns(searched_at=at),
        "users": pl.DataFrame({"user_id": ["ann"], "push_opt_in": [True]}),
    }
    sandbox.land(log if sent is None else log | {"notification_events": sent})
    sandbox.run(FIRST, LAST)
    return sandbox


def sends(sandbox: Sandbox) -> pl.DataFrame:
    return sandbox.table("notification_candidates").filter(pl.col("decision") == "send").sort("partition_date")


def test_a_memory_spreads_sends_and_says_why(new_sandbox: NewSandbox) -> None:
    forgetful, mindful = planned(new_sandbox, "forgetful", 1.0), planned(new_sandbox, "mindful", 0.5)
    assert sends(forgetful)["journey_id"].n_unique() == 1
    assert sends(forgetful).height == sends(mindful).height == 6
    sent = sends(mindful)["journey_id"].to_list()
    assert sent[0] == sends(forgetful)["journey_id"][0]
    assert sent[1] != sent[0]
    waits = mindful.table("notification_candidates").filter(pl.col("reason") == "similar_sent_lately")
    assert (
        waits.filter(pl.col("partition_date") == FIRST + timedelta(days=1))["journey_id"].unique().to_list() == sent[:1]
    )
    journeys = [sandbox.table("user_journeys").drop("algorithm_version") for sandbox in (forgetful, mindful)]
    assert_frame_equal(*journeys, check_exact=True)  # the rank is as it was

    before = mindful.table("notification_candidates")
    mindful.run(FIRST + timedelta(days=2), FIRST + timedelta(days=3))
    assert_frame_equal(before, mindful.table("notification_candidates"), check_exact=True)

    # A logged send counts from its day on, and not before.
    day = FIRST + timedelta(days=3)
    logged = pl.DataFrame(
        {
            "notification_id": ["n"],
            "user_id": ["ann"],
            "journey_id": [sent[3]],
            "channel": ["push"],
            "arm": ["journey"],
            "sent_at": [datetime.combine(day, datetime.min.time()) + timedelta(hours=1)],
        }
    )
    after_logged_sends = sends(planned(new_sandbox, "logged", 0.5, sent=logged))["journey_id"].to_list()
    assert after_logged_sends[:3] == sent[:3]
    assert after_logged_sends[3] != sent[3]
