"""Daily UTC partitions, and the one place where partition keys become dates."""

from datetime import date

import dagster as dg


def daily_partitions(first_day: date) -> dg.DailyPartitionsDefinition:
    """One partition a day from ``first_day`` on; today's exists too, for incremental runs within the day."""
    return dg.DailyPartitionsDefinition(start_date=first_day.isoformat(), timezone="UTC", end_offset=1)


def days_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """The days that this run stands for, in order; one day or a range alike."""
    return sorted(date.fromisoformat(key) for key in context.partition_keys)


def chunked(days: list[date], size: int) -> list[list[date]]:
    """``days`` in stretches of at most ``size``, in order."""
    return [days[start : start + size] for start in range(0, len(days), size)]
