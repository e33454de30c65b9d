"""Compiled loops of the per-user clustering, on packed arrays. Import this module lazily: it imports numba.

"Packed" means that the keywords of all users are concatenated; user ``u`` owns rows ``offsets[u]`` to
``offsets[u + 1]``. Every sum runs in a fixed order over the rows of one user (no BLAS, no fastmath), so results do not
depend on other users, on threads or on how work is split.

A "padded" matrix is flat, and as wide as the next multiple of 16, so that its rows are whole ``lanes``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numba.cpython.unsafe import numbers
from numpy.typing import NDArray

from journeys_assets.domain.clustering.lanes import (
    LANES,
    lanes_at,
    least,
    plus_product,
    splat,
    spread,
    store,
    transpose,
    transpose_rows,
)

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Letters = NDArray[np.uint32]
Masks = NDArray[np.unsignedinteger[Any]]
Places = NDArray[np.uint32]
"""Unsigned, so that the compiler need not allow for places that are counted from the end."""
Times = NDArray[np.uint16]
trailing_zeros: Any = numbers.trailing_zeros

compiled = njit(cache=True, nogil=True, error_model="numpy")

HEIGHT, LOG_KEYWORDS_OF_USER, FIRST_OF_LETTERS, FEATURES = 0, 6, 17, 19
"""Columns of ``merge_features``; the last one is their number."""
ROWS_AT_ONCE = 6
"""Of a product: their sums, a column and an element fill the sixteen registers of a processor without AVX-512."""
ONE_PLACE = np.uint64(1)
ZERO, ONE, TWO = np.float32(0), np.float32(1), np.float32(2)
SPACE = np.uint32(32)
WORD_BEGINS, WORD_ENDS = np.uint64(2), np.uint64(3)
"""Control characters, which do not occur in normalised keywords."""
FNV_START, FNV_FACTOR = np.uint64(14695981039346656037), np.uint64(1099511628211)
"""Constants of the hash FNV-1a (Fowler, Noll & Vo), applied to code points."""
SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2 ** 64 divided by the golden ratio. The highest bits of a multiple of it depend on all bits of the hash."""


@compiled
def padded(n: int) -> int:
    """The least multiple of 16 that is at least ``n``."""
    return (n + LANES - 1) // LANES * LANES


@compiled
def mirror(matrix: Floats, upper: bool) -> None:
    """Make a square matrix (flat, a multiple of 16 wide) symmetric, in place, in blocks of 16.

    Args:
        upper: Whether the blocks above the diagonal are the source; else those below it. Blocks on the diagonal stay.
    """
    width = int(np.sqrt(matrix.shape[0]))
    for i in range(0, width, LANES):
        for j in range(0, i, LANES):
            low, high = i * width + j, j * width + i
            if upper:
                transpose(matrix, high, width, matrix, low, width)
            else:
                transpose(matrix, low, width, matrix, high, width)


@compiled
def padded_gram(vectors: Floats, places: Ints) -> Floats:
    """Inner products of rows: a symmetric, padded matrix. Beyond n it has products of the last row.

    Each product is a sum over the dimensions in order (``plus_product``), whatever the position of the two rows.

    Args:
        vectors: (V, d).
        places: (n,), rows of ``vectors``; n >= 1.
    """
    n, d = places.shape[0], vectors.shape[1]
    width, tiled = padded(n), d - d % LANES
    rows = vectors.reshape(-1)
    begins = np.full(width, places[n - 1] * d)
    for i in range(n):
        begins[i] = places[i] * d
    # Panel p holds the rows p to p + 15 as columns: sixteen numbers for each dimension.
    panels = np.empty(width * d, dtype=np.float32)
    for p in range(0, width, LANES):
        for k in range(0, tiled, LANES):
            transpose_rows(rows, begins, p, k, panels, p * d + k * LANES)
        for k in range(tiled, d):
            for j in range(LANES):
                panels[p * d + k * LANES + j] = rows[begins[p + j] + k]
    products = np.empty(width * width, dtype=np.float32)
    for p in range(0, width, LANES):
        for first in range(0, p + LANES, ROWS_AT_ONCE):
            i = min(first, p + LANES - ROWS_AT_ONCE)  # the last ones again, where six do not divide the number of rows
            t0, t1, t2, t3, t4, t5 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
            r0, r1, r2 = begins[i], begins[i + 1], begins[i + 2]
            r3, r4, r5 = begins[i + 3], begins[i + 4], begins[i + 5]
            for k in range(d):
                column = lanes_at(panels, p * d + k * LANES)
                t0 = plus_product(t0, spread(rows, r0 + k), column)
                t1 = plus_product(t1, spread(rows, r1 + k), column)
                t2 = plus_product(t2, spread(rows, r2 + k), column)
                t3 = plus_product(t3, spread(rows, r3 + k), column)
                t4 = plus_product(t4, spread(rows, r4 + k), column)
                t5 = plus_product(t5, spread(rows, r5 + k), column)
            store(products, i * width + p, t0)
            store(products, (i + 1) * width + p, t1)
            store(products, (i + 2) * width + p, t2)
            store(products, (i + 3) * width + p, t3)
            store(products, (i + 4) * width + p, t4)
            store(products, (i + 5) * width + p, t5)
    mirror(products, True)
    return products


