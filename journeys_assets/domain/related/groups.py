"""Topics: names of different users rarely match literally, so names with similar vectors count as one topic.

Leader clustering: names in the order of their users, most first, then by name. Each one joins the nearest leader before
it, if that is near enough, or becomes a leader. The leader is the label of its topic.

Vectors are rounded to multiples of 2^-11. Products of unit vectors are then exact in float32, whatever the order of the
sums, so that topics do not depend on the library, the number of threads or the size of blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

GRID = np.float32(2**11)
"""Steps of the grid in 1."""
_BLOCK = 1024
_LEADERS = 8192


def on_grid(vectors: Floats) -> Floats:
    """Unit vectors (n, dimensions) rounded to multiples of 2^-11; cosines change by about 0.0002."""
    rounded: Floats = (np.rint(vectors * GRID) / GRID).astype(np.float32)
    return rounded


def topics_of(names: Sequence[str], n_users: Sequence[int], vectors: Floats, threshold: float) -> Ints:
    """The leader of each name, as its position in ``names``; the same topics whatever the order of the names.

    Args:
        names: n distinct names.
        n_users: (n,): users of each name.
        vectors: (n, dimensions), unit rows; they are rounded here.
        threshold: Least cosine to a leader, 0 to 1.

    Memory beside the vectors is bounded: blocks of 1024 names by 8192 leaders.
    """
    order = sorted(range(len(names)), key=lambda i: (-n_users[i], names[i]))
    grid = on_grid(vectors)
    leader_of = np.empty(len(names), dtype=np.int64)
    leaders: list[int] = []
    matrix = np.empty((0, grid.shape[1]), dtype=np.float32)
    n_leaders = 0
    for start in range(0, len(order), _BLOCK):
        block = np.asarray(order[start : start + _BLOCK], dtype=np.int64)
        best, at = nearest(grid[block], matrix[:n_leaders])
        within = grid[block] @ grid[block].T
        fresh: list[int] = []  # positions in the block that became leaders
        for row in range(len(block)):
            place, cosine = int(at[row]), float(best[row])
            if fresh:
                column = int(np.argmax(within[row, fresh]))
                if float(within[row, fresh[column]]) > cosine:
                    place, cosine = n_leaders + column, float(within[row, fresh[column]])
            if cosine < threshold:
                place = n_leaders + len(fresh)
                fresh.append(row)
                leaders.append(int(block[row]))
            leader_of[block[row]] = leaders[place]
        needed = n_leaders + len(fresh)
        if needed > len(matrix):
            grown = np.empty((max(needed, 2 * len(matrix)), grid.shape[1]), dtype=np.float32)
            grown[:n_leaders] = matrix[:n_leaders]
            matrix = grown
        matrix[n_leaders:needed] = grid[block[fresh]]
        n_leaders = needed
    return leader_of


def nearest(vectors: Floats, others: Floats) -> tuple[Floats, Ints]:
    """The largest cosine of each row to a row of ``others``, and which row that is; the first of equals.

    Args:
        vectors: (n, dimensions), on the grid.
        others: (m, dimensions), on the grid.

    Returns:
        (n,) cosines and (n,) positions; -2 and -1 if there are no others.
    """
    best = np.full(len(vectors), -2.0, dtype=np.float32)
    at = np.full(len(vectors), -1, dtype=np.int64)
    for start in range(0, len(others), _LEADERS):
        cosines = vectors @ others[start : start + _LEADERS].T
        column = np.argmax(cosines, axis=1)
        value = cosines[np.arange(len(vectors)), column]
        better = value > best
        best[better] = value[better]
        at[better] = column[better] + start
    return best, at


def nearest_few(
    vectors: Floats, others: Floats, n: int, low: float, high: float = 2.0
) -> list[list[tuple[int, float]]]:
    """For each row, the ``n`` rows of ``others`` with the largest cosine in [low, high), best first.

    Equal cosines are in the order of ``others``. A row of ``others`` with exactly the same position is not left out.

    Args:
        vectors: (n, dimensions), on the grid.
        others: (m, dimensions), on the grid.
    """
    found: list[list[tuple[int, float]]] = []
    for begin in range(0, len(vectors), _BLOCK):
        block = vectors[begin : begin + _BLOCK]
        kept: list[list[tuple[float, int]]] = [[] for _ in range(len(block))]
        for start in range(0, len(others), _LEADERS):
            cosines = block @ others[start : start + _LEADERS].T
            rows, columns = np.nonzero((cosines >= np.float32(low)) & (cosines < np.float32(high)))
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
                kept[row].append((-float(cosines[row, column]), start + column))
            kept = [sorted(few)[:n] for few in kept]
        found += [[(column, -value) for value, column in few] for few in kept]
    return found
