"""journey_features: keyword_table and clusters → what is known of every live journey at the end of the day."""

import random
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from tests.support.sql_world import DAY, SqlWorld, ago, at

COUNTS = ("n_searches", "n_closeups", "n_saves", "n_clickthroughs", "n_board_pins")


def weighing(**weights: float) -> dict[str, object]:
    """The dbt var ``actions`` with other weights of some."""
    return {"actions": [asdict(replace(a, weight=weights.get(a.name, a.weight))) for a in DEFAULT_ACTIONS]}


def engaged(day: date, keyword: str, *, user_id: str = "ann", source: str = "query", **counts: int) -> dict[str, Any]:
    """A row of keyword_table."""
    zeros = dict.fromkeys(COUNTS, 0)
    return {"partition_date": day, "user_id": user_id, "keyword": keyword, "source": source, **zeros, **counts}


def journey(journey_id: str, keywords: list[str], **columns: object) -> dict[str, object]:
    return {"journey_id": journey_id, "keywords": keywords, "n_keywords": len(keywords), **columns}


def only(rows: pl.DataFrame) -> Mapping[str, Any]:
    assert rows.height == 1
    return rows.row(0, named=True)


def test_windows_end_on_the_day_and_include_it() -> None:
    world = SqlWorld()
    world.infer("ann", DAY, journey("kitchen", ["tiles", "sink"]))
    for days in (0, 6, 7, 27, 28, 89, 90):
        world.add("keyword_table", engaged(ago(days), "tiles", n_searches=1, n_saves=2))
    world.add("keyword_table", engaged(ago(0), "sink", source="annotation", n_closeups=5))
    row = only(world.build("journey_features"))
    assert [row[f"n_searches_{w}d"] for w in (1, 7, 28, 90)] == [1, 2, 4, 6]
    assert [row[f"n_saves_{w}d"] for w in (1, 7, 28, 90)] == [2, 4, 8, 12]
    assert [row[f"n_closeups_{w}d"] for w in (1, 7, 28, 90)] == [5, 5, 5, 5]
    assert [row[f"n_board_pins_{w}d"] for w in (1, 7, 28, 90)] == [0, 0, 0, 0]
    assert [row[f"active_days_{w}d"] for w in (7, 28, 90)] == [2, 4, 6]
    assert row["active_weeks_90d"] == 5  # days 0 and 6 share a week
    assert row["n_sources"] == 2
    assert row["n_keywords"] == 2


def test_engagement_weight_is_the_weighted_sum_of_actions() -> None:
    world = SqlWorld()
    world.infer("ann", DAY, journey("kitchen", ["tiles"]))
    actions = {"n_searches": 1, "n_closeups": 10, "n_saves": 100, "n_clickthroughs": 1000, "n_board_pins": 10_000}
    world.add("keyword_table", engaged(ago(3), "tiles", **actions))
    weights = {"search_weight": 2.0, "board_weight": 1.0, **weighing(closeup=0.5, save=3.0, clickthrough=0.25)}
    row = only(world.build("journey_features", **weights))
    assert row["engagement_weight_7d"] == row["user_engagement_weight_28d"] == 2 + 5 + 300 + 250 + 10_000


def test_share_of_the_user_counts_engagement_outside_of_journeys_too() -> None:
    world = SqlWorld()
    world.infer("ann", DAY, journey("kitchen", ["tiles"]), journey("garden", ["roses"]))
    world.add(
        "keyword_table",
        engaged(ago(2), "tiles", n_searches=3),
        engaged(ago(4), "roses", n_searches=1),
        engaged(ago(27), "weather", n_searches=4),
        engaged(ago(28), "weather", n_searches=50),
        engaged(ago(1), "tiles", user_id="bob", n_searches=50),
    )
    rows = world.build("journey_features")
    assert rows.select("journey_id", "share_of_user_engagement_28d").rows() == [("garden", 0.125), ("kitchen", 0.375)]
    assert rows["user_active_days_28d"].to_list() == [3, 3]
    assert rows["user_engagement_weight_28d"].to_list() == [8.0, 8.0]
    assert rows["n_user_journeys"].to_list() == [2, 2]


