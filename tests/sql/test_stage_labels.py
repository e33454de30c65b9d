"""stage_labels: features and the user's word that holds → kind and stage of every live journey."""

import pytest

from tests.sql.world import DAY, SqlWorld, ago, at

ONGOING = ("situational", "ongoing", "recent")
SILENT = ("situational", "ended", "silent")
EVERGREEN = ("evergreen", "ongoing", "evergreen")
FINISHED = ("situational", "ended", "user_said_finished")


def label(
    *, last: int = 0, span: int = 0, weeks: int = 1, said: str | None = None, **parameters: object
) -> tuple[object, ...]:
    """Kind, stage and reason of a journey last engaged with ``last`` days ago, ``span`` days after its beginning."""
    world = SqlWorld()
    own = {"user_id": "ann", "journey_id": "j"}
    world.infer("ann", ago(last), {"journey_id": "j", "last_engaged_at": at(ago(last), 12)})
    times = {"days_since_last_engaged": last, "span_days": span, "days_since_first_engaged": last + span}
    world.add("journey_features", {**own, "partition_date": DAY, "active_weeks_90d": weeks, **times})
    world.add("ranked_journeys", {**own, "partition_date": DAY, "feedback": said})
    row = world.build("stage_labels", **parameters)
    assert row.height == 1
    assert row["days_since_last_engaged"][0] == last
    return row.select("kind", "stage", "stage_reason").row(0)


@pytest.mark.parametrize(("last", "expected"), [(0, ONGOING), (27, ONGOING), (28, SILENT), (150, SILENT)])
def test_a_situational_journey_ends_after_so_many_silent_days(last: int, expected: tuple[str, ...]) -> None:
    assert label(last=last) == expected


def test_the_number_of_silent_days_is_a_parameter() -> None:
    assert label(last=6, ended_after_days=7) == ONGOING
    assert label(last=7, ended_after_days=7) == SILENT


@pytest.mark.parametrize(
    ("span", "weeks", "expected"),
    [
        (44, 7, ONGOING),
        (45, 7, EVERGREEN),
        (45, 4, EVERGREEN),
        (45, 3, ONGOING),
        (89, 7, EVERGREEN),
        (89, 6, ONGOING),
        (83, 6, EVERGREEN),
        (56, 4, ONGOING),
    ],
)
def test_evergreen_takes_a_long_span_and_engagement_in_enough_of_its_weeks(
    span: int, weeks: int, expected: tuple[str, ...]
) -> None:
    # 45 days + the day itself are 7 weeks begun, 56 are 9, 83 are 12 (so 6 is exactly half), 90 days are 13.
    assert label(span=span, weeks=weeks) == expected


def test_evergreen_holds_through_a_pause_but_not_through_a_long_absence() -> None:
    assert label(last=28, span=55, weeks=8) == EVERGREEN
    assert label(last=50, span=80, weeks=6) == SILENT


@pytest.mark.parametrize("said", ["finished", "not_mine", "mute", "more", None])
def test_of_the_users_words_finished_alone_ends_a_journey(said: str | None) -> None:
    assert label(last=5, span=60, weeks=13, said=said) == (FINISHED if said == "finished" else EVERGREEN)
    assert label(last=30, said=said) == (FINISHED if said == "finished" else SILENT)


def test_words_on_another_journey_by_another_user_or_of_another_day_say_nothing() -> None:
    world = SqlWorld()
    world.add("journey_features", {"partition_date": DAY, "user_id": "ann", "journey_id": "j"})
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
            world.add("journey_features", {**own, "days_since_last_engaged": last, "span_days": 0})
    rows = world.build("stage_labels").select("partition_date", "user_id", "stage").rows()
    assert rows == [(DAY, "ann", "ongoing"), (DAY, "bob", "ended")]
