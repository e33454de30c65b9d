"""The index of an expansion: labels by vector, for names that are not stored.

An inverted file. Spherical k-means puts every label on the list of its nearest centre. A look-up compares a name with
the centres, and then with the labels of the nearest lists only. So it reads a bounded number of labels, however many
there are, and may miss one that lies on another list.

All vectors are on the grid (``domain.related.groups``): their products and sums are exact, so that lists and look-ups
are the same on any machine and in any batch.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from journeys_assets.domain.related.groups import GRID, Floats, Ints, nearest, nearest_few, on_grid

GetMany = Callable[[Sequence[str]], Sequence[Any | None]]
"""The values of some keys of one expansion, in order."""
SIZES, CENTRES = "i:sizes", "v:centres"
"""Keys of the number of labels of each list, and of the centres."""
_DTYPE = np.dtype("<i2")
_ROUNDS = 6
_BLOCK = 4096


def names_key(n: int) -> str:
    """Key of the labels of list ``n``."""
    return f"i:{n}"


def vectors_key(n: int) -> str:
    """Key of their vectors."""
    return f"v:{n}"


@dataclass(frozen=True, slots=True)
class Index:
    """The part of an index that every look-up needs. Read it once, and keep it.

    Attributes:
        centres: (lists, dimensions), on the grid.
        sizes: (lists,), labels of each list.
    """

    centres: Floats
    sizes: Ints


# ── building ────────────────────────────────────────────────────────────────────────────────────────────────────────


def lists_of(vectors: Floats, list_size: int) -> tuple[Floats, Ints]:
    """Spherical k-means.

    Args:
        vectors: (n, dimensions), on the grid. The first centres are rows at equal distances, so their order matters.
        list_size: Labels of a list, on average.

    Returns:
        (k, dimensions) centres, unit rows on the grid, and (n,) the centre of each vector. k is n / ``list_size``,
        rounded up; a list may be empty. Memory beside the vectors is bounded by the centres and a block of cosines.
    """
    n = len(vectors)
    k = math.ceil(n / list_size)
    centres = vectors[(2 * np.arange(k, dtype=np.int64) + 1) * n // (2 * max(k, 1))].copy()
    for _ in range(_ROUNDS if k > 1 else 0):
        order, starts = _by_list(_nearest_centres(vectors, centres), k)
        for centre, (begin, end) in enumerate(itertools.pairwise(starts.tolist())):
            if end > begin:
                centres[centre] = _unit(vectors[order[begin:end]].sum(axis=0, dtype=np.float64))
    return centres, _nearest_centres(vectors, centres)


def index_values(names: Sequence[str], vectors: Floats, list_size: int) -> Iterator[tuple[str, Any]]:
    """Key and value of everything that an index consists of.

    Args:
        names: n labels, sorted.
        vectors: (n, dimensions), on the grid.
    """
    centres, list_of = lists_of(vectors, list_size)
    order, starts = _by_list(list_of, len(centres))
    for n, (begin, end) in enumerate(itertools.pairwise(starts.tolist())):
        rows = order[begin:end]
        yield names_key(n), [names[row] for row in rows]
        yield vectors_key(n), _stored(vectors[rows])
    yield SIZES, np.diff(starts).tolist()
    yield CENTRES, _stored(centres)


# ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_index(get_many: GetMany) -> Index:
    """The index of an expansion; without lists if the expansion has no labels."""
    sizes, centres = get_many([SIZES, CENTRES])
    if not sizes:
        return Index(np.zeros((0, 0), dtype=np.float32), np.zeros(0, dtype=np.int64))
    return Index(_unstored(centres, len(sizes)), np.array(sizes, dtype=np.int64))


def nearest_labels(
    vectors: Floats, index: Index, get_many: GetMany, n: int, low: float, n_compared: int
) -> list[list[tuple[str, float]]]:
    """For each row, up to ``n`` labels with the largest cosine, at least ``low``, best first; and the cosines.

    Args:
        vectors: (m, dimensions), on the grid.
        n_compared: The nearest lists are read for as long as they have at most this many labels together; at least
            one is. With as many as there are labels, nothing is missed.

    Returns:
        The same for a row whatever the others are. One list at a time is in memory.
    """
    found: list[list[tuple[str, float]]] = []
    for start in range(0, len(vectors) if len(index.sizes) else 0, _BLOCK):
        block = vectors[start : start + _BLOCK]
        best: list[list[tuple[float, int, int]]] = [[] for _ in range(len(block))]
        for number, rows in _lists_to_read(block, index, n_compared):
            theirs = _unstored(get_many([vectors_key(number)])[0], int(index.sizes[number]))
            for row, few in zip(rows.tolist(), nearest_few(block[rows], theirs, n, low), strict=True):
                best[row] = sorted([*best[row], *((-cosine, number, place) for place, cosine in few)])[:n]
        numbers = sorted({number for few in best for _, number, _ in few})
        values = get_many([names_key(number) for number in numbers])
        names = dict(zip(numbers, values, strict=True))
        found += [[(names[number][place], -cosine) for cosine, number, place in few] for few in best]  # type: ignore[index]
    return found or [[] for _ in range(len(vectors))]


def _lists_to_read(block: Floats, index: Index, n_compared: int) -> Iterator[tuple[int, Ints]]:
    """Each list that some row of the block is compared with, and those rows."""
    order = np.argsort(-(block @ index.centres.T), axis=1, kind="stable")
    sizes = index.sizes[order]
    wanted = np.cumsum(sizes, axis=1) <= n_compared
    # Up to the first list that has labels.
    wanted |= np.cumsum(sizes, axis=1) == sizes
    rows, places = np.nonzero(wanted & (sizes > 0))
    numbers = order[rows, places]
    in_order = np.argsort(numbers, kind="stable")
    for part in np.split(in_order, np.flatnonzero(np.diff(numbers[in_order])) + 1):
        yield int(numbers[part[0]]), rows[part]


# ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _stored(vectors: Floats) -> bytes:
    """Rows on the grid as whole multiples of 2^-11. They are as small as float16, exact, and read faster."""
    content: bytes = np.rint(vectors * GRID).astype(_DTYPE).tobytes()
    return content


def _unstored(content: Any, n: int) -> Floats:
    """The inverse of ``_stored`` for ``n`` rows."""
    vectors: Floats = np.frombuffer(content, dtype=_DTYPE).reshape(n, -1).astype(np.float32) / GRID
    return vectors


def _nearest_centres(vectors: Floats, centres: Floats) -> Ints:
    list_of = np.zeros(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), _BLOCK):
        list_of[start : start + _BLOCK] = nearest(vectors[start : start + _BLOCK], centres)[1]
    return list_of


def _by_list(list_of: Ints, k: int) -> tuple[Ints, Ints]:
    """The rows in the order of their lists, and where each list begins, and the last one ends."""
    return np.argsort(list_of, kind="stable"), np.searchsorted(np.sort(list_of), np.arange(k + 1))


def _unit(total: Any) -> Floats:
    length = math.sqrt(math.fsum(value * value for value in total.tolist()))
    return on_grid((total / max(length, 1e-12)).astype(np.float32))
