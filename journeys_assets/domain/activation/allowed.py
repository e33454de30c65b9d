"""Whether a planned send may still be handed over: by what is known now, and by what was handed over before.

The plan of a day knows what had been ingested when it was made, and counts the sends of other plans. Plans may be made
again after they were handed over, consent may change in between, and a call may come late. So the rules are checked
once more against the ledger, which is the truth about what left.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from journeys_assets.domain.notifications.params import NotificationParams

ALREADY, WINDOW_OVER, NOT_OPTED_IN, UNSUBSCRIBED, COOL_DOWN, WEEKLY_CAP = (
    "handed_over_before",
    "send_window_over",
    "not_opted_in",
    "unsubscribed",
    "cool_down",
    "weekly_cap",
)
DAYS_OF_CAP = 7


def with_objection(
    sends: pl.DataFrame, consent: pl.DataFrame, ledger: pl.DataFrame, now: datetime, params: NotificationParams
) -> pl.DataFrame:
    """``sends`` with ``objection``: why each may not be handed over; null if it may.

    Args:
        sends: user_id, journey_id, channel, send_date, send_window_end_at and other columns; one row a user and day.
        consent: user_id, email_opt_in, push_opt_in, email_unsubscribed, push_unsubscribed, as of now.
        ledger: user_id, journey_id, send_date of the sends that were handed over and not taken back, in any state but
            refused.
        now: Naive UTC.
    """
    rows = sends.join(consent, on="user_id", how="left").with_row_index("row_no")
    past = rows.select("row_no", "user_id", "journey_id", "send_date").join(
        ledger.rename({"journey_id": "earlier_journey", "send_date": "earlier_date"}), on="user_id"
    )
    days_since = (pl.col("send_date") - pl.col("earlier_date")).dt.total_days()
    counts = past.group_by("row_no").agg(
        is_same_day=(days_since == 0).any(),
        # Towards both sides: a plan of an old day may come after those of later days.
        is_cooling=(
            (pl.col("earlier_journey") == pl.col("journey_id")) & (days_since.abs() < params.journey_cool_down_days)
        ).any(),
        n_before=((days_since > 0) & (days_since < DAYS_OF_CAP)).sum(),
        n_after=((days_since < 0) & (days_since > -DAYS_OF_CAP)).sum(),
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
        .when(pl.col("is_cooling").fill_null(False))
        .then(pl.lit(COOL_DOWN))
        # In the 7 days that end with the send day, or any that begin with it: with the earlier and the later ones
        # together, no window of 7 days has more than the cap.
        .when(pl.col("n_before").fill_null(0) + pl.col("n_after").fill_null(0) >= params.weekly_cap_per_user)
        .then(pl.lit(WEEKLY_CAP))
    ).select(*sends.columns, "objection")


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
