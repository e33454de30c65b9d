"""Methods to cluster one user's keywords, for comparison with the pipeline's own clustering, and an upper bound.

The baselines are written as one would write them with a library. The pipeline's clustering
(``domain.clustering.clusters``) is run as it is.

The cut of each baseline is the best single cut on the half of the CLINC150 labels that may be fitted on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
AVERAGE_CUT = 0.75
WARD_CUT = 1.8
TFIDF_CUT = 0.95
HDBSCAN_SMALLEST = 4
ONE_CUT = 0.475
AVERAGE_DOMAIN_CUT = 0.85
"""The cuts from here on are for domains: the best ones on the half of the CLINC150 labels that may be fitted on."""
WARD_DOMAIN_CUT = 2.6
SIZED_WARD_DOMAIN_CUT = 2.2
ONE_DOMAIN_CUT = 0.725


def ward(cut: float, size_exponent: float = 0.0) -> Rule:
    """Ward on unit vectors, cut at ``cut * (n / 30) ** size_exponent``."""

    def rule(_: PseudoUser, x: Matrix) -> Labels:
        return _cut(x, "ward", "euclidean", cut * (len(x) / 30) ** size_exponent)

    return rule


def average(cut: float) -> Rule:
    """Average linkage (UPGMA) on cosine distance."""
    return lambda _, x: _cut(x, "average", "cosine", cut)


def tfidf_average(corpus: Sequence[str], cut: float = TFIDF_CUT) -> Rule:
    """Average linkage on the cosine distance of words weighted by TF-IDF over ``corpus``, without an embedding."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b").fit(corpus)

    def rule(user: PseudoUser, _: Matrix) -> Labels:
        vectors = words.transform(user.keywords)
        cosines = (vectors @ vectors.T).toarray()
        return _cut_distances(1.0 - cosines, cut)

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


def one_cut(params: ClusteringParams, cut: float = ONE_CUT) -> Rule:
    """The pipeline's own dendrogram, cut at one height for all journeys of a user, ``cut * (n / 60) ** 0.1``."""

    def rule(_: PseudoUser, x: Matrix) -> Labels:
        return _cut_distances(_smoothed(x, params), cut * (len(x) / 60) ** 0.1)

    return rule


def best_cut(params: ClusteringParams) -> Rule:
    """An upper bound: the single cut of each user's dendrogram, as the pipeline builds it, that fits the truth best."""

    def rule(user: PseudoUser, x: Matrix) -> Labels:
        from scipy.cluster.hierarchy import fcluster, linkage

        if len(x) == 1:
            return np.zeros(1, dtype=np.int64)
        tree = linkage(_smoothed(x, params)[np.triu_indices(len(x), 1)], "average")
        return np.asarray(fcluster(tree, _best_height(tree, user.truth), "distance"), dtype=np.int64)

    return rule


def _smoothed(x: Matrix, params: ClusteringParams) -> NDArray[np.float64]:
    """The distances that the pipeline links."""
    from journeys_assets.domain.clustering import kernels

    smoothed = kernels.smoothed_distances(kernels.gram(x), params.smoothing_neighbours, params.smoothing_floor)
    return np.asarray(smoothed, dtype=np.float64)


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


def _cut(x: Matrix, linkage_name: str, metric: str, cut: float) -> Labels:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(x) == 1:
        return np.zeros(1, dtype=np.int64)
    tree = linkage(x.astype(np.float64), linkage_name, metric=metric)
    return np.asarray(fcluster(tree, cut, "distance"), dtype=np.int64)


def _cut_distances(distances: NDArray[np.float64], cut: float) -> Labels:
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(distances) == 1:
        return np.zeros(1, dtype=np.int64)
    tree = linkage(np.maximum(distances[np.triu_indices(len(distances), 1)], 0.0), "average")
    return np.asarray(fcluster(tree, cut, "distance"), dtype=np.int64)
