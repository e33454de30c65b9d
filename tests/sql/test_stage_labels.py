"""stage_labels: features and the user's word that holds → kind and stage of every live journey."""

from datetime import date

import pytest

from tests.support.sql_world import DAY, SqlWorld, ago, at

ONGOING = ("situational", "ongoing", "recent")
SILENT = ("situational", "ended", "silent")
EVERGREEN = ("evergreen", "ongoing", "evergreen")
FINISHED = ("situational", "ended", "user_said_finished")


def label(
    *,
    last: int = 0,
    turn: int | None = None,
    span: float = 0,
    weeks: float = 1.0,
    said: str | None = None,
    p_ended: float | None = None,
    season: date | None = None,
    **parameters: object,
) -> tuple[object, ...]:
    """Kind, stage and reason of a journey last engaged with ``last`` days ago, and last turned to ``turn`` days ago."""
    world = SqlWorld()
    own = {"partition_date": DAY, "user_id": "ann", "journey_id": "j"}
    world.infer("ann", ago(last), {"journey_id": "j", "last_engaged_at": at(ago(last), 12)})
    world.add("journey_features", {**own, "days_since_last_engaged": last})
    rhythm = {"turn_span_days": float(span), "turn_week_share": weeks}
    silence = {"turn_gap_days": float(last if turn is None else turn), "p_ended": p_ended, "season_before": season}
    world.add("stage_evidence", {**own, **rhythm, **silence})
    world.add("ranked_journeys", {**own, "feedback": said})
    row = world.build("stage_labels", **parameters)
    assert row.height == 1
    assert row["days_since_last_engaged"][0] == last
    assert row["p_ended"][0] == p_ended
    return row.select("kind", "stage", "stage_reason").row(0)


@pytest.mark.parametrize(("last", "expected"), [(0, ONGOING), (27, ONGOING), (28, SILENT), (150, SILENT)])
def test_without_a_model_a_situational_journey_ends_after_so_many_silent_days(
    last: int, expected: tuple[str, ...]
) -> None:
    assert label(last=last) == expected


def test_the_number_of_silent_days_is_a_parameter() -> None:
    assert label(last=6, ended_after_days=7) == ONGOING
    assert label(last=7, ended_after_days=7) == SILENT


@pytest.mark.parametrize(
    ("last", "p_ended", "stage", "reason"),
    [
        (60, 0.74, "ongoing", "likely_ongoing"),
        (3, 0.75, "ended", "likely_ended"),
        (89, 0.1, "ongoing", "likely_ongoing"),
        (90, 0.1, "ended", "silent"),
    ],
)
def test_with_a_model_its_probability_decides_up_to_a_last_day(
    last: int, p_ended: float, stage: str, reason: str
) -> None:
    assert label(last=last, p_ended=p_ended) == ("situational", stage, reason)


@pytest.mark.parametrize("p_ended", [None, 0.9])
@pytest.mark.parametrize(
    ("span", "weeks", "is_evergreen"), [(44, 1.0, False), (45, 0.5, True), (45, 0.49, False), (89, 1.0, True)]
)
def test_evergreen_takes_a_long_span_and_turns_in_enough_of_the_users_weeks(
    span: int, weeks: float, is_evergreen: bool, p_ended: float | None
) -> None:
    kind, stage, _ = label(span=span, weeks=weeks, p_ended=p_ended)
    assert kind == ("evergreen" if is_evergreen else "situational")
    assert stage == ("ended" if p_ended and not is_evergreen else "ongoing")


def test_evergreen_holds_through_a_pause_but_not_through_a_long_absence() -> None:
    assert label(last=55, span=55) == EVERGREEN
    assert label(last=56, span=55) == SILENT
    # One shared word now and then is no turn to it.
    assert label(last=1, turn=56, span=55) == ONGOING


def test_a_seasonal_journey_ends_with_its_season() -> None:
    season = {"season": ago(365), "span": 60}
    assert label(last=2, **season) == ("seasonal", "ongoing", "recent")
    assert label(last=28, **season) == ("seasonal", "ended", "silent")
    assert label(last=2, said="finished", **season) == ("seasonal", "ended", "user_said_finished")


@pytest.mark.parametrize("said", ["finished", "not_mine", "mute", "more", None])
def test_of_the_users_words_finished_alone_ends_a_journey(said: str | None) -> None:
    assert label(last=5, span=60, said=said) == (FINISHED if said == "finished" else EVERGREEN)
    assert label(last=30, said=said) == (FINISHED if said == "finished" else SILENT)
    over = ("situational", "ongoing", "likely_ongoing")
    assert label(last=5, p_ended=0.0, said=said) == (FINISHED if said == "finished" else over)


def intent(**counts: int) -> str:
    world = SqlWorld()
    own = {"partition_date": DAY, "user_id": "ann", "journey_id": "j"}
    names = [f"n_{action}_{days}d" for action in ("closeups", "saves", "clickthroughs") for days in (7, 28, 90)]
    world.add("journey_features", {**own, **dict.fromkeys(names, 0), **counts})
    world.add("stage_evidence", own)
    return str(world.build("stage_labels")["intent"][0])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, "exploring"),
        ({"n_closeups_28d": 70, "n_saves_28d": 18, "n_clickthroughs_28d": 12}, "exploring"),
        ({"n_closeups_28d": 60, "n_saves_28d": 30, "n_clickthroughs_28d": 10}, "deciding"),
        ({"n_closeups_28d": 60, "n_saves_28d": 10, "n_clickthroughs_28d": 30}, "acting"),
        ({"n_clickthroughs_90d": 1}, "acting"),
        ({"n_saves_90d": 1}, "deciding"),
        ({"n_closeups_7d": 10, "n_clickthroughs_28d": 30}, "exploring"),
        ({"n_closeups_7d": 9, "n_clickthroughs_28d": 30}, "acting"),
    ],
)
def test_intent_is_the_action_that_is_above_its_usual_share(counts: dict[str, int], expected: str) -> None:
    assert intent(**counts) == expected


def test_words_on_another_journey_by_another_user_or_of_another_day_say_nothing() -> None:
    world = SqlWorld()
    row = {"partition_date": DAY, "user_id": "ann", "journey_id": "j"}
    world.add("journey_features", {**row, "days_since_last_engaged": 0})
    world.add("stage_evidence", {**row, "turn_span_days": 0.0})
    for user, name, day in [("ann", "other", DAY), ("bob", "j", DAY), ("ann", "j", ago(1)), ("ann", "j", ago(-1))]:
        own = {"partition_date": day, "user_id": user, "journey_id": name}
        world.add("ranked_journeys", {**own, "feedback": "finished"})
    assert world.build("stage_labels")["stage"].to_list() == ["ongoing"]


def test_journeys_of_two_users_under_one_id_stay_apart_and_other_days_stay_out() -> None:
    world = SqlWorld()
    for user, last in [("ann", 1), ("bob", 40)]:
        world.infer(user, ago(last), {"journey_id": "j", "last_engaged_at": at(ago(last))})
        for day in (ago(1), DAY):
            own = {"partition_date": day, "user_id": user, "journey_id": "j"}
            world.add("journey_features", {**own, "days_since_last_engaged": last})
            world.add("stage_evidence", {**own, "turn_span_days": 0.0})
    rows = world.build("stage_labels").select("partition_date", "user_id", "stage").rows()
    assert rows == [(DAY, "ann", "ongoing"), (DAY, "bob", "ended")]
