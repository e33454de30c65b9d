"""Sends of the synthetic world: logged propensities match the policy, and responses match the response model."""

import math
from datetime import date

import polars as pl
import pytest

from journeys_assets.synthetic.notifications import MAX_SENDS_IN_7_DAYS, RESPONSES
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world

PARAMS = WorldParams(n_users=600, n_days=60, first_day=date(2026, 3, 2))


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(PARAMS)


@pytest.fixture(scope="module")
def sends(world: World) -> pl.DataFrame:
    """Sends with their truth, except those of the last day, whose responses may not be known yet."""
    rows = world.landing["notification_events"].join(
        world.truth["truth_notifications"].drop("user_id", "arm", "sent_at", "is_random_slot"), on="notification_id"
    )
    return rows.filter(pl.col("sent_at").dt.date() < pl.col("sent_at").dt.date().max())


def assert_recovers(happened: pl.Series, probability: pl.Series) -> None:
    """Assert that the count is within four standard deviations of its expectation."""
    expected, spread = probability.sum(), math.sqrt((probability * (1 - probability)).sum())
    assert abs(happened.sum() - expected) < 4 * spread + 1


def test_the_click_rate_of_random_slots_matches_the_model(sends: pl.DataFrame) -> None:
    slot = sends.filter("is_random_slot")
    assert slot.height > 500
    assert_recovers(slot["clicked_at"].is_not_null(), slot["click_probability"])


def test_responses_match_the_model(sends: pl.DataFrame) -> None:
    assert_recovers(sends["opened_at"].is_not_null(), sends["open_probability"])
    assert_recovers(sends["unsubscribed_at"].is_not_null(), sends["unsubscribe_probability"])
    current = sends["currentness"] > 0.7
    assert_recovers(sends.filter(current)["clicked_at"].is_not_null(), sends.filter(current)["click_probability"])
    assert sends.filter(current)["click_probability"].mean() > 2 * sends.filter(~current)["click_probability"].mean()  # type: ignore[operator]


def test_clicked_sends_were_opened_before_the_click(sends: pl.DataFrame) -> None:
    clicked = sends.drop_nulls("clicked_at")
    assert clicked.height
    assert (clicked["sent_at"] < clicked["opened_at"]).all()
    assert (clicked["opened_at"] < clicked["clicked_at"]).all()


def test_arms_have_their_shares_and_the_holdout_gets_no_sends(world: World) -> None:
    arms = world.truth["truth_users"].group_by("arm").len()
    shares = dict(zip(arms["arm"], (arms["len"] / PARAMS.n_users).to_list(), strict=True))
    assert shares == pytest.approx({"journey": 0.8, "interest": 0.1, "holdout": 0.1}, abs=0.04)
    sent = world.landing["notification_events"].join(world.truth["truth_users"], on="user_id", suffix="_of_user")
    assert (sent["arm"] == sent["arm_of_user"]).all()
    assert set(sent["arm"]) == {"journey", "interest"}


def test_only_opted_in_channels_are_used_until_unsubscribed(world: World) -> None:
    sent = world.landing["notification_events"].join(world.landing["users"], on="user_id")
    opted = pl.when(pl.col("channel") == "push").then("push_opt_in").otherwise("email_opt_in")
    assert sent.select(opted.fill_null(False)).to_series().all()
    left = sent.drop_nulls("unsubscribed_at").group_by("user_id", "channel").agg(pl.col("unsubscribed_at").min())
    assert left.height
    later = sent.join(left, on=["user_id", "channel"], suffix="_first")
    assert later.filter(pl.col("sent_at") > pl.col("unsubscribed_at_first")).is_empty()


def test_sends_respect_the_cap_and_the_hours(world: World) -> None:
    sent = world.landing["notification_events"].sort("user_id", "sent_at").with_columns(day=pl.col("sent_at").dt.date())
    counts = sent.rolling("day", period="7d", group_by="user_id").agg(pl.len())
    # Local days may shift a send over the UTC midnight, so one more may fall into seven UTC days.
    assert counts["len"].max() <= MAX_SENDS_IN_7_DAYS + 1  # type: ignore[operator]
    zoned = sent.join(world.landing["users"].drop_nulls("timezone"), on="user_id")
    for (zone,), rows in zoned.group_by("timezone"):
        hours = rows["sent_at"].dt.replace_time_zone("UTC").dt.convert_time_zone(str(zone)).dt.hour()
        assert hours.is_between(17, 19).all()


def test_propensities_are_consistent_with_the_policy(sends: pl.DataFrame) -> None:
    journey, interest = sends.filter(arm="journey"), sends.filter(arm="interest")
    assert journey["propensity"].is_between(0, 1, closed="right").all()
    assert journey["journey_id"].is_not_null().all()
    assert interest["journey_id"].is_null().all()
    assert interest["propensity"].is_null().all()
    assert not interest["is_random_slot"].any()
    share = journey["is_random_slot"].mean()
    assert abs(share - PARAMS.random_slot_share) < 0.04  # type: ignore[operator]
    slot = journey.filter("is_random_slot")
    choices = 1 / slot["propensity"]
    assert (choices - choices.round()).abs().max() < 1e-9  # type: ignore[operator]
    # Weighted by 1 / propensity, the policy's sends represent all journeys, as the random slots do.
    policy = journey.filter(~pl.col("is_random_slot"))
    weighted = (policy["currentness"] / policy["propensity"]).sum() / (1 / policy["propensity"]).sum()
    per_journey = (slot["currentness"] / slot["propensity"]).sum() / (1 / slot["propensity"]).sum()
    assert weighted == pytest.approx(per_journey, abs=0.06)
    assert policy["currentness"].mean() > slot["currentness"].mean()  # type: ignore[operator]


def test_the_journey_arm_has_a_higher_click_probability_than_the_interest_arm(sends: pl.DataFrame) -> None:
    rates = {arm: rows["click_probability"].mean() for (arm,), rows in sends.group_by("arm")}
    assert rates["journey"] > 1.5 * rates["interest"]  # type: ignore[operator]


def test_a_click_causes_further_engagements(world: World, sends: pl.DataFrame) -> None:
    clicked = sends.drop_nulls("clicked_at")
    mean = clicked["n_follow_up_engagements"].mean()
    closeups = sum(RESPONSES.closeups_after_click) / len(RESPONSES.closeups_after_click)
    assert mean == pytest.approx(closeups * (1 + RESPONSES.save_after_closeup), rel=0.08)
    assert (sends.filter(pl.col("clicked_at").is_null())["n_follow_up_engagements"] == 0).all()
    assert world.policy["responses"]["closeups_after_click"] == RESPONSES.closeups_after_click  # type: ignore[index]


def test_feedback_has_all_verdicts(world: World) -> None:
    verdicts = world.landing["journey_feedback"]["verdict"].value_counts()
    assert set(verdicts["verdict"]) == {"finished", "not_mine", "mute", "more"}
