"""Logistic weights near those of a prior, fitted on what users went on to do.

They are used only if they predict better than the prior for users that they were not fitted on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.display import markdown_table, markdown_text
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


@dataclass(frozen=True, slots=True)
class Prior:
    """What weights are fitted near to.

    Attributes:
        weights: Of each feature, and ``intercept``.
        rising: Features whose weight is never negative.
        l2: Penalty on the squared distance of the weights from ``weights``.
        min_positives: Fewest users with a positive; with fewer, nothing is fitted.
        positive: What a user with a positive did, for people: "started a related journey".
    """

    weights: Mapping[str, float]
    rising: Collection[str]
    l2: float
    min_positives: int
    positive: str

    @property
    def features(self) -> list[str]:
        return [name for name in self.weights if name != "intercept"]


def fit_ranking(candidates: pl.DataFrame, label: str, prior: Prior) -> Ranking:
    """Weights from what users did.

    Args:
        candidates: user_id, the features and ``label`` (whether the user did it).

    Returns:
        The prior, where fewer than ``min_positives`` users have a positive, or where it is no worse for users that
        weights were not fitted on. Each fifth of the users, by a hash of their ids, is held out once.
    """
    hits = candidates.filter(label)["user_id"].n_unique()
    if hits < prior.min_positives:
        return Ranking(
            prior.weights,
            f"Prior weights: {hits} users {prior.positive}, and training needs {prior.min_positives}.",
        )
    rows = candidates.sort("user_id", *prior.features)
    fifths = {user: fifth_of(user) for user in rows["user_id"].unique()}
    in_fifth = rows["user_id"].replace_strict(fifths, return_dtype=pl.Int64).to_numpy()
    features = rows.select(prior.features).to_numpy().astype(np.float64)
    labels = rows[label].to_numpy().astype(np.float64)
    margins = {"trained": np.zeros(rows.height), "prior": np.zeros(rows.height)}
    for fifth in range(_FIFTHS):
        out = in_fifth == fifth
        # The intercept of the prior says nothing about how often users do anything, so it is fitted for both.
        for name, margin in margins.items():
            weights = _fit(features[~out], labels[~out], prior, only_intercept=name == "prior")
            margin[out] = weights["intercept"] + features[out] @ np.array([weights[one] for one in prior.features])
    measured = {name: _measured(rows, label, margin) for name, margin in margins.items()}
    trained, known = measured["trained"], measured["prior"]
    better = trained["log_loss"] < known["log_loss"] and (
        trained["mean_reciprocal_rank"] >= known["mean_reciprocal_rank"]
    )
    if not better:
        return Ranking(prior.weights, "Prior weights: trained ones are no better for held-out users.", measured)
    weights = _fit(features, labels, prior)
    return Ranking(
        weights, f"Trained on {rows['user_id'].n_unique()} users, {hits} of whom {prior.positive}.", measured
    )


def fifth_of(user_id: str) -> int:
    """Which fifth of the users a user is in: 0 to 4."""
    return hashlib.sha256(user_id.encode()).digest()[0] % _FIFTHS


def ranking_section(card: Mapping[str, Any], weights: Mapping[str, float], rival: str) -> list[str]:
    """The lines of a model card about its ranking and its parameters, in Markdown.

    Args:
        card: ``ranking`` (decision and, if measured, the figures ``trained`` and ``prior``) and ``parameters``.
        rival: What the weights were measured against, as the head of a column.
    """
    ranking = card["ranking"]
    figures = ranking.get("trained", {})
    measured = [(name, f"{value:.4f}", f"{ranking['prior'][name]:.4f}") for name, value in figures.items()]
    return [
        "## Ranking",
        "",
        markdown_text(ranking["decision"]),
        "",
        markdown_table(["feature", "weight"], [(name, f"{value:.4f}") for name, value in weights.items()]),
        "",
        *([markdown_table(["held-out users", "trained", rival], measured), ""] if measured else []),
        f"Parameters: {markdown_text(', '.join(f'{name} = {value}' for name, value in card['parameters'].items()))}.",
        "",
    ]


def _fit(features: Doubles, labels: Doubles, prior: Prior, *, only_intercept: bool = False) -> dict[str, float]:
    from scipy.optimize import minimize

    start = np.array([prior.weights["intercept"], *(prior.weights[name] for name in prior.features)])
    bounds: list[tuple[float | None, float | None]] = [(None, None)]
    for name in prior.features:
        fixed = prior.weights[name]
        bounds.append((fixed, fixed) if only_intercept else (0.0, None) if name in prior.rising else (None, None))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = weights[0] + features @ weights[1:]
        off = weights - start
        off[0] = 0.0
        value = float((np.logaddexp(0.0, margin) - labels * margin).sum()) + prior.l2 / 2 * float(off @ off)
        gap = sigmoid(margin) - labels
        return value, np.concatenate([[gap.sum()], features.T @ gap]) + prior.l2 * off

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500})
    # Rounded, so that the last bits of the solver are in no version.
    values = [round(float(value), 4) for value in found.x]
    return {**dict(zip(prior.features, values[1:], strict=True)), "intercept": values[0]}


def _measured(rows: pl.DataFrame, label: str, margin: Doubles) -> dict[str, float]:
    chance = np.clip(sigmoid(margin), 1e-9, 1 - 1e-9)
    positive = rows[label].to_numpy()
    loss = -np.where(positive, np.log(chance), np.log1p(-chance)).mean() if rows.height else 0.0
    ranks = (
        rows.select("user_id", label, margin=pl.Series(margin))
        .with_columns(place=pl.col("margin").rank("max", descending=True).over("user_id"))
        .filter(label)
        .group_by("user_id")
        .agg(pl.col("place").min())
    )
    reciprocal = (1.0 / ranks["place"]).mean() if ranks.height else 0.0
    return {"log_loss": float(loss), "mean_reciprocal_rank": float(reciprocal)}  # type: ignore[arg-type]
