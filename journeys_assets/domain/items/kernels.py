"""Compiled loops of item ranking. Import this module lazily: it imports numba.

Vectors are whole numbers here: those on the grid of ``domain.related.groups``, times ``GRID``. Every product and every
sum of products is then exact, so no result depends on an order of addition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
Grid = NDArray[np.int16]
"""(items, dimensions)."""
Flags = NDArray[np.uint8]
"""(journeys, items): a bit for each way in which an item was found for a journey."""

compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def _is_worse(value: Any, item: int, other: Any, other_item: int) -> bool:
    """Whether ``item`` comes after ``other_item``: a smaller value, or the same one and a later item."""
    return bool(value < other or (value == other and item > other_item))


@compiled
def mark_largest(values: NDArray[Any], rows: Ints, n: int, bit: int, flags: Flags) -> None:
    """Set ``bit`` of ``flags`` for the ``n`` items with the largest positive value of each row.

    Of equal values, the first items count.

    Args:
        values: (R, items).
        rows: (R,): the row of ``flags`` of each row of ``values``.
    """
    n_items = values.shape[1]
    most = min(n, n_items)
    if most < 1:
        return
    # A heap with the worst of the items so far at the top.
    heap = np.empty(most, dtype=np.int64)
    for r in range(values.shape[0]):
        own = values[r]
        size = 0
        for item in range(n_items):
            value = own[item]
            if not value > 0:
                continue
            if size < most:
                at = size
                size += 1
                while at > 0:
                    above = (at - 1) // 2
                    if not _is_worse(value, item, own[heap[above]], heap[above]):
                        break
                    heap[at] = heap[above]
                    at = above
                heap[at] = item
                continue
            if not value > own[heap[0]]:  # of equals the earlier one stays
                continue
            at = 0
            while 2 * at + 1 < size:
                below = 2 * at + 1
                other = below + 1
                if other < size and _is_worse(own[heap[other]], heap[other], own[heap[below]], heap[below]):
                    below = other
                if not _is_worse(own[heap[below]], heap[below], value, item):
                    break
                heap[at] = heap[below]
                at = below
            heap[at] = item
        for at in range(size):
            flags[rows[r], heap[at]] |= np.uint8(bit)


@compiled
def medoids(vectors: Grid, items: Ints, said: Ints, starts: Ints, stops: Ints) -> Ints:
    """The position in ``items`` of each group's medoid: the largest weighted mean cosine; the first of equals.

    Args:
        items, said: (N,): items, and their weights, from 1.
        starts, stops: (G,): the first position of each group and the one after the last. No group is empty.
    """
    n_dimensions = vectors.shape[1]
    found = np.empty(len(starts), dtype=np.int64)
    sums = np.empty(n_dimensions, dtype=np.int64)
    for g in range(len(starts)):
        sums[:] = 0
        for at in range(starts[g], stops[g]):
            own, weight = vectors[items[at]], said[at]
            for k in range(n_dimensions):
                sums[k] += weight * np.int64(own[k])
        best = np.int64(0)
        found[g] = starts[g]
        for at in range(starts[g], stops[g]):
            own = vectors[items[at]]
            cosine = np.int64(0)
            for k in range(n_dimensions):
                cosine += np.int64(own[k]) * sums[k]
            if at == starts[g] or cosine > best:
                best = cosine
                found[g] = at
    return found


@compiled
def places(
    vectors: Grid, items: Ints, scores: Doubles, starts: Ints, stops: Ints, n: int, similar: float, penalty: float
) -> Ints:
    """The place of each candidate among the ``n`` of its group, from 0; -1 where it gets none.

    Places are filled one after the other with the highest score that is left, of equals the first. Each near-duplicate
    of an item that has a place counts ``penalty`` times from then on.

    Args:
        items, scores: (N,): candidates, and their scores, from 0.
        starts, stops: (G,): the first candidate of each group and the one after the last.
        similar: Least product of the vectors of two near-duplicates.
    """
    n_dimensions = vectors.shape[1]
    found = np.full(len(items), -1, dtype=np.int64)
    for g in range(len(starts)):
        start, stop = starts[g], stops[g]
        left = scores[start:stop].copy()
        for place in range(min(n, stop - start)):
            pick = 0
            for at in range(1, stop - start):
                if left[at] > left[pick]:
                    pick = at
            found[start + pick] = place
            left[pick] = -1.0
            picked = vectors[items[start + pick]]
            for at in range(stop - start):
                if left[at] >= 0:
                    own = vectors[items[start + at]]
                    product = np.int32(0)
                    for k in range(n_dimensions):
                        product += np.int32(own[k]) * np.int32(picked[k])
                    if product >= similar:
                        left[at] *= penalty
    return found
