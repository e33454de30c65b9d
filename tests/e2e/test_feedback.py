"""What a user says of a journey counts from the day on which it was said, not before, and survives recomputation."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from tests.house import House

FIRST = date(2026, 3, 2)
SAID_ON = FIRST + timedelta(days=1)
LAST = FIRST + timedelta(days=2)
THEMES = ["wedding dress", "camping tent", "oak table"]


def at(day: date, hour: int = 9) -> datetime:
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=hour)


def searches(day: date, themes: list[str]) -> dict[str, pl.DataFrame]:
    queries = [f"{theme}{end}" for theme in themes for end in ("", " long", " small", " ideas", " cheap")]
    return {"search_events": pl.DataFrame({"user_id": "ann", "query": queries}).with_columns(searched_at=at(day))}


@pytest.fixture
def house(new_house: Callable[[str], House]) -> House:
    house = new_house("home")
    house.land(searches(FIRST, THEMES))
    house.land({"users": pl.DataFrame({"user_id": ["ann"], "push_opt_in": [True], "email_opt_in": [True]})}, name="u")
    house.run(FIRST, LAST)
    return house


def say(house: House, journey: str, verdict: str, day: date = SAID_ON, hour: int = 20) -> None:
    said = {"user_id": ["ann"], "journey_id": [journey], "verdict": [verdict], "given_at": [at(day, hour)]}
    house.land({"journey_feedback": pl.DataFrame(said)}, name=f"{verdict}-{day}-{hour}")


def journeys(house: House, day: date) -> pl.DataFrame:
    return house.table("user_journeys").filter(pl.col("partition_date") == day).sort("rank")


def row(house: House, day: date, journey: str) -> dict[str, object]:
    return journeys(house, day).row(by_predicate=pl.col("journey_id") == journey, named=True)


def reasons(house: House, day: date, journey: str) -> set[str]:
    plan = house.table("notification_candidates")
    mine = plan.filter((pl.col("partition_date") == day) & (pl.col("journey_id") == journey))
    return set(mine["reason"])


def rerun(house: House, first: date = FIRST) -> None:
    house.run(first, LAST)


def test_there_are_journeys_to_speak_of(house: House) -> None:
    assert journeys(house, LAST).height == len(THEMES)
    assert journeys(house, LAST)["feedback"].null_count() == len(THEMES)


@pytest.mark.parametrize("verdict", ["not_mine", "finished", "mute", "more"])
def test_nothing_changes_before_the_day_on_which_it_was_said(house: House, verdict: str) -> None:
    before = journeys(house, FIRST)
    plan = house.table("notification_candidates", upto=FIRST)
    say(house, before["journey_id"][0], verdict)
    rerun(house)
    assert journeys(house, FIRST).equals(before)
    assert house.table("notification_candidates", upto=FIRST).equals(plan)


def test_not_mine_ranks_last_and_is_not_notified(house: House) -> None:
    best = journeys(house, LAST)["journey_id"][0]
    say(house, best, "not_mine")
    rerun(house)
    for day in (SAID_ON, LAST):
        mine = row(house, day, best)
        assert (mine["feedback"], mine["rank"], mine["confidence"]) == ("not_mine", len(THEMES), 0.0)
        assert mine["stage"] == "ongoing"
        assert reasons(house, day, best) == {"feedback_not_mine"}


def test_more_lifts_a_journey_and_takes_back_what_was_said_before(house: House) -> None:
    worst = journeys(house, LAST)["journey_id"][-1]
    was = row(house, LAST, worst)
    say(house, worst, "mute", hour=20)
    say(house, worst, "more", hour=21)
    rerun(house)
    now = row(house, LAST, worst)
    assert (now["feedback"], now["rank"]) == ("more", 1)
    assert now["confidence"] > was["confidence"]
    assert reasons(house, LAST, worst).isdisjoint({"feedback_muted", "feedback_not_mine"})


def test_mute_holds_notifications_back_and_nothing_else(house: House) -> None:
    best = journeys(house, LAST)["journey_id"][0]
    was = row(house, LAST, best)
    say(house, best, "mute")
    rerun(house)
    now = row(house, LAST, best)
    assert reasons(house, LAST, best) == {"feedback_muted"}
    assert now.pop("feedback") == "mute"
    was.pop("feedback")
    assert now == was


def test_finished_ends_a_journey_until_it_is_engaged_with_again(house: House) -> None:
    best = journeys(house, LAST)["journey_id"][0]
    theme = next(theme for theme in THEMES if theme in row(house, LAST, best)["keywords"])  # type: ignore[operator]
    say(house, best, "finished")
    rerun(house)
    now = row(house, LAST, best)
    assert (now["stage"], now["feedback"], now["rank"]) == ("ended", "finished", len(THEMES))
    assert reasons(house, LAST, best) == {"feedback_finished"}
    again = LAST + timedelta(days=1)
    house.land(searches(again, [theme]), name="again")
    house.run(again, again)
    back = row(house, again, best)
    assert (back["stage"], back["feedback"]) == ("ongoing", None)
    assert back["confidence"] > 0.5


def test_it_survives_a_full_recomputation(house: House) -> None:
    say(house, journeys(house, LAST)["journey_id"][0], "not_mine")
    rerun(house, SAID_ON)
    said = journeys(house, LAST)
    house.run(LAST, LAST, full=True)
    assert journeys(house, LAST).equals(said)
