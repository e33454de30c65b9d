"""Methods to cluster one user's keywords, for comparison with the pipeline's own clustering, and an upper bound.

The baselines are written as one would write them with a library. The pipeline's clustering
(``domain.clustering.clusters``) is run as it is.

A ``SingleRule`` cuts one dendrogram of each user at one height for all users. The height is chosen on other corpora
than the one that is scored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser

Matrix = NDArray[np.float32]
Rule = Callable[[PseudoUser, Matrix], Labels]
"""Clusters of a user's keywords, from the user and the unit vectors of the keywords, in their order. Only the upper
bound uses the user's truth."""

SESSION_MINUTES = 30.0
"""The usual time-out. The first study of it found 25.5 minutes (Catledge & Pitkow 1995)."""
TFIDF_CUT = 0.95
HDBSCAN_SMALLEST = 4


@dataclass(frozen=True, slots=True)
class SingleRule:
    """A dendrogram of each user's keywords, cut at ``cut * (n / pivot) ** size_exponent`` for a user with n keywords.

    Attributes:
        name: The name used in tables.
        link: The merges, (n - 1, 4) as from scipy's ``linkage``, of the unit vectors of n >= 2 keywords.
        cuts: The cuts to choose from.
        pivot, size_exponent: How the height grows with the number of keywords. With an exponent of 0 it does not.
    """

    name: str
    link: Callable[[Matrix], NDArray[np.float64]]
    cuts: tuple[float, ...]
    pivot: float = 1.0
    size_exponent: float = 0.0

    def labels(self, x: Matrix, cuts: Sequence[float]) -> list[Labels]:
        """The clusters (n,) at each of ``cuts``."""
        from scipy.cluster.hierarchy import fcluster

        if len(x) == 1:
            return [np.zeros(1, dtype=np.int64) for _ in cuts]
        tree, scale = self.link(x), (len(x) / self.pivot) ** self.size_exponent
        return [np.asarray(fcluster(tree, cut * scale, "distance"), dtype=np.int64) for cut in cuts]

    def at(self, cut: float) -> Rule:
        """The rule with one of its cuts."""
        return lambda _, x: self.labels(x, [cut])[0]


def single_rules(params: ClusteringParams) -> tuple[SingleRule, ...]:
    """The rules with one cut for all users: Ward, Ward that is aware of the user's size, average linkage, and the
    pipeline's own dendrogram."""
    wards = _steps(1.0, 3.2, 0.1)
    return (
        SingleRule("Ward", _ward, wards),
        SingleRule("size-aware Ward", _ward, wards, pivot=30.0, size_exponent=0.3),
        SingleRule("average linkage", _average, _steps(0.3, 0.975, 0.025)),
        SingleRule("one cut", _smoothed_average(params), _steps(0.15, 0.975, 0.025), pivot=60.0, size_exponent=0.1),
    )


