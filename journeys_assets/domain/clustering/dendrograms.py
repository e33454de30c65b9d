"""The dendrogram of one user's keywords, as the clustering builds it, with the features of its merges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.clusters import letters_of
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams


@dataclass(frozen=True, slots=True)
class Dendrogram:
    """The merges of one user's n keywords.

    Attributes:
        children: (n - 1, 2), as from ``kernels.dendrogram``.
        features: (n - 1, 19), as from ``kernels.merge_features``.
    """

    children: NDArray[np.int64]
    features: NDArray[np.float64]

    def labels(self, cut: LearnedCut, least_log_odds: float) -> NDArray[np.int64]:
        """(n,), the cluster of each keyword; clusters are numbered from 0 by their first keyword."""
        from journeys_assets.domain.clustering import kernels

        labels, _ = kernels.cut_labels(self.children, self.features, *cut.arguments, least_log_odds)
        return np.asarray(labels, dtype=np.int64)


def dendrogram_of(keywords: Sequence[str], vectors: NDArray[np.float32], params: ClusteringParams) -> Dendrogram:
    """The dendrogram of one user.

    Args:
        keywords: n distinct normalised keywords, sorted; n >= 1.
        vectors: (n, d), the unit vector of each.
    """
    from journeys_assets.domain.clustering import kernels

    matrix = np.ascontiguousarray(vectors, dtype=np.float32)
    every = np.arange(len(matrix), dtype=np.int64)
    products = kernels.padded_gram(matrix, every)
    distances = kernels.padded_distances(products, len(every), params.smoothing_neighbours, params.smoothing_floor)
    tree = kernels.padded_dendrogram(distances, np.ones(len(every), dtype=np.int64))
    runs, times, begins, distinct = kernels.letter_runs(*letters_of(pl.Series(keywords, dtype=pl.String)))
    letters = kernels.letter_weights(runs, times, begins, every, np.zeros(distinct, dtype=np.uint32))
    return Dendrogram(tree[0], kernels.merge_features(products, tree, letters, np.zeros((distinct, 2))))


def two_halves(keywords: Sequence[str], vectors: NDArray[np.float32], params: ClusteringParams) -> NDArray[np.bool_]:
    """The two halves that the dendrogram of some keywords has.

    Args:
        keywords: n distinct normalised keywords, sorted; n >= 2.
        vectors: (n, d), the unit vector of each.

    Returns:
        (n,), whether each keyword is in the second half. The first keyword is in the first one.
    """
    n = len(keywords)
    children = dendrogram_of(keywords, vectors, params).children
    waiting, is_second = [int(children[-1][1])], np.zeros(n, dtype=np.bool_)
    while waiting:
        node = waiting.pop()
        if node < n:
            is_second[node] = True
        else:
            waiting += children[node - n].tolist()
    return ~is_second if is_second[0] else is_second
