"""The notification plan of a day: who is notified about which journey, on which channel, when and with what.

Partition D plans the sends of the UTC day D+1 and uses no data after D. Every live journey gets one row per channel.
Its ``reason`` is the first of ``REASONS`` that applies:

* ``ended``, ``feedback_finished`` - the journey has ended; the latter if the user marked it as finished. A finished
  journey that the user engages with again is ongoing (the stage decides), and the old verdict does not hold it back.
* ``feedback_not_mine``, ``feedback_muted`` - the user's verdict on the journey (``domain.ranking.feedback``).
* ``sensitive`` - the safety policy forbids to send anything about the journey (``domain.safety``).
* ``low_confidence`` - the confidence is below ``min_confidence``.
* ``unsubscribed`` - the user unsubscribed from this channel, and has not opted in to it since.
* ``not_opted_in`` - the user has not opted in to this channel; unknown counts as no.
* ``arm_holdout`` - the user is in the holdout, which gets no sends.
* ``no_send_window`` - the day has no window of ``send_window_hours`` outside of the user's quiet hours.
* ``cool_down`` - there was a send about the journey less than ``journey_cool_down_days`` days ago.
* ``weekly_cap`` - the user already has ``weekly_cap_per_user`` sends in the 7 days up to and including the send day.
  Where an old day is planned again, both rules also hold towards the sends that later days have planned.
* ``channel_already_chosen`` - the journey is sent on the other channel (push comes before email).
* ``similar_sent_lately`` - a journey with a lower rank but fewer recent sends is sent.
* ``another_journey_chosen`` - a journey of the user with a better rank is sent; a user gets one message a day.
* ``eligible`` - the only reason of a send.

Of the journeys that may be sent, the one with the largest ``diversified_score x memory_penalty ^ n`` is chosen. n is
the number of recent sends about it or a similar journey (``domain.notifications.send_memory``). Without such sends this
is the journey with the best rank.

Users of the ``interest`` arm have the same rules, caps and cool-down as those of the ``journey`` arm, and the same
send times. Only what a send says and shows differs: the user's top interest and items for it, in place of the journey
and its items. So the arms differ only in what is tested.
"""

from __future__ import annotations

import functools
import zoneinfo
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.notifications.arms import experiment_arm, title_variant
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.titles import N_VARIANTS, language_of, titles_of
from journeys_assets.domain.ranking.diversification import powers
from journeys_assets.domain.vocabulary import CHANNELS

REASONS = (
    "feedback_finished",
    "ended",
    "feedback_not_mine",
    "feedback_muted",
    "sensitive",
    "low_confidence",
    "unsubscribed",
    "not_opted_in",
    "arm_holdout",
    "no_send_window",
    "cool_down",
    "weekly_cap",
    "channel_already_chosen",
    "similar_sent_lately",
    "another_journey_chosen",
    "eligible",
)
"""All reasons, in the order in which they are checked."""

CONSENT = ("email_opt_in", "push_opt_in", "email_unsubscribed", "push_unsubscribed")
"""Columns of users that decide whether they may be sent anything on a channel."""

OUTPUT_COLUMNS = (
    "user_id",
    "journey_id",
    "channel",
    "decision",
    "reason",
    "arm",
    "title_text",
    "title_template",
    "title_locale",
    "item_ids",
    "confidence",
    "rank",
    "timezone",
    "send_window_start_at",
    "send_window_end_at",
    "sends_last_7_days",
)

_NO_INTERESTS = pl.Schema({"user_id": pl.String(), "interest_name": pl.String(), "item_ids": pl.List(pl.String())})

_GRID_MINUTES = 15
"""Offsets of all current time zones are multiples of this."""

Ints = npt.NDArray[np.int64]


