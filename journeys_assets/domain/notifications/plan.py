"""Who is told about which journey tomorrow, on which channel, when and in what words, and why the others are not.

What belongs here: the rules that send or hold back, the experiment arm, the send window and the title. What does not:
sending, and reading what came of it.

Partition D plans the UTC day D+1 and knows nothing after D. Every live journey gets one row per channel; its ``reason``
is the first of ``REASONS`` that holds:

* ``ended``, ``feedback_finished`` - the journey is over; the latter where the user said so. A finished journey that was
  engaged with again is ongoing once more (the stage decides) and is not held back for the old verdict.
* ``feedback_not_mine``, ``feedback_muted`` - the user's word on the journey that holds (``domain.ranking.feedback``).
* ``low_confidence`` - below ``min_confidence``.
* ``not_opted_in`` - to this channel; unknown counts as no.
* ``arm_holdout`` - the user is in the holdout, which is sent nothing.
* ``no_send_window`` - the day has no stretch of the wanted length outside of the user's quiet hours.
* ``cool_down`` - the journey was the subject of a send less than ``journey_cool_down_days`` days ago.
* ``weekly_cap`` - the user already has ``weekly_cap_per_user`` sends in the 7 days that end with the send day.
* ``channel_already_chosen`` - the journey goes out on the other channel (push comes before email).
* ``similar_sent_lately`` - a journey goes out that ranks lower, but of which less was sent lately.
* ``another_journey_chosen`` - a better ranked journey of the user goes out; a user gets one message a day.
* ``eligible`` - the only reason of a send.

Of the journeys that could go out, the one with the largest ``diversified_score x memory_penalty ^ n`` does, n being the
recent sends about it or one like it (``domain.notifications.send_memory``); without such sends that is the one of the
best rank.

Users of the ``interest`` arm pass the same rules, caps and cool-down as those of the ``journey`` arm and are sent at
the same moment; only the words differ: a title that names no journey. So the arms differ in nothing but what is tested.
"""

from __future__ import annotations

import functools
import zoneinfo
from datetime import UTC, date, datetime, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.notifications.arms import experiment_arm
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.ranking.diversification import powers
from journeys_assets.domain.vocabulary import CHANNELS

REASONS = (
    "feedback_finished",
    "ended",
    "feedback_not_mine",
    "feedback_muted",
    "low_confidence",
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
"""In the order in which they are asked."""

INTEREST_TITLE = "Fresh ideas picked for you"
MAX_TITLE_NAME_CHARACTERS = 80

OUTPUT_COLUMNS = (
    "user_id",
    "journey_id",
    "channel",
    "decision",
    "reason",
    "arm",
    "title_text",
    "confidence",
    "rank",
    "timezone",
    "send_window_start_at",
    "send_window_end_at",
    "sends_last_7_days",
)

_GRID_MINUTES = 15
"""Offsets of all zones of our time are multiples of it."""

Ints = npt.NDArray[np.int64]


def plan_notifications(
    journeys: pl.DataFrame,
    users: pl.DataFrame,
    active_hours: pl.DataFrame,
    sent: pl.DataFrame,
    remembered: pl.DataFrame,
    day: date,
    params: NotificationParams,
) -> pl.DataFrame:
    """Plan the sends of the UTC day after ``day``.

    Args:
        journeys: user_id, journey_id, journey_name, stage, confidence, rank, diversified_score, feedback (nullable:
            the user's word that holds) of every live journey as of ``day``; other columns are ignored.
        users: user_id, timezone (nullable), email_opt_in, push_opt_in (nullable); a user may be missing. active_hours:
        user_id, hour_utc (0-23), n: how often the user was active in that hour of the day. sent: user_id, journey_id
        (null: about none), channel, sent_date; rows after ``day`` are ignored. remembered: user_id, journey_id,
        n_similar_sends as of ``day``, as ``domain.notifications.send_memory`` counts them; journeys
            without any may be missing.
        day: the partition date.

    Returns:
        ``OUTPUT_COLUMNS``, one row per journey and channel, sorted by user_id, rank, journey_id, channel.
        ``sends_last_7_days`` counts sends in the 7 days that end with the send day, this plan's own not included. The
        send window starts within the UTC day after ``day``; it is null where there is none.

    Raises:
        ValueError: a parameter is out of range; the message names it.
    """
    _check(params)
    sent = sent.filter(pl.col("sent_date") <= day)
    facts = _user_facts(journeys, users, active_hours, sent, day, params)
    cooling = _cooling(sent, day, params)
    rows = (
        journeys.select(
            "user_id", "journey_id", "journey_name", "stage", "feedback", "confidence", "rank", "diversified_score"
        )
        .join(facts, on="user_id", how="left")
        .join(cooling, on=["user_id", "journey_id"], how="left")
        .with_columns(pl.col("is_cooling").fill_null(False))
        .join(remembered, on=["user_id", "journey_id"], how="left")
        .with_columns(standing=_standing(params))
        .join(pl.DataFrame({"channel": CHANNELS, "channel_order": range(len(CHANNELS))}), how="cross")
        .sort(
            "user_id", "standing", "rank", "journey_id", "channel_order", descending=[False, True, False, False, False]
        )
        .with_columns(hold=_hold(params))
    )
    can_go = pl.col("hold").is_null()
    is_chosen = can_go & (can_go.cum_sum() == 1)
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
            title_text=_title(),
        )
        .select(OUTPUT_COLUMNS)
    )


