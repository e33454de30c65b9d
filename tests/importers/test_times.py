from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.importers.times import are_naive, utc_times

TEN = datetime(2026, 1, 5, 10)


def read(text: str, unit: str | None = None, zone: str = "UTC") -> datetime | str:
    """The time, or the problem."""
    times, unreadable = utc_times(pl.Series([text]), unit=unit, zone=zone)  # type: ignore[arg-type]
    return times[0] if unreadable.is_empty() else str(unreadable["problem"][0])


@pytest.mark.parametrize(
    ("text", "unit", "zone", "expected"),
    [
        ("2026-01-05T10:00:00Z", None, "Europe/Berlin", TEN),
        ("2026-01-05 10:00:00 UTC", None, "Europe/Berlin", TEN),
        ("2026-01-05T11:00:00+01:00", None, "Asia/Tokyo", TEN),
        ("2026-01-05T11:00:00", None, "Europe/Berlin", TEN),
        ("2026-01-05T10:00:00", None, "UTC", TEN),
        ("2026-10-25T02:30:00", None, "Europe/Berlin", datetime(2026, 10, 25, 0, 30)),
        ("1767607200", "s", "Asia/Tokyo", TEN),
        ("1767607200.25", "s", "UTC", TEN + timedelta(milliseconds=250)),
        ("1767607200000", "ms", "UTC", TEN),
        ("1767607200000001", "us", "UTC", TEN + timedelta(microseconds=1)),
        ("1767607200000001999", "ns", "UTC", TEN + timedelta(microseconds=1)),
        ("1.767607200E9", "s", "UTC", TEN),
    ],
)
def test_a_time_is_read(text: str, unit: str | None, zone: str, expected: datetime) -> None:
    assert read(text, unit, zone) == expected


def test_a_time_that_cannot_be_read_has_the_reason() -> None:
    assert "set time_unit" in str(read("1767607200"))
    assert "beyond the year 9999 in the unit s" in str(read("1767607200000000", "s"))
    assert "clocks were set forward" in str(read("2026-03-29T02:30:00", None, "Europe/Berlin"))
    assert "is not a time" in str(read("yesterday"))


def test_times_without_a_zone_are_known() -> None:
    texts = pl.Series(
        ["2026-01-05T10:00:00", "2026-01-05 10:00", "2026-01-05T10:00Z", "2026-01-05T10:00-08", "17", None]
    )
    assert are_naive(texts).to_list() == [True, True, False, False, False, False]


@given(st.datetimes(datetime(1980, 1, 1), datetime(2037, 1, 1)), st.sampled_from(["America/New_York", "Asia/Kolkata"]))
def test_local_times_are_those_of_the_zone(local: datetime, zone: str) -> None:
    aware = local.replace(tzinfo=ZoneInfo(zone))
    exists = aware.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) == local
    result = read(local.isoformat(), None, zone)
    assert result == aware.astimezone(UTC).replace(tzinfo=None) if exists else "does not exist" in str(result)


@given(st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1)))
def test_microseconds_are_exact(time: datetime) -> None:
    number = (time - datetime(1970, 1, 1)) // timedelta(microseconds=1)
    assert read(str(number), "us") == time