def test_an_inactive_user_keeps_the_journey_with_empty_windows() -> None:
    world = SqlWorld()
    times = {"first_engaged_at": at(ago(130)), "last_engaged_at": at(ago(100), 23)}
    world.infer("ann", ago(100), journey("kitchen", ["tiles"], **times))
    world.add("keyword_table", engaged(ago(100), "tiles", n_searches=3))
    row = only(world.build("journey_features"))
    assert row["n_searches_90d"] == row["active_days_90d"] == row["active_weeks_90d"] == row["n_sources"] == 0
    assert row["engagement_weight_90d"] == row["share_of_user_engagement_28d"] == 0.0
    assert (row["days_since_last_engaged"], row["days_since_first_engaged"], row["span_days"]) == (100, 130, 30)


@pytest.mark.parametrize(("days", "live"), [(179, True), (180, False)])
def test_a_journey_is_live_within_the_horizon(days: int, live: bool) -> None:
    world = SqlWorld()
    world.infer("ann", ago(days), journey("kitchen", ["tiles"]))
    assert (world.build("journey_features").height == 1) is live


def test_a_user_inferred_again_lately_is_not_live_for_that() -> None:
    world = SqlWorld()
    world.infer("ann", ago(1), journey("kitchen", ["tiles"]), active=ago(180))
    assert world.build("journey_features").is_empty()


def test_only_the_latest_inference_of_a_user_counts() -> None:
    world = SqlWorld()
    world.infer("ann", ago(5), journey("old", ["tiles"]))
    world.infer("ann", ago(2), journey("new", ["tiles", "sink"]), journey("weak", ["mud"], is_journey=False))
    world.infer("bob", ago(5), journey("bob's", ["roses"]))
    world.infer("cem", ago(5), journey("gone", ["roses"]))
    world.infer("cem", ago(4))
    assert world.build("journey_features")["journey_id"].to_list() == ["new", "bob's"]


def test_what_comes_after_the_day_changes_nothing() -> None:
    world = SqlWorld()
    world.infer("ann", ago(3), journey("kitchen", ["tiles"]))
    world.add("keyword_table", engaged(ago(3), "tiles", n_searches=1))
    before = world.build("journey_features")
    tomorrow = DAY + timedelta(days=1)
    world.infer("ann", tomorrow, journey("kitchen", ["tiles", "sink"]))
    world.infer("bob", tomorrow, journey("garden", ["roses"]))
    world.add("keyword_table", engaged(tomorrow, "tiles", n_searches=9), engaged(tomorrow, "rug", n_saves=9))
    assert_frame_equal(world.build("journey_features"), before)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_input_rows_does_not_matter(seed: int) -> None:
    shuffler = random.Random(seed)
    users, keywords = [f"user {i}" for i in range(20)], ["tiles", "sink", "lamp", "rug"]
    rows = [
        engaged(ago(d), k, user_id=u, source=s, n_searches=i + d, n_closeups=d % 3)
        for i, u in enumerate(users)
        for k in keywords
        for s in ("query", "board")
        for d in range(0, 60, 7)
    ]

    def built(shuffle: bool) -> pl.DataFrame:
        world = SqlWorld()
        for user in shuffler.sample(users, len(users)) if shuffle else users:
            world.infer(user, ago(2), journey("a", keywords[:2]), journey("b", keywords[2:]))
        world.add("keyword_table", *(shuffler.sample(rows, len(rows)) if shuffle else rows))
        return world.build("journey_features", search_weight=0.7, **weighing(closeup=0.1))

    assert_frame_equal(built(shuffle=True), built(shuffle=False), check_exact=True)