def _check(params: NotificationParams) -> None:
    for name in ("quiet_start_hour", "quiet_end_hour", "default_send_hour"):
        if not 0 <= getattr(params, name) <= 23:
            raise ValueError(f"{name} is {getattr(params, name)}; it must lie in 0 … 23")
    if not 1 <= params.send_window_hours <= 24:
        raise ValueError(f"send_window_hours is {params.send_window_hours}; it must lie in 1 … 24")
    awake = 24 - (params.quiet_end_hour - params.quiet_start_hour) % 24
    if params.send_window_hours > awake:
        raise ValueError(
            f"send_window_hours is {params.send_window_hours}, but quiet hours {params.quiet_start_hour} … "
            f"{params.quiet_end_hour} leave {awake}; shorten either"
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


def _standing(params: NotificationParams) -> pl.Expr:
    """What a journey's diversified score still counts for after what was sent lately."""

    def shrunk(counts: pl.Series) -> pl.Series:
        factors = powers(params.memory_penalty, int(counts.to_numpy().max(initial=0)))
        return pl.Series(factors[counts.to_numpy()], dtype=pl.Float64)

    remembered = pl.col("n_similar_sends").fill_null(0)
    return pl.col("diversified_score") * remembered.map_batches(shrunk, return_dtype=pl.Float64)


def _hold(params: NotificationParams) -> pl.Expr:
    """The first rule that holds a row back by itself; null where none does."""
    has_ended = pl.col("stage") != "ongoing"
    opted_in = pl.when(pl.col("channel") == "push").then("push_opt_in").otherwise("email_opt_in")
    feedback = pl.col("feedback").fill_null("")
    rules = (
        ("feedback_finished", has_ended & (feedback == "finished")),
        ("ended", has_ended),
        ("feedback_not_mine", feedback == "not_mine"),
        ("feedback_muted", feedback == "mute"),
        ("low_confidence", ~(pl.col("confidence") >= params.min_confidence).fill_null(False)),
        ("not_opted_in", ~opted_in.fill_null(False)),
        ("arm_holdout", pl.col("arm") == "holdout"),
        ("no_send_window", pl.col("send_window_start_at").is_null()),
        ("cool_down", pl.col("is_cooling")),
        ("weekly_cap", pl.col("sends_last_7_days") >= params.weekly_cap_per_user),
    )
    return pl.coalesce(*(pl.when(condition).then(pl.lit(reason)) for reason, condition in rules))


def _title() -> pl.Expr:
    """What the message says. The words are those of the user's own keyword, on one line and of bounded length."""
    name = pl.col("journey_name").fill_null("").str.replace_all(r"\s+", " ").str.strip_chars()
    is_long = name.str.len_chars() > MAX_TITLE_NAME_CHARACTERS
    shown = pl.when(is_long).then(name.str.head(MAX_TITLE_NAME_CHARACTERS - 1) + "…").otherwise(name)
    is_generic = (pl.col("arm") == "interest") | (name == "")
    return pl.when(is_generic).then(pl.lit(INTEREST_TITLE)).otherwise(pl.lit("More ideas for your journey: ") + shown)


def _cooling(sent: pl.DataFrame, day: date, params: NotificationParams) -> pl.DataFrame:
    """Journeys that the send day is too early for: user_id, journey_id, is_cooling = true."""
    since = day + timedelta(days=1) - timedelta(days=params.journey_cool_down_days)
    recent = sent.filter((pl.col("sent_date") > since) & pl.col("journey_id").is_not_null())
    return recent.select("user_id", "journey_id").unique().with_columns(is_cooling=pl.lit(True))


def _sends(sent: pl.DataFrame, day: date) -> pl.DataFrame:
    """Sends a user has in the six days that end on ``day``: user_id, sends_last_7_days.

    A send that is about no journey may be known twice: planned for a slot with a journey and logged without one. So it
    counts only on days and channels where no send about a journey is known.
    """
    recent = sent.filter(pl.col("sent_date") > day - timedelta(days=6)).unique(
        ["user_id", "journey_id", "channel", "sent_date"]
    )
    slot = ["user_id", "channel", "sent_date"]
    about_none = pl.col("journey_id").is_null()
    return (
        recent.filter(~about_none | about_none.all().over(slot))
        .group_by("user_id")
        .agg(sends_last_7_days=pl.len().cast(pl.Int64))
    )


def _user_facts(
    journeys: pl.DataFrame,
    users: pl.DataFrame,
    active_hours: pl.DataFrame,
    sent: pl.DataFrame,
    day: date,
    params: NotificationParams,
) -> pl.DataFrame:
    """What the rules ask of a user, one row per user with journeys."""
    zones = _known_zones()
    facts = (
        journeys.select("user_id")
        .unique()
        .join(users.select("user_id", "timezone", "email_opt_in", "push_opt_in"), on="user_id", how="left")
        .join(_sends(sent, day), on="user_id", how="left")
        .with_columns(
            pl.col("sends_last_7_days").fill_null(0),
            timezone=pl.when(pl.col("timezone").is_in(zones)).then("timezone").otherwise(pl.lit("UTC")),
        )
        .sort("user_id")
    )
    arms = [experiment_arm(user_id, params) for user_id in facts["user_id"]]
    facts = facts.with_columns(arm=pl.Series(arms, dtype=pl.String))
    return _with_windows(facts, active_hours, day, params)


@functools.cache
def _known_zones() -> list[str]:
    return sorted(zoneinfo.available_timezones())


# ── send window ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _with_windows(
    facts: pl.DataFrame, active_hours: pl.DataFrame, day: date, params: NotificationParams
) -> pl.DataFrame:
    """Add send_window_start_at and send_window_end_at: of the windows that the user's zone allows on the UTC day after
    ``day``, the one that most of the user's activity falls into; ties go to the start nearest ``default_send_hour``,
    then to the earlier one."""
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time())
    starts = np.full(facts.height, -1, dtype=np.int64)
    activity = _activity(facts["user_id"], active_hours)
    zone_rows = facts.with_row_index("row").group_by("timezone", maintain_order=True).agg("row")
    for zone, of_zone in zip(zone_rows["timezone"], zone_rows["row"], strict=True):
        minutes = _allowed_starts(zone, midnight, params)
        if len(minutes):
            rows = of_zone.to_numpy()
            mass = activity[rows] @ _overlap(minutes, params.send_window_hours)
            starts[rows] = minutes[np.argmax(mass, axis=1)]  # the first of equals, and nearest to the default is first
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
    """(users, 24) counts by UTC hour; zeros for a user without history. ``user_ids`` are sorted and unique."""
    counts = np.zeros((len(user_ids), 24), dtype=np.int64)
    rows = active_hours.join(pl.DataFrame({"user_id": user_ids}).with_row_index("row"), on="user_id", how="inner")
    np.add.at(counts, (rows["row"].to_numpy(), rows["hour_utc"].to_numpy()), rows["n"].to_numpy())
    return counts


def _overlap(starts: Ints, window_hours: int) -> Ints:
    """(24, windows): minutes of each UTC hour of the day that lie in the window from each start minute."""
    minutes = (starts[:, None] + np.arange(window_hours * 60)) % (24 * 60)
    return np.stack([np.bincount(of_window // 60, minlength=24) for of_window in minutes], axis=1).astype(np.int64)


@functools.lru_cache(maxsize=4096)
def _allowed_starts(zone: str, midnight: datetime, params: NotificationParams) -> Ints:
    """Starts of windows within the UTC day from ``midnight``, in minutes, nearest to ``default_send_hour`` first.

    A window starts on a whole local hour and is ``send_window_hours`` of elapsed time, none of it within quiet hours by
    the clock on the user's wall. As instants are turned into wall time and never the other way round, an hour that does
    not exist or exists twice needs no rule of its own.
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
            away = abs(clock[i].hour - params.default_send_hour)
            found.append((min(away, 24 - away), i * _GRID_MINUTES))
    return np.array([minute for _, minute in sorted(found)], dtype=np.int64)


def _is_quiet(hour: int, params: NotificationParams) -> bool:
    return (hour - params.quiet_start_hour) % 24 < (params.quiet_end_hour - params.quiet_start_hour) % 24