@compiled
def gram(vectors: Floats) -> Floats:
    """Inner products of the rows of ``vectors`` (n, d): a symmetric (n, n) matrix."""
    n = vectors.shape[0]
    return padded_gram(vectors, np.arange(n)).reshape(padded(n), padded(n))[:n, :n].copy()


@compiled
def letter_runs(letters: Letters, starts: Ints) -> tuple[Places, Times, Ints, int]:
    """The runs of three and of four letters in each text.

    Runs lie within a word; begin and end of a word count as letters.

    Args:
        letters: Code points of n texts, concatenated; words are separated by spaces.
        starts: (n + 1,); text i is ``letters[starts[i]:starts[i + 1]]``.

    Returns:
        runs, numbered from 0 by first occurrence, text by text, each run of a text once; times that it occurs in the
        text; begins (n + 1,), where each text begins in them; number of distinct runs.
    """
    n = starts.shape[0] - 1
    most = 2 * (starts[n] - starts[0] + n)  # a word has at most as many runs of either length as letters
    shift = np.uint64(64 - 12)
    keys, numbers = np.empty(1 << 12, dtype=np.uint64), np.zeros(1 << 12, dtype=np.uint32)  # 0 means free
    hashes = np.empty(most, dtype=np.uint64)  # of one text
    runs, times = np.empty(most, dtype=np.uint32), np.empty(most, dtype=np.uint16)
    latest = np.zeros(most, dtype=np.int64)  # one beyond the place of the latest occurrence
    begins = np.zeros(n + 1, dtype=np.int64)
    word = np.empty(starts[n] - starts[0] + 3, dtype=np.uint64)
    word[0] = WORD_BEGINS
    count = distinct = 0
    for i in range(n):
        length, found = 1, 0
        for at in range(starts[i], starts[i + 1] + 1):
            if at < starts[i + 1] and letters[at] != SPACE:
                word[length] = letters[at]
                length += 1
                continue
            if length > 1:
                word[length] = WORD_ENDS
                for first in range(length - 1):
                    hashed = FNV_START
                    for place in range(first, first + 3):
                        hashed = (hashed ^ word[place]) * FNV_FACTOR
                    hashes[found] = hashed
                    # The last run of four would lie beyond the word; the next word replaces it.
                    hashes[found + 1] = (hashed ^ word[first + 3]) * FNV_FACTOR
                    found += 2
                found -= 1
            length = 1
        while 2 * (distinct + found) > numbers.shape[0]:  # at most half full
            shift -= np.uint64(1)
            old_keys, old_numbers = keys, numbers
            capacity = 2 * old_keys.shape[0]
            keys, numbers = np.empty(capacity, dtype=np.uint64), np.zeros(capacity, dtype=np.uint32)
            for old in range(old_keys.shape[0]):
                if old_numbers[old] != 0:
                    slot = (old_keys[old] * SPREAD) >> shift
                    while numbers[slot] != 0:
                        slot = (slot + np.uint64(1)) & np.uint64(keys.shape[0] - 1)
                    keys[slot], numbers[slot] = old_keys[old], old_numbers[old]
        for hashed in hashes[:found]:
            slot = (hashed * SPREAD) >> shift
            while (numbers[slot] != 0) & (keys[slot] != hashed):
                slot = (slot + np.uint64(1)) & np.uint64(keys.shape[0] - 1)
            # Without a branch: whether a run is new is hard to predict.
            distinct += numbers[slot] == 0
            run = np.uint32(distinct if numbers[slot] == 0 else numbers[slot]) - np.uint32(1)
            keys[slot], numbers[slot] = hashed, run + np.uint32(1)
            if latest[run] > begins[i]:
                times[latest[run] - 1] += np.uint16(1)
            else:
                runs[count], times[count] = run, 1
                count += 1
                latest[run] = count
        begins[i + 1] = count
    return runs[:count].copy(), times[:count].copy(), begins, distinct


