"""Staging views: the latest loaded version of what has versions."""

import pytest

from tests.support.sql_world import DAY, SqlWorld, at


def test_the_latest_version_of_a_user_counts_and_unknown_opt_in_is_no() -> None:
    world = SqlWorld()
    world.add("users", {"user_id": "ann", "ingest_seq": 2, "timezone": "Asia/Tokyo"})
    world.add("users", {"user_id": "ann", "ingest_seq": 1, "timezone": "Europe/Paris", "email_opt_in": True})
    rows = world.query("SELECT user_id, timezone, email_opt_in, push_opt_in FROM main.stg_users")
    assert rows.rows() == [("ann", "Asia/Tokyo", False, False)]


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
