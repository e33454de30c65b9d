"""The notification plan follows every rule and gives the right reasons and send windows."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.notifications.arms import experiment_arm
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.plan import (
    CONSENT,
    OUTPUT_COLUMNS,
    REASONS,
    plan_notifications,
)
from journeys_assets.domain.notifications.titles import MAX_CHARACTERS
from journeys_assets.domain.tables.pipeline import NOTIFICATION_CANDIDATES
from journeys_assets.domain.tables.table import violations
from journeys_assets.domain.vocabulary import CHANNELS, NAMELESS

DAY = date(2026, 5, 10)
ALL_JOURNEY = NotificationParams(journey_arm_share=1.0, interest_arm_share=0.0)

JOURNEY_SCHEMA = pl.Schema(
    {
        "user_id": pl.String,
        "journey_id": pl.String,
        "journey_name": pl.String,
        "stage": pl.String,
        "intent": pl.String,
        "confidence": pl.Float64,
        "rank": pl.Int64,
        "diversified_score": pl.Float64,
        "feedback": pl.String,
        "safety_decision": pl.String,
        "item_ids": pl.List(pl.String),
    }
)
USER_SCHEMA = pl.Schema(
    {"user_id": pl.String, "timezone": pl.String, "locale": pl.String, **dict.fromkeys(CONSENT, pl.Boolean)}
)
HOUR_SCHEMA = pl.Schema({"user_id": pl.String, "hour_utc": pl.Int64, "n": pl.Int64})
SENT_SCHEMA = pl.Schema({"user_id": pl.String, "journey_id": pl.String, "channel": pl.String, "sent_date": pl.Date})

INTEREST_SCHEMA = pl.Schema({"user_id": pl.String, "interest_name": pl.String, "item_ids": pl.List(pl.String)})
MEMORY_SCHEMA = pl.Schema({"user_id": pl.String, "journey_id": pl.String, "n_similar_sends": pl.Int64})


def journey(**values: Any) -> dict[str, Any]:
    return (
        {"diversified_score": 1.0 / values.get("rank", 1)}
        | {
            "user_id": "u",
            "journey_id": "j",
            "journey_name": "Kitchen tiles",
            "stage": "ongoing",
            "intent": "exploring",
            "confidence": 0.9,
            "rank": 1,
            "feedback": None,
            "safety_decision": "allow",
            "item_ids": ["tile", "grout"],
        }
        | values
    )


def user(**values: Any) -> dict[str, Any]:
    consent = {"email_opt_in": True, "push_opt_in": True, "email_unsubscribed": False, "push_unsubscribed": False}
    return {"user_id": "u", "timezone": "UTC", "locale": None} | consent | values


def sent_row(days_ago: int, **values: Any) -> dict[str, Any]:
    row = {"user_id": "u", "journey_id": "other", "channel": "push", "sent_date": DAY - timedelta(days=days_ago)}
    return row | values


def plan(
    journeys: list[dict[str, Any]],
    users: list[dict[str, Any]] | None = None,
    hours: list[dict[str, Any]] | None = None,
    sent: list[dict[str, Any]] | None = None,
    *,
    day: date = DAY,
    params: NotificationParams = ALL_JOURNEY,
    similar_sends: dict[str, int] | None = None,
    interests: list[dict[str, Any]] | None = None,
) -> pl.DataFrame:
    counts = [{"user_id": "u", "journey_id": j, "n_similar_sends": n} for j, n in (similar_sends or {}).items()]
    return plan_notifications(
        pl.DataFrame(journeys, schema=JOURNEY_SCHEMA),
        pl.DataFrame([user()] if users is None else users, schema=USER_SCHEMA),
        pl.DataFrame(hours or [], schema=HOUR_SCHEMA),
        pl.DataFrame(sent or [], schema=SENT_SCHEMA),
        pl.DataFrame(counts, schema=MEMORY_SCHEMA),
        day,
        params,
        interests=pl.DataFrame(interests or [], schema=INTEREST_SCHEMA),
    )


def reasons(planned: pl.DataFrame) -> list[tuple[str, str, str]]:
    return planned.select("journey_id", "channel", "reason").rows()


@pytest.mark.parametrize(
    ("changes", "user_changes", "reason"),
    [
        ({"stage": "ended"}, {}, "ended"),
        ({"stage": "ended", "feedback": "finished"}, {}, "feedback_finished"),
        ({"feedback": "not_mine"}, {}, "feedback_not_mine"),
        ({"feedback": "mute"}, {}, "feedback_muted"),
        ({"safety_decision": "no_notify"}, {}, "sensitive"),
        ({"safety_decision": "block"}, {}, "sensitive"),
        ({"safety_decision": None}, {}, "sensitive"),
        ({"confidence": 0.49}, {}, "low_confidence"),
        ({}, {"push_opt_in": False}, "not_opted_in"),
        ({}, {"push_unsubscribed": True}, "unsubscribed"),
        ({}, {"push_unsubscribed": True, "push_opt_in": False}, "unsubscribed"),
        ({}, {"email_unsubscribed": True}, "eligible"),
        ({}, {"push_opt_in": None}, "not_opted_in"),
        ({"feedback": "more"}, {}, "eligible"),
        ({"feedback": "finished"}, {}, "eligible"),
        ({"confidence": 0.5}, {}, "eligible"),
        ({"stage": "ended", "feedback": "mute", "confidence": 0.1}, {"push_opt_in": False}, "ended"),
        ({"feedback": "mute", "confidence": 0.1}, {"push_opt_in": False}, "feedback_muted"),
        ({"confidence": 0.1}, {"push_opt_in": False}, "low_confidence"),
    ],
)
def test_the_first_rule_that_applies_is_the_reason(
    changes: dict[str, Any], user_changes: dict[str, Any], reason: str
) -> None:
    push = plan([journey(**changes)], [user(**user_changes)]).filter(pl.col("channel") == "push")
    assert push["reason"].to_list() == [reason]
    assert push["decision"].to_list() == ["send" if reason == "eligible" else "hold"]


def test_a_user_gets_one_message_a_day_on_one_channel() -> None:
    planned = plan([journey(journey_id="b", rank=2), journey(journey_id="a", rank=1)])
    assert reasons(planned) == [
        ("a", "push", "eligible"),
        ("a", "email", "channel_already_chosen"),
        ("b", "push", "another_journey_chosen"),
        ("b", "email", "another_journey_chosen"),
    ]
    by_mail = plan([journey()], [user(push_opt_in=False)])
    assert reasons(by_mail) == [("j", "push", "not_opted_in"), ("j", "email", "eligible")]


def test_ties_of_rank_are_ordered_by_journey_id() -> None:
    tied = [journey(journey_id="b"), journey(journey_id="a")]
    assert plan(tied).equals(plan(tied[::-1]))
    assert reasons(plan(tied))[0] == ("a", "push", "eligible")


def test_a_journey_with_recent_sends_is_passed_over_with_its_own_reason() -> None:
    three = [
        journey(journey_id=j, rank=r, diversified_score=s) for j, r, s in (("a", 1, 0.9), ("b", 2, 0.8), ("c", 3, 0.1))
    ]
    fresh = plan(three).filter(pl.col("channel") == "push")
    assert fresh["reason"].to_list() == ["eligible", "another_journey_chosen", "another_journey_chosen"]
    with_memory = replace(ALL_JOURNEY, memory_penalty=0.8)
    again = plan(three, similar_sends={"a": 1}, params=with_memory).filter(
        pl.col("channel") == "push"
    )  # 0.9 x 0.8 < 0.8
    assert again.select("journey_id", "reason").rows() == [
        ("a", "similar_sent_lately"),
        ("b", "eligible"),
        ("c", "another_journey_chosen"),
    ]
    assert again["rank"].to_list() == [1, 2, 3]
    both = plan(three, similar_sends={"a": 1, "b": 1}, params=with_memory).filter(pl.col("channel") == "push")
    assert both["reason"].to_list() == fresh["reason"].to_list()
    assert plan(three, similar_sends={"a": 5}).equals(plan(three))  # recent sends have no effect by default


def test_a_journey_held_back_by_a_rule_keeps_that_reason_despite_recent_sends() -> None:
    two = [journey(journey_id="a", rank=1, confidence=0.1), journey(journey_id="b", rank=2)]
    push = plan(two, similar_sends={"a": 3}, params=replace(ALL_JOURNEY, memory_penalty=0.8)).filter(
        pl.col("channel") == "push"
    )
    assert push["reason"].to_list() == ["low_confidence", "eligible"]


def test_an_unknown_user_gets_no_sends_and_time_zone_utc() -> None:
    planned = plan([journey()], users=[])
    assert planned["reason"].unique().to_list() == ["not_opted_in"]
    assert planned["timezone"].unique().to_list() == ["UTC"]


@pytest.mark.parametrize(("days_ago", "reason"), [(12, "cool_down"), (13, "eligible")])
def test_a_journey_is_held_back_during_its_cool_down(days_ago: int, reason: str) -> None:
    planned = plan([journey()], sent=[sent_row(days_ago, journey_id="j", channel="email")])
    assert planned["reason"][0] == reason  # the send day is one day after the partition date


@pytest.mark.parametrize(("days_ago", "n", "reason"), [(5, 2, "weekly_cap"), (6, 0, "eligible")])
def test_the_weekly_cap_counts_the_seven_days_up_to_the_send_day(days_ago: int, n: int, reason: str) -> None:
    planned = plan([journey()], sent=[sent_row(days_ago), sent_row(days_ago, journey_id="third", channel="email")])
    assert planned["reason"][0] == reason
    assert planned["sends_last_7_days"].unique().to_list() == [n]


def test_a_send_about_no_journey_counts_once() -> None:
    logged = [sent_row(2, journey_id=None)]
    assert plan([journey()], sent=logged)["sends_last_7_days"][0] == 1
    assert plan([journey()], sent=[*logged, sent_row(2)])["sends_last_7_days"][0] == 1
    assert plan([journey()], sent=[*logged, sent_row(3)])["sends_last_7_days"][0] == 2


def test_sends_after_the_day_are_ignored() -> None:
    future = [sent_row(-1, journey_id="j"), sent_row(-2)]
    assert plan([journey()], sent=future).equals(plan([journey()]))


def test_arms_are_stable_and_have_the_configured_shares() -> None:
    params = NotificationParams()
    arms = [experiment_arm(f"user {i}", params) for i in range(4000)]
    assert arms == [experiment_arm(f"user {i}", params) for i in range(4000)]
    assert abs(arms.count("journey") / 4000 - 0.8) < 0.03
    assert abs(arms.count("interest") / 4000 - 0.1) < 0.02
    salted = [experiment_arm(f"user {i}", replace(params, experiment_salt="other")) for i in range(4000)]
    assert sum(a != b for a, b in zip(arms, salted, strict=True)) > 800


CONTENT = ("title_text", "title_template", "title_locale", "item_ids")


def test_arms_differ_only_in_content_and_the_holdout_gets_no_sends() -> None:
    interests = [{"user_id": "u", "interest_name": "home decor", "item_ids": ["lamp"]}]
    planned = {
        arm: plan(
            [journey(journey_name=" Kitchen\n  tiles ")], params=replace(ALL_JOURNEY, **shares), interests=interests
        )
        for arm, shares in {
            "journey": {"journey_arm_share": 1.0},
            "interest": {"journey_arm_share": 0.0, "interest_arm_share": 1.0},
            "holdout": {"journey_arm_share": 0.0},
        }.items()
    }
    for arm, rows in planned.items():
        assert rows["arm"].unique().to_list() == [arm]
    assert planned["holdout"]["reason"].unique().to_list() == ["arm_holdout"]
    same = [c for c in OUTPUT_COLUMNS if c not in ("arm", *CONTENT)]
    assert planned["journey"].select(same).equals(planned["interest"].select(same))
    content = {arm: planned[arm].filter(decision="send").select(CONTENT).row(0) for arm in ("journey", "interest")}
    assert content["journey"][0].endswith("Kitchen tiles")
    assert content["journey"][1].startswith("exploring-")
    assert content["journey"][3] == ["tile", "grout"]
    assert content["interest"][0].endswith("home decor")
    assert content["interest"][1].startswith("interest-")
    assert content["interest"][3] == ["lamp"]


def test_a_hold_has_no_items_and_a_send_at_most_so_many() -> None:
    params = replace(ALL_JOURNEY, items_per_send=1)
    planned = plan([journey(), journey(journey_id="k", rank=2)], params=params)
    assert planned.filter(decision="send")["item_ids"].to_list() == [["tile"]]
    assert set(planned.filter(decision="hold")["item_ids"].list.len()) == {0}


def test_without_an_interest_or_items_the_title_names_nothing() -> None:
    of_interest = replace(ALL_JOURNEY, journey_arm_share=0.0, interest_arm_share=1.0)
    for planned in (plan([journey()], params=of_interest), plan([journey(journey_name=NAMELESS, item_ids=None)])):
        send = planned.filter(decision="send")
        assert send["title_template"][0].startswith("generic-")
        assert send["item_ids"].to_list() == [[]]


def test_the_locale_of_the_user_chooses_the_language() -> None:
    planned = {locale: plan([journey()], [user(locale=locale)]) for locale in ("de-AT", "xx", None)}
    assert [rows["title_locale"][0] for rows in planned.values()] == ["de", "en", "en"]
    assert planned["de-AT"]["title_text"][0] != planned["xx"]["title_text"][0]


@pytest.mark.parametrize(
    "name",
    [
        *["ann@mail.example", "call 020 7946 0958", "ann (at) mail (dot) com", "+44\u200b 20 7946 0958", NAMELESS, ""],
        *["\u200b", f"{NAMELESS} (2)", None, "x" * 50 + " 978-3-16-148410-0"],
    ],
)
def test_a_title_names_no_journey_without_a_name_or_with_personal_data_in_it(name: str | None) -> None:
    (template,) = plan([journey(journey_name=name)])["title_template"].unique()
    assert template.startswith("generic-")


PIECES = st.sampled_from(
    ["ann", "@", "mail.example", " at ", " dot ", "com", "020", " ", "7946 0958", "(", "+44", "\u200b", "１２３"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=8))
def test_no_title_ever_holds_personal_data(pieces: list[str]) -> None:
    name = "".join(pieces).encode("utf-8", "ignore").decode()
    planned = plan([journey(journey_name=name)])
    assert not any(map(holds_personal_data, planned["title_text"]))
    assert all(len(title) <= MAX_CHARACTERS for title in planned["title_text"])
    if cleaned(name) and not holds_personal_data(name) and len(name) < 40:
        assert cleaned(name) in planned["title_text"][0]


def window(planned: pl.DataFrame, zone: str) -> tuple[datetime, datetime]:
    start, end = planned.select("send_window_start_at", "send_window_end_at").row(0)
    local = ZoneInfo(zone)
    return start.replace(tzinfo=UTC).astimezone(local), end.replace(tzinfo=UTC).astimezone(local)


def test_the_window_covers_the_hours_of_most_activity() -> None:
    hours = [{"user_id": "u", "hour_utc": h, "n": n} for h, n in ((3, 50), (14, 9), (15, 1), (11, 4))]
    start, end = window(plan([journey()], [user(timezone="Europe/Paris")], hours), "Europe/Paris")
    assert end - start == timedelta(hours=3)
    # 03:00 UTC is quiet in Paris; of the windows over 14 and 15 UTC (16 and 17 there) 16-19 starts nearest to 18.
    assert (start.hour, start.minute) == (16, 0)
    start, _ = window(plan([journey()], [user(timezone="Asia/Kolkata")], hours), "Asia/Kolkata")
    # 03:00 UTC is 08:30 in Kolkata: the window from 08:00 contains that hour and is not quiet.
    assert (start.hour, start.minute) == (8, 0)


@pytest.mark.parametrize("zone", [None, "", "Mars/Olympus", "../etc/passwd", "America"])
def test_without_zone_or_history_the_window_starts_at_the_default_hour_in_utc(zone: str | None) -> None:
    planned = plan([journey()], [user(timezone=zone)])
    assert planned["timezone"][0] == "UTC"
    assert planned["send_window_start_at"][0] == datetime(2026, 5, 11, 18)


DST_ZONES = (
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
)


@settings(max_examples=80, deadline=None)
@given(
    zone=st.sampled_from(DST_ZONES),
    day=st.dates(date(2026, 1, 1), date(2027, 12, 31)),
    quiet=st.tuples(st.integers(0, 23), st.integers(0, 23)),
    length=st.integers(1, 6),
    busy=st.integers(0, 23),
)
def test_no_window_overlaps_quiet_hours_in_local_time_on_any_day_of_the_year(
    zone: str, day: date, quiet: tuple[int, int], length: int, busy: int
) -> None:
    start_quiet, end_quiet = quiet
    n_quiet = (end_quiet - start_quiet) % 24
    params = replace(ALL_JOURNEY, quiet_start_hour=start_quiet, quiet_end_hour=end_quiet, send_window_hours=length)
    if length > 24 - n_quiet:
        with pytest.raises(ValueError, match="quiet hours"):
            plan([journey()], day=day, params=params)
        return
    hours = [{"user_id": "u", "hour_utc": busy, "n": 5}]
    planned = plan([journey()], [user(timezone=zone)], hours, day=day, params=params)
    start_at, end_at = planned.select("send_window_start_at", "send_window_end_at").row(0)
    if start_at is None:
        assert planned["reason"].unique().to_list() == ["no_send_window"]
        assert length >= 22 - n_quiet  # only if the hour lost to the clock change leaves no room
        return
    assert start_at.date() == day + timedelta(days=1)
    assert end_at - start_at == timedelta(hours=length)
    quiet_hours = {(start_quiet + i) % 24 for i in range(n_quiet)}
    at = start_at
    while at < end_at:
        assert at.replace(tzinfo=UTC).astimezone(ZoneInfo(zone)).hour not in quiet_hours
        at += timedelta(minutes=5)


def test_the_window_follows_local_time_when_the_clock_changes() -> None:
    """London, 29 March 2026: 09:00 local time is 08:00 UTC, an hour earlier than the day before."""
    hours = [{"user_id": "u", "hour_utc": 8, "n": 5}]
    params = replace(ALL_JOURNEY, quiet_start_hour=12, quiet_end_hour=9)
    before = plan([journey()], [user(timezone="Europe/London")], hours, day=date(2026, 3, 27), params=params)
    after = plan([journey()], [user(timezone="Europe/London")], hours, day=date(2026, 3, 28), params=params)
    assert before["send_window_start_at"][0] == datetime(2026, 3, 28, 9)
    assert after["send_window_start_at"][0] == datetime(2026, 3, 29, 8)


@pytest.mark.parametrize(
    "wrong",
    [{"send_window_hours": 0}, {"quiet_start_hour": 24}, {"journey_arm_share": 1.1}, {"weekly_cap_per_user": -1}],
)
def test_parameters_out_of_range_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        plan([journey()], params=replace(ALL_JOURNEY, **wrong))


# ── properties over whole worlds ────────────────────────────────────────────────────────────────────────────────────

USERS = ("ann", "bob", "cyd", "日本")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[dict[str, Any]]]:
    journeys = []
    for name in USERS:
        for rank in range(1, draw(st.integers(0, 4)) + 1):
            journeys.append(
                journey(
                    user_id=name,
                    journey_id=f"{name}{rank}",
                    rank=rank,
                    stage=draw(st.sampled_from(["ongoing", "ongoing", "ended"])),
                    confidence=draw(st.sampled_from([0.2, 0.5, 0.9])),
                    feedback=draw(st.sampled_from([None, None, "mute", "more", "not_mine", "finished"])),
                )
            )
    opt = st.sampled_from([True, True, False, None])
    users = [
        user(user_id=name, timezone=draw(st.sampled_from(DST_ZONES)), email_opt_in=draw(opt), push_opt_in=draw(opt))
        for name in USERS
        if draw(st.booleans()) or name == "ann"
    ]
    hours = [
        {"user_id": name, "hour_utc": hour, "n": draw(st.integers(1, 9))}
        for name in USERS
        for hour in draw(st.sets(st.integers(0, 23), max_size=3))
    ]
    return journeys, users, hours


def as_sent(planned: pl.DataFrame, day: date) -> list[dict[str, Any]]:
    sends = planned.filter(pl.col("decision") == "send").select("user_id", "journey_id", "channel")
    return [row | {"sent_date": day + timedelta(days=1)} for row in sends.iter_rows(named=True)]


@settings(max_examples=20, deadline=None)
@given(worlds(), st.integers(0, 3), st.integers(0, 9))
def test_no_rule_is_broken_over_a_month(world: Any, cap: int, cool_down: int) -> None:
    journeys, users, hours = world
    params = replace(ALL_JOURNEY, weekly_cap_per_user=cap, journey_cool_down_days=cool_down)
    known = {row["user_id"]: row for row in users}
    facts = {row["journey_id"]: row for row in journeys}
    sent: list[dict[str, Any]] = []
    for offset in range(24):
        day = DAY + timedelta(days=offset)
        sent += as_sent(plan(journeys, users, hours, sent, day=day, params=params), day)
    for row in sent:
        assert known[row["user_id"]][f"{row['channel']}_opt_in"] is True
        fact = facts[row["journey_id"]]
        assert fact["stage"] == "ongoing"
        assert fact["confidence"] >= 0.5
        assert fact["feedback"] not in ("mute", "not_mine")
        week = [
            other
            for other in sent
            if other["user_id"] == row["user_id"] and 0 <= (row["sent_date"] - other["sent_date"]).days < 7
        ]
        assert len(week) <= cap
        assert len({other["sent_date"] for other in week}) == len(week)
        same = [other["sent_date"] for other in sent if other["journey_id"] == row["journey_id"]]
        gaps = [(row["sent_date"] - other).days for other in same if other < row["sent_date"]]
        assert all(gap >= cool_down for gap in gaps)


@settings(max_examples=20, deadline=None)
@given(worlds(), st.randoms(use_true_random=False))
def test_a_plan_is_complete_valid_and_independent_of_row_order_and_other_users(world: Any, random: Any) -> None:
    journeys, users, hours = world
    params = NotificationParams()
    planned = plan(journeys, users, hours, params=params)
    expected = {(j["user_id"], j["journey_id"], channel) for j in journeys for channel in CHANNELS}
    assert set(planned.select("user_id", "journey_id", "channel").rows()) == expected
    assert planned.height == len(expected)
    assert set(planned["reason"]) <= set(REASONS)
    assert (planned["reason"] == "eligible").to_list() == (planned["decision"] == "send").to_list()
    stamped = planned.with_columns(partition_date=pl.lit(DAY), algorithm_version=pl.lit("v"))
    assert violations(NOTIFICATION_CANDIDATES, stamped) == []
    shuffled = [random.sample(rows, len(rows)) for rows in (journeys, users, hours)]
    assert plan(*shuffled, params=params).equals(planned)
    for name in USERS:
        own = [[row for row in rows if row["user_id"] == name] for rows in (journeys, users, hours)]
        assert plan(*own, params=params).equals(planned.filter(pl.col("user_id") == name))
