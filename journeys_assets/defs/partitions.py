"""Daily UTC partitions, and the one place where partition keys become dates."""

from collections.abc import Mapping
from datetime import date

import dagster as dg

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
PARTITION_TAG = "dagster/partition"


def daily_partitions(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition per day from ``first_day`` to today; today's exists for incremental runs within the day."""
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days of a run, in order: one day or a range."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make a run of a partitioned job cover a range of days."""
    return {RANGE_START_TAG: first.isoformat(), RANGE_END_TAG: last.isoformat()}


def day_range(tags: Mapping[str, str]) -> tuple[date, date] | None:
    """First and last day of a run with these tags; None for a run without partitions."""
    first, last = tags.get(RANGE_START_TAG), tags.get(RANGE_END_TAG)
    if first is None or last is None:
        first = last = tags.get(PARTITION_TAG)
    return (date.fromisoformat(first), date.fromisoformat(last)) if first and last else None
