"""The clustering of each user in its simplest form, as the oracle of ``domain.clustering.kernels``.

Each number is computed by its definition, one after the other: all letters of all pairs, all features of all nodes, and
each tree from its root. The definitions are tested against others (scipy, by hand) where the kernels are.

"Packed" means that the keywords of all users are concatenated; user ``u`` owns rows ``offsets[u]`` to
``offsets[u + 1]``. Every sum runs in a fixed order over the rows of one user (no BLAS, no fastmath), so results do not
depend on other users, on threads or on how work is split.
"""

# mypy: disable-error-code="untyped-decorator, no-untyped-call"
from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

_intrinsic: Any = intrinsic
"""Untyped: what it returns is called by compiled code only, and without the first argument."""

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Letters = NDArray[np.uint32]

HEIGHT, LOG_KEYWORDS_OF_USER = 0, 6
"""Columns of ``merge_features``."""
SPACE = np.uint32(32)
WORD_BEGINS, WORD_ENDS = np.uint32(2), np.uint32(3)
"""Control characters, which do not occur in normalised keywords."""
FNV_START, FNV_FACTOR = np.uint64(14695981039346656037), np.uint64(1099511628211)
"""Constants of the hash FNV-1a (Fowler, Noll & Vo), applied to code points."""


@_intrinsic
def fused(_typing: Any, total: Any, a: Any, b: Any) -> Any:
    """``total + a * b`` of float32, rounded once."""

    def code(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.fma(args[1], args[2], args[0])

    return types.float32(total, a, b), code


@njit(cache=True, nogil=True)
def gram(vectors: Floats) -> Floats:
    """Inner products of the rows of ``vectors`` (n, d): a symmetric (n, n) matrix. Sums are over d, in order."""
    n, d = vectors.shape
    columns = vectors.T.copy()
    products = np.zeros((n, n), dtype=np.float32)
    whole = d - d % 4
    for i in range(n):
        # Four dimensions at a time: the compiler vectorises the loop over j, and the order of summation stays fixed.
        # Slices start at i because the compiler can then prove that indices are not negative, which is two to three
        # times faster.
        row = products[i, i:]
        for k in range(0, whole, 4):
            a0, a1, a2, a3 = vectors[i, k], vectors[i, k + 1], vectors[i, k + 2], vectors[i, k + 3]
            c0, c1, c2, c3 = columns[k, i:], columns[k + 1, i:], columns[k + 2, i:], columns[k + 3, i:]
            for j in range(row.shape[0]):
                row[j] = fused(fused(fused(fused(row[j], a0, c0[j]), a1, c1[j]), a2, c2[j]), a3, c3[j])
        for k in range(whole, d):
            a0 = vectors[i, k]
            c0 = columns[k, i:]
            for j in range(row.shape[0]):
                row[j] = fused(row[j], a0, c0[j])
    for i in range(n):
        for j in range(i):
            products[i, j] = products[j, i]
    return products


@njit(cache=True, nogil=True)
def letter_grams(letters: Letters, starts: Ints) -> tuple[NDArray[np.uint64], Ints]:
    """Runs of three and of four letters within the words of each text; begin and end of a word count as letters.

    Args:
        letters: Code points of n texts, concatenated; words are separated by spaces.
        starts: (n + 1,); text i is ``letters[starts[i]:starts[i + 1]]``.

    Returns:
        Hash and text number of each run, ordered by text.
    """
    n = starts.shape[0] - 1
    most = 2 * (letters.shape[0] + n)  # a word has at most as many runs of either length as letters
    grams = np.empty(most, dtype=np.uint64)
    texts = np.empty(most, dtype=np.int64)
    word = np.empty(letters.shape[0] + 2, dtype=np.uint32)
    word[0] = WORD_BEGINS
    count = 0
    for i in range(n):
        length = 1
        for at in range(starts[i], starts[i + 1] + 1):
            if at < starts[i + 1] and letters[at] != SPACE:
                word[length] = letters[at]
                length += 1
                continue
            if length > 1:
                word[length] = WORD_ENDS
                for run in range(3, 5):
                    for first in range(length + 2 - run):
                        hashed = FNV_START
                        for place in range(first, first + run):
                            hashed = (hashed ^ np.uint64(word[place])) * FNV_FACTOR
                        grams[count], texts[count] = hashed, i
                        count += 1
            length = 1
    return grams[:count], texts[:count]


@njit(cache=True, nogil=True)
def letter_cosines(letters: Letters, starts: Ints) -> Floats:
    """Similarity of n texts in their letters: cosines of their ``letter_grams``, weighted by TF-IDF.

    A gram that occurs t times in a text and in d of the n texts has weight
    ``(1 + ln t) * (1 + ln((1 + n) / (1 + d)))``.

    Args:
        letters, starts: As for ``letter_grams``.

    Returns:
        (n, n), symmetric, in [0, 1]; the diagonal is 1.
    """
    n = starts.shape[0] - 1
    grams, texts = letter_grams(letters, starts)
    order = np.argsort(grams, kind="mergesort")  # stable: the texts of a gram stay in order
    products = np.zeros((n, n), dtype=np.float32)
    squares = np.zeros(n, dtype=np.float64)
    owners = np.empty(n, dtype=np.int64)
    weights = np.empty(n, dtype=np.float64)
    first = 0
    while first < order.shape[0]:
        hashed, d, stop = grams[order[first]], 0, first
        while stop < order.shape[0] and grams[order[stop]] == hashed:
            text = texts[order[stop]]
            if d == 0 or owners[d - 1] != text:
                owners[d], weights[d] = text, 0.0
                d += 1
            weights[d - 1] += 1.0
            stop += 1
        rarity = 1.0 + np.log((1.0 + n) / (1.0 + d))
        for a in range(d):
            weights[a] = (1.0 + np.log(weights[a])) * rarity
            squares[owners[a]] += weights[a] * weights[a]
            for b in range(a):
                products[owners[a], owners[b]] += np.float32(weights[a] * weights[b])
        first = stop
    for i in range(n):
        for j in range(i):
            if products[i, j] > 0:
                products[i, j] = min(1.0, products[i, j] / np.sqrt(squares[i] * squares[j]))
            products[j, i] = products[i, j]
        products[i, i] = 1.0
    return products


@njit(cache=True, nogil=True)
def smoothed_distances(products: Floats, neighbours: int, floor: float) -> Floats:
    """Cosine distances between rows, each averaged with its nearest rows (including itself).

    The weights are ``max(0, cosine - floor)`` of the ``neighbours`` nearest rows; among equal cosines the lower row
    number counts as nearer. The averages are not computed themselves: their inner products are
    ``W @ products @ W.T``, with ``neighbours`` weights in each row of W.

    Args:
        products: Inner products of n unit rows (n, n), symmetric.
        neighbours: >= 1; 1 does not change the rows.
        floor: Cosine up to which a neighbour has weight 0, in [0, 1).

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
                target[j] = fused(target[j], weight, source[j])
    half = half.T.copy()
    smooth = np.zeros((n, n), dtype=np.float32)
    for i in range(n):
        for a in range(k):
            weight, source, target = weights[i, a], half[nearest[i, a]], smooth[i]
            for j in range(n):
                target[j] = fused(target[j], weight, source[j])
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
def similarities_of(vectors: Floats, letters: Letters, starts: Ints) -> Floats:
    """(2, n, n): cosines of the rows of ``vectors`` (n, d), and ``letter_cosines`` of their texts."""
    n = vectors.shape[0]
    similarities = np.empty((2, n, n), dtype=np.float32)
    similarities[0] = gram(vectors)
    similarities[1] = letter_cosines(letters, starts)
    return similarities


@njit(cache=True, nogil=True)
def dendrogram(distances: Floats, similarities: Floats, counts: Ints) -> tuple[Ints, Doubles, Ints, Doubles, Doubles]:
    """All merges of average linkage (UPGMA), by nearest-neighbour chains.

    Nodes 0 to n - 1 are the rows; node n + m is the result of merge m. Merges are ordered by height.

    Args:
        distances: (n, n), symmetric, n >= 1; the distances to link. Overwritten.
        similarities: (c, n, n), each symmetric; averaged in ``between`` and ``within``. Overwritten.
        counts: (n,), how many keywords each row is the mean of, >= 1; all 1 where there are similarities.

    Returns:
        children (n - 1, 2), the lower node first; heights (n - 1,), ascending; sizes (n - 1,), number of keywords under
        the node; between (c, n - 1), mean of each similarity over the pairs that the merge joins; within (c, n - 1),
        mean over all pairs under the node. Among equal distances, the previous member of the chain is chosen, then the
        lowest row.
    """
    kinds, n = similarities.shape[:2]
    merges = n - 1
    node = np.arange(n)
    size = counts.copy()
    height = np.zeros(n, dtype=np.float64)
    inner = np.zeros((kinds, n), dtype=np.float64)
    alive = np.arange(n)
    n_alive = n
    chain = np.empty(n, dtype=np.int64)
    depth = 0
    children = np.empty((merges, 2), dtype=np.int64)
    heights = np.empty(merges, dtype=np.float64)
    sizes = np.empty(merges, dtype=np.int64)
    between = np.empty((kinds, merges), dtype=np.float64)
    within = np.empty((kinds, merges), dtype=np.float64)
    done = 0
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
        if depth > 1 and best == chain[depth - 2]:
            depth -= 2
            i, j = min(top, best), max(top, best)
            n_alive = _without(alive, n_alive, j)
            own, joined = np.float64(size[i]), np.float64(size[j])
            both = own + joined
            # Rounding may put a merge slightly below one that it contains.
            height[i] = max(np.float64(nearest), max(height[i], height[j]))
            children[done, 0], children[done, 1] = node[i], node[j]
            heights[done], sizes[done] = height[i], size[i] + size[j]
            for kind in range(kinds):
                across, inside = similarities[kind, i, j], inner[kind]
                inside[i] += inside[j] + own * joined * np.float64(across)
                between[kind, done], within[kind, done] = across, inside[i] / (both * (both - 1) / 2)
            for a in range(n_alive):
                other = alive[a]
                if other != i:
                    joint = np.float32(own / both * distances[i, other] + joined / both * distances[j, other])
                    distances[i, other] = joint
                    distances[other, i] = joint
                    for kind in range(kinds):
                        similarity = similarities[kind]
                        mean = np.float32((own * similarity[i, other] + joined * similarity[j, other]) / both)
                        similarity[i, other] = mean
                        similarity[other, i] = mean
            size[i] += size[j]
            node[i] = n + done
            done += 1
        else:
            chain[depth] = best
            depth += 1
    order = np.argsort(heights, kind="mergesort")  # stable: merges of equal height keep their order
    place = np.empty(merges, dtype=np.int64)
    place[order] = np.arange(merges)
    for m in range(merges):
        for side in range(2):
            if children[m, side] >= n:
                children[m, side] = n + place[children[m, side] - n]
        if children[m, 0] > children[m, 1]:
            children[m, 0], children[m, 1] = children[m, 1], children[m, 0]
    return children[order], heights[order], sizes[order], between[:, order], within[:, order]


@njit(cache=True, nogil=True)
def merge_features(children: Ints, heights: Doubles, sizes: Ints, between: Doubles, within: Doubles) -> Doubles:
    """The features of each merge for the learned cut: (n - 1, 19), columns as in ``cut.FEATURES``.

    Args:
        children, heights, sizes, between, within: Results of ``dendrogram`` for (cosines, ``letter_cosines``).
    """
    merges = heights.shape[0]
    n = merges + 1
    cosine, cosine_within = between[0], within[0]
    features = np.empty((merges, 19), dtype=np.float64)
    parent = np.full(merges, -1, dtype=np.int64)
    sibling_size = np.ones(merges, dtype=np.int64)
    for m in range(merges):
        for side in range(2):
            child, other = children[m, side] - n, children[m, 1 - side] - n
            if child >= 0:
                parent[child] = m
                sibling_size[child] = sizes[other] if other >= 0 else 1
    for m in range(merges):
        small, big = children[m, 0] - n, children[m, 1] - n
        small_size = sizes[small] if small >= 0 else 1
        big_size = sizes[big] if big >= 0 else 1
        if big_size < small_size:
            small, big, small_size = big, small, big_size
        row, up = features[m], parent[m]
        row[0] = heights[m]
        row[1] = (heights[up] if up >= 0 else 1.0) - heights[m]
        row[2] = heights[big] if big >= 0 else 0.0
        row[3] = heights[small] if small >= 0 else 0.0
        row[4] = np.log(sizes[m])
        row[5] = np.log(small_size)
        row[6] = np.log(n)
        row[7] = sizes[m] / n
        row[8] = cosine[m]
        row[9] = cosine_within[m]
        row[10] = cosine_within[big] if big >= 0 else cosine[m]
        row[11] = cosine_within[small] if small >= 0 else cosine[m]
        row[12] = cosine[up] if up >= 0 else 0.0
        row[13] = np.log(sibling_size[m])
        row[14] = 1.0 if up < 0 else 0.0
        row[15] = np.log(n - m)
        row[16] = (merges - m) / n
        row[17] = between[1, m]
        row[18] = within[1, m]
    return features


@njit(cache=True, nogil=True)
def ensemble_score(
    row: Doubles, roots: Ints, features: Ints, thresholds: Doubles, lower: Ints, upper: Ints, leaves: Doubles
) -> float:
    """Sum over trees of the leaf that ``row`` falls into.

    Args:
        row: The features of one sample.
        roots: Index of the first split of each tree.
        features, thresholds: A row goes to ``lower`` if its feature is at most the threshold, else to ``upper``.
        lower, upper: Index of the next split; a value below 0 means the leaf ``-1 - value``.
        leaves: Value of each leaf.
    """
    score = 0.0
    for root in roots:
        at = root
        while at >= 0:
            at = lower[at] if row[features[at]] <= thresholds[at] else upper[at]
        score += leaves[-1 - at]
    return score


@njit(cache=True, nogil=True)
def node_score(
    row: Doubles,
    roots: Ints,
    features: Ints,
    thresholds: Doubles,
    lower: Ints,
    upper: Ints,
    leaves: Doubles,
    slope: float,
) -> float:
    """Log odds that a node is one cluster: a weighted mean of those of the ensemble and those of a single height.

    The ensemble knows the corpora that it was fitted on. The fewer keywords a user has, the less there is to tell
    another kind of corpus by, and the more a cut at one height for all nodes counts: as much as 15 keywords. For n
    keywords that height is ``0.475 * (n / 60) ** 0.1``.

    Args:
        row: From ``merge_features``.
        roots, features, thresholds, lower, upper, leaves: As for ``ensemble_score``.
        slope: Log odds of the single height, per unit that the node is below it.
    """
    n = np.exp(row[LOG_KEYWORDS_OF_USER])
    weight = 15.0 / (15.0 + n)
    by_ensemble = ensemble_score(row, roots, features, thresholds, lower, upper, leaves)
    by_height = slope * (0.475 * (n / 60.0) ** 0.1 - row[HEIGHT])
    return float((1.0 - weight) * by_ensemble + weight * by_height)


@njit(cache=True, nogil=True)
def cut_labels(
    children: Ints,
    rows: Doubles,
    roots: Ints,
    features: Ints,
    thresholds: Doubles,
    lower: Ints,
    upper: Ints,
    leaves: Doubles,
    slope: float,
    least: float,
) -> tuple[Ints, Doubles]:
    """Clusters of a dendrogram: from the top down, a node with a score above ``least`` is one; others are split.

    Args:
        children: From ``dendrogram``.
        rows: From ``merge_features``.
        roots, features, thresholds, lower, upper, leaves, slope: As for ``node_score``.

    Returns:
        (n,), clusters numbered 0, 1, ... by their first row; and the score of each cluster's node, NaN where it is a
        single row.
    """
    merges = children.shape[0]
    n = merges + 1
    # The top node of each node's cluster; -1 for nodes above the clusters. Parents come before children.
    top = np.full(n + merges, -1, dtype=np.int64)
    score = np.full(n + merges, np.nan)
    for m in range(merges - 1, -1, -1):
        if top[n + m] < 0:
            score[n + m] = node_score(rows[m], roots, features, thresholds, lower, upper, leaves, slope)
            if score[n + m] > least:
                top[n + m] = n + m
        for side in range(2):
            top[children[m, side]] = top[n + m]
    number = np.full(n + merges, -1, dtype=np.int64)
    labels = np.empty(n, dtype=np.int64)
    scores = np.empty(n, dtype=np.float64)
    count = 0
    for i in range(n):
        own = top[i] if top[i] >= 0 else i
        if number[own] < 0:
            number[own] = count
            scores[count] = score[own]
            count += 1
        labels[i] = number[own]
    return labels, scores[:count]


@njit(cache=True, nogil=True)
def merge_margins(
    children: Ints,
    rows: Doubles,
    roots: Ints,
    features: Ints,
    thresholds: Doubles,
    lower: Ints,
    upper: Ints,
    leaves: Doubles,
    slope: float,
) -> Doubles:
    """The highest threshold at which ``cut_labels`` keeps the keywords under each merge in one cluster; (n - 1,).

    That is the highest score of the node and of those above it: two keywords that a merge joins are in one cluster
    exactly if the margin of the merge exceeds ``least``.

    Args:
        children, rows, roots, features, thresholds, lower, upper, leaves, slope: As for ``cut_labels``.
    """
    merges = children.shape[0]
    n = merges + 1
    margins = np.full(merges, -np.inf)
    for m in range(merges - 1, -1, -1):
        margins[m] = max(margins[m], node_score(rows[m], roots, features, thresholds, lower, upper, leaves, slope))
        for side in range(2):
            child = children[m, side] - n
            if child >= 0:
                margins[child] = margins[m]
    return margins


@njit(cache=True, nogil=True)
def area_labels(vectors: Floats, labels: Ints, distance: float) -> Ints:
    """Areas: average linkage of whole clusters, cut at one height.

    Args:
        vectors: Unit rows (n, d).
        labels: Clusters of the rows (n,), numbered from 0.
        distance: Clusters are joined while the mean cosine distance between their rows is below this; 0 joins none,
            more than 2 all.

    Returns:
        Area of each cluster (labels.max() + 1,), areas numbered 0, 1, ... by their first cluster.
    """
    n_clusters = labels.max() + 1
    counts = np.zeros(n_clusters, dtype=np.int64)
    sums = np.zeros((n_clusters, vectors.shape[1]), dtype=np.float64)
    for i in range(labels.shape[0]):
        counts[labels[i]] += 1
        total = sums[labels[i]]
        for k in range(vectors.shape[1]):
            total[k] += vectors[i, k]
    means = np.empty((n_clusters, vectors.shape[1]), dtype=np.float32)
    for c in range(n_clusters):
        for k in range(vectors.shape[1]):
            means[c, k] = sums[c, k] / counts[c]
    cosines = gram(means)
    distances = np.zeros((n_clusters, n_clusters), dtype=np.float32)
    for i in range(n_clusters):
        for j in range(n_clusters):
            if i != j:
                distances[i, j] = max(np.float32(0), np.float32(1) - cosines[i, j])
    none = np.empty((0, n_clusters, n_clusters), dtype=np.float32)
    children, heights, _, _, _ = dendrogram(distances, none, counts)
    top = np.arange(2 * n_clusters - 1)
    for m in range(n_clusters - 2, -1, -1):
        for side in range(2):
            if heights[m] < distance:
                top[children[m, side]] = top[n_clusters + m]
    number = np.full(2 * n_clusters - 1, -1, dtype=np.int64)
    areas = np.empty(n_clusters, dtype=np.int64)
    count = 0
    for c in range(n_clusters):
        if number[top[c]] < 0:
            number[top[c]] = count
            count += 1
        areas[c] = number[top[c]]
    return areas


@njit(cache=True, nogil=True)
def _without(alive: Ints, n_alive: int, gone: int) -> int:
    """Remove ``gone`` from the first ``n_alive`` entries, in place, keeping the order. Returns the remaining number."""
    write = 0
    for a in range(n_alive):
        if alive[a] != gone:
            alive[write] = alive[a]
            write += 1
    return write


@njit(cache=True, nogil=True)
def cluster_packed(
    vectors: Floats,
    letters: Letters,
    starts: Ints,
    offsets: Ints,
    neighbours: int,
    floor: float,
    roots: Ints,
    features: Ints,
    thresholds: Doubles,
    lower: Ints,
    upper: Ints,
    leaves: Doubles,
    slope: float,
    least: float,
    area_distance: float,
) -> tuple[Ints, Ints, Ints, Doubles]:
    """Clusters of every user, and the areas that they form.

    Args:
        vectors: Unit rows (N, d), packed.
        letters, starts: The keywords of those rows, as for ``letter_grams``.
        offsets: (U + 1,); each user has at least one row.
        neighbours, floor: As for ``smoothed_distances``.
        roots, features, thresholds, lower, upper, leaves, slope: The learned cut, as for ``node_score``.
        least: As for ``cut_labels``.
        area_distance: As ``distance`` of ``area_labels``.

    Returns:
        labels (N,), numbered from 0 over all users by their first row; number of clusters per user (U,); area of each
        cluster, numbered from 0 over all users; score of each cluster's node, as from ``cut_labels``.
    """
    n_users = offsets.shape[0] - 1
    labels = np.empty(vectors.shape[0], dtype=np.int64)
    counts = np.empty(n_users, dtype=np.int64)
    areas = np.empty(vectors.shape[0], dtype=np.int64)
    scores = np.empty(vectors.shape[0], dtype=np.float64)
    first, first_area = 0, 0
    for u in range(n_users):
        start, stop = offsets[u], offsets[u + 1]
        similarities = similarities_of(vectors[start:stop], letters, starts[start : stop + 1])
        ones = np.ones(stop - start, dtype=np.int64)
        tree = dendrogram(smoothed_distances(similarities[0], neighbours, floor), similarities, ones)
        rows = merge_features(tree[0], tree[1], tree[2], tree[3], tree[4])
        own, score = cut_labels(tree[0], rows, roots, features, thresholds, lower, upper, leaves, slope, least)
        counts[u] = own.max() + 1
        labels[start:stop] = own + first
        above = area_labels(vectors[start:stop], own, area_distance)
        areas[first : first + counts[u]] = above + first_area
        scores[first : first + counts[u]] = score
        first_area += above.max() + 1
        first += counts[u]
    return labels, counts, areas[:first], scores[:first]


@njit(cache=True, nogil=True)
def describe_packed(
    vectors: Floats, weights: Doubles, labels: Ints, counts: Ints
) -> tuple[Floats, Doubles, Doubles, Doubles]:
    """Weighted centres of clusters, and the distribution of keywords around them.

    Args:
        vectors: Unit rows (N, d), packed.
        weights: Engagement weight of each row (N,), > 0.
        labels, counts: From ``cluster_packed``; C clusters in total.

    Returns:
        centres (C, d), unit rows; centralities (N,), cosine of each row to its centre; cohesions (C,), unweighted mean
        of the centralities; separations (C,), 1 - cosine to the nearest other centre of the same user, 1 if there is
        none.
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
