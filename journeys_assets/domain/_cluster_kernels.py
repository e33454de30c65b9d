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
        # Eight dimensions at a time: the loop over j becomes vector code, the order of summation stays fixed. Slices
        # that begin at i, for the compiler proves of no other index that it cannot be negative: two to three times.
        row = products[i, i:]
        for k in range(0, whole, 8):
            a0, a1, a2, a3 = vectors[i, k], vectors[i, k + 1], vectors[i, k + 2], vectors[i, k + 3]
            a4, a5, a6, a7 = vectors[i, k + 4], vectors[i, k + 5], vectors[i, k + 6], vectors[i, k + 7]
            c0, c1, c2, c3 = columns[k, i:], columns[k + 1, i:], columns[k + 2, i:], columns[k + 3, i:]
            c4, c5, c6, c7 = columns[k + 4, i:], columns[k + 5, i:], columns[k + 6, i:], columns[k + 7, i:]
            for j in range(row.shape[0]):
                low = (a0 * c0[j] + a1 * c1[j]) + (a2 * c2[j] + a3 * c3[j])
                high = (a4 * c4[j] + a5 * c5[j]) + (a6 * c6[j] + a7 * c7[j])
                row[j] += low + high
        for k in range(whole, d):
            a0 = vectors[i, k]
            c0 = columns[k, i:]
            for j in range(row.shape[0]):
                row[j] += a0 * c0[j]
    for i in range(n):
        for j in range(i):
            products[i, j] = products[j, i]
    return products


@njit(cache=True, nogil=True)
def smoothed_distances(products: Floats, neighbours: int, floor: float) -> Floats:
    """Cosine distances between rows after each was averaged with its nearest rows, itself among them.

    A row's weights are ``max(0, cosine - floor)`` of its ``neighbours`` nearest rows; among equal cosines the lowest
    row counts as nearer. The averages themselves are never made: their inner products are ``W @ products @ W.T``, with
    ``neighbours`` weights in each row of W.

    Args:
        products: inner products of n unit rows (n, n), symmetric.
        neighbours: >= 1; 1 leaves the rows as they are.
        floor: cosine at and below which a neighbour has no say, in [0, 1).

    Returns:
        (n, n), symmetric, in [0, 2]; the diagonal is 0.
    """
    n = products.shape[0]
    k = min(neighbours, n)
    lowest = np.float32(floor)
    nearest = np.zeros((n, k), dtype=np.int64)
    weights = np.zeros((n, k), dtype=np.float32)
    closeness = np.empty(k, dtype=np.float32)
    for i in range(n):
        row = products[i]
        filled = 1
        nearest[i, 0], closeness[0] = i, np.float32(np.inf)  # itself first, even among copies
        for j in range(n):
            if j == i or (filled == k and row[j] <= closeness[k - 1]):
                continue
            place = filled if filled < k else k - 1
            while closeness[place - 1] < row[j]:
                closeness[place], nearest[i, place] = closeness[place - 1], nearest[i, place - 1]
                place -= 1
            closeness[place], nearest[i, place] = row[j], j
            filled = min(filled + 1, k)
        for a in range(k):
            weights[i, a] = max(np.float32(0), row[nearest[i, a]] - lowest)
    half = np.zeros((n, n), dtype=np.float32)
    for i in range(n):
        for a in range(k):
            weight, source, target = weights[i, a], products[nearest[i, a]], half[i]
            for j in range(n):
                target[j] += weight * source[j]
    half = half.T.copy()
    smooth = np.zeros((n, n), dtype=np.float32)
    for i in range(n):
        for a in range(k):
            weight, source, target = weights[i, a], half[nearest[i, a]], smooth[i]
            for j in range(n):
                target[j] += weight * source[j]
    scales = np.zeros(n, dtype=np.float32)
    for i in range(n):
        if smooth[i, i] > 0:
            scales[i] = np.float32(1) / np.sqrt(smooth[i, i])
    distances = np.zeros((n, n), dtype=np.float32)
    for i in range(n):
        for j in range(i):
            cosine = smooth[i, j] * scales[i] * scales[j]
            distances[i, j] = min(np.float32(2), max(np.float32(0), np.float32(1) - cosine))
            distances[j, i] = distances[i, j]
    return distances


