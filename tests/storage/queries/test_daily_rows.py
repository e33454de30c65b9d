"""Rows of a source by day: like is compared with like while the newest day is not over."""

from datetime import time, timedelta

from journeys_assets.storage.queries.quality import daily_rows
from tests.support.sql_world import DAY, SqlWorld, ago, at, search


def counted(world: SqlWorld) -> dict[object, int]:
    rows = daily_rows(world.con, DAY, 28).filter(source="search_events")
    return dict(rows.select("partition_date", "n").iter_rows())


def world_with(*days: int, until: int = 24) -> SqlWorld:
    """A search in each hour of the days so many days ago; of DAY only before ``until``."""
    world = SqlWorld()
    for day in days:
        world.add("search_events", *(search("u", "shed", at(ago(day), hour)) for hour in range(24 if day else until)))
    return world


def test_the_days_before_count_up_to_the_time_of_the_newest_row() -> None:
    world = world_with(2, 1, 0, until=6)
    world.engage("u", "p", "save", at(DAY, 7, 30))
    assert counted(world) == {ago(2): 8, ago(1): 8, DAY: 6}
    assert daily_rows(world.con, DAY, 28)["upto"].unique().to_list() == [time(7, 30)]


def test_all_rows_count_once_a_later_day_has_begun() -> None:
    world = world_with(1, 0, until=6)
    world.add("search_events", search("u", "shed", at(DAY + timedelta(days=1), 0)))
    assert counted(world) == {ago(1): 24, DAY: 6}


def test_days_without_a_row_count_as_none_and_noise_does_not_count() -> None:
    world = world_with(3, 0)
    world.add("search_events", {**search("crawler", "shed", at(ago(2))), "noise": "bot"})
    assert counted(world) == {ago(3): 24, ago(2): 0, ago(1): 0, DAY: 24}