@compiled
def letter_weights(
    runs: Places, times: Times, begins: Ints, texts: Ints, texts_with: Places
) -> tuple[Places, Doubles, Ints]:
    """The runs of letters in some of the texts, and their weights by TF-IDF among these.

    A run that occurs t times in a text and in d of the n texts has weight
    ``(1 + ln t) * (1 + ln((1 + n) / (1 + d)))``. The weights of each text are then scaled to unit length.

    Args:
        runs, times, begins: Results of ``letter_runs``.
        texts: (n,), numbers of texts.
        texts_with: A zero for each distinct run; zeros again afterwards.

    Returns:
        runs and weights, text by text; begins (n + 1,), where each of the n texts begins in them.
    """
    n = texts.shape[0]
    own_begins = np.zeros(n + 1, dtype=np.int64)
    for i in range(n):
        own_begins[i + 1] = own_begins[i] + (begins[texts[i] + 1] - begins[texts[i]])
        for run in runs[begins[texts[i]] : begins[texts[i] + 1]]:
            texts_with[run] += np.uint32(1)
    rarity = np.empty(n + 1, dtype=np.float64)
    for d in range(n + 1):
        rarity[d] = 1.0 + np.log((1.0 + n) / (1.0 + d))
    own_runs = np.empty(own_begins[n], dtype=np.uint32)
    weights = np.empty(own_begins[n], dtype=np.float64)
    for i in range(n):
        first, stop = begins[texts[i]], begins[texts[i] + 1]
        text, text_times = runs[first:stop], times[first:stop]
        weight = weights[own_begins[i] : own_begins[i + 1]]
        own_runs[own_begins[i] : own_begins[i + 1]] = text
        for p in range(text.shape[0]):
            weight[p] = rarity[texts_with[text[p]]]
            if text_times[p] > 1:
                weight[p] *= 1.0 + np.log(text_times[p])
        even = odd = 0.0  # two sums, so that one need not wait for the other
        for p in range(0, text.shape[0] - 1, 2):
            even += weight[p] * weight[p]
            odd += weight[p + 1] * weight[p + 1]
        if text.shape[0] % 2:
            even += weight[-1] * weight[-1]
        square = even + odd
        if square > 0:
            weight *= 1.0 / np.sqrt(square)
    for run in own_runs:
        texts_with[run] = 0
    return own_runs, weights, own_begins


@compiled
def padded_distances(products: Floats, n: int, neighbours: int, floor: float) -> Floats:
    """``smoothed_distances`` of a result of ``padded_gram``, flat; infinite on the diagonal, undefined beyond n."""
    width = padded(n)
    k = min(neighbours, n)
    lowest = np.float32(floor)
    nearest = np.zeros(n * k, dtype=np.int64)
    weights = np.zeros(n * k, dtype=np.float32)
    negative, taken = np.empty(width, dtype=np.float32), np.full(width, np.float32(np.inf))
    for i in range(n):
        row = products[i * width : (i + 1) * width]
        for j in range(width):
            negative[j] = -row[j]
        taken[:n] = 0
        taken[i] = np.inf  # itself first, even among copies
        nearest[i * k], weights[i * k] = i * width, max(ZERO, row[i] - lowest)
        for a in range(1, k):
            value, at = least(negative, 0, taken, width)
            weight = np.float32(-value) - lowest
            if not weight > 0:
                break  # the others have weight 0 too: row 0 stands for them
            taken[at] = np.inf
            nearest[i * k + a], weights[i * k + a] = at * width, weight
    half = np.empty(width * width, dtype=np.float32)
    half[n * width :] = 0
    for i in range(n):
        for j in range(0, width, LANES):
            total = splat(ZERO)
            for a in range(i * k, i * k + k):
                total = plus_product(total, spread(weights, a), lanes_at(products, nearest[a] + j))
            store(half, i * width + j, total)
    across = np.empty(width * width, dtype=np.float32)
    for i in range(0, width, LANES):
        for j in range(0, width, LANES):
            transpose(half, i * width + j, width, across, j * width + i, width)
    smooth = half
    scales = np.zeros(width, dtype=np.float32)
    for i in range(n):
        for j in range(0, i + 1, LANES):
            total = splat(ZERO)
            for a in range(i * k, i * k + k):
                total = plus_product(total, spread(weights, a), lanes_at(across, nearest[a] + j))
            store(smooth, i * width + j, total)
        if smooth[i * width + i] > 0:
            scales[i] = ONE / np.sqrt(smooth[i * width + i])
    for i in range(n):
        row, scale = smooth[i * width : i * width + i], scales[i]
        for j in range(row.shape[0]):
            row[j] = min(TWO, max(ZERO, ONE - row[j] * scale * scales[j]))
        smooth[i * width + i] = np.inf
        for j in range(i - i % LANES, i):
            smooth[j * width + i] = row[j]
    mirror(smooth, False)
    return smooth


@compiled
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
    wide = np.zeros((padded(n), padded(n)), dtype=np.float32)
    wide[:n, :n] = products
    distances = padded_distances(wide.reshape(-1), n, neighbours, floor).reshape(wide.shape)[:n, :n].copy()
    for i in range(n):
        distances[i, i] = 0
    return distances


