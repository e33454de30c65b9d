"""The sends that the plan of a day counts: those that earlier days planned, and those that were logged."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from journeys_assets.domain.notifications.params import NotificationParams

_SENDS = ("user_id", "journey_id", "channel", "sent_date")


def longest_memory_days(params: NotificationParams) -> int:
    """Days before a partition date that any cap, cool-down or memory reaches back."""
    return max(params.journey_cool_down_days, params.memory_days, 7) + 1


def sends_of_plan(plan: pl.DataFrame) -> pl.DataFrame:
    """The sends among rows of notification_candidates: user_id, journey_id, channel, sent_date."""
    sends = plan.filter(pl.col("decision") == "send")
    return sends.with_columns(sent_date=pl.col("partition_date") + timedelta(days=1)).select(_SENDS)


def sends_before(planned: pl.DataFrame, logged: pl.DataFrame, day: date, params: NotificationParams) -> pl.DataFrame:
    """The sends that count for the plan of ``day``, over the longest period that any rule uses.

    Args:
        planned: Sends that partitions before ``day`` planned, and earlier ones: user_id, journey_id, channel,
            sent_date.
        logged: Sends that were logged, with the same columns, of any days.

    Returns:
        The same columns; distinct, sorted.
    """
    oldest = day - timedelta(days=longest_memory_days(params))
    counted = pl.concat(
        [
            planned.filter(pl.col("sent_date").is_between(oldest + timedelta(days=1), day)),
            logged.filter(pl.col("sent_date").is_between(oldest, day)),
        ]
    )
    return counted.unique().sort(_SENDS)
