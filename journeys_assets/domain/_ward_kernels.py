"""Compiled loops of the per-user clustering. Import this module lazily: it brings in numba.

What belongs here: loops over users, keywords and clusters, on packed arrays. What does not: tables, parameters, ids.

"Packed" means that the keywords of all users lie one after another; user ``u`` owns rows ``offsets[u]`` to
``offsets[u + 1]``. Every sum runs in a fixed order over one user's rows alone (no BLAS, no fastmath), so that a result
never depends on other users, on threads or on how the work was split.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@njit(cache=True, nogil=True)
def gram(vectors: Floats) -> Floats:
    """Inner products of the rows of ``vectors`` (n, d): a symmetric (n, n) matrix."""
    n, d = vectors.shape
    columns = vectors.T.copy()
    products = np.zeros((n, n), dtype=np.float32)
    whole = d - d % 8
    for i in range(n):
        row = products[i]
        # Eight dimensions at a time: the loop over j becomes vector code, the order of summation stays fixed.
        for k in range(0, whole, 8):
            a0, a1, a2, a3 = vectors[i, k], vectors[i, k + 1], vectors[i, k + 2], vectors[i, k + 3]
            a4, a5, a6, a7 = vectors[i, k + 4], vectors[i, k + 5], vectors[i, k + 6], vectors[i, k + 7]
            c0, c1, c2, c3 = columns[k], columns[k + 1], columns[k + 2], columns[k + 3]
            c4, c5, c6, c7 = columns[k + 4], columns[k + 5], columns[k + 6], columns[k + 7]
            for j in range(i, n):
                low = (a0 * c0[j] + a1 * c1[j]) + (a2 * c2[j] + a3 * c3[j])
                high = (a4 * c4[j] + a5 * c5[j]) + (a6 * c6[j] + a7 * c7[j])
                row[j] += low + high
        for k in range(whole, d):
            a0 = vectors[i, k]
            c0 = columns[k]
            for j in range(i, n):
                row[j] += a0 * c0[j]
    for i in range(n):
        for j in range(i):
            products[i, j] = products[j, i]
    return products


@njit(cache=True, nogil=True)
def squared_distances(products: Floats) -> Floats:
    """Squared euclidean distances from inner products (n, n); never below 0; the diagonal is 0."""
    n = products.shape[0]
    distances = np.empty((n, n), dtype=np.float32)
    for i in range(n):
        for j in range(n):
            squared = products[i, i] + products[j, j] - 2 * products[i, j]
            distances[i, j] = squared if squared > 0 else np.float32(0)
        distances[i, i] = 0
    return distances


@njit(cache=True, nogil=True)
def ward_merges(distances: Floats) -> tuple[Ints, Ints, Doubles, Ints]:
    """All merges of Ward's linkage by nearest-neighbour chains, in the order the chains find them.

    Args:
        distances: squared euclidean distances (n, n), n >= 1; used as work space and destroyed.

    Returns:
        kept (n - 1,), gone (n - 1,), heights (n - 1,), sizes (n - 1,): merge t joins the clusters that are led by
        the rows ``kept[t] < gone[t]``; the result is led by ``kept[t]`` and has ``sizes[t]`` rows. Heights are as scipy
        reports them (not squared). Among equal distances the lowest row wins, the chain's previous member before it.
    """
    n = distances.shape[0]
    kept = np.empty(n - 1, dtype=np.int64)
    gone = np.empty(n - 1, dtype=np.int64)
    heights = np.empty(n - 1, dtype=np.float64)
    sizes = np.empty(n - 1, dtype=np.int64)
    size = np.ones(n, dtype=np.int64)
    alive = np.arange(n)
    n_alive = n
    chain = np.empty(n, dtype=np.int64)
    depth = 0
    for step in range(n - 1):
        if depth == 0:
            chain[0] = alive[0]
            depth = 1
        while True:
            top = chain[depth - 1]
            row = distances[top]
            if depth > 1:
                best = chain[depth - 2]
                nearest = row[best]
            else:
                best = -1
                nearest = np.float32(np.inf)
            for a in range(n_alive):
                other = alive[a]
                if row[other] < nearest and other != top:
                    nearest = row[other]
                    best = other
            if depth > 1 and best == chain[depth - 2]:
                break
            chain[depth] = best
            depth += 1
        depth -= 2
        i, j = min(top, best), max(top, best)
        n_i, n_j = size[i], size[j]
        kept[step], gone[step], heights[step], sizes[step] = i, j, np.sqrt(np.float64(nearest)), n_i + n_j
        write = 0
        for a in range(n_alive):
            other = alive[a]
            if other == j:
                continue
            alive[write] = other
            write += 1
            if other != i:
                n_o = size[other]
                grown = (
                    np.float64(n_i + n_o) * distances[i, other]
                    + np.float64(n_j + n_o) * distances[j, other]
                    - np.float64(n_o) * nearest
                ) / np.float64(n_i + n_j + n_o)
                distances[i, other] = np.float32(grown)
                distances[other, i] = np.float32(grown)
        n_alive = write
        size[i] = n_i + n_j
    return kept, gone, heights, sizes


@njit(cache=True, nogil=True)
def labels_below(kept: Ints, gone: Ints, heights: Doubles, cut: float) -> Ints:
    """Cluster number of each of n rows when only merges of at most ``cut`` are done: 0, 1, ... by first row."""
    n = kept.shape[0] + 1
    leader = np.arange(n)
    for t in range(n - 1):
        if heights[t] <= cut:
            leader[gone[t]] = kept[t]
    labels = np.empty(n, dtype=np.int64)
    count = 0
    for i in range(n):
        # A leader always lies before the rows it leads, so its number is known already.
        if leader[i] == i:
            labels[i] = count
            count += 1
        else:
            labels[i] = labels[leader[i]]
    return labels


@njit(cache=True, nogil=True)
def cluster_packed(
    vectors: Floats, offsets: Ints, base_cut: float, reference_size: float, size_exponent: float
) -> tuple[Ints, Ints]:
    """Clusters of every user.

    Args:
        vectors: unit rows (N, d), packed.
        offsets: (U + 1,); each user has at least one row.

    Returns:
        labels (N,), counted from 0 over all users in row order of first members; clusters per user (U,).
    """
    n_users = offsets.shape[0] - 1
    labels = np.empty(vectors.shape[0], dtype=np.int64)
    counts = np.empty(n_users, dtype=np.int64)
    first = 0
    for u in range(n_users):
        start, stop = offsets[u], offsets[u + 1]
        kept, gone, heights, _ = ward_merges(squared_distances(gram(vectors[start:stop])))
        cut = base_cut * ((stop - start) / reference_size) ** size_exponent
        own = labels_below(kept, gone, heights, cut)
        counts[u] = own.max() + 1
        labels[start:stop] = own + first
        first += counts[u]
    return labels, counts


@njit(cache=True, nogil=True)
def describe_packed(
    vectors: Floats, weights: Doubles, labels: Ints, counts: Ints
) -> tuple[Floats, Doubles, Doubles, Doubles]:
    """Weighted centres and how the keywords lie around them.

    Args:
        vectors: unit rows (N, d), packed.
        weights: engagement weight of each row (N,), > 0.
        labels, counts: as ``cluster_packed`` gives them; C clusters in all.

    Returns:
        centres (C, d), unit rows; centralities (N,), cosine of each row to its centre; cohesions (C,), their plain
        mean; separations (C,), 1 - cosine to the nearest other centre of the same user, 1 if there is none.
    """
    n_rows, d = vectors.shape
    n_clusters = counts.sum()
    sums = np.zeros((n_clusters, d), dtype=np.float64)
    for r in range(n_rows):
        total, weight = sums[labels[r]], weights[r]
        for k in range(d):
            total[k] += weight * vectors[r, k]
    centres = np.zeros((n_clusters, d), dtype=np.float32)
    for c in range(n_clusters):
        norm = 0.0
        for k in range(d):
            norm += sums[c, k] * sums[c, k]
        norm = np.sqrt(norm)
        if norm > 0:
            for k in range(d):
                centres[c, k] = sums[c, k] / norm
    centralities = np.empty(n_rows, dtype=np.float64)
    cohesions = np.zeros(n_clusters, dtype=np.float64)
    members = np.zeros(n_clusters, dtype=np.int64)
    for r in range(n_rows):
        cosine = 0.0
        for k in range(d):
            cosine += np.float64(vectors[r, k]) * np.float64(centres[labels[r], k])
        centralities[r] = min(1.0, max(-1.0, cosine))
        cohesions[labels[r]] += centralities[r]
        members[labels[r]] += 1
    cohesions /= members
    separations = np.ones(n_clusters, dtype=np.float64)
    first = 0
    for u in range(counts.shape[0]):
        stop = first + counts[u]
        if counts[u] > 1:
            products = gram(centres[first:stop])
            for a in range(counts[u]):
                nearest = -1.0
                for b in range(counts[u]):
                    if a != b and products[a, b] > nearest:
                        nearest = np.float64(products[a, b])
                separations[first + a] = 1.0 - min(1.0, nearest)
        first = stop
    return centres, centralities, cohesions, separations
