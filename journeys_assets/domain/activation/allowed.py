"""Whether a planned send may still be handed over: by what is known now, and by what was handed over before.

The plan of a day knows what had been ingested when it was made, and counts the sends of other plans. Plans may be made
again after they were handed over, consent may change in between, and a call may come late. So the rules are checked
once more against the ledger, which is the truth about what left.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import polars as pl

from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.plan import CONSENT, known_zones, overlaps_quiet_hours

ALREADY, SAME_LOCAL_DAY, WINDOW_OVER, NOT_OPTED_IN, UNSUBSCRIBED, QUIET_HOURS, COOL_DOWN, WEEKLY_CAP = (
    "handed_over_before",
    "same_day_of_the_user",
    "send_window_over",
    "not_opted_in",
    "unsubscribed",
    "quiet_hours",
    "cool_down",
    "weekly_cap",
)
DAYS_OF_CAP = 7


def with_objection(
    sends: pl.DataFrame, consent: pl.DataFrame, ledger: pl.DataFrame, now: datetime, params: NotificationParams
) -> pl.DataFrame:
    """``sends`` with ``objection``: why each may not be handed over; null if it may.

    Caps and cool-down hold in days of UTC, which plans count, and in days of the user: the local days on which windows
    start, in the zone of the send that is checked.

    Args:
        sends: user_id, journey_id, channel, send_date, send_window_start_at, send_window_end_at, timezone and other
            columns; one row a user and day.
        consent: user_id, timezone (nullable), email_opt_in, push_opt_in, email_unsubscribed, push_unsubscribed, as of
            now. Somebody who moved after the plan was made may be in quiet hours.
        ledger: user_id, journey_id, send_date, send_after (naive UTC) of the sends that were handed over and not taken
            back, in any state but refused.
        now: Naive UTC.
    """
    facts = consent.select("user_id", *CONSENT, zone_now="timezone")
    rows = sends.join(facts, on="user_id", how="left").with_row_index("row_no")
    counts = (
        _days_apart(rows, ledger, max(DAYS_OF_CAP, params.journey_cool_down_days))
        .group_by("row_no")
        .agg(
            is_same_day=(pl.col("utc_days") == 0).any(),
            is_same_local_day=(pl.col("local_days") == 0).any(),
            # Towards both sides: a plan of an old day may come after those of later days.
            is_cooling=(
                (pl.col("earlier_journey") == pl.col("journey_id"))
                & (
                    pl.min_horizontal(pl.col("utc_days").abs(), pl.col("local_days").abs())
                    < params.journey_cool_down_days
                )
            ).any(),
            # In the 7 days that end with the send day, or any that begin with it: with the earlier and the later ones
            # together, no window of 7 days has more than the cap.
            n_near=pl.max_horizontal((pl.col(days).abs() < DAYS_OF_CAP).sum() for days in ("utc_days", "local_days")),
        )
    )
    rows = rows.join(counts, on="row_no", how="left").sort("row_no")
    return rows.with_columns(
        objection=pl.when(pl.col("is_same_day").fill_null(False))
        .then(pl.lit(ALREADY))
        .when(pl.col("send_window_end_at").is_null() | (pl.col("send_window_end_at") <= now))
        .then(pl.lit(WINDOW_OVER))
        .when(_of_channel("unsubscribed"))
        .then(pl.lit(UNSUBSCRIBED))
        .when(~_of_channel("opt_in"))
        .then(pl.lit(NOT_OPTED_IN))
        .when(_are_quiet(rows, params))
        .then(pl.lit(QUIET_HOURS))
        .when(pl.col("is_same_local_day").fill_null(False))
        .then(pl.lit(SAME_LOCAL_DAY))
        .when(pl.col("is_cooling").fill_null(False))
        .then(pl.lit(COOL_DOWN))
        .when(pl.col("n_near").fill_null(0) >= params.weekly_cap_per_user)
        .then(pl.lit(WEEKLY_CAP))
    ).select(*sends.columns, "objection")


def _days_apart(rows: pl.DataFrame, ledger: pl.DataFrame, within_days: int) -> pl.DataFrame:
    """Each send with each send of the user in the ledger that is near: row_no, journey_id, earlier_journey, and
    utc_days and local_days from the one in the ledger to the one that is checked."""
    columns = ("row_no", "user_id", "journey_id", "send_date", "send_window_start_at", "timezone")
    earlier = ledger.select(
        "user_id", earlier_journey="journey_id", earlier_date="send_date", earlier_start="send_after"
    )
    pairs = (
        rows.select(columns)
        .join(earlier, on="user_id")
        .with_columns(utc_days=(pl.col("send_date") - pl.col("earlier_date")).dt.total_days())
        .filter(pl.col("utc_days").abs() <= within_days)
    )
    local = _local_days(pairs, "send_window_start_at") - _local_days(pairs, "earlier_start")
    return pairs.with_columns(local_days=local.dt.total_days())


def _are_quiet(rows: pl.DataFrame, params: NotificationParams) -> pl.Series:
    """Whether the window of each send overlaps quiet hours in ``zone_now``; not if the zone is unknown."""
    columns = ["zone_now", "send_window_start_at", "send_window_end_at"]
    windows = rows.select(columns).unique()
    quiet = [
        None not in (zone, start, end) and zone in known_zones() and overlaps_quiet_hours(zone, start, end, params)
        for zone, start, end in windows.iter_rows()
    ]
    found = windows.with_columns(is_quiet=pl.Series(quiet, dtype=pl.Boolean))
    return rows.join(found, on=columns, how="left", nulls_equal=True, maintain_order="left")["is_quiet"]


def _local_days(rows: pl.DataFrame, start: str) -> pl.Series:
    """The date of ``start`` (naive UTC) in ``timezone``, row by row; null where either is. Windows start on a coarse
    grid, so there are few distinct pairs."""
    pairs = rows.select("timezone", start).unique()
    days = [
        None if zone is None or at is None else at.replace(tzinfo=UTC).astimezone(zoneinfo.ZoneInfo(zone)).date()
        for zone, at in pairs.iter_rows()
    ]
    found = pairs.with_columns(local_day=pl.Series(days, dtype=pl.Date))
    return rows.join(found, on=["timezone", start], how="left", nulls_equal=True, maintain_order="left")["local_day"]


def withdrawn(handed_over: pl.DataFrame, consent: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Sends that were handed over and must be taken back: their window is not over, and consent is.

    Args:
        handed_over: key, user_id, journey_id, channel, send_date, send_before (naive UTC) of accepted sends.
        consent: As for :func:`with_objection`.

    Returns:
        key, user_id, journey_id, channel, send_date, reason.
    """
    rows = handed_over.filter(pl.col("send_before") > now).join(consent, on="user_id", how="left")
    reason = (
        pl.when(_of_channel("unsubscribed"))
        .then(pl.lit(UNSUBSCRIBED))
        .when(~_of_channel("opt_in"))
        .then(pl.lit(NOT_OPTED_IN))
    )
    found = rows.with_columns(reason=reason).filter(pl.col("reason").is_not_null())
    return found.select("key", "user_id", "journey_id", "channel", "send_date", "reason")


def _of_channel(what: str) -> pl.Expr:
    """The column of the row's channel, such as ``push_opt_in``; unknown counts as no."""
    is_push = pl.col("channel") == "push"
    return pl.when(is_push).then(pl.col(f"push_{what}")).otherwise(pl.col(f"email_{what}")).fill_null(False)
