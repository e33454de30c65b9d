"""Each monitor passes on good data, fails on bad data, and lists the offenders."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.quality import monitors as quality_monitors


def test_share_of_keywords_embedded_lists_keywords_without_a_vector() -> None:
    keywords = pl.Series(["a", "b", "b", "c", "d"])
    assert quality_monitors.share_of_keywords_embedded(keywords, pl.Series(["a", "b", "c", "d", "e"])).passed
    failed = quality_monitors.share_of_keywords_embedded(keywords, pl.Series(["a", "b", "c"]))
    assert not failed.passed
    assert failed.value == 0.75
    assert failed.offenders["keyword"].to_list() == ["d"]
    assert quality_monitors.share_of_keywords_embedded(pl.Series([], dtype=pl.String), pl.Series(["a"])).value == 1.0


def test_singleton_share_lists_users_with_most_singletons() -> None:
    clusters = pl.DataFrame({"user_id": ["a", "a", "b", "b", "b"], "n_keywords": [5, 4, 1, 1, 1]})
    assert quality_monitors.singleton_share(clusters, min_users=2).passed
    failed = quality_monitors.singleton_share(clusters, maximum=0.5, min_users=2)
    assert (failed.passed, failed.value) == (False, 0.6)
    assert failed.offenders.rows() == [("b", 3)]
    assert quality_monitors.singleton_share(clusters.clear()).value is None
    newcomers = pl.DataFrame({"user_id": list("abcdefghij"), "n_keywords": 1})
    assert not quality_monitors.singleton_share(newcomers).passed
    assert quality_monitors.singleton_share(newcomers.head(9)).value is None


def test_journeys_per_user_is_the_median_over_users() -> None:
    journeys = pl.DataFrame({"user_id": ["a"] * 50 + ["b"] * 42 + ["c"]})
    failed = quality_monitors.journeys_per_user(journeys)
    assert (failed.passed, failed.value) == (False, 42.0)
    assert failed.offenders.rows()[0] == ("a", 50)
    assert quality_monitors.journeys_per_user(journeys.filter(pl.col("user_id") == "c")).passed
    assert quality_monitors.journeys_per_user(journeys.clear()).value is None


def test_one_area_share_counts_only_users_with_several_journeys() -> None:
    areas = {"a": "xxxxx", "b": "xxxx", "c": "xxxy", "d": "xxx", "e": "x"}
    journeys = pl.DataFrame(
        [(u, a) for u, own in areas.items() for a in own], schema=["user_id", "area_id"], orient="row"
    )
    failed = quality_monitors.one_area_share(journeys, min_users=3)
    assert (failed.passed, failed.value) == (False, 2 / 3)
    assert failed.offenders.rows() == [("a", 5), ("b", 4)]
    assert quality_monitors.one_area_share(journeys, maximum=0.7, min_users=3).passed
    assert quality_monitors.one_area_share(journeys, min_users=4).value is None
    assert quality_monitors.one_area_share(journeys.clear(), min_users=0).value is None


def test_name_uniqueness_is_per_user_and_ignores_case() -> None:
    journeys = pl.DataFrame(
        {
            "user_id": ["a", "a", "b", "b"],
            "journey_id": ["1", "2", "3", "4"],
            "journey_name": ["Bonsai", "Yoga", "Bonsai", "bonsai"],
        }
    )
    failed = quality_monitors.name_uniqueness(journeys)
    assert (failed.passed, failed.value) == (False, 0.5)
    assert failed.offenders["journey_id"].to_list() == ["3", "4"]
    assert quality_monitors.name_uniqueness(journeys.head(3)).passed


def test_candidates_per_user_fails_above_the_weekly_cap() -> None:
    sends = pl.DataFrame({"user_id": ["a", "a", "a", "b"]})
    assert quality_monitors.candidates_per_user(sends, weekly_cap=3).passed
    failed = quality_monitors.candidates_per_user(sends, weekly_cap=2)
    assert (failed.passed, failed.value) == (False, 3.0)
    assert failed.offenders.rows() == [("a", 3)]
    assert quality_monitors.candidates_per_user(sends.clear(), weekly_cap=0).passed


def test_share_quarantined_fails_above_five_percent() -> None:
    assert quality_monitors.share_quarantined(100, 5).passed
    assert not quality_monitors.share_quarantined(100, 6).passed
    assert quality_monitors.share_quarantined(0, 0).value == 0.0


def test_days_behind_log_counts_from_the_newest_computed_day() -> None:
    day = date(2026, 3, 10)
    assert quality_monitors.days_behind_log(day, day, day).value == 0
    assert quality_monitors.days_behind_log(day, day + timedelta(days=1), None).passed
    failed = quality_monitors.days_behind_log(day, day + timedelta(days=3), day)
    assert (failed.passed, failed.value) == (False, 3.0)
    backfill = quality_monitors.days_behind_log(day, day + timedelta(days=90), day + timedelta(days=90))
    assert (backfill.passed, backfill.value) == (True, 0.0)
    assert quality_monitors.days_behind_log(day, None, None).value is None


def event_days(**sources: list[int]) -> pl.DataFrame:
    """Days of March 2026 on which each source has events."""
    rows = [(source, date(2026, 3, n)) for source, days in sources.items() for n in days]
    return pl.DataFrame(rows, schema={"source": pl.String, "event_date": pl.Date}, orient="row")


def test_silent_sources_names_the_source_that_stopped() -> None:
    day = date(2026, 3, 28)
    both = event_days(search_events=list(range(1, 29)), pin_engagements=list(range(1, 24)))
    failed = quality_monitors.silent_sources(day, both)
    assert (failed.passed, failed.value, failed.upper) == (False, 5.0, 3.0)
    assert failed.offenders["source"].to_list() == ["pin_engagements"]
    assert quality_monitors.silent_sources(date(2026, 3, 26), both).passed


def test_silent_sources_allows_pauses_as_long_as_earlier_ones() -> None:
    days = [n for n in range(1, 29) if n < 10 or n > 15]
    paused = event_days(board_pins=[n for n in days if n <= 21])
    for silent, passed in ((6, True), (7, True), (8, False)):
        found = quality_monitors.silent_sources(date(2026, 3, 21 + silent), paused)
        assert (found.value, found.passed) == (silent, passed)
    before_it_came_back = quality_monitors.silent_sources(date(2026, 3, 14), paused)
    assert (before_it_came_back.value, before_it_came_back.passed) == (5.0, False), "later days are ignored"
    rare = quality_monitors.silent_sources(date(2026, 3, 28), event_days(board_pins=[1, 2, 3, 4, 5, 6]))
    assert (rare.passed, rare.value) == (True, None)
    assert "not enough history" in rare.bound


def test_share_of_stale_users_counts_each_user_once() -> None:
    days = [date(2026, 3, 2), date(2026, 3, 1), date(2026, 3, 1)]
    stale = pl.DataFrame({"user_id": ["b", "b", "a"], "day": days, "reason": ["new_events", "late_events", "x"]})
    failed = quality_monitors.share_of_stale_users(10, stale)
    assert (failed.passed, failed.value) == (False, 0.2)
    assert failed.offenders.rows() == [("a", days[2], "x"), ("b", days[1], "late_events")]
    assert quality_monitors.share_of_stale_users(100, stale).passed
    assert quality_monitors.share_of_stale_users(0, stale).value == 1.0
    assert quality_monitors.share_of_stale_users(0, stale.clear()).value == 0.0


def test_as_frame_has_one_row_per_monitor() -> None:
    monitors = [quality_monitors.share_quarantined(100, 6), quality_monitors.unmeasured("other", "nothing to measure")]
    frame = quality_monitors.as_frame([("keyword_table", monitor) for monitor in monitors])
    assert frame.select("monitor", "value", "lower", "upper", "bound", "passed").rows() == [
        ("share_quarantined", 0.06, None, 0.05, "<= 0.05", False),
        ("other", None, None, None, "nothing to measure", True),
    ]


@pytest.mark.parametrize(
    ("value", "bound", "text"),
    [
        (0.8, 0.8, "0.8"),
        (0.80016, 0.8, "0.8002"),
        (0.79996, 0.8, "0.79996"),
        (1234.4, 1234.0, "1,234.4"),
        (0.5, 0.8, "0.5"),
    ],
)
def test_a_measurement_reads_differently_from_a_bound_that_it_does_not_equal(
    value: float, bound: float, text: str
) -> None:
    assert quality_monitors.format_measured(value, None, bound) == text


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_what_fired_never_reads_as_within_its_bound(value: float, upper: float) -> None:
    monitor = quality_monitors.bounded("m", value, upper=upper, advice="none")
    shown, bound = monitor.summary.removeprefix("m = ").split(", expected <= ")
    if not monitor.passed:
        assert shown != bound or abs(value - upper) < 1e-9 * upper
