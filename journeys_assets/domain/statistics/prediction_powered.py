"""A mean from many cheap predictions and few human labels: prediction-powered inference.

A judge (an LLM, a model) labels everything, and people label a random part. The judge's mean alone has its bias, which
more predictions do not reduce. The mean of people's labels alone has a wide interval. The combination is as unbiased as
people's labels, and its interval is never wider than theirs, except for the error in estimating its one weight.

Reference: PPI++, Angelopoulos, Duchi and Zrnic 2023, *PPI++: Efficient Prediction-Powered Inference* (arXiv
2311.01453), section 6 for the weight. The variance is cluster-robust (Liang and Zeger 1986), because rows of one user
are similar.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean with its interval.

    Attributes:
        mean: The estimate.
        low, high: The interval at the requested level.
        judge_weight: 0 (the judge is useless, only human labels count) to 1.
        n_labelled, n_unlabelled: Rows with and without a human label.
    """

    mean: float
    low: float
    high: float
    judge_weight: float
    n_labelled: int
    n_unlabelled: int


def mean_with_judge(
    human: ArrayLike,
    judge: ArrayLike,
    judge_unlabelled: ArrayLike,
    *,
    users: ArrayLike | None = None,
    users_unlabelled: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    weights_unlabelled: ArrayLike | None = None,
    level: float = 0.95,
) -> MeanEstimate:
    """The mean of human labels over all rows, from labels of a random part and a judge's predictions of all.

    Args:
        human: (n,) human labels of rows drawn at random (not depending on the judge's predictions).
        judge: (n,) the judge's predictions of the same rows, in the unit of the labels.
        judge_unlabelled: (N,) the judge's predictions of the other rows. If empty, the result is the human mean.
        users: (n,) the user of each row; by default every row is independent.
        users_unlabelled: (N,) the same for the other rows; a user may have rows in both.
        weights: (n,) the number of rows that each labelled one represents, if some were more likely to be drawn (the
            ``sampling_weight`` of a sheet). ``judge_unlabelled`` must then be of all rows, including labelled ones.
        weights_unlabelled: (N,) the same for the other rows.
        level: Level of the interval.

    Raises:
        ValueError: lengths differ, a value is not finite, a weight not positive, or fewer than two users have a label.
    """
    y, f, g = (np.asarray(values, dtype=np.float64) for values in (human, judge, judge_unlabelled))
    n, m = len(y), len(g)
    owners = np.arange(n) if users is None else np.asarray(users)
    other_owners = np.arange(n, n + m) if users_unlabelled is None else np.asarray(users_unlabelled)
    if (users is None) != (users_unlabelled is None) and m:
        raise ValueError("give users for both parts or for neither")
    w = np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64)
    v = np.ones(m) if weights_unlabelled is None else np.asarray(weights_unlabelled, dtype=np.float64)
    if len(f) != n or len(owners) != n or len(other_owners) != m or len(w) != n or len(v) != m:
        raise ValueError(f"lengths differ: {n} human labels, {len(f)} predictions of them, {len(owners)} users")
    if not (np.isfinite(y).all() and np.isfinite(f).all() and np.isfinite(g).all()):
        raise ValueError("labels and predictions must be finite numbers")
    if not (np.isfinite(w).all() and (w > 0).all() and np.isfinite(v).all() and (v > 0).all()):
        raise ValueError("weights must be positive")
    n_clusters = len(np.unique(owners))
    if n_clusters < 2:
        raise ValueError(f"an interval needs labels of at least two users; there are {n_clusters}")
    w = w / w.sum()
    v = v / v.sum() if m else v
    weight = _weight(y, f, g, w)
    judge_mean = float(v @ g) if m else 0.0
    residual = y - weight * f
    rectifier = float(w @ residual)
    mean = weight * judge_mean + rectifier
    influence = np.concatenate([w * (residual - rectifier), weight * v * (g - judge_mean)])
    half = _quantile(level, n_clusters - 1) * _cluster_error(influence, np.concatenate([owners, other_owners]))
    return MeanEstimate(mean, mean - half, mean + half, weight, n, m)


def _weight(y: NDArray[np.float64], f: NDArray[np.float64], g: NDArray[np.float64], w: NDArray[np.float64]) -> float:
    """The judge's weight with the least variance (PPI++, example of the mean), clipped to 0-1 to avoid noise."""
    if len(g) == 0 or len(y) < 2:
        return 0.0
    covariance = float(w @ ((y - w @ y) * (f - w @ f)))
    variance = float(w @ (f - w @ f) ** 2)
    return float(np.clip(covariance / ((1 + len(y) / len(g)) * variance), 0.0, 1.0)) if variance > 0 else 0.0


def _cluster_error(influence: NDArray[np.float64], owners: NDArray[np.generic]) -> float:
    """Standard error of a sum of centred contributions that are dependent within an owner."""
    sums = np.bincount(np.unique(owners, return_inverse=True)[1], influence)
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)))


def _quantile(level: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1 + level) / 2))
