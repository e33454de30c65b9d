"""From plan to result: sends are handed over to a server, what users do with them comes back, and the readout finds the
lift that was simulated."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl

from journeys_assets.domain.tables.table import Table
from journeys_assets.operations.activation.hand_over import activate
from journeys_assets.operations.activation.http import Poster, Webhook
from journeys_assets.operations.readout import read_out_log
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from tests.sandbox import Sandbox
from tests.support.receivers import Receiver
from tests.support.serving import Serving

FIRST = date(2026, 3, 2)
N_DAYS, N_USERS = 3, 1_200
CLICKED = {"journey": 0.35, "interest": 0.2}
"""Probability that a user clicks on what was sent, by arm."""
SETTINGS = """[algorithm.notifications]
weekly_cap_per_user = 7
journey_cool_down_days = 0
journey_arm_share = 0.5
interest_arm_share = 0.3
"""
USERS = [f"u{n:04}" for n in range(N_USERS)]


def live(day: date, table: Table, values: dict[str, Any]) -> pl.DataFrame:
    """One journey of every user on a day, with ``values``; what a plan does not read is null."""
    known = {"partition_date": day, "journey_id": "j1", "rank": 1, "algorithm_version": "v", **values}
    return pl.DataFrame({"user_id": USERS}).select(
        pl.col(name) if name == "user_id" else pl.lit(known.get(name), dtype).alias(name)
        for name, dtype in table.polars_schema.items()
    )


def events_of(message: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """What a sender logs of a message that it got."""
    sent_at = datetime.fromisoformat(message["send_after"].removesuffix("Z"))
    is_clicked = rng.random() < CLICKED[message["arm"]]
    return {
        "notification_id": message["key"],
        "user_id": message["user_id"],
        "journey_id": message["journey_id"],
        "channel": message["channel"],
        "arm": message["arm"],
        "sent_at": sent_at,
        "opened_at": sent_at + timedelta(minutes=5) if is_clicked else None,
        "clicked_at": sent_at + timedelta(minutes=6) if is_clicked else None,
    }


def test_the_readout_of_what_was_handed_over_finds_the_lift(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox, receiver, rng = new_sandbox("loop"), Receiver(), random.Random(1)
    sandbox.home.mkdir(parents=True)
    (sandbox.home / "journeys.toml").write_text(SETTINGS)
    at = datetime.combine(FIRST, datetime.min.time())
    searches = pl.DataFrame({"user_id": USERS, "query": "garden bed", "searched_at": at + timedelta(hours=9)})
    sandbox.land({"users": pl.DataFrame({"user_id": USERS, "push_opt_in": True}), "search_events": searches})
    pipeline, warehouse = sandbox.pipeline, sandbox.deployment.warehouse
    pipeline.prepare()
    stages = [entry.name for entry in pipeline.entries if entry.name.startswith("stg_")] + ["notification_candidates"]
    journeys, ranks = (pipeline.entry(name).tables[0] for name in ("user_journeys", "ranked_journeys"))
    shown = {"journey_name": "garden bed", "keywords": ["garden bed"], "stage": "ongoing", "intent": "exploring"}
    with Serving(receiver) as server:
        destination = Webhook(Poster(server.url), "secret", lambda: datetime(2026, 3, 3, tzinfo=UTC))
        for day in (FIRST + timedelta(days=n) for n in range(N_DAYS)):
            rows = live(day, journeys, {**shown, "confidence": 0.9, "safety_decision": "allow"})
            warehouse.replace_partitions(journeys, rows, [day])
            warehouse.replace_partitions(ranks, live(day, ranks, {"diversified_score": 0.9}), [day])
            list(execute(pipeline, stages, Run((day,), "loop")))
            n_before = len(list(receiver.messages()))
            done = activate(
                warehouse,
                destination,
                day,
                pipeline.params.notifications,
                (),
                now=datetime.combine(day + timedelta(days=1), datetime.min.time()),
                run_id="loop",
                what=("notifications",),
            )
            new = list(receiver.messages())[n_before:]
            assert len(new) == done.accepted["notification"] > N_USERS / 2
            sandbox.land(
                {"notification_events": pl.DataFrame([events_of(one, rng) for one in new])}, name=f"sent-{day}"
            )
    found = read_out_log(warehouse, pipeline.params.notifications, FIRST, FIRST + timedelta(days=N_DAYS)).readout
    assert found.warnings == ()
    (lift,) = found.effects.filter(metric="clicks per send", arm="journey").iter_rows(named=True)
    truth = CLICKED["journey"] - CLICKED["interest"]
    assert 0 < lift["low"] <= truth <= lift["high"]
    sent = dict(found.arms.select("arm", "n_sends").iter_rows())
    assert sent["holdout"] == 0
    assert sum(sent.values()) == len(list(receiver.messages()))