@compiled
def padded_dendrogram(distances: Floats, counts: Ints) -> tuple[Ints, Doubles, Ints]:
    """``dendrogram`` of a result of ``padded_distances``."""
    n = counts.shape[0]
    width, merges = padded(n), n - 1
    node, size = np.arange(n), counts.copy()
    height = np.zeros(n, dtype=np.float64)
    gone = np.full(width, np.float32(np.inf))  # 0 for rows that are still clusters
    gone[:n] = 0
    alive, position = np.arange(n), np.arange(n)  # in any order
    n_alive = n
    chain = np.empty(n, dtype=np.int64)
    depth = 0
    children = np.empty((merges, 2), dtype=np.int64)
    heights = np.empty(merges, dtype=np.float64)
    sizes = np.empty(merges, dtype=np.int64)
    done = 0
    while n_alive > 1:
        if depth == 0:
            chain[0] = 0  # a merge keeps the lower row, so row 0 is always a cluster
            depth = 1
        top = chain[depth - 1]
        nearest, best = least(distances, top * width, gone, width)
        if depth > 1 and not nearest < distances[top * width + chain[depth - 2]]:
            best = chain[depth - 2]
            nearest = distances[top * width + best]
        else:
            chain[depth] = best
            depth += 1
            continue
        depth -= 2
        i, j = min(top, best), max(top, best)
        own, joined = np.float64(size[i]), np.float64(size[j])
        own_share, joined_share = own / (own + joined), joined / (own + joined)
        # Rounding may put a merge slightly below one that it contains.
        height[i] = max(np.float64(nearest), max(height[i], height[j]))
        children[done, 0], children[done, 1] = node[i], node[j]
        heights[done], sizes[done] = height[i], size[i] + size[j]
        gone[j] = np.inf
        n_alive -= 1
        alive[position[j]], position[alive[n_alive]] = alive[n_alive], position[j]
        mine, theirs = distances[i * width : (i + 1) * width], distances[j * width : (j + 1) * width]
        for other in range(width):
            mine[other] = np.float32(own_share * mine[other] + joined_share * theirs[other])
        for a in range(n_alive):
            distances[alive[a] * width + i] = mine[alive[a]]
        size[i] += size[j]
        node[i] = n + done
        done += 1
    order = np.argsort(heights, kind="mergesort")  # stable: merges of equal height keep their order
    place = np.empty(merges, dtype=np.int64)
    place[order] = np.arange(merges)
    for m in range(merges):
        for side in range(2):
            if children[m, side] >= n:
                children[m, side] = n + place[children[m, side] - n]
        if children[m, 0] > children[m, 1]:
            children[m, 0], children[m, 1] = children[m, 1], children[m, 0]
    return children[order], heights[order], sizes[order]


@compiled
def dendrogram(distances: Floats, counts: Ints) -> tuple[Ints, Doubles, Ints]:
    """All merges of average linkage (UPGMA), by nearest-neighbour chains.

    Nodes 0 to n - 1 are the rows; node n + m is the result of merge m. Merges are ordered by height.

    Args:
        distances: (n, n), symmetric, n >= 1; the distances to link.
        counts: (n,), how many keywords each row is the mean of, >= 1.

    Returns:
        children (n - 1, 2), the lower node first; heights (n - 1,), ascending; sizes (n - 1,), number of keywords under
        the node. Among equal distances, the previous member of the chain is chosen, then the lowest row.
    """
    n = counts.shape[0]
    wide = np.zeros((padded(n), padded(n)), dtype=np.float32)
    wide[:n, :n] = distances
    for i in range(n):
        wide[i, i] = np.inf
    return padded_dendrogram(wide.reshape(-1), counts)


@compiled
def leaf_order(children: Ints, sizes: Ints) -> tuple[Places, Ints]:
    """An order of the n rows in which the rows under each node are neighbours.

    Returns:
        order (n,), row numbers; begins (2 n - 1,), where the rows under each node begin in it.
    """
    merges = children.shape[0]
    n = merges + 1
    begins = np.zeros(n + merges, dtype=np.int64)
    for m in range(merges - 1, -1, -1):
        first, second = children[m]
        begins[first] = begins[n + m]
        begins[second] = begins[n + m] + (sizes[first - n] if first >= n else 1)
    order = np.empty(n, dtype=np.uint32)
    for i in range(n):
        order[begins[i]] = i
    return order, begins


@compiled
def pair_means(
    products: Floats, width: int, children: Ints, sizes: Ints, order: Places, begins: Ints
) -> tuple[Doubles, Doubles]:
    """Means over the pairs of rows that a merge joins, and over all pairs under its node; (n - 1,) each.

    Args:
        products: A symmetric matrix, flat, ``width`` wide.
        children, sizes: Results of ``dendrogram``.
        order, begins: Results of ``leaf_order``.
    """
    merges = children.shape[0]
    n = merges + 1
    between, within = np.empty(merges, dtype=np.float64), np.empty(merges, dtype=np.float64)
    sums = np.zeros(n + merges, dtype=np.float64)
    for m in range(merges):
        first, second = children[m, 0], children[m, 1]
        middle, end = begins[second], begins[n + m] + sizes[m]
        few, many = order[begins[n + m] : middle], order[middle:end]
        if few.shape[0] > many.shape[0]:
            few, many = many, few
        across = 0.0
        for a in few:
            row = np.uint64(a) * np.uint64(width)
            for b in many:
                across += products[row + np.uint64(b)]
        sums[n + m] = (sums[first] + sums[second]) + across
        between[m] = across / ((middle - begins[n + m]) * (end - middle))
        within[m] = sums[n + m] / (sizes[m] * (sizes[m] - 1) / 2)
    return between, within


