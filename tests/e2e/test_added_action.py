"""An action that is added to a deployment with history: the next day counts it, days of before have none of it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl

from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.sandbox import Sandbox

FIRST = date(2026, 3, 2)
LAST = FIRST + timedelta(days=5)
NEXT = LAST + timedelta(days=1)


def test_a_day_after_the_entry_counts_it(new_sandbox: Callable[[str], Sandbox]) -> None:
    sandbox = new_sandbox("home")
    world = generate_world(WorldParams(seed=3, n_users=10, n_days=6, first_day=FIRST))
    sandbox.land(world.landing)
    sandbox.run(FIRST, LAST)
    at = datetime.combine(NEXT, datetime.min.time())
    done = world.landing["pin_engagements"].unique(["user_id", "pin_id"], maintain_order=True)
    bought = done.with_columns(action=pl.lit("purchase"), engaged_at=at)
    refused = sandbox.land({"pin_engagements": bought}, name="before").by_source()[0]
    assert (refused[3], refused[5]) == (0, bought.height), "an action that is not in the registry is quarantined"

    (sandbox.home / "journeys.toml").write_text('[[actions]]\nname = "purchase"\nweight = 2.0\nstrength = "act"\n')
    later = bought.with_columns(engaged_at=at + timedelta(hours=1))
    accepted = sandbox.land({"pin_engagements": later}, name="after").by_source()[0]
    assert (accepted[3], accepted[5]) == (bought.height, 0)
    sandbox.run(NEXT, NEXT, full=True)

    by_day = sandbox.table("keyword_table").group_by("partition_date").agg(pl.col("n_purchases").sum())
    counts = dict(by_day.iter_rows())
    assert counts.pop(NEXT) >= bought.height
    assert set(counts.values()) == {0}
    assert sandbox.table("keyword_table")["n_purchases"].null_count() == 0
    journeys = sandbox.table("user_journeys").filter(partition_date=NEXT)
    assert journeys["n_purchases_90d"].sum() > 0
    assert "acting" in set(journeys.filter(pl.col("n_purchases_90d") >= 10)["intent"])