def tfidf_average(corpus: Sequence[str], cut: float = TFIDF_CUT) -> Rule:
    """Average linkage on the cosine distance of words weighted by TF-IDF over ``corpus``, without an embedding."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit(corpus)

    def rule(user: PseudoUser, _: Matrix) -> Labels:
        vectors = words.transform(user.keywords)
        cosines = (vectors @ vectors.T).toarray()
        from scipy.cluster.hierarchy import fcluster

        if len(cosines) == 1:
            return np.zeros(1, dtype=np.int64)
        return np.asarray(fcluster(_linked(1.0 - cosines), cut, "distance"), dtype=np.int64)

    return rule


def hdbscan(smallest: int = HDBSCAN_SMALLEST) -> Rule:
    """HDBSCAN (Campello et al. 2013) on unit vectors. Each noise point becomes a cluster of its own."""

    def rule(_: PseudoUser, x: Matrix) -> Labels:
        from sklearn.cluster import HDBSCAN

        if len(x) <= smallest:
            return np.zeros(len(x), dtype=np.int64)
        found = HDBSCAN(min_cluster_size=smallest, min_samples=1, copy=True).fit_predict(x)
        return np.where(found >= 0, found, len(x) + np.arange(len(x))).astype(np.int64)

    return rule


def time_out(minutes: float = SESSION_MINUTES) -> Rule:
    """Sessions: a keyword belongs to the session of its first engagement. A pause over ``minutes`` ends a session."""

    def rule(user: PseudoUser, _: Matrix) -> Labels:
        if user.first_engaged_at is None:
            raise ValueError("a time-out needs times, but this user has none")
        order = np.argsort(user.first_engaged_at, kind="stable")
        pauses = np.diff(user.first_engaged_at[order]) > np.timedelta64(round(minutes * 60e6), "us")
        labels = np.empty(len(order), dtype=np.int64)
        labels[order] = np.concatenate([[0], np.cumsum(pauses)])
        return labels

    return rule


def best_cut(params: ClusteringParams) -> Rule:
    """An upper bound: the single cut of each user's dendrogram, as the pipeline builds it, that fits the truth best."""

    def rule(user: PseudoUser, x: Matrix) -> Labels:
        from scipy.cluster.hierarchy import fcluster

        if len(x) == 1:
            return np.zeros(1, dtype=np.int64)
        tree = _smoothed_average(params)(x)
        return np.asarray(fcluster(tree, _best_height(tree, user.truth), "distance"), dtype=np.int64)

    return rule


def _ward(x: Matrix) -> NDArray[np.float64]:
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(x.astype(np.float64), "ward"), dtype=np.float64)


def _average(x: Matrix) -> NDArray[np.float64]:
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(x.astype(np.float64), "average", metric="cosine"), dtype=np.float64)


def _smoothed_average(params: ClusteringParams) -> Callable[[Matrix], NDArray[np.float64]]:
    """The merges of the distances that the pipeline links."""

    def link(x: Matrix) -> NDArray[np.float64]:
        from journeys_assets.domain.clustering import kernels

        distances = kernels.smoothed_distances(kernels.gram(x), params.smoothing_neighbours, params.smoothing_floor)
        return _linked(distances)

    return link


def _linked(distances: NDArray[np.floating]) -> NDArray[np.float64]:
    """Average linkage of an (n, n) matrix of distances."""
    from scipy.cluster.hierarchy import linkage

    condensed = np.maximum(distances[np.triu_indices(len(distances), 1)].astype(np.float64), 0.0)
    return np.asarray(linkage(condensed, "average"), dtype=np.float64)


def _steps(first: float, last: float, step: float) -> tuple[float, ...]:
    """From ``first`` to ``last``, both included."""
    return tuple(round(first + i * step, 4) for i in range(round((last - first) / step) + 1))


def _best_height(tree: NDArray[np.float64], truth: Labels) -> float:
    """Height of the cut with the highest B-cubed F1; the lowest of equally good ones. -1 joins nothing."""
    codes = np.unique(truth, return_inverse=True)[1]
    n, in_label = len(codes), np.bincount(codes).astype(np.float64)
    cells = np.zeros((2 * n - 1, len(in_label)))
    cells[np.arange(n), codes] = 1.0
    hits = float(n)  # sum over keywords of B-cubed precision
    found = float((1.0 / in_label[codes]).sum())  # the same of recall
    best_f1, best_height = _f1(hits / n, found / n), -1.0
    for step, (left, right, height, size) in enumerate(tree):
        a, b = cells[int(left)], cells[int(right)]
        joint = a + b
        hits += (joint**2).sum() / size - (a**2).sum() / a.sum() - (b**2).sum() / b.sum()
        found += ((joint**2 - a**2 - b**2) / in_label).sum()
        cells[n + step] = joint
        is_last_of_height = step + 1 == len(tree) or tree[step + 1, 2] > height
        if is_last_of_height and _f1(hits / n, found / n) > best_f1 + 1e-12:
            best_f1, best_height = _f1(hits / n, found / n), float(height)
    return best_height


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall)