@njit(cache=True, nogil=True)
def average_linkage_labels(distances: Floats, cut: float) -> Ints:
    """Clusters of average linkage (UPGMA) when only merges of at most ``cut`` are done, by nearest-neighbour chains.

    Average linkage is reducible: no merge brings the result nearer to a third cluster than its nearer part was. So a
    cluster whose nearest neighbour lies beyond the cut is final, and leaves the search at once.

    Args:
        distances: (n, n), symmetric, n >= 1; used as work space and destroyed.
        cut: largest height of a merge.

    Returns:
        (n,), clusters numbered 0, 1, ... by their first row. Among equal distances the chain's previous member wins,
        then the lowest row.
    """
    n = distances.shape[0]
    leader = np.arange(n)
    size = np.ones(n, dtype=np.int64)
    alive = np.arange(n)
    n_alive = n
    chain = np.empty(n, dtype=np.int64)
    depth = 0
    while n_alive > 1:
        if depth == 0:
            chain[0] = alive[0]
            depth = 1
        top = chain[depth - 1]
        row = distances[top]
        best = chain[depth - 2] if depth > 1 else -1
        nearest = row[best] if depth > 1 else np.float32(np.inf)
        for a in range(n_alive):
            other = alive[a]
            if row[other] < nearest and other != top:
                nearest = row[other]
                best = other
        if depth == 1 and not nearest <= cut:
            n_alive = _without(alive, n_alive, top)
            depth = 0
        elif depth > 1 and best == chain[depth - 2]:
            depth -= 2
            i, j = min(top, best), max(top, best)
            n_alive = _without(alive, n_alive, j)
            leader[j] = i
            for a in range(n_alive):
                other = alive[a]
                if other != i:
                    total = np.float64(size[i]) * distances[i, other] + np.float64(size[j]) * distances[j, other]
                    joint = np.float32(total / np.float64(size[i] + size[j]))
                    distances[i, other] = joint
                    distances[other, i] = joint
            size[i] += size[j]
        else:
            chain[depth] = best
            depth += 1
    return _numbered(leader)


@njit(cache=True, nogil=True)
def _without(alive: Ints, n_alive: int, gone: int) -> int:
    """Take ``gone`` out of the first ``n_alive`` entries, in place and in order; how many are left."""
    write = 0
    for a in range(n_alive):
        if alive[a] != gone:
            alive[write] = alive[a]
            write += 1
    return write


@njit(cache=True, nogil=True)
def _numbered(leader: Ints) -> Ints:
    """Cluster numbers from leaders: a leader leads itself, and lies before the rows that it leads."""
    labels = np.empty(leader.shape[0], dtype=np.int64)
    count = 0
    for i in range(leader.shape[0]):
        if leader[i] == i:
            labels[i] = count
            count += 1
        else:
            labels[i] = labels[leader[i]]
    return labels


@njit(cache=True, nogil=True)
def cluster_packed(
    vectors: Floats,
    offsets: Ints,
    neighbours: int,
    floor: float,
    base_cut: float,
    reference_size: float,
    size_exponent: float,
) -> tuple[Ints, Ints]:
    """Clusters of every user.

    Args:
        vectors: unit rows (N, d), packed.
        offsets: (U + 1,); each user has at least one row.
        neighbours, floor: as in ``smoothed_distances``.
        base_cut, reference_size, size_exponent: the cut of a user of n rows is
            ``base_cut * (n / reference_size) ** size_exponent``, a cosine distance.

    Returns:
        labels (N,), counted from 0 over all users in row order of first members; clusters per user (U,).
    """
    n_users = offsets.shape[0] - 1
    labels = np.empty(vectors.shape[0], dtype=np.int64)
    counts = np.empty(n_users, dtype=np.int64)
    first = 0
    for u in range(n_users):
        start, stop = offsets[u], offsets[u + 1]
        cut = base_cut * ((stop - start) / reference_size) ** size_exponent
        own = average_linkage_labels(smoothed_distances(gram(vectors[start:stop]), neighbours, floor), cut)
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
