"""Figures with intervals over resampled users (``domain.statistics.resampling``), and verdicts on differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from journeys_assets.domain.statistics.resampling import N_RESAMPLES, interval, resamples

__all__ = [
    "COMPARISONS",
    "N_RESAMPLES",
    "RESULTS",
    "Statistic",
    "Weights",
    "auc_of",
    "interval",
    "mean_of",
    "measure",
    "resamples",
]

Weights = NDArray[np.float64]
"""(n_users,): how often each user counts; all 1 for the sample itself."""

Statistic = Callable[[Weights], float]
"""A figure over users, weighted by ``Weights``. It must not depend on the scale of the weights."""

RESULTS = pl.Schema(
    {
        "dataset": pl.String(),
        "regime": pl.String(),
        "metric": pl.String(),
        "method": pl.String(),
        "role": pl.Enum(["ours", "baseline", "bound"]),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "n_users": pl.Int64(),
        "is_higher_better": pl.Boolean(),
    }
)
"""One row per dataset, regime, metric and method. ``low`` and ``high`` bound the 95 % interval. A 'bound' uses the
truth: it shows what could still be gained, and is not a baseline."""

COMPARISONS = pl.Schema(
    {
        "dataset": pl.String(),
        "regime": pl.String(),
        "metric": pl.String(),
        "method": pl.String(),
        "baseline": pl.String(),
        "gain": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "verdict": pl.Enum(["better", "no clear difference", "worse"]),
    }
)
"""One row per dataset, regime, metric and baseline: how much better our method is, over the same resampled users. A
positive gain is better even if lower values are. ``verdict`` is 'better' or 'worse' only if the interval excludes 0."""


def mean_of(values: ArrayLike) -> Statistic:
    """The mean over users of one value. Users with NaN have no value and do not count."""
    sample = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(sample)
    kept = np.where(known, sample, 0.0)

    def mean(weights: Weights) -> float:
        return float((weights * kept).sum() / max(float((weights * known).sum()), 1e-12))

    return mean


def auc_of(labels: NDArray[np.bool_], scores: NDArray[np.float64], users: NDArray[np.int64]) -> Statistic:
    """Area under the ROC curve over all rows; ties count half. NaN if there is only one kind of label.

    Args:
        labels, scores: (n,).
        users: (n,): the user of each row, as a number from 0.
    """
    order = np.argsort(scores, kind="stable")
    positive, owner = labels[order].astype(np.float64), users[order]
    _, group = np.unique(scores[order], return_inverse=True)

    def auc(weights: Weights) -> float:
        weight = weights[owner]
        ups = np.bincount(group, weights=weight * positive)
        downs = np.bincount(group, weights=weight * (1.0 - positive))
        total = ups.sum() * downs.sum()
        return float((ups * (np.cumsum(downs) - downs / 2)).sum() / total) if total else float("nan")

    return auc


def measure(
    statistics: Mapping[str, Statistic],
    *,
    dataset: str,
    metric: str,
    n_users: int,
    ours: str,
    regime: str = "",
    bounds: Sequence[str] = (),
    is_higher_better: bool = True,
    seed: int = 1,
    n_resamples: int = N_RESAMPLES,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The figure of every method with its interval, and our method compared with each baseline on the same resamples.

    Args:
        statistics: The figure of each method, by its displayed name.
        ours: The method of the pipeline.
        bounds: The methods that use the truth.
        n_users: Number of users. With one there is no interval (NaN) and no clear difference.

    Returns:
        Rows of ``RESULTS`` and of ``COMPARISONS``.

    Raises:
        ValueError: ``ours`` or a bound is not among the methods, or there are no users.
    """
    unknown = {ours, *bounds} - statistics.keys()
    if unknown:
        raise ValueError(f"not among the methods {', '.join(statistics)}: {', '.join(sorted(unknown))}")
    if n_users < 1:
        raise ValueError(f"{dataset}, {metric}: no users to measure on")
    picks = resamples(n_users, seed=seed, n_resamples=n_resamples)
    everyone = np.ones(n_users)
    draws = {name: np.array([statistic(pick) for pick in picks]) for name, statistic in statistics.items()}
    values = {name: statistic(everyone) for name, statistic in statistics.items()}
    sign = 1.0 if is_higher_better else -1.0
    results, comparisons = [], []
    for name, value in values.items():
        role = "ours" if name == ours else "bound" if name in bounds else "baseline"
        low, high = interval(draws[name], n_users)
        results.append((dataset, regime, metric, name, role, value, low, high, n_users, is_higher_better))
        if role == "baseline":
            low, high = interval(sign * (draws[ours] - draws[name]), n_users)
            verdict = "better" if low > 0 else "worse" if high < 0 else "no clear difference"
            gain = sign * (values[ours] - value)
            comparisons.append((dataset, regime, metric, ours, name, gain, low, high, verdict))
    return (
        pl.DataFrame(results, schema=RESULTS, orient="row"),
        pl.DataFrame(comparisons, schema=COMPARISONS, orient="row"),
    )
