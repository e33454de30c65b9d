"""Off-policy evaluation: the value of a policy that never ran, from the log of another policy with its propensities.

Each estimator estimates V = E[r] under the target policy from rewards r, the logging policy's propensity p of its
choice and the target policy's probability q of the same choice, w = q / p:

* ``ips`` - mean of w r: unbiased, but with a very large variance where p is small. Horvitz & Thompson 1952; Bottou et
  al. 2013.
* ``snips`` - sum of w r over sum of w: hardly biased, with a much smaller variance. Swaminathan & Joachims 2015, *The
  Self-Normalized Estimator for Counterfactual Learning*.
* ``doubly_robust`` - mean of m + w (r - f), with f a model's reward of the choice and m its mean reward under the
  target policy: consistent if the model or the propensities are right. Dudík, Langford & Li 2011, *Doubly Robust Policy
  Evaluation*. The model must not have been fitted on the row that it predicts (use other folds).

``max_weight`` clips w. This limits the variance, but adds a bias, always downwards for ``ips`` with rewards >= 0. Rows
of one cluster (a user) are not independent, so the intervals are over clusters.

``domain.ranking.prior`` weights labels by propensities, ``domain.experiment.readout`` evaluates randomised experiments.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from journeys_assets.domain.experiment.readout import t_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """A policy's mean reward per row.

    Attributes:
        low, high: Two-sided 95 % interval, by Student's t over clusters.
        n_effective: Number of equally weighted rows with the same information: (sum w)^2 / sum w^2 (Kish 1965).
        share_clipped: Share of rows whose weight was clipped.
    """

    value: float
    low: float
    high: float
    n_effective: float
    share_clipped: float


def ips(
    rewards: ArrayLike,
    propensities: ArrayLike,
    target: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    max_weight: float = math.inf,
) -> PolicyValue:
    """Inverse propensity scoring.

    Args:
        rewards: (n,), finite.
        propensities: (n,), in (0, 1]: the logging policy's probability of its choice.
        target: (n,), in [0, 1]: the target policy's probability of the same choice.
        clusters: (n,): the cluster of each row; with None each row is its own.
        max_weight: Weights are clipped to this.

    Raises:
        ValueError: there are fewer than two clusters, lengths differ, or a value is out of range.
    """
    log = _Log.of(rewards, propensities, target, clusters, max_weight)
    terms = log.weights * log.rewards
    return log.estimate(float(terms.mean()), terms - terms.mean())


def snips(
    rewards: ArrayLike,
    propensities: ArrayLike,
    target: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    max_weight: float = math.inf,
) -> PolicyValue:
    """Self-normalised inverse propensity scoring; arguments as for :func:`ips`.

    Raises:
        ValueError: as for :func:`ips`, or the target policy would never make any logged choice.
    """
    log = _Log.of(rewards, propensities, target, clusters, max_weight)
    total = float(log.weights.sum())
    if total <= 0.0:
        raise ValueError("the target policy has probability 0 for every logged choice")
    value = float((log.weights * log.rewards).sum()) / total
    return log.estimate(value, log.weights * (log.rewards - value) / log.weights.mean())


def doubly_robust(
    rewards: ArrayLike,
    propensities: ArrayLike,
    target: ArrayLike,
    predicted: ArrayLike,
    predicted_value: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    max_weight: float = math.inf,
) -> PolicyValue:
    """Doubly robust estimation; further arguments as for :func:`ips`.

    Args:
        predicted: (n,): a model's reward for the choice, fitted without the row.
        predicted_value: (n,): the same model's mean reward for the row under the target policy.
    """
    log = _Log.of(rewards, propensities, target, clusters, max_weight)
    model, mean = (np.asarray(a, dtype=np.float64) for a in (predicted, predicted_value))
    if model.shape != log.rewards.shape or mean.shape != log.rewards.shape:
        raise ValueError(f"{len(log.rewards)} rewards, but {len(model)} and {len(mean)} predictions")
    terms = mean + log.weights * (log.rewards - model)
    return log.estimate(float(terms.mean()), terms - terms.mean())


@dataclass(frozen=True, slots=True)
class _Log:
    rewards: Floats
    weights: Floats
    clusters: NDArray[np.int64]
    share_clipped: float

    @classmethod
    def of(
        cls,
        rewards: ArrayLike,
        propensities: ArrayLike,
        target: ArrayLike,
        clusters: ArrayLike | None,
        max_weight: float,
    ) -> _Log:
        r, p, q = (np.asarray(a, dtype=np.float64) for a in (rewards, propensities, target))
        if not r.shape == p.shape == q.shape or r.ndim != 1:
            raise ValueError(f"rewards, propensities and target differ in shape: {r.shape}, {p.shape}, {q.shape}")
        if not np.isfinite(r).all():
            raise ValueError("a reward is not finite")
        if not ((p > 0) & (p <= 1)).all():
            raise ValueError("a propensity is not in (0, 1]; a choice with probability 0 cannot be weighted")
        if not ((q >= 0) & (q <= 1)).all():
            raise ValueError("a target probability is not in [0, 1]")
        if not max_weight > 0:
            raise ValueError(f"max_weight is {max_weight}; it must be above 0")
        owner = np.arange(len(r)) if clusters is None else np.unique(np.asarray(clusters), return_inverse=True)[1]
        if len(owner) != len(r) or (len(r) == 0 or owner.max() < 1):
            raise ValueError(f"{len(r)} rows with {len(owner)} cluster names; a variance needs two clusters")
        weights = q / p
        return cls(r, np.minimum(weights, max_weight), owner.astype(np.int64), float((weights > max_weight).mean()))

    def estimate(self, value: float, off: Floats) -> PolicyValue:
        """``off``: each row's distance from the value. The variance is that of their sums over clusters."""
        sums = np.bincount(self.clusters, weights=off)
        n = len(sums)
        error = math.sqrt(n / (n - 1) * float(sums @ sums)) / len(off)
        half = t_quantile(0.95, n - 1) * error
        square = float(self.weights @ self.weights)
        effective = float(self.weights.sum()) ** 2 / square if square else 0.0
        return PolicyValue(value, value - half, value + half, effective, self.share_clipped)