def plan_notifications(
    journeys: pl.DataFrame,
    users: pl.DataFrame,
    active_hours: pl.DataFrame,
    sent: pl.DataFrame,
    similar_sends: pl.DataFrame,
    day: date,
    params: NotificationParams,
    planned_later: pl.DataFrame | None = None,
    interests: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Plan the sends of the UTC day after ``day``.

    Args:
        journeys: user_id, journey_id, journey_name, stage, intent, confidence, rank, diversified_score, feedback (the
            verdict that applies, nullable), safety_decision, item_ids (list, nullable) of every live journey as of
            ``day``; other columns are ignored.
        users: user_id, timezone, locale (nullable), email_opt_in, push_opt_in (nullable), email_unsubscribed,
            push_unsubscribed (nullable); users may be missing.
        active_hours: user_id, hour_utc (0-23), n: how often the user was active in that hour of the day.
        sent: user_id, journey_id (null: about no journey), channel, sent_date; rows after ``day`` are ignored.
        similar_sends: user_id, journey_id, n_similar_sends as of ``day``, from ``domain.notifications.send_memory``;
            journeys without such sends may be missing.
        day: The partition date.
        planned_later: Sends that later partitions have planned, with the columns of ``sent``; by default none.
        interests: user_id, interest_name, item_ids (list) of users of the interest arm; by default none. Users without
            a row get a title that names nothing, and no items.

    Returns:
        ``OUTPUT_COLUMNS``, one row per journey and channel, sorted by user_id, rank, journey_id, channel.
        ``sends_last_7_days`` counts sends in the 7 days up to and including the send day, without this plan's own. The
        send window starts within the UTC day after ``day``; it is null if there is none.

    Raises:
        ValueError: A parameter is out of range; the message names it.
    """
    sent = sent.filter(pl.col("sent_date") <= day)
    interests = _NO_INTERESTS.to_frame() if interests is None else interests
    journeys = _with_content(journeys, users, interests, params)
    plan = _planned(journeys, users, active_hours, sent, similar_sends, day, params)
    if planned_later is None or planned_later.is_empty():
        return plan
    later = planned_later.filter(pl.col("sent_date") > day + timedelta(days=1))
    every_send = pl.concat([sent, later], how="diagonal")
    strict = _planned(journeys, users, active_hours, every_send, similar_sends, day, params)
    # Whose send fits the later plans keeps the plan as it is, so that a rerun of unchanged data changes nothing.
    key, is_send = ["user_id", "journey_id", "channel"], pl.col("decision") == "send"
    clashing = plan.filter(is_send).join(strict.filter(is_send), on=key, how="anti").select("user_id").unique()
    rows = pl.concat([plan.join(clashing, on="user_id", how="anti"), strict.join(clashing, on="user_id", how="semi")])
    channel = pl.col("channel").replace_strict(CHANNELS, range(len(CHANNELS)))
    return rows.sort("user_id", "rank", "journey_id", channel)


def _planned(
    journeys: pl.DataFrame,
    users: pl.DataFrame,
    active_hours: pl.DataFrame,
    sent: pl.DataFrame,
    similar_sends: pl.DataFrame,
    day: date,
    params: NotificationParams,
) -> pl.DataFrame:
    """The plan with every row of ``sent``, those of later plans included."""
    _check(params)
    facts = _user_facts(journeys, users, active_hours, sent, day, params)
    cooling = _cooling(sent, day, params)
    rows = (
        journeys.select(
            "user_id",
            "journey_id",
            "journey_name",
            "stage",
            "feedback",
            "confidence",
            "rank",
            "diversified_score",
            "safety_decision",
            "title_text",
            "title_template",
            "title_locale",
            "item_ids",
        )
        .join(facts, on="user_id", how="left")
        .join(cooling, on=["user_id", "journey_id"], how="left")
        .with_columns(pl.col("is_cooling").fill_null(False))
        .join(similar_sends, on=["user_id", "journey_id"], how="left")
        .with_columns(adjusted_score=_adjusted_score(params))
        .join(pl.DataFrame({"channel": CHANNELS, "channel_order": range(len(CHANNELS))}), how="cross")
        .sort(
            "user_id",
            "adjusted_score",
            "rank",
            "journey_id",
            "channel_order",
            descending=[False, True, False, False, False],
        )
        .with_columns(hold=_hold(params))
    )
    may_be_sent = pl.col("hold").is_null()
    is_chosen = may_be_sent & (may_be_sent.cum_sum() == 1)
    rows = rows.with_columns(is_chosen=is_chosen.over("user_id")).with_columns(
        journey_is_chosen=pl.col("is_chosen").any().over("user_id", "journey_id"),
        chosen_rank=pl.col("rank").filter("is_chosen").first().over("user_id"),
    )
    return (
        rows.sort("user_id", "rank", "journey_id", "channel_order")
        .with_columns(
            reason=pl.coalesce(
                "hold",
                pl.when("is_chosen")
                .then(pl.lit("eligible"))
                .when("journey_is_chosen")
                .then(pl.lit("channel_already_chosen"))
                .when(pl.col("rank") < pl.col("chosen_rank"))
                .then(pl.lit("similar_sent_lately"))
                .otherwise(pl.lit("another_journey_chosen")),
            ),
            decision=pl.when("is_chosen").then(pl.lit("send")).otherwise(pl.lit("hold")),
            item_ids=pl.when("is_chosen").then("item_ids").otherwise(pl.lit([], dtype=pl.List(pl.String))),
        )
        .select(OUTPUT_COLUMNS)
    )


def _check(params: NotificationParams) -> None:
    for name in ("quiet_start_hour", "quiet_end_hour", "default_send_hour"):
        if not 0 <= getattr(params, name) <= 23:
            raise ValueError(f"{name} is {getattr(params, name)}; it must lie in 0 … 23")
    if not 1 <= params.send_window_hours <= 24:
        raise ValueError(f"send_window_hours is {params.send_window_hours}; it must lie in 1 … 24")
    n_other_hours = 24 - (params.quiet_end_hour - params.quiet_start_hour) % 24
    if params.send_window_hours > n_other_hours:
        raise ValueError(
            f"send_window_hours is {params.send_window_hours}, but quiet hours {params.quiet_start_hour} … "
            f"{params.quiet_end_hour} leave only {n_other_hours}; shorten one of them"
        )
    shares = (params.journey_arm_share, params.interest_arm_share)
    if min(shares) < 0 or sum(shares) > 1 + 1e-9:
        raise ValueError(f"journey_arm_share and interest_arm_share are {shares}; they must be ≥ 0 and sum to ≤ 1")
    if params.weekly_cap_per_user < 0 or params.journey_cool_down_days < 0:
        raise ValueError("weekly_cap_per_user and journey_cool_down_days must be 0 or more")
    if params.memory_days < 0 or not 0.0 < params.memory_penalty <= 1.0:
        raise ValueError(
            f"memory_days is {params.memory_days} and memory_penalty {params.memory_penalty}; "
            "they must be 0 or more, and in (0, 1]"
        )


def _adjusted_score(params: NotificationParams) -> pl.Expr:
    """The diversified score, reduced by ``memory_penalty`` for each recent similar send."""

    def reduction(counts: pl.Series) -> pl.Series:
        factors = powers(params.memory_penalty, int(counts.to_numpy().max(initial=0)))
        return pl.Series(factors[counts.to_numpy()], dtype=pl.Float64)

    n_similar_sends = pl.col("n_similar_sends").fill_null(0)
    return pl.col("diversified_score") * n_similar_sends.map_batches(reduction, return_dtype=pl.Float64)


def _hold(params: NotificationParams) -> pl.Expr:
    """The first rule that holds a row back independently of other rows; null if none does."""
    has_ended = pl.col("stage") != "ongoing"
    is_push = pl.col("channel") == "push"
    opted_in = pl.when(is_push).then("push_opt_in").otherwise("email_opt_in")
    unsubscribed = pl.when(is_push).then("push_unsubscribed").otherwise("email_unsubscribed")
    feedback = pl.col("feedback").fill_null("")
    rules = (
        ("feedback_finished", has_ended & (feedback == "finished")),
        ("ended", has_ended),
        ("feedback_not_mine", feedback == "not_mine"),
        ("feedback_muted", feedback == "mute"),
        ("sensitive", (pl.col("safety_decision") != "allow").fill_null(True)),
        ("low_confidence", ~(pl.col("confidence") >= params.min_confidence).fill_null(False)),
        ("unsubscribed", unsubscribed.fill_null(False)),
        ("not_opted_in", ~opted_in.fill_null(False)),
        ("arm_holdout", pl.col("arm") == "holdout"),
        ("no_send_window", pl.col("send_window_start_at").is_null()),
        ("cool_down", pl.col("is_cooling")),
        ("weekly_cap", pl.col("most_in_7_days") >= params.weekly_cap_per_user),
    )
    return pl.coalesce(*(pl.when(condition).then(pl.lit(reason)) for reason, condition in rules))


def _with_content(
    journeys: pl.DataFrame, users: pl.DataFrame, interests: pl.DataFrame, params: NotificationParams
) -> pl.DataFrame:
    """``journeys`` with what a send about each would say and show: title_text, title_template, title_locale, item_ids.

    In the interest arm that is the user's top interest and its items.
    """
    facts = journeys.select(pl.col("user_id").unique().sort()).join(
        users.select("user_id", "locale"), on="user_id", how="left", maintain_order="left"
    )
    languages = {locale: language_of(locale) for locale in facts["locale"].unique()}
    said = facts.select(
        "user_id",
        is_interest=pl.Series(
            [experiment_arm(user, params) == "interest" for user in facts["user_id"]], dtype=pl.Boolean
        ),
        variant=pl.Series([title_variant(user, params) for user in facts["user_id"]], dtype=pl.Int64),
        title_locale=pl.Series([languages[locale] for locale in facts["locale"]], dtype=pl.String),
    ).join(interests.select("user_id", "interest_name", interest_items="item_ids"), on="user_id", how="left")
    rows = journeys.join(said, on="user_id", how="left", maintain_order="left").with_columns(
        occasion=pl.when("is_interest").then(pl.lit("interest")).otherwise("intent"),
        name=pl.when("is_interest").then("interest_name").otherwise("journey_name"),
        item_ids=pl.when("is_interest")
        .then("interest_items")
        .otherwise("item_ids")
        .fill_null([])
        .list.head(params.items_per_send),
        variant=pl.col("variant") % N_VARIANTS,
    )
    key = ["occasion", "title_locale", "variant", "name"]
    titles = titles_of(rows.select(key).unique().rename({"title_locale": "language"})).rename(
        {"language": "title_locale"}
    )
    return rows.join(titles, on=key, how="left", nulls_equal=True, maintain_order="left")


def _cooling(sent: pl.DataFrame, day: date, params: NotificationParams) -> pl.DataFrame:
    """Journeys that are in their cool-down on the send day: user_id, journey_id, is_cooling = true."""
    away = (pl.col("sent_date") - (day + timedelta(days=1))).dt.total_days().abs()
    recent = sent.filter((away < params.journey_cool_down_days) & pl.col("journey_id").is_not_null())
    return recent.select("user_id", "journey_id").unique().with_columns(is_cooling=pl.lit(True))


def _sends(sent: pl.DataFrame, day: date) -> pl.DataFrame:
    """Number of sends in the 7 days up to and including the send day, and in any 7 days that include it, without those
    of the send day itself: user_id, sends_last_7_days, most_in_7_days.

    A send may be recorded twice: planned with a journey, and logged without one. Sends without a journey therefore
    count only on days and channels without a send about a journey.
    """
    away = (pl.col("sent_date") - (day + timedelta(days=1))).dt.total_days()
    recent = (
        sent.with_columns(away=away)
        .filter(pl.col("away").is_between(-6, 6))
        .unique(["user_id", "journey_id", "channel", "sent_date"])
    )
    windows = [pl.col("away").is_between(last - 6, last).sum() for last in range(7)]
    slot = ["user_id", "channel", "sent_date"]
    about_none = pl.col("journey_id").is_null()
    return (
        recent.filter(~about_none | about_none.all().over(slot))
        .group_by("user_id")
        .agg(
            sends_last_7_days=windows[0].cast(pl.Int64),
            most_in_7_days=pl.max_horizontal(windows).cast(pl.Int64),
        )
    )


def _user_facts(
    journeys: pl.DataFrame,
    users: pl.DataFrame,
    active_hours: pl.DataFrame,
    sent: pl.DataFrame,
    day: date,
    params: NotificationParams,
) -> pl.DataFrame:
    """The properties of users that the rules need, one row per user with journeys."""
    zones = known_zones()
    facts = (
        journeys.select("user_id")
        .unique()
        .join(users.select("user_id", "timezone", *CONSENT), on="user_id", how="left")
        .join(_sends(sent, day), on="user_id", how="left")
        .with_columns(
            pl.col("sends_last_7_days", "most_in_7_days").fill_null(0),
            timezone=pl.when(pl.col("timezone").is_in(zones)).then("timezone").otherwise(pl.lit("UTC")),
        )
        .sort("user_id")
    )
    arms = [experiment_arm(user_id, params) for user_id in facts["user_id"]]
    facts = facts.with_columns(arm=pl.Series(arms, dtype=pl.String))
    return _with_windows(facts, active_hours, day, params)


@functools.cache
def known_zones() -> list[str]:
    """Names of all time zones."""
    return sorted(zoneinfo.available_timezones())


# ── send window ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _with_windows(
    facts: pl.DataFrame, active_hours: pl.DataFrame, day: date, params: NotificationParams
) -> pl.DataFrame:
    """Add send_window_start_at and send_window_end_at.

    Of the windows that are allowed in the user's zone on the UTC day after ``day``, the one with most of the user's
    activity is chosen. Ties go to the start nearest to ``default_send_hour``, then to the earlier start.
    """
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
    starts = np.full(facts.height, -1, dtype=np.int64)
    activity = _activity(facts["user_id"], active_hours)
    zone_rows = facts.with_row_index("row").group_by("timezone", maintain_order=True).agg("row")
    for zone, of_zone in zip(zone_rows["timezone"], zone_rows["row"], strict=True):
        minutes = _allowed_starts(zone, midnight, params)
        if len(minutes):
            rows = of_zone.to_numpy()
            mass = activity[rows] @ _overlap(minutes, params.send_window_hours)
            starts[rows] = minutes[np.argmax(mass, axis=1)]  # the first of equals, which is nearest to the default
    minute = pl.col("start_minute")
    start_at = pl.lit(midnight).cast(pl.Datetime("us")) + pl.duration(minutes=minute)
    return (
        facts.with_columns(start_minute=pl.Series(starts, dtype=pl.Int64))
        .with_columns(
            send_window_start_at=pl.when(minute >= 0).then(start_at),
            send_window_end_at=pl.when(minute >= 0).then(start_at + pl.duration(hours=params.send_window_hours)),
        )
        .drop("start_minute")
    )


def _activity(user_ids: pl.Series, active_hours: pl.DataFrame) -> Ints:
    """(users, 24): counts by UTC hour; zeros for users without history. ``user_ids`` are sorted and unique."""
    counts = np.zeros((len(user_ids), 24), dtype=np.int64)
    rows = active_hours.join(pl.DataFrame({"user_id": user_ids}).with_row_index("row"), on="user_id", how="inner")
    np.add.at(counts, (rows["row"].to_numpy(), rows["hour_utc"].to_numpy()), rows["n"].to_numpy())
    return counts


def _overlap(starts: Ints, window_hours: int) -> Ints:
    """(24, windows): minutes of each UTC hour that are in the window of each start minute."""
    minutes = (starts[:, None] + np.arange(window_hours * 60)) % (24 * 60)
    return np.stack([np.bincount(of_window // 60, minlength=24) for of_window in minutes], axis=1).astype(np.int64)


@functools.lru_cache(maxsize=4096)
def _allowed_starts(zone: str, midnight: datetime, params: NotificationParams) -> Ints:
    """Starts of windows within the UTC day from ``midnight``, in minutes, nearest to ``default_send_hour`` first.

    A window starts on a whole local hour, lasts ``send_window_hours`` of elapsed time, and does not overlap quiet hours
    in local time. Instants are converted to local time and never the other way round, so local hours that do not exist
    or exist twice need no special rule.
    """
    local = zoneinfo.ZoneInfo(zone)
    begin = midnight.replace(tzinfo=UTC)
    n_steps = params.send_window_hours * 60 // _GRID_MINUTES
    n_starts = 24 * 60 // _GRID_MINUTES
    clock = [(begin + timedelta(minutes=_GRID_MINUTES * i)).astimezone(local) for i in range(n_starts + n_steps)]
    is_quiet = np.array([_is_quiet(at.hour, params) for at in clock])
    found = []
    for i in range(n_starts):
        if clock[i].minute == 0 and not is_quiet[i : i + n_steps].any():
            distance = abs(clock[i].hour - params.default_send_hour)
            found.append((min(distance, 24 - distance), i * _GRID_MINUTES))
    return np.array([minute for _, minute in sorted(found)], dtype=np.int64)


def _is_quiet(hour: int, params: NotificationParams) -> bool:
    return (hour - params.quiet_start_hour) % 24 < (params.quiet_end_hour - params.quiet_start_hour) % 24


def overlaps_quiet_hours(zone: str, start_at: datetime, end_at: datetime, params: NotificationParams) -> bool:
    """Whether a window (naive UTC, the end not included) has a quiet hour of ``zone`` in it."""
    local = zoneinfo.ZoneInfo(zone)
    n_steps = (end_at - start_at) // timedelta(minutes=_GRID_MINUTES)
    clock = (start_at.replace(tzinfo=UTC) + timedelta(minutes=_GRID_MINUTES * i) for i in range(n_steps))
    return any(_is_quiet(at.astimezone(local).hour, params) for at in clock)
