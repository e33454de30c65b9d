"""Intervals over resampled users have about their nominal coverage, also for few users."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.statistics.resampling import interval, resamples

N_SAMPLES = 3000
Sample = tuple[np.ndarray, np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Sample:
    return rng.normal(1.0, 1.0, size=shape), np.ones(shape)


def exponential(rng: np.random.Generator, shape: tuple[int, int]) -> Sample:
    return rng.exponential(1.0, size=shape), np.ones(shape)


def ratio(rng: np.random.Generator, shape: tuple[int, int]) -> Sample:
    """A share of items, where some users have many items. Users with many vary as much as users with few."""
    n_things = 1 + rng.poisson(3, size=shape) * rng.integers(1, 4, size=shape)
    return rng.binomial(n_things, rng.beta(2, 4, size=shape)).astype(float), n_things.astype(float)


TRUTH: dict[Callable[..., Sample], float] = {normal: 1.0, exponential: 1.0, ratio: 1 / 3}


def coverage(draw: Callable[..., Sample], n_users: int, assumed_users: int) -> float:
    """Share of samples whose interval covers the true value, when computed as if there were ``assumed_users``."""
    numerators, denominators = draw(np.random.default_rng(n_users), (n_users, N_SAMPLES))
    picks = resamples(n_users, seed=1, n_resamples=500)
    figures = (picks @ numerators) / (picks @ denominators)
    hits = [low <= TRUTH[draw] <= high for low, high in (interval(column, assumed_users) for column in figures.T)]
    return float(np.mean(hits))


@pytest.mark.parametrize(
    ("draw", "n_users", "least"),
    [
        *((normal, n, least) for n, least in ((8, 0.91), (12, 0.92), (20, 0.925), (50, 0.925), (100, 0.925))),
        *((ratio, n, least) for n, least in ((8, 0.91), (12, 0.92), (20, 0.925), (50, 0.925), (100, 0.925))),
        # A few users make half of the sum of an exponential sample, and a small sample says little about them.
        *((exponential, n, least) for n, least in ((8, 0.88), (12, 0.895), (20, 0.905), (50, 0.92), (100, 0.925))),
    ],
)
def test_95_percent_intervals_cover_the_true_value_about_that_often(
    draw: Callable[..., Sample], n_users: int, least: float
) -> None:
    assert least <= coverage(draw, n_users, n_users) <= 0.97


@pytest.mark.parametrize("draw", list(TRUTH))
def test_plain_percentiles_would_be_too_narrow_for_few_users(draw: Callable[..., Sample]) -> None:
    """With many assumed users the interval is the plain percentile interval, whose coverage is too low."""
    assert coverage(draw, 8, 100_000) < coverage(draw, 8, 8) - 0.03
    assert coverage(draw, 8, 100_000) < 0.9


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), st.integers(2, 500), st.floats(0.5, 0.99))
def test_fewer_users_give_wider_intervals_and_higher_levels_contain_lower_ones(
    draws: list[float], n_users: int, level: float
) -> None:
    low, high = interval(draws, n_users, level)
    assert min(draws) <= low <= high <= max(draws)
    wider = interval(draws, max(2, n_users // 2), level)
    assert wider[0] <= low
    assert high <= wider[1]
    surer = interval(draws, n_users, level + 0.009)
    assert surer[0] <= low
    assert high <= surer[1]


def test_one_user_gives_no_interval_and_draws_that_are_nan_are_ignored() -> None:
    assert all(math.isnan(end) for end in interval([1.0, 2.0], 1))
    assert all(math.isnan(end) for end in interval([math.nan] * 3, 10))
    assert interval([1.0, math.nan, 2.0], 10) == interval([1.0, 2.0], 10)
    with pytest.raises(ValueError, match="no users"):
        resamples(0, seed=1)


def test_resamples_are_seeded_and_have_as_many_users_as_the_sample() -> None:
    picks = resamples(7, seed=3, n_resamples=50)
    assert np.array_equal(picks, resamples(7, seed=3, n_resamples=50))
    assert not np.array_equal(picks, resamples(7, seed=4, n_resamples=50))
    assert set(picks.sum(axis=1)) == {7.0}
