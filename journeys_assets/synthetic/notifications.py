"""Notifications sent under a known policy, and responses of users from a known model.

Organic behaviour is in ``behaviour``. The pipeline's own rules (``domain.notifications.plan``) are not used here,
except for the experiment arm.

A send names its journey by the id that the pipeline gives to a journey founded by the earliest keyword of the true
journey, as known at the time of the send. If the pipeline splits, merges or founds a journey differently, its id is
different. So some sends match no journey of the pipeline, as in any log.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from random import Random

from journeys_assets.domain.clustering.identity import journey_id
from journeys_assets.domain.notifications.arms import experiment_arm
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.synthetic.behaviour import local_time, own_pin, pursued_themes, save
from journeys_assets.synthetic.catalogue import Catalogue
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.plans import Journey, User
from journeys_assets.synthetic.record import Row, UserRecord
from journeys_assets.synthetic.streams import pick, pick_weighted, stream

MAX_SENDS_IN_7_DAYS = 3


@dataclass(frozen=True, slots=True)
class Responses:
    """The response model. The probability of a click is the logistic function of a sum of these terms."""

    intercept: float = -3.2
    currentness: float = 2.6
    """Multiplied by the currentness of the journey (0-1, ``Journey.currentness``)."""
    interest_factor: float = 0.35
    """Currentness of a message about no journey, as a share of that of the user's most current journey."""
    sends_last_7_days: float = -0.25
    """Fatigue, per send."""
    push: float = 0.2
    open_without_click: float = 0.22
    unsubscribe: float = 0.003
    unsubscribe_of_stale: float = 0.012
    """Multiplied by 1 - currentness and by 1 + 0.3 x sends in the last 7 days."""
    closeups_after_click: tuple[int, ...] = (1, 2, 3)
    """Possible numbers of closeups after a click, all equally likely."""
    save_after_closeup: float = 0.3


@dataclass(frozen=True, slots=True)
class Policy:
    """The sending policy outside random slots: a softmax over the user's journeys that have begun."""

    recency_weight: float = 2.0
    """Multiplied by exp(-days since last engaged / recency_days)."""
    recency_days: float = 10.0
    volume_weight: float = 0.3
    """Multiplied by ln(1 + keywords so far)."""


RESPONSES = Responses()
POLICY = Policy()


@dataclass(slots=True)
class Mailbox:
    """The sends to a user so far, with their responses."""

    arm: str
    channels: list[str]
    sent_days: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    truth: list[Row] = field(default_factory=list)


def open_mailbox(params: WorldParams, user: User) -> Mailbox:
    """An empty mailbox with the user's arm, from the same hash as in the pipeline, and the user's opt-in channels."""
    shares = NotificationParams(
        journey_arm_share=params.journey_arm_share, interest_arm_share=params.interest_arm_share
    )
    channels = [name for name, opted in (("push", user.push_opt_in), ("email", user.email_opt_in)) if opted]
    return Mailbox(experiment_arm(user.user_id, shares), channels)


def maybe_send(
    params: WorldParams,
    user: User,
    journeys: Sequence[Journey],
    catalogue: Catalogue,
    day: int,
    record: UserRecord,
    mailbox: Mailbox,
) -> None:
    """Possibly send one notification on ``day``, decided before the user's own actions, and record the response."""
    if mailbox.arm == "holdout" or not mailbox.channels or day < max(user.signs_up_on + 3, params.first_send_day):
        return
    sent_last_7 = sum(1 for sent in mailbox.sent_days if day - sent < 7)
    rng = stream(params.seed, "slot", user.index, day)
    if rng.random() >= params.sends_per_week / 7 or sent_last_7 >= MAX_SENDS_IN_7_DAYS:
        return
    sent_at = local_time(params, user, day, 17.0 + 3.0 * rng.random())
    known = [j for j in journeys if j.has_begun(day) and earliest_known(record, j, day, params) is not None]
    if not known or not params.starts_at <= sent_at < params.ends_at:
        return
    channel = mailbox.channels[int(rng.random() * len(mailbox.channels))]
    weights = [_policy_weight(j, day, record) for j in known]
    is_random = mailbox.arm == "journey" and rng.random() < params.random_slot_share
    chosen = pick(rng, known) if is_random else pick_weighted(rng, known, weights)
    if is_random:
        propensity: float | None = 1.0 / len(known)
    else:
        propensity = weights[known.index(chosen)] / sum(weights)
    about: str | None = None
    currentness = chosen.currentness(day)
    if mailbox.arm == "journey":
        earliest = earliest_known(record, chosen, day, params)
        about = journey_id(user.user_id, earliest) if earliest is not None else None
    else:
        propensity = None
        currentness = RESPONSES.interest_factor * max(j.currentness(day) for j in known)
    mailbox.sent_days.append(day)
    response = _respond(rng, user, currentness, channel, sent_last_7, sent_at, params)
    follow_ups = 0
    if response.clicked_at is not None:
        follow_ups = _follow_up(rng, user, chosen, journeys, catalogue, day, response.clicked_at, record)
    if response.unsubscribed_at is not None:
        mailbox.channels.remove(channel)
    notification_id = f"n-{user.user_id}-{day:04d}"
    mailbox.rows.append(
        (notification_id, user.user_id, about, channel, mailbox.arm, sent_at, response.opened_at, response.clicked_at,
         response.unsubscribed_at, propensity, is_random)
    )  # fmt: skip
    theme = chosen.theme.name if mailbox.arm == "journey" else None
    mailbox.truth.append(
        (notification_id, user.user_id, mailbox.arm, theme, sent_at, is_random, currentness, sent_last_7,
         response.click_probability, response.open_probability, response.unsubscribe_probability, follow_ups)
    )  # fmt: skip


