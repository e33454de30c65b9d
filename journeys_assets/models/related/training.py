"""The model that ranks related journeys: logistic weights near those of the prior, fitted on what users started.

It is used only if it predicts better than the prior for users that it was not fitted on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import FEATURES, RISING
from journeys_assets.models.boosters import Doubles, sigmoid

_FIFTHS = 5


@dataclass(frozen=True, slots=True)
class Ranking:
    """Weights, and why they are these.

    Attributes:
        weights: Of each feature, and ``intercept``.
        decision: One sentence for people.
        measured: ``trained`` and ``prior``: log_loss and mean_reciprocal_rank of users who were held out, each user
            once; empty if unmeasured.
    """

    weights: Mapping[str, float]
    decision: str
    measured: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def is_trained(self) -> bool:
        return self.decision.startswith("Trained")


def train_ranking(candidates: pl.DataFrame, params: RelatedParams) -> Ranking:
    """Weights from what users started.

    Args:
        candidates: user_id, ``FEATURES`` and started (whether the user started it in the ``outcome_days`` after).

    Returns:
        The prior, where fewer than ``min_positives`` users started anything that was a candidate, or where it is no
        worse for users that weights were not fitted on. Each fifth of the users, by a hash of their ids, is held out
        once.
    """
    prior = params.prior_weights
    hits = candidates.filter("started")["user_id"].n_unique()
    if hits < params.min_positives:
        return Ranking(
            prior, f"Prior weights: {hits} users started a related journey, and training needs {params.min_positives}."
        )
    rows = candidates.sort("user_id", *FEATURES)
    in_fifth = np.array([fifth_of(user) for user in rows["user_id"]])
    features = rows.select(FEATURES).to_numpy().astype(np.float64)
    started = rows["started"].to_numpy().astype(np.float64)
    margins = {"trained": np.zeros(rows.height), "prior": np.zeros(rows.height)}
    for fifth in range(_FIFTHS):
        out = in_fifth == fifth
        # The intercept of the prior says nothing about how often users start anything, so it is fitted for both.
        for name, margin in margins.items():
            weights = _fit(features[~out], started[~out], prior, params, only_intercept=name == "prior")
            margin[out] = weights["intercept"] + features[out] @ np.array([weights[one] for one in FEATURES])
    measured = {name: _measured(rows, margin) for name, margin in margins.items()}
    trained, known = measured["trained"], measured["prior"]
    better = trained["log_loss"] < known["log_loss"] and (
        trained["mean_reciprocal_rank"] >= known["mean_reciprocal_rank"]
    )
    if not better:
        return Ranking(prior, "Prior weights: trained ones are no better for held-out users.", measured)
    weights = _fit(features, started, prior, params)
    return Ranking(weights, f"Trained on {rows['user_id'].n_unique()} users, {hits} of whom started one.", measured)


def fifth_of(user_id: str) -> int:
    """Which fifth of the users a user is in: 0 to 4."""
    return hashlib.sha256(user_id.encode()).digest()[0] % _FIFTHS


def _fit(
    features: Doubles,
    started: Doubles,
    prior: Mapping[str, float],
    params: RelatedParams,
    *,
    only_intercept: bool = False,
) -> dict[str, float]:
    from scipy.optimize import minimize

    start = np.array([prior["intercept"], *(prior[name] for name in FEATURES)])
    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    for name in FEATURES:
        fixed = prior[name]
        bounds.append((fixed, fixed) if only_intercept else (0.0, None) if name in RISING else (None, None))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = weights[0] + features @ weights[1:]
        off = weights - start
        off[0] = 0.0
        value = float((np.logaddexp(0.0, margin) - started * margin).sum()) + params.l2 / 2 * float(off @ off)
        gap = sigmoid(margin) - started
        return value, np.concatenate([[gap.sum()], features.T @ gap]) + params.l2 * off

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    # Rounded, so that the last bits of the solver are in no version.
    values = [round(float(value), 4) for value in found.x]
    return {**dict(zip(FEATURES, values[1:], strict=True)), "intercept": values[0]}


def _measured(rows: pl.DataFrame, margin: Doubles) -> dict[str, float]:
    chance = np.clip(sigmoid(margin), 1e-9, 1 - 1e-9)
    started = rows["started"].to_numpy()
    loss = -np.where(started, np.log(chance), np.log1p(-chance)).mean() if rows.height else 0.0
    ranks = (
        rows.with_columns(margin=pl.Series(margin))
        .with_columns(place=pl.col("margin").rank("max", descending=True).over("user_id"))
        .filter("started")
        .group_by("user_id")
        .agg(pl.col("place").min())
    )
    reciprocal = (1.0 / ranks["place"]).mean() if ranks.height else 0.0
    return {"log_loss": float(loss), "mean_reciprocal_rank": float(reciprocal)}  # type: ignore[arg-type]
