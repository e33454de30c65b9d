"""P(alive) of the MBG/NBD model, a baseline that does not use visits: turns are purchases, journeys are customers.

A user turns to a journey at random, at a rate of the journey's own (Gamma). After each turn, including the first, the
journey is dropped with a probability of its own (Beta). In the BG/NBD model of Fader, Hardie & Lee (2005), "Counting
Your Customers" the Easy Way, Marketing Science 24(2), a journey with only one turn can never end, but in some logs most
journeys have one turn. Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for
customer base analysis, Int. Journal of Research in Marketing 24(3), correct this.

``evaluation.parts.lifecycle`` decides which journeys the model is fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.lifecycle.evidence import is_turn

Doubles = npt.NDArray[np.float64]
HISTORY = ("n_repeats", "recency_days", "age_days")


def turn_history(journeys: pl.DataFrame, day: date) -> pl.DataFrame:
    """How often the user turned to each journey by the end of ``day``.

    Args:
        journeys: user_id, journey_id, day, n_searches, n_specific_keywords; one row per journey and day with an
            engagement.

    Returns:
        user_id, journey_id and ``HISTORY`` (float, >= 0), sorted: days with a turn after the first one, days from the
        first turn to the last one, and days from the first turn to ``day``. A journey without turns began on its first
        day.
    """
    own = ["user_id", "journey_id"]
    turns = pl.col("day").filter(is_turn())
    first, last = (pl.coalesce(end, pl.col("day").min()) for end in (turns.min(), turns.max()))
    return (
        journeys.filter(pl.col("day") <= day)
        .group_by(own)
        .agg(
            n_repeats=pl.max_horizontal(is_turn().sum().cast(pl.Float64) - 1.0, 0.0),
            recency_days=(last - first).dt.total_days().cast(pl.Float64),
            age_days=(pl.lit(day) - first).dt.total_days().cast(pl.Float64),
        )
        .sort(own)
    )


@dataclass(frozen=True, slots=True)
class MbgNbd:
    """Rates are Gamma(r, alpha) per day; probabilities to be dropped after a turn are Beta(a, b). All are > 0."""

    r: float
    alpha: float
    a: float
    b: float

    def log_likelihood(self, history: pl.DataFrame) -> Doubles:
        """(n,) log likelihood of rows with ``HISTORY``."""
        from scipy.special import betaln, gammaln

        x, recency, age = (history[name].to_numpy() for name in HISTORY)
        shared = gammaln(self.r + x) - gammaln(self.r) + self.r * np.log(self.alpha) - betaln(self.a, self.b)
        alive = betaln(self.a, self.b + x + 1.0) - (self.r + x) * np.log(self.alpha + age)
        dropped = betaln(self.a + 1.0, self.b + x) - (self.r + x) * np.log(self.alpha + recency)
        result: Doubles = shared + np.logaddexp(alive, dropped)
        return result

    def p_alive(self, history: pl.DataFrame) -> Doubles:
        """(n,), 0-1: probability that the journey was not dropped after its last turn, for rows with ``HISTORY``."""
        x, recency, age = (history[name].to_numpy() for name in HISTORY)
        growth = (self.r + x) * np.log((self.alpha + age) / (self.alpha + recency))
        odds = self.a / (self.b + x) * np.exp(np.minimum(growth, 500.0))
        result: Doubles = 1.0 / (1.0 + odds)
        return result


def fit(history: pl.DataFrame) -> MbgNbd:
    """Fit the model by maximum likelihood.

    Args:
        history: Rows with ``HISTORY``, one per journey.

    Raises:
        ValueError: the search for the maximum failed.
    """
    from scipy.optimize import minimize

    def loss(logs: Doubles) -> float:
        return -float(MbgNbd(*np.exp(logs)).log_likelihood(history).mean())

    found = minimize(loss, np.log([1.0, 10.0, 1.0, 3.0]), method="L-BFGS-B", bounds=[(-10.0, 10.0)] * 4)
    if not found.success:
        raise ValueError(f"no MBG/NBD model fits {history.height} journeys: {found.message}")
    return MbgNbd(*(float(value) for value in np.exp(found.x)))
