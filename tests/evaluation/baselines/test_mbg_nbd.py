"""MBG/NBD on simulated journeys with known parameters, and the history of turns by hand."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from journeys_assets.evaluation.baselines.mbg_nbd import MbgNbd, fit, turn_history

TRUE = MbgNbd(r=1.2, alpha=8.0, a=1.0, b=2.5)
DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def drawn() -> tuple[pl.DataFrame, np.ndarray]:
    """Histories of 6,000 journeys, and which of them are alive."""
    rng = np.random.default_rng(4)
    rows, alive = [], []
    for age in rng.uniform(20, 120, 6000):
        rate, chance = rng.gamma(TRUE.r, 1 / TRUE.alpha), rng.beta(TRUE.a, TRUE.b)
        now, last, n, goes_on = 0.0, 0.0, 0, rng.random() >= chance
        while goes_on and (now := now + rng.exponential(1 / rate)) <= age:
            last, n = now, n + 1
            goes_on = rng.random() >= chance
        rows.append((float(n), last, age))
        alive.append(goes_on)
    return pl.DataFrame(rows, schema=["n_repeats", "recency_days", "age_days"], orient="row"), np.array(alive)


def test_the_fit_recovers_the_model_behind_the_journeys(drawn: tuple[pl.DataFrame, np.ndarray]) -> None:
    found = fit(drawn[0])
    assert found.r / found.alpha == pytest.approx(TRUE.r / TRUE.alpha, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(TRUE.a / (TRUE.a + TRUE.b), rel=0.15)
    assert found.log_likelihood(drawn[0]).sum() >= TRUE.log_likelihood(drawn[0]).sum()


def test_p_alive_is_calibrated(drawn: tuple[pl.DataFrame, np.ndarray]) -> None:
    history, alive = drawn
    predicted = TRUE.p_alive(history)
    for low, high in ((0.0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.0)):
        some = (predicted >= low) & (predicted < high)
        assert some.sum() > 100
        assert alive[some].mean() == pytest.approx(predicted[some].mean(), abs=0.05)
    once = history["n_repeats"].to_numpy() == 0
    assert alive[once].mean() == pytest.approx(predicted[once].mean(), abs=0.05)


def test_the_history_counts_turns_and_not_other_engagement() -> None:
    def row(journey: str, days_ago: int, searches: int) -> tuple[str, str, date, int, int]:
        return ("ann", journey, DAY - timedelta(days=days_ago), searches, 1)

    rows = [row("j", 30, 1), row("j", 20, 0), row("j", 12, 2), row("j", 2, 0), row("j", -3, 1), row("k", 9, 0)]
    journeys = pl.DataFrame(
        rows, schema=["user_id", "journey_id", "day", "n_searches", "n_specific_keywords"], orient="row"
    )
    assert turn_history(journeys, DAY).rows() == [("ann", "j", 1.0, 18.0, 30.0), ("ann", "k", 0.0, 0.0, 9.0)]
