"""Fits the learned cut to the dendrograms of users whose journeys are known.

Each node of a dendrogram is an example: is leaving it whole better than its best split, by B-cubed precision and
recall, and how large is the difference? Corpora differ in how many examples they give, and in how much is at stake in
each. So the weights of one corpus sum to the same as those of any other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.clustering.cut import FEATURES, LearnedCut
from journeys_assets.domain.clustering.dendrograms import Dendrogram

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

N_TREES = 150
HEIGHT_SLOPE = 8.0
"""``LearnedCut.slope``. A logistic regression on the height alone has slopes of 7.4 to 9.5 for users of any size."""
MONOTONE = {
    "height": -1,
    "mean cosine between the parts": 1,
    "letters in common between the parts": 1,
    "letters in common within": 1,
}
"""More similarity between the parts is never a reason to split. The constraint costs nothing where there is data, and
extrapolates where there is none (hundreds of copies of one vector)."""
BOOSTING = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.08,
    "min_data_in_leaf": 200,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "monotone_constraints": [MONOTONE.get(name, 0) for name in FEATURES],
    "monotone_constraints_method": "advanced",
    "seed": 1,
    "deterministic": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True, slots=True)
class Examples:
    """Nodes of the dendrograms of one corpus.

    Attributes:
        features: (m, f), columns as in ``cut.FEATURES``.
        gains: (m,), how much better the node is whole than with its best split (``gains``), divided by the root of the
            number of its user's keywords. This is between equal weight for users (1/n) and for keywords (1), so that
            light and heavy users both count.
    """

    features: Doubles
    gains: Doubles


def gains(children: Ints, truth: Ints) -> Doubles:
    """How much better each merge's node is whole than with its best split; (n - 1,), in keywords.

    The measure is half the B-cubed precision plus half the recall of the keywords under it.

    Args:
        children: (n - 1, 2), as from ``kernels.dendrogram``.
        truth: (n,), the journey of each keyword.
    """
    codes = np.unique(truth, return_inverse=True)[1]
    n, in_label = len(codes), np.bincount(codes).astype(np.float64)
    cells = np.zeros((2 * n - 1, len(in_label)))
    cells[np.arange(n), codes] = 1.0
    best = np.empty(2 * n - 1)
    best[:n] = 0.5 + 0.5 / in_label[codes]
    better = np.empty(n - 1)
    for merge, (left, right) in enumerate(children):
        own = cells[n + merge] = cells[left] + cells[right]
        whole = 0.5 * (own**2).sum() / own.sum() + 0.5 * (own**2 / in_label).sum()
        better[merge] = whole - best[left] - best[right]
        best[n + merge] = max(whole, best[left] + best[right])
    return better


def examples_of(users: Iterable[tuple[Dendrogram, Ints]]) -> Examples:
    """The examples of one corpus, from the dendrogram and the journeys (n,) of each of its users."""
    features, weighted = [np.zeros((0, len(FEATURES)))], [np.zeros(0)]
    for dendrogram, truth in users:
        features.append(dendrogram.features)
        weighted.append(gains(dendrogram.children, truth) / np.sqrt(len(truth)))
    return Examples(np.concatenate(features), np.concatenate(weighted))


def fit_cut(corpora: Sequence[Examples]) -> LearnedCut:
    """The cut learned from ``corpora``, each of which counts the same.

    Raises:
        ValueError: There is no corpus with examples that matter.
    """
    return exported(boosted(corpora))


def boosted(corpora: Sequence[Examples]) -> Any:
    """The LightGBM booster behind ``fit_cut``.

    Raises:
        ValueError: There is no corpus with examples that matter.
    """
    import lightgbm

    useful = [own for own in corpora if np.abs(own.gains).sum() > 0]
    if not useful:
        raise ValueError("no corpus has users with two keywords or more, so there is nothing to learn a cut from")
    weights = np.concatenate([np.abs(own.gains) / np.abs(own.gains).sum() for own in useful])
    is_whole = np.concatenate([own.gains > 0 for own in useful]).astype(int)
    features = np.concatenate([own.features for own in useful])
    return lightgbm.train(BOOSTING, lightgbm.Dataset(features, is_whole, weight=weights / weights.mean()), N_TREES)


def exported(booster: Any) -> LearnedCut:
    """The booster's trees, with numbers rounded to six digits, so that the file is small and matches what is used."""
    roots: list[int] = []
    features: list[int] = []
    thresholds: list[float] = []
    lower: list[int] = []
    upper: list[int] = []
    leaves: list[float] = []

    def place(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(float(f"{node['leaf_value']:.6g}"))
            return -len(leaves)
        at = len(features)
        features.append(node["split_feature"])
        thresholds.append(float(f"{node['threshold']:.6g}"))
        lower.append(0)
        upper.append(0)
        lower[at], upper[at] = place(node["left_child"]), place(node["right_child"])
        return at

    for tree in booster.dump_model()["tree_info"]:
        roots.append(place(tree["tree_structure"]))
    whole = [np.array(values, dtype=np.int64) for values in (roots, features, lower, upper)]
    return LearnedCut(whole[0], whole[1], np.array(thresholds), whole[2], whole[3], np.array(leaves), HEIGHT_SLOPE)


def digest_of(corpora: Sequence[Examples]) -> str:
    """16 hex digits of everything that a fit on ``corpora`` depends on: the examples and the way of fitting."""
    from journeys_assets.models.boosters import lightgbm_version

    settings = (lightgbm_version(), sorted(BOOSTING.items()), N_TREES, FEATURES, LearnedCut.__slots__, HEIGHT_SLOPE)
    hashed = hashlib.sha256(repr(settings).encode())
    for own in corpora:
        hashed.update(np.ascontiguousarray(own.features).tobytes())
        hashed.update(np.ascontiguousarray(own.gains).tobytes())
    return hashed.hexdigest()[:16]
