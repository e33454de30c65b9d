"""Intervals have the stated coverage, and a verdict is given only if the interval allows it."""

import numpy as np
import polars as pl
import pytest

from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS, mean_of, measure


def verdict_of(ours: np.ndarray, baseline: np.ndarray, *, is_higher_better: bool = True) -> str:
    _, comparisons = measure(
        {"ours": mean_of(ours), "baseline": mean_of(baseline)},
        dataset="d",
        metric="m",
        n_users=len(ours),
        ours="ours",
        is_higher_better=is_higher_better,
    )
    return str(comparisons["verdict"][0])


def test_an_interval_has_the_stated_coverage() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(200):
        values = rng.exponential(1.0, size=120)
        results, _ = measure(
            {"ours": mean_of(values)}, dataset="d", metric="m", n_users=120, ours="ours", seed=trial, n_resamples=300
        )
        covered += int(results["low"][0] <= 1.0 <= results["high"][0])
    assert 0.90 <= covered / 200 <= 0.99


def test_a_clear_gain_is_better_and_lower_can_be_better() -> None:
    rng = np.random.default_rng(1)
    base = rng.normal(size=200)
    assert verdict_of(base + 0.1, base) == "better"
    assert verdict_of(base + 0.1, base, is_higher_better=False) == "worse"


def test_noise_is_not_a_gain() -> None:
    rng = np.random.default_rng(1)
    assert verdict_of(rng.normal(size=200), rng.normal(size=200)) == "no clear difference"


def test_a_bound_is_not_a_baseline() -> None:
    values = np.arange(10.0)
    results, comparisons = measure(
        {"ours": mean_of(values), "oracle": mean_of(values + 1)},
        dataset="d",
        metric="m",
        n_users=10,
        ours="ours",
        bounds=["oracle"],
    )
    assert results.schema == RESULTS
    assert comparisons.schema == COMPARISONS
    assert comparisons.is_empty()
    assert results.filter(pl.col("method") == "oracle")["role"].to_list() == ["bound"]


def test_users_without_a_value_do_not_count() -> None:
    assert mean_of([1.0, float("nan"), 3.0])(np.array([1.0, 5.0, 1.0])) == 2.0


def test_unknown_method_names_are_errors() -> None:
    with pytest.raises(ValueError, match="nobody"):
        measure({"ours": mean_of([1.0])}, dataset="d", metric="m", n_users=1, ours="nobody")


def test_a_single_user_gives_no_clear_difference() -> None:
    assert verdict_of(np.array([1.0]), np.array([0.0])) == "no clear difference"


def test_few_users_need_a_clearer_gain() -> None:
    """Plain percentiles would accept this gain. For few users the interval is wider."""
    gains = np.array([0.9, 0.1, 0.5, 0.4, -0.3, 0.6])
    picks = np.random.default_rng(1).multinomial(6, np.full(6, 1 / 6), size=1000)
    assert np.quantile(picks @ gains / 6, 0.025) > 0
    assert verdict_of(gains, np.zeros(6)) == "no clear difference"
