"""Rates that no person reaches, in the staging views: heavy users stay, and a day follows from itself alone."""

from datetime import datetime, timedelta

import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.noise.params import NoiseParams
from journeys_assets.storage.queries.noise import noise_counts
from journeys_assets.storage.sql_models import load_models
from tests.support.sql_world import DAY, SQL_FOLDER, SqlWorld, ago, at, search

PARAMS = NoiseParams(max_searches_per_hour=10, max_searches_per_day=25, max_actions_per_hour=10, max_actions_per_day=25)
LIMITED = load_models(SQL_FOLDER, DEFAULT_ACTIONS, noise=PARAMS)


def searches(world: SqlWorld, user: str, n: int, *, day=DAY, per_hour: int = 10) -> None:  # type: ignore[no-untyped-def]
    """``n`` searches at different times, ``per_hour`` in each hour."""
    times = [at(day, place // per_hour) + timedelta(seconds=place % per_hour) for place in range(n)]
    world.add("search_events", *(search(user, f"shed {place}", time) for place, time in enumerate(times)))


def kept(world: SqlWorld) -> dict[tuple[str, object], int]:
    rows = world.query("SELECT user_id, event_date, count(*) AS n FROM main.stg_search_events GROUP BY ALL").rows()
    return {(user, day): n for user, day, n in rows}


def test_a_user_at_the_limit_stays_and_one_beyond_it_goes() -> None:
    world = SqlWorld(models=LIMITED)
    searches(world, "heavy", 25)
    searches(world, "in an hour", 11, per_hour=11)
    searches(world, "on a day", 26)
    assert kept(world) == {("heavy", DAY): 25}


def test_the_defaults_keep_the_heaviest_person() -> None:
    """A search for each letter that is typed, all day: 900 an hour for five hours."""
    world = SqlWorld()
    searches(world, "heavy", 4500, per_hour=900)
    searches(world, "script", 1001, per_hour=1001)
    assert kept(world) == {("heavy", DAY): 4500}


def test_other_days_and_other_users_are_not_touched() -> None:
    world = SqlWorld(models=LIMITED)
    searches(world, "u", 11, per_hour=11)
    searches(world, "u", 3, day=ago(1))
    searches(world, "other", 3)
    assert kept(world) == {("u", ago(1)): 3, ("other", DAY): 3}


def test_an_order_of_many_items_is_one_time() -> None:
    world = SqlWorld(models=LIMITED)
    order = [{"user_id": "shop", "pin_id": f"p{n}", "action": "save", "engaged_at": at(DAY)} for n in range(40)]
    clicks = [
        {"user_id": "script", "pin_id": "p", "action": "save", "engaged_at": at(DAY) + timedelta(seconds=n)}
        for n in range(11)
    ]
    world.add("pin_engagements", *order, *clicks)
    rows = world.query("SELECT user_id, count(*) AS n FROM main.stg_pin_engagements GROUP BY ALL").rows()
    assert rows == [("shop", 40)]


@pytest.mark.parametrize(
    ("left_out", "users"),
    [
        ((), ["bot", "fast", "link", "probe", "u"]),
        (("bot", "spam"), ["fast", "probe", "u"]),
        (("bot", "monitoring", "spam", "rate"), ["u"]),
    ],
)
def test_each_reason_can_be_turned_off(left_out: tuple[str, ...], users: list[str]) -> None:
    params = NoiseParams(left_out=left_out, max_searches_per_hour=10)
    world = SqlWorld(models=load_models(SQL_FOLDER, DEFAULT_ACTIONS, noise=params))
    for user, noise in (("u", None), ("bot", "bot"), ("probe", "monitoring"), ("link", "spam")):
        world.add("search_events", {**search(user, "shed", at(DAY)), "noise": noise})
    searches(world, "fast", 11, per_hour=11)
    assert world.query("SELECT DISTINCT user_id FROM main.stg_search_events ORDER BY 1")["user_id"].to_list() == users


def test_what_is_left_out_is_counted_by_reason() -> None:
    world = SqlWorld(models=LIMITED)
    searches(world, "u", 3)
    searches(world, "fast", 11, per_hour=11)
    world.add("search_events", {**search("crawler", "shed", at(DAY)), "noise": "bot"})
    counted = noise_counts(world.con, LIMITED, PARAMS, ago(3), DAY)
    assert counted.rows() == [("search_events", "bot", 1, 1, "crawler"), ("search_events", "rate", 11, 1, "fast")]
    assert noise_counts(world.con, LIMITED, PARAMS, ago(3), ago(1)).is_empty()


def test_a_filter_on_a_day_reaches_both_scans() -> None:
    """Otherwise building one day would count the searches of the whole history."""
    world = SqlWorld()
    for n in range(3):  # an empty table would be planned away
        world.search("ann", "tiles", datetime.combine(DAY, datetime.min.time()) - timedelta(days=n))
    plan = world.query(f"EXPLAIN SELECT * FROM main.stg_search_events WHERE event_date = DATE '{DAY}'")
    text = plan["explain_value"].str.join("").item()
    assert text.count(f"{DAY}") >= 2, text