@compiled
def letter_means(
    m: int,
    children: Ints,
    sizes: Ints,
    order: Places,
    begins: Ints,
    runs: Places,
    weights: Doubles,
    texts: Ints,
    sums: Doubles,
) -> tuple[float, float]:
    """Mean cosine of the letters over the pairs of texts that merge ``m`` joins, and over all pairs under its node.

    Args:
        children, sizes: Results of ``dendrogram``.
        order, begins: Results of ``leaf_order``.
        runs, weights, texts: Results of ``letter_weights``; ``texts`` are its begins.
        sums: (distinct runs, 2), zeros; zeros again afterwards.
    """
    n = children.shape[0] + 1
    begin, middle, end = begins[n + m], begins[children[m, 1]], begins[n + m] + sizes[m]
    across = inside = 0.0
    for i in order[begin:middle]:
        for p in range(texts[i], texts[i + 1]):
            own = sums[runs[p]]
            inside += weights[p] * own[0]
            own[0] += weights[p]
    for i in order[middle:end]:
        for p in range(texts[i], texts[i + 1]):
            own = sums[runs[p]]
            across += weights[p] * own[0]
            inside += weights[p] * own[1]
            own[1] += weights[p]
    for i in order[begin:end]:
        for p in range(texts[i], texts[i + 1]):
            own = sums[runs[p]]
            own[0] = own[1] = 0.0
    pairs = sizes[m] * (sizes[m] - 1) / 2
    return across / ((middle - begin) * (end - middle)), (inside + across) / pairs


