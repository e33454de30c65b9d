"""Staging views: the latest loaded version of what has versions."""

from datetime import date

import pytest

from tests.support.sql_world import DAY, SqlWorld, ago, at


def test_a_version_without_a_time_replaces_all_versions_of_earlier_calls() -> None:
    world = SqlWorld()
    dated = {"user_id": "ann", "updated_at": at(DAY)}
    world.add("users", {**dated, "updated_at": at(ago(1)), "ingest_seq": 1, "timezone": "Europe/Paris"})
    world.add("users", {**dated, "ingest_seq": 1, "timezone": "Europe/Paris", "email_opt_in": True})
    world.add("users", {"user_id": "ann", "ingest_seq": 2, "timezone": "Asia/Tokyo"})
    world.add("users", {**dated, "ingest_seq": 3, "timezone": "Europe/Rome"})
    world.add("users", {**dated, "ingest_seq": 4, "timezone": "Europe/Oslo"})
    rows = world.query("SELECT timezone, email_opt_in, updated_at FROM main.stg_users ORDER BY ingest_seq")
    assert rows.rows() == [("Asia/Tokyo", None, None), ("Europe/Oslo", None, at(DAY))]


@pytest.mark.parametrize(
    ("source", "of_all", "said"),
    [
        ("pins", {"pin_id": "p"}, "title"),
        ("board_pins", {"user_id": "ann", "board_id": "b", "pin_id": "p", "saved_at": at(DAY)}, "board_name"),
        (
            "notification_events",
            {"notification_id": "n", "user_id": "ann", "channel": "push", "sent_at": at(DAY, 8)},
            "arm",
        ),
    ],
)
def test_no_version_of_an_earlier_call_is_left(source: str, of_all: dict[str, object], said: str) -> None:
    world = SqlWorld()
    world.add(source, {**of_all, said: "dated", "updated_at": at(ago(1)), "ingest_seq": 1})
    world.add(source, {**of_all, said: "state", "ingest_seq": 2})
    assert world.query(f"SELECT {said} FROM main.stg_{source}").rows() == [("state",)]


def test_each_day_sees_the_version_of_a_pin_as_of_the_day() -> None:
    world = SqlWorld()
    for seq, title, updated_at in [
        (1, "third", at(DAY, 9)),
        (2, "first", at(ago(5), 9)),
        (3, "second", at(ago(5), 10)),
    ]:
        world.add("pins", {"pin_id": "p", "title": title, "updated_at": updated_at, "ingest_seq": seq})
    world.add("pins", {"pin_id": "timeless", "title": "new", "ingest_seq": 2})
    world.add("pins", {"pin_id": "timeless", "title": "old", "ingest_seq": 1})
    rows = world.query("SELECT title, known_from, valid_from, valid_to FROM main.stg_pins ORDER BY ALL").rows()
    begin, end = date(1, 1, 1), date(9999, 12, 31)
    assert rows == [("new", begin, begin, end), ("second", ago(5), begin, DAY), ("third", DAY, DAY, end)]


def test_a_board_pin_has_the_name_as_of_its_day() -> None:
    world = SqlWorld()
    pinned = {"user_id": "ann", "board_id": "b", "pin_id": "p", "saved_at": at(ago(3))}
    for seq, name, updated_at in [(1, "later", at(DAY)), (2, "then", at(ago(3), 20)), (3, "before", at(ago(9)))]:
        world.add("board_pins", {**pinned, "board_name": name, "updated_at": updated_at, "ingest_seq": seq})
    assert world.query("SELECT board_name FROM main.stg_board_pins").rows() == [("then",)]


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_versions_of_one_load_the_more_cautious_opt_in_counts(reverse: bool) -> None:
    world = SqlWorld()
    versions = [{"user_id": "ann", "email_opt_in": said} for said in (True, False)]
    world.add("users", *(versions[::-1] if reverse else versions))
    assert world.query("SELECT email_opt_in FROM main.stg_users").rows() == [(False,)]


@pytest.mark.parametrize("reverse", [False, True])
def test_of_two_versions_of_a_send_the_one_that_knows_more_counts(reverse: bool) -> None:
    world = SqlWorld()
    sent = {"notification_id": "n", "user_id": "ann", "channel": "push", "arm": "holdout", "sent_at": at(DAY, 8)}
    versions = [sent, {**sent, "opened_at": at(DAY, 9)}]
    world.add("notification_events", *(versions[::-1] if reverse else versions))
    rows = world.query("SELECT opened_at, journey_id, is_random_slot, event_date FROM main.stg_notification_events")
    assert rows.rows() == [(at(DAY, 9), None, False, DAY)]


def test_feedback_carries_its_day() -> None:
    world = SqlWorld()
    world.add("journey_feedback", {"user_id": "ann", "journey_id": "j", "verdict": "mute", "given_at": at(DAY, 23, 59)})
    assert world.query("SELECT verdict, event_date FROM main.stg_journey_feedback").rows() == [("mute", DAY)]
