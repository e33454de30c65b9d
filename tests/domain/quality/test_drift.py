"""Drift monitors pass on resampled data without a change, fail on planted changes, and need enough history."""

from collections.abc import Callable
from datetime import date, time, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from journeys_assets.domain.quality import drift
from journeys_assets.domain.quality.params import QualityParams

PARAMS = QualityParams()
DAY = date(2026, 3, 30)
WEEKS = [DAY - timedelta(days=n) for n in range(28, 0, -1)]
Values = npt.NDArray[np.int64]
TRIALS = 300


def keywords_of_users(chance: np.random.Generator, n_users: int) -> list[Values]:
    """Journey sizes of ``n_users`` users, 1 to 8 journeys each, of similar size within a user. Some users are heavy."""
    heaviness = chance.lognormal(0.0, 0.6, n_users)
    return [3 + chance.poisson(5 * h, chance.integers(1, 9)) for h in heaviness]


def counted(day: Values, reference: Values, n_users: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Counts and daily users: the values of DAY, and reference values spread evenly over the four weeks before."""
    values = np.concatenate([day, reference])
    days = [DAY] * len(day) + [WEEKS[n % 28] for n in range(len(reference))]
    counts = pl.DataFrame({"partition_date": days, "value": values}).group_by("partition_date", "value").len("n")
    return counts, made(pl.DataFrame({"partition_date": [*WEEKS, DAY], "n_users": n_users}))


def made(daily: pl.DataFrame, by: str = "v1", *, since: date = WEEKS[0]) -> pl.DataFrame:
    """``daily`` with made_by: ``by`` from ``since`` on, 'v0' before."""
    return daily.with_columns(
        made_by=pl.when(pl.col("partition_date") >= since).then(pl.lit(by)).otherwise(pl.lit("v0"))
    )


def compare(day: list[Values], reference: list[Values]) -> drift.Monitor:
    """``day`` against ``reference``; the reference counts as many users as the day, as in production."""
    counts, daily = counted(np.concatenate(day), np.concatenate(reference), len(day))
    return drift.cluster_size_drift(DAY, counts, daily, PARAMS)


@pytest.mark.parametrize("n_users", [3, 10, 40, 200])
def test_unchanged_sizes_rarely_fail_with_any_number_of_users(n_users: int) -> None:
    """With a fixed bound of 0.2, two of three trials with 10 users fail."""
    chance = np.random.default_rng(n_users)
    failed = [
        not compare(keywords_of_users(chance, n_users), keywords_of_users(chance, 8 * n_users)).passed
        for _ in range(TRIALS)
    ]
    assert sum(failed) <= 0.01 * TRIALS


@pytest.mark.parametrize("n_users", [40, 200])
@pytest.mark.parametrize(
    "change", [lambda n: n * 2, lambda n: (n + 2) // 3, lambda n: n + 6], ids=["doubled", "a third", "six more"]
)
def test_changed_sizes_always_fail(n_users: int, change: Callable[[Values], Values]) -> None:
    chance = np.random.default_rng(n_users)
    for _ in range(50):
        changed = [change(sizes) for sizes in keywords_of_users(chance, n_users)]
        failed = compare(changed, keywords_of_users(chance, 8 * n_users))
        assert not failed.passed
        assert failed.offenders["psi"].is_sorted(descending=True)


def test_values_outside_the_range_of_the_reference_are_detected() -> None:
    """With open outer bins, journeys of equal size that all shrink or grow would stay in their bin."""
    same = [np.full(3, 5)] * 100
    assert compare(same, same).value == pytest.approx(0.0)
    assert not compare([np.full(3, 4)] * 100, same).passed
    assert not compare([np.full(3, 6)] * 100, same).passed


def test_confidence_drift_fails_when_the_distribution_of_confidence_changes() -> None:
    chance = np.random.default_rng(1)
    reference = np.round(chance.beta(2, 3, 4000), 2)
    same, other = (np.round(chance.beta(a, b, 900), 2) for a, b in ((2, 3), (4, 2)))
    assert drift.confidence_drift(DAY, *counted(same, reference, 300), PARAMS).passed
    failed = drift.confidence_drift(DAY, *counted(other, reference, 300), PARAMS)
    assert not failed.passed
    assert "ranker" in failed.advice


counts = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 30), st.integers(0, 30)),
    min_size=1,
    max_size=30,
    unique_by=lambda c: c[0],
).filter(lambda rows: sum(r[1] for r in rows) > 0 and sum(r[2] for r in rows) > 0)


@given(counts)
def test_psi_is_finite_and_not_negative_and_shares_of_bins_sum_to_one(rows: list[tuple[int, int, int]]) -> None:
    bins = drift.stability_bins(pl.DataFrame(rows, schema=["value", "n_day", "n_reference"], orient="row"))
    assert bins["psi"].is_finite().all()
    assert bins["psi"].min() >= 0  # type: ignore[operator]
    assert bins["share_of_day"].sum() == pytest.approx(1)
    assert bins["share_of_reference"].sum() == pytest.approx(1)
    assert bins.height <= drift.N_BINS + 2


@given(counts, st.integers(1, 50))
def test_psi_of_equal_shares_is_zero_for_samples_of_any_size(rows: list[tuple[int, int, int]], times: int) -> None:
    frame = pl.DataFrame(
        [(v, m, m * times) for v, _, m in rows], schema=["value", "n_day", "n_reference"], orient="row"
    )
    assert drift.stability_bins(frame)["psi"].sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n_bins", [2, 5, 12])
@pytest.mark.parametrize("quantile", [0.99, 0.999])
def test_psi_of_chance_approximates_the_chi_square_quantile(n_bins: int, quantile: float) -> None:
    expected = chi2.ppf(quantile, n_bins - 1) * (1 / 50 + 1 / 400)
    assert drift.psi_of_chance(n_bins, 50, 400, quantile) == pytest.approx(expected, rel=0.035)
    assert drift.psi_of_chance(1, 50, 400, quantile) == 0


def singletons(shares: list[float], n_clusters: int = 400, n_users: int = 100) -> pl.DataFrame:
    days = [*WEEKS, DAY][-len(shares) :]
    n_singletons = [round(share * n_clusters) for share in shares]
    return made(
        pl.DataFrame(
            {"partition_date": days, "n_users": n_users, "n_clusters": n_clusters, "n_singletons": n_singletons}
        )
    )


def test_singleton_share_shift_fails_on_large_changes_either_way() -> None:
    unchanged = drift.singleton_share_shift(DAY, singletons([0.25] * 28 + [0.3]), PARAMS)
    assert (unchanged.passed, unchanged.value) == (True, 0.3)
    up = drift.singleton_share_shift(DAY, singletons([0.25] * 28 + [0.6]), PARAMS)
    down = drift.singleton_share_shift(DAY, singletons([0.25] * 28 + [0.02]), PARAMS)
    assert (up.passed, down.passed) == (False, False)
    few = drift.singleton_share_shift(DAY, singletons([0.25] * 28 + [0.5], n_clusters=8, n_users=3), PARAMS)
    assert few.passed, "four of eight clusters of three users may be chance"


def per_user(means: list[float], n_users: int = 200) -> pl.DataFrame:
    days = [*WEEKS, DAY][-len(means) :]
    return made(pl.DataFrame({"partition_date": days, "n_users": n_users, "mean_journeys": means, "sd_journeys": 3.0}))


def test_journeys_per_user_shift_fails_when_journeys_double_or_halve() -> None:
    growing = [4 + 0.05 * n for n in range(29)]
    assert drift.journeys_per_user_shift(DAY, per_user(growing), PARAMS).passed
    doubled = drift.journeys_per_user_shift(DAY, per_user([*growing[:-1], 10.0]), PARAMS)
    halved = drift.journeys_per_user_shift(DAY, per_user([*growing[:-1], 2.0]), PARAMS)
    assert (doubled.passed, halved.passed) == (False, False)
    assert drift.journeys_per_user_shift(DAY, per_user([4.0] * 28 + [7.0], n_users=4), PARAMS).passed


def test_users_with_journeys_fails_when_users_are_lost() -> None:
    growing = made(pl.DataFrame({"partition_date": [*WEEKS, DAY], "n_users": [1000 + 10 * n for n in range(29)]}))
    assert drift.users_with_journeys(DAY, growing, PARAMS).passed
    lost = growing.with_columns(
        n_users=pl.when(pl.col("partition_date") == DAY).then(pl.lit(600)).otherwise(pl.col("n_users"))
    )
    assert not drift.users_with_journeys(DAY, lost, PARAMS).passed
    gone = drift.users_with_journeys(DAY, growing.filter(pl.col("partition_date") < DAY), PARAMS)
    assert (gone.passed, gone.value) == (False, 0.0)


def sends(numbers: list[int]) -> pl.DataFrame:
    return made(pl.DataFrame({"partition_date": [*WEEKS, DAY][-len(numbers) :], "n": numbers}))


@pytest.mark.parametrize("mean", [0.5, 4, 20, 500])
def test_send_volume_rarely_fails_on_chance_variation(mean: float) -> None:
    chance = np.random.default_rng(7)
    failed = [
        not drift.send_volume(DAY, sends(chance.poisson(mean, 29).tolist()), PARAMS).passed for _ in range(TRIALS)
    ]
    assert sum(failed) <= 0.01 * TRIALS


@pytest.mark.parametrize(("usual", "today"), [(10, 0), (20, 2), (20, 60), (500, 300), (500, 800), (0, 30)])
def test_send_volume_fails_on_too_few_and_too_many_sends(usual: int, today: int) -> None:
    chance = np.random.default_rng(usual)
    failed = drift.send_volume(DAY, sends([*chance.poisson(usual, 28).tolist(), today]), PARAMS)
    assert not failed.passed
    assert failed.value == today


def test_send_volume_passes_on_quiet_weekends_and_fails_on_a_weekend_without_sends() -> None:
    """With the median of all days alone, every Saturday would fail."""
    saturday = DAY - timedelta(days=DAY.weekday() + 2)
    days = [saturday - timedelta(days=n) for n in range(28, -1, -1)]
    usual = [20 if d.isoweekday() >= 6 else 100 + d.day % 7 for d in days]
    assert drift.send_volume(saturday, made(pl.DataFrame({"partition_date": days, "n": usual})), PARAMS).passed
    none = made(pl.DataFrame({"partition_date": days, "n": [*usual[:-1], 0]}))
    assert not drift.send_volume(saturday, none, PARAMS).passed


def stages(*histories: str) -> pl.DataFrame:
    """One history per journey, one letter per day up to DAY: o(ngoing), e(nded), or a dot if it was not live."""
    rows = [
        ("u", f"j{i}", DAY - timedelta(days=len(history) - 1 - n), "ongoing" if letter == "o" else "ended")
        for i, history in enumerate(histories)
        for n, letter in enumerate(history)
        if letter != "."
    ]
    return pl.DataFrame(rows, schema=["user_id", "journey_id", "partition_date", "stage"], orient="row")


def live(n: int, days: list[date] = WEEKS) -> pl.DataFrame:
    return pl.DataFrame({"partition_date": [*days, DAY], "n_journeys": n})


def test_stage_flapping_counts_journeys_that_return_to_a_stage_within_a_week() -> None:
    flips = stages("ooooeeo", "eeeeeoe", "eeeeeeo", "ooooooe", "oeeeeeeeo", "oeeeeeeo", ".....eo")
    failed = drift.stage_flapping(DAY, flips, live(100), PARAMS)
    assert failed.offenders["journey_id"].to_list() == ["j1", "j0", "j5"]
    assert failed.value == 0.03
    assert drift.stage_flapping(DAY, flips, live(1000), PARAMS).passed
    assert not drift.stage_flapping(DAY, stages(*["ooooeeo"] * 20), live(1000), PARAMS).passed
    assert drift.stage_flapping(DAY, stages("ooooeeo"), live(30), PARAMS).passed, "one of a few journeys is not enough"
    without_yesterday = drift.stage_flapping(DAY, flips, live(100, WEEKS[:-1]), PARAMS)
    assert "day before" in without_yesterday.bound


def test_a_day_with_less_than_a_week_of_history_is_not_measured() -> None:
    wild = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.9]
    counts, daily = counted(np.full(90, 50), np.full(90, 3), 90)
    young = daily.filter(pl.col("partition_date") >= WEEKS[-6])
    monitors = [
        drift.cluster_size_drift(DAY, counts, young, PARAMS),
        drift.new_cluster_size_drift(DAY, counts, young, PARAMS),
        drift.confidence_drift(DAY, counts, young, PARAMS),
        drift.singleton_share_shift(DAY, singletons(wild), PARAMS),
        drift.journeys_per_user_shift(DAY, per_user([1, 90, 1, 90, 1, 90, 900]), PARAMS),
        drift.users_with_journeys(DAY, sends([9] * 6 + [900]).rename({"n": "n_users"}), PARAMS),
        drift.stage_flapping(DAY, stages(*["ooooeeo"] * 20), live(20, WEEKS[-6:]), PARAMS),
    ]
    for monitor in monitors:
        assert (monitor.passed, monitor.value) == (True, None), monitor.name
        assert "not enough history: 6 of 7 days" in monitor.summary
    week = daily.filter(pl.col("partition_date") >= WEEKS[-7])
    assert not drift.new_cluster_size_drift(DAY, counts, week, PARAMS).passed


def test_send_volume_needs_two_weeks_of_history_because_deployments_start_with_a_burst() -> None:
    burst = [20, 24, 18, 15, 12, 11, 9]
    young = drift.send_volume(DAY, sends([*burst, *[6] * 6, 1]), PARAMS)
    assert "not enough history: 13 of 14 days" in young.bound
    assert drift.send_volume(DAY, sends([*burst, *[6] * 7, 5]), PARAMS).passed
    assert not drift.send_volume(DAY, sends([*[9] * 14, 900]), PARAMS).passed


def test_a_day_without_rows_is_not_measured_by_distribution_monitors() -> None:
    counts, daily = counted(np.full(0, 3), np.full(90, 3), 90)
    assert drift.cluster_size_drift(DAY, counts, daily.head(28), PARAMS).value is None
    assert drift.singleton_share_shift(DAY, singletons([0.2] * 29).head(28), PARAMS).value is None
    assert drift.journeys_per_user_shift(DAY, per_user([4.0] * 29).head(28), PARAMS).value is None


def test_a_release_that_shifts_the_output_is_reported_once() -> None:
    """Compared with all days, it would fail until most of the four weeks have the new level."""
    levels = [20] * 18 + [200] * 11
    released = WEEKS[18]
    daily = made(sends(levels), "v2", since=released)
    failed = [
        day
        for day in [*WEEKS[14:], DAY]
        if not drift.send_volume(day, daily.filter(pl.col("partition_date") <= day), PARAMS).passed
    ]
    assert failed == [released]
    counts = pl.DataFrame({"partition_date": [*WEEKS, DAY], "value": levels, "n": 500})
    users = daily.with_columns(n_users=200)
    for day, passed in ((released, False), (WEEKS[-1], True), (DAY, True)):
        upto = users.filter(pl.col("partition_date") <= day)
        assert drift.confidence_drift(day, counts, upto, PARAMS).passed == passed


def rows_by_day(counts: list[int], *, upto: time | None = None, source: str = "search_events") -> pl.DataFrame:
    """Counts of consecutive days, the last of which is DAY."""
    days = [DAY - timedelta(days=len(counts) - 1 - n) for n in range(len(counts))]
    rows = pl.DataFrame({"source": source, "partition_date": days, "n": counts})
    return rows.with_columns(upto=pl.lit(upto, dtype=pl.Time))


def change(counts: list[int], upto: time | None = None) -> drift.Change:
    return drift.change_of_source("search_events", DAY, rows_by_day(counts, upto=upto), PARAMS)


def test_a_day_with_far_fewer_rows_than_usual_is_reported() -> None:
    fell = change([1000] * 28 + [380], time(14, 30))
    assert not fell.monitor.passed
    assert fell.text.startswith(f"search_events fell by 62 %: 380 rows on {DAY} up to 14:30 UTC, 1,000 on such a day")
    assert change([1000] * 28 + [2500]).text.startswith("search_events rose by 150 %")
    assert change([1000] * 28 + [0]).text.startswith("search_events fell by 100 %")


@pytest.mark.parametrize("counts", [[3, 1, 4, 2, 5, 3, 2, 3, 0], [1000] * 28 + [700], [1000] * 6 + [10]])
def test_few_rows_a_usual_change_or_little_history_are_not_reported(counts: list[int]) -> None:
    assert change(counts).monitor.passed


def test_a_weekend_is_held_against_weekends() -> None:
    days = [DAY - timedelta(days=n) for n in range(28, -1, -1)]
    quiet = [200 if day.isoweekday() == DAY.isoweekday() else 1000 + 10 * day.day for day in days]
    assert change(quiet).monitor.passed
    assert "200 on such a day" in change(quiet).text