@compiled
def relations(children: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    """The merge above each merge, -1 for the top; and the number of keywords of its sibling; (n - 1,) each."""
    merges = sizes.shape[0]
    n = merges + 1
    parent = np.full(merges, -1, dtype=np.int64)
    sibling_size = np.ones(merges, dtype=np.int64)
    for m in range(merges):
        for side in range(2):
            child, other = children[m, side] - n, children[m, 1 - side] - n
            if child >= 0:
                parent[child] = m
                sibling_size[child] = sizes[other] if other >= 0 else 1
    return parent, sibling_size


@compiled
def write_features(
    row: Doubles,
    m: int,
    children: Ints,
    heights: Doubles,
    sizes: Ints,
    parent: Ints,
    sibling_size: Ints,
    cosine: Doubles,
    cosine_within: Doubles,
) -> None:
    """Write the features of merge ``m`` to ``row`` (19,), columns as in ``cut.FEATURES``, except for the letters.

    Args:
        children, heights, sizes: Results of ``dendrogram``.
        parent, sibling_size: Results of ``relations``.
        cosine, cosine_within: Results of ``pair_means``.
    """
    merges = heights.shape[0]
    n = merges + 1
    small, big = children[m, 0] - n, children[m, 1] - n
    small_size = sizes[small] if small >= 0 else 1
    big_size = sizes[big] if big >= 0 else 1
    if big_size < small_size:
        small, big, small_size = big, small, big_size
    up = parent[m]
    row[HEIGHT] = heights[m]
    row[1] = (heights[up] if up >= 0 else 1.0) - heights[m]
    row[2] = heights[big] if big >= 0 else 0.0
    row[3] = heights[small] if small >= 0 else 0.0
    row[4] = np.log(sizes[m])
    row[5] = np.log(small_size)
    row[LOG_KEYWORDS_OF_USER] = np.log(n)
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


@compiled
def reachable(
    row: Doubles, first: int, stop: int, starts: Ints, thresholds: Doubles, masks: Masks, left: Masks
) -> None:
    """Remove from ``left`` (a mask of leaves per tree) the leaves that features ``first`` to ``stop - 1`` exclude.

    Args:
        row: The features of one sample.
        starts, thresholds, masks: As for ``ensemble_score``.
    """
    trees = left.shape[0]
    for f in range(first, stop):
        at, n = np.uint64(starts[f]), np.uint64(starts[f + 1] - starts[f])
        if n == 0:
            continue
        while n > ONE_PLACE:  # halves without a branch: which half has the value is hard to predict
            half = n >> ONE_PLACE
            at += half * np.uint64(thresholds[at + half - ONE_PLACE] < row[f])
            n -= half
        begin = (np.int64(at + np.uint64(thresholds[at] < row[f])) + f) * trees
        allowed = masks[begin : begin + trees]
        for t in range(trees):
            left[t] &= allowed[t]


@compiled
def highest_score(left: Masks, leaves: Doubles) -> float:
    """Sum over trees of the highest of the leaves that are left.

    Args:
        left: A mask of leaves per tree; at least one each.
        leaves: As for ``ensemble_score``.
    """
    score = 0.0
    for t in range(left.shape[0]):
        score += leaves[t, trailing_zeros(np.uint64(left[t]))]  # leaves descend: the lowest bit is the highest leaf
    return score


@compiled
def ensemble_score(row: Doubles, starts: Ints, thresholds: Doubles, masks: Masks, leaves: Doubles) -> float:
    """Sum over trees of the leaf that ``row`` falls into.

    Args:
        row: The features of one sample.
        starts, thresholds, masks, leaves: The ensemble, from ``cut.LearnedCut.arguments``.
    """
    left = masks[masks.shape[0] - leaves.shape[0] :].copy()
    reachable(row, 0, FEATURES, starts, thresholds, masks, left)
    return highest_score(left, leaves)


@compiled
def node_score(row: Doubles, starts: Ints, thresholds: Doubles, masks: Masks, leaves: Doubles, slope: float) -> float:
    """Log odds that a node is one cluster: a weighted mean of those of the ensemble and those of a single height.

    The ensemble knows the corpora that it was fitted on. The fewer keywords a user has, the less there is to tell
    another kind of corpus by, and the more a cut at one height for all nodes counts: as much as 15 keywords. For n
    keywords that height is ``0.475 * (n / 60) ** 0.1``.

    Args:
        row: From ``merge_features``.
        starts, thresholds, masks, leaves: As for ``ensemble_score``.
        slope: Log odds of the single height, per unit that the node is below it.
    """
    n = np.exp(row[LOG_KEYWORDS_OF_USER])
    weight = 15.0 / (15.0 + n)
    by_ensemble = ensemble_score(row, starts, thresholds, masks, leaves)
    by_height = slope * (0.475 * (n / 60.0) ** 0.1 - row[HEIGHT])
    return float((1.0 - weight) * by_ensemble + weight * by_height)


@compiled
def numbered(children: Ints, top: Ints, score: Doubles) -> tuple[Ints, Doubles]:
    """Clusters numbered 0, 1, ... by their first row (n,), and the score of each cluster's node.

    Args:
        children: From ``dendrogram``.
        top: (2 n - 1,), the node of the cluster of each node; -1 for nodes above the clusters.
        score: (2 n - 1,), of each node; NaN for rows.
    """
    n = children.shape[0] + 1
    number = np.full(top.shape[0], -1, dtype=np.int64)
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


@compiled
def cut_labels(
    children: Ints,
    rows: Doubles,
    starts: Ints,
    thresholds: Doubles,
    masks: Masks,
    leaves: Doubles,
    slope: float,
    least_score: float,
) -> tuple[Ints, Doubles]:
    """Clusters of a dendrogram: from the top down, a node with a score above ``least_score`` is one; others are split.

    Args:
        children: From ``dendrogram``.
        rows: From ``merge_features``.
        starts, thresholds, masks, leaves, slope: As for ``node_score``.

    Returns:
        (n,), clusters numbered 0, 1, ... by their first row; and the score of each cluster's node, NaN where it is a
        single row.
    """
    merges = children.shape[0]
    n = merges + 1
    # Parents come before children.
    top = np.full(n + merges, -1, dtype=np.int64)
    score = np.full(n + merges, np.nan)
    for m in range(merges - 1, -1, -1):
        if top[n + m] < 0:
            score[n + m] = node_score(rows[m], starts, thresholds, masks, leaves, slope)
            if score[n + m] > least_score:
                top[n + m] = n + m
        for side in range(2):
            top[children[m, side]] = top[n + m]
    return numbered(children, top, score)


@compiled
def cut_user(
    products: Floats,
    tree: tuple[Ints, Doubles, Ints],
    letters: tuple[Places, Doubles, Ints],
    sums: Doubles,
    starts: Ints,
    thresholds: Doubles,
    masks: Masks,
    leaves: Doubles,
    slope: float,
    least_score: float,
) -> tuple[Ints, Doubles]:
    """What ``cut_labels`` returns for ``merge_features``, without the features that cannot change it.

    Only nodes that are reached from the top have features. Letters are compared only under nodes that could be one
    cluster: for the others, even the highest leaves that the other features leave in each tree sum to too little.
    Rounding keeps the order of sums, so the bound is exact.

    Args:
        products: From ``padded_gram``.
        tree: From ``dendrogram``.
        letters: From ``letter_weights``.
        sums: As for ``letter_means``.
        starts, thresholds, masks, leaves, slope, least_score: As for ``cut_labels``.
    """
    children, heights, sizes = tree
    merges = children.shape[0]
    n = merges + 1
    order, begins = leaf_order(children, sizes)
    cosine, cosine_within = pair_means(products, padded(n), children, sizes, order, begins)
    parent, sibling_size = relations(children, sizes)
    runs, weights, texts = letters
    row = np.zeros(FEATURES, dtype=np.float64)
    left = np.empty(leaves.shape[0], dtype=masks.dtype)
    every = masks[masks.shape[0] - leaves.shape[0] :]
    keywords = np.exp(np.log(n))
    share, middle = 15.0 / (15.0 + keywords), 0.475 * (keywords / 60.0) ** 0.1
    top = np.full(n + merges, -1, dtype=np.int64)
    score = np.full(n + merges, np.nan)
    for m in range(merges - 1, -1, -1):
        if top[n + m] < 0:
            write_features(row, m, children, heights, sizes, parent, sibling_size, cosine, cosine_within)
            left[:] = every
            reachable(row, 0, FIRST_OF_LETTERS, starts, thresholds, masks, left)
            by_height = slope * (middle - row[HEIGHT])
            if (1.0 - share) * highest_score(left, leaves) + share * by_height > least_score:
                means = letter_means(m, children, sizes, order, begins, runs, weights, texts, sums)
                row[FIRST_OF_LETTERS], row[FIRST_OF_LETTERS + 1] = means
                reachable(row, FIRST_OF_LETTERS, FEATURES, starts, thresholds, masks, left)
                score[n + m] = (1.0 - share) * highest_score(left, leaves) + share * by_height
                if score[n + m] > least_score:
                    top[n + m] = n + m
        for side in range(2):
            top[children[m, side]] = top[n + m]
    return numbered(children, top, score)


@compiled
def merge_features(
    products: Floats, tree: tuple[Ints, Doubles, Ints], letters: tuple[Places, Doubles, Ints], sums: Doubles
) -> Doubles:
    """The features of each merge for the learned cut: (n - 1, 19), columns as in ``cut.FEATURES``.

    Args:
        products, tree, letters, sums: As for ``cut_user``.
    """
    children, heights, sizes = tree
    merges = children.shape[0]
    order, begins = leaf_order(children, sizes)
    cosine, cosine_within = pair_means(products, padded(merges + 1), children, sizes, order, begins)
    parent, sibling_size = relations(children, sizes)
    runs, weights, texts = letters
    rows = np.empty((merges, FEATURES), dtype=np.float64)
    for m in range(merges):
        write_features(rows[m], m, children, heights, sizes, parent, sibling_size, cosine, cosine_within)
        means = letter_means(m, children, sizes, order, begins, runs, weights, texts, sums)
        rows[m, FIRST_OF_LETTERS], rows[m, FIRST_OF_LETTERS + 1] = means
    return rows


@compiled
def merge_margins(
    children: Ints, rows: Doubles, starts: Ints, thresholds: Doubles, masks: Masks, leaves: Doubles, slope: float
) -> Doubles:
    """The highest threshold at which ``cut_labels`` keeps the keywords under each merge in one cluster; (n - 1,).

    That is the highest score of the node and of those above it: two keywords that a merge joins are in one cluster
    exactly if the margin of the merge exceeds ``least_score``.

    Args:
        children, rows, starts, thresholds, masks, leaves, slope: As for ``cut_labels``.
    """
    merges = children.shape[0]
    n = merges + 1
    margins = np.full(merges, -np.inf)
    for m in range(merges - 1, -1, -1):
        margins[m] = max(margins[m], node_score(rows[m], starts, thresholds, masks, leaves, slope))
        for side in range(2):
            child = children[m, side] - n
            if child >= 0:
                margins[child] = margins[m]
    return margins


@compiled
def add_scaled(total: Doubles, weight: float, row: Floats) -> None:
    """Add ``weight * row`` to ``total``, in place."""
    for k in range(row.shape[0]):
        total[k] += weight * row[k]


@compiled
def write_scaled(row: Doubles, scale: float, target: Floats) -> None:
    """Write ``scale * row`` to ``target``."""
    for k in range(row.shape[0]):
        target[k] = scale * row[k]


@compiled
def squared_norm(row: Doubles) -> float:
    """Sum of the squares of ``row``, in order."""
    total = 0.0
    for k in range(row.shape[0]):
        total += row[k] * row[k]
    return total


@compiled
def four_products(
    rows: tuple[Floats, Floats, Floats, Floats], others: tuple[Floats, Floats, Floats, Floats]
) -> tuple[float, float, float, float]:
    """Inner products of four pairs of rows, each in order and in double precision."""
    a, b, c, d = rows
    e, f, g, h = others
    first = second = third = fourth = 0.0
    for k in range(a.shape[0]):
        first += np.float64(a[k]) * np.float64(e[k])
        second += np.float64(b[k]) * np.float64(f[k])
        third += np.float64(c[k]) * np.float64(g[k])
        fourth += np.float64(d[k]) * np.float64(h[k])
    return first, second, third, fourth


@compiled
def area_labels(vectors: Floats, labels: Ints, distance: float) -> Ints:
    """``packed_areas`` of one user whose rows are ``vectors`` (n, d)."""
    return packed_areas(vectors, np.arange(labels.shape[0]), labels, distance)


@compiled
def packed_areas(vectors: Floats, places: Ints, labels: Ints, distance: float) -> Ints:
    """Areas: average linkage of whole clusters, cut at one height.

    Args:
        vectors: Unit rows (V, d).
        places: (n,), rows of ``vectors``.
        labels: Clusters of those rows (n,), numbered from 0.
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
        add_scaled(sums[labels[i]], 1.0, vectors[places[i]])
    means = np.empty((n_clusters, vectors.shape[1]), dtype=np.float32)
    for c in range(n_clusters):
        write_scaled(sums[c], 1.0 / counts[c], means[c])
    distances = padded_gram(means, np.arange(n_clusters))
    for at in range(distances.shape[0]):
        distances[at] = max(ZERO, ONE - distances[at])
    for c in range(n_clusters):
        distances[c * padded(n_clusters) + c] = np.inf
    children, heights, _ = padded_dendrogram(distances, counts)
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


@compiled
def cluster_packed(
    vectors: Floats,
    places: Ints,
    letters: tuple[Places, Times, Ints, int],
    texts: Ints,
    offsets: Ints,
    neighbours: int,
    floor: float,
    feature_starts: Ints,
    thresholds: Doubles,
    masks: Masks,
    leaves: Doubles,
    slope: float,
    least_score: float,
    area_distance: float,
) -> tuple[Ints, Ints, Ints, Doubles]:
    """Clusters of every user, and the areas that they form.

    Args:
        vectors: Unit rows (V, d).
        places: (N,), packed: the row of ``vectors`` of each keyword.
        letters: From ``letter_runs``.
        texts: (N,), packed: the number of each keyword's text in ``letters``.
        offsets: (U + 1,); each user has at least one keyword.
        neighbours, floor: As for ``smoothed_distances``.
        feature_starts, thresholds, masks, leaves, slope: The learned cut, as ``starts`` and so on of ``node_score``.
        least_score: As for ``cut_labels``.
        area_distance: As ``distance`` of ``packed_areas``.

    Returns:
        labels (N,), numbered from 0 over all users by their first keyword; number of clusters per user (U,); area of
        each cluster, numbered from 0 over all users; score of each cluster's node, as from ``cut_labels``.
    """
    n_users, n_rows = offsets.shape[0] - 1, places.shape[0]
    labels = np.empty(n_rows, dtype=np.int64)
    counts = np.empty(n_users, dtype=np.int64)
    areas = np.empty(n_rows, dtype=np.int64)
    scores = np.empty(n_rows, dtype=np.float64)
    runs, times, begins, distinct = letters
    texts_with, sums = np.zeros(distinct, dtype=np.uint32), np.zeros((distinct, 2), dtype=np.float64)
    first, first_area = 0, 0
    for u in range(n_users):
        start, stop = offsets[u], offsets[u + 1]
        products = padded_gram(vectors, places[start:stop])
        distances = padded_distances(products, stop - start, neighbours, floor)
        tree = padded_dendrogram(distances, np.ones(stop - start, dtype=np.int64))
        weighted = letter_weights(runs, times, begins, texts[start:stop], texts_with)
        own, score = cut_user(
            products, tree, weighted, sums, feature_starts, thresholds, masks, leaves, slope, least_score
        )
        counts[u] = own.max() + 1
        labels[start:stop] = own + first
        above = packed_areas(vectors, places[start:stop], own, area_distance)
        areas[first : first + counts[u]] = above + first_area
        scores[first : first + counts[u]] = score
        first_area += above.max() + 1
        first += counts[u]
    return labels, counts, areas[:first], scores[:first]


@compiled
def describe_packed(
    vectors: Floats, places: Ints, weights: Doubles, labels: Ints, counts: Ints
) -> tuple[Floats, Doubles, Doubles, Doubles]:
    """Weighted centres of clusters, and the distribution of keywords around them.

    Args:
        vectors: Unit rows (V, d).
        places: (N,), packed: the row of ``vectors`` of each keyword.
        weights: Engagement weight of each keyword (N,), > 0.
        labels, counts: From ``cluster_packed``; C clusters in total.

    Returns:
        centres (C, d), unit rows; centralities (N,), cosine of each keyword to its centre; cohesions (C,), unweighted
        mean of the centralities; separations (C,), 1 - cosine to the nearest other centre of the same user, 1 if there
        is none.
    """
    n_rows, d = places.shape[0], vectors.shape[1]
    n_clusters = counts.sum()
    centres = np.zeros((n_clusters, d), dtype=np.float32)
    centralities = np.zeros(n_rows, dtype=np.float64)
    cohesions = np.zeros(n_clusters, dtype=np.float64)
    members = np.zeros(n_clusters, dtype=np.int64)
    separations = np.ones(n_clusters, dtype=np.float64)
    first = start = 0
    for u in range(counts.shape[0]):
        last = first + counts[u]
        stop = start
        sums = np.zeros((counts[u], d), dtype=np.float64)
        while stop < n_rows and labels[stop] < last:
            add_scaled(sums[labels[stop] - first], weights[stop], vectors[places[stop]])
            stop += 1
        own = centres[first:last]
        for c in range(counts[u]):
            norm = np.sqrt(squared_norm(sums[c]))
            if norm > 0:
                write_scaled(sums[c], 1.0 / norm, own[c])
        for r in range(start, stop, 4):
            # Four rows at a time: each sum waits for its previous term, and the others run meanwhile.
            a, b, c, e = r, min(r + 1, stop - 1), min(r + 2, stop - 1), min(r + 3, stop - 1)
            found = four_products(
                (vectors[places[a]], vectors[places[b]], vectors[places[c]], vectors[places[e]]),
                (own[labels[a] - first], own[labels[b] - first], own[labels[c] - first], own[labels[e] - first]),
            )
            centralities[a], centralities[b], centralities[c], centralities[e] = found
        for r in range(start, stop):
            centralities[r] = min(1.0, max(-1.0, centralities[r]))
            cohesions[labels[r]] += centralities[r]
            members[labels[r]] += 1
        if counts[u] > 1:
            products, width = padded_gram(own, np.arange(counts[u])), padded(counts[u])
            for a in range(counts[u]):
                row = products[a * width : a * width + counts[u]]
                nearest = -1.0
                for b in range(counts[u]):
                    if a != b and row[b] > nearest:
                        nearest = np.float64(row[b])
                separations[first + a] = 1.0 - min(1.0, nearest)
        first, start = last, stop
    return centres, centralities, cohesions / members, separations