def describe_policy(params: WorldParams) -> dict[str, object]:
    """The parameters of the policy and of the response model, for checks of estimates from the log."""
    return {
        "sends_per_week": params.sends_per_week,
        "max_sends_in_7_days": MAX_SENDS_IN_7_DAYS,
        "random_slot_share": params.random_slot_share,
        "journey_arm_share": params.journey_arm_share,
        "interest_arm_share": params.interest_arm_share,
        "policy": asdict(POLICY),
        "responses": asdict(RESPONSES),
    }


def earliest_known(record: UserRecord, journey: Journey, day: int, params: WorldParams) -> str | None:
    """The journey's earliest keyword as known when the day's sends are planned; None if there is none yet."""
    first = record.earliest.get(journey.theme.name)
    planned_at = params.starts_at + timedelta(days=day)
    return first[1] if first is not None and first[0] < planned_at else None


def _policy_weight(journey: Journey, day: int, record: UserRecord) -> float:
    n_keywords = len(record.searched.get(journey.theme.name, ()))
    recency = math.exp(-(day - journey.last_seen_day) / POLICY.recency_days)
    return math.exp(POLICY.recency_weight * recency + POLICY.volume_weight * math.log1p(n_keywords))


@dataclass(frozen=True, slots=True)
class _Response:
    click_probability: float
    open_probability: float
    unsubscribe_probability: float
    opened_at: datetime | None
    clicked_at: datetime | None
    unsubscribed_at: datetime | None


def _respond(
    rng: Random, user: User, currentness: float, channel: str, sent_last_7: int, sent_at: datetime, params: WorldParams
) -> _Response:
    """The user's response to a send; without events after the end of the world."""
    model = RESPONSES
    total = model.intercept + model.currentness * currentness + user.response_propensity
    total += model.sends_last_7_days * sent_last_7 + (model.push if channel == "push" else 0.0)
    p_click = 1.0 / (1.0 + math.exp(-total))
    p_open = p_click + (1.0 - p_click) * model.open_without_click
    p_leave = model.unsubscribe + model.unsubscribe_of_stale * (1 - currentness) * (1 + 0.3 * sent_last_7)
    draw, leaves = rng.random(), rng.random() < p_leave
    opened_at = sent_at + timedelta(minutes=1 + rng.expovariate(1 / 90)) if draw < p_open else None
    clicked_at = opened_at + timedelta(seconds=20) if opened_at is not None and draw < p_click else None
    left_at = (opened_at or sent_at + timedelta(hours=3)) + timedelta(minutes=2) if leaves else None
    seen = [moment if moment is not None and moment < params.ends_at else None for moment in (opened_at, clicked_at)]
    left_seen = left_at if left_at is not None and left_at < params.ends_at else None
    return _Response(p_click, p_open, p_leave, seen[0], seen[1], left_seen)


def _follow_up(
    rng: Random,
    user: User,
    journey: Journey,
    journeys: Sequence[Journey],
    catalogue: Catalogue,
    day: int,
    at: datetime,
    record: UserRecord,
) -> int:
    """Record the engagements after a click; returns their number."""
    pursued = pursued_themes(journeys, day)
    before = len(record.engagements)
    for _ in range(pick(rng, RESPONSES.closeups_after_click)):
        pin = own_pin(rng, catalogue, user, journey)
        at += timedelta(seconds=15 + int(rng.random() * 40))
        record.engage(pin, "closeup", at, pursued=pursued)
        if rng.random() < RESPONSES.save_after_closeup:
            at += timedelta(seconds=5)
            save(rng, user, journey, pin, at, record, pursued)
    return len(record.engagements) - before
