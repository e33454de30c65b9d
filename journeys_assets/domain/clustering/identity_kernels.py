"""Compiled loops of journey identity, on packed arrays (see ``kernels``). Import it lazily: it imports numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]


@njit(cache=True, nogil=True)
def founders_packed(vectors: Floats, offsets: Ints, least_cosine: float) -> Ints:
    """The row that founded the theme of each row.

    Rows are processed in order. Each row joins the theme with the nearest centre if its mean cosine to the theme's rows
    so far is at least ``least_cosine``; otherwise it founds a new theme. Decisions are final, so later rows do not
    change the theme of any row.

    Args:
        vectors: Unit rows (N, d), packed.
        offsets: (U + 1,): user ``u`` owns rows ``offsets[u]`` to ``offsets[u + 1]``.
        least_cosine: Above 0.

    Returns:
        (N,), row numbers; the entry of a founder is its own row. Among equally near themes, the oldest is chosen.
    """
    n_rows, d = vectors.shape
    founders = np.empty(n_rows, dtype=np.int64)
    whole = d - d % 8
    for u in range(offsets.shape[0] - 1):
        start, stop = offsets[u], offsets[u + 1]
        n = stop - start
        columns = np.zeros((d, n), dtype=np.float32)  # sums of the themes' rows, one theme per column
        dots = np.empty(n, dtype=np.float32)
        squares = np.empty(n, dtype=np.float64)
        sizes = np.empty(n, dtype=np.int64)
        first = np.empty(n, dtype=np.int64)
        n_themes = 0
        for r in range(start, stop):
            x = vectors[r]
            row = dots[:n_themes]
            row[:] = 0
            # Eight dimensions at a time, as in kernels.gram: the compiler vectorises over themes, and the order of
            # summation is fixed.
            for k in range(0, whole, 8):
                c0, c1, c2, c3 = columns[k], columns[k + 1], columns[k + 2], columns[k + 3]
                c4, c5, c6, c7 = columns[k + 4], columns[k + 5], columns[k + 6], columns[k + 7]
                for t in range(row.shape[0]):
                    low = (x[k] * c0[t] + x[k + 1] * c1[t]) + (x[k + 2] * c2[t] + x[k + 3] * c3[t])
                    high = (x[k + 4] * c4[t] + x[k + 5] * c5[t]) + (x[k + 6] * c6[t] + x[k + 7] * c7[t])
                    row[t] += low + high
            for k in range(whole, d):
                c0 = columns[k]
                for t in range(row.shape[0]):
                    row[t] += x[k] * c0[t]
            best, nearest = -1, -np.inf
            for t in range(n_themes):
                cosine = row[t] / np.sqrt(squares[t])
                if cosine > nearest:
                    best, nearest = t, cosine
            if best >= 0 and row[best] / sizes[best] >= least_cosine:
                for k in range(d):
                    columns[k, best] += x[k]
                squares[best] += 2.0 * row[best] + 1.0
                sizes[best] += 1
            else:
                best = n_themes
                n_themes += 1
                for k in range(d):
                    columns[k, best] = x[k]
                squares[best], sizes[best], first[best] = 1.0, 1, r
            founders[r] = first[best]
    return founders


@njit(cache=True, nogil=True)
def theme_cosines_packed(
    past: Floats, theme_of_past: Ints, vectors: Floats, theme_of_row: Ints, n_themes: int
) -> Doubles:
    """Cosine of each row to the unweighted mean of all rows that its theme has ever had.

    Args:
        past: Unit rows (P, d), in order of first engagement.
        theme_of_past: (P,), from 0 to ``n_themes`` - 1.
        vectors: Unit rows (N, d).
        theme_of_row: (N,), as above.

    Returns:
        (N,), from -1 to 1; 0 where a theme is empty or its vectors cancel out.
    """
    d = past.shape[1]
    sums = np.zeros((n_themes, d), dtype=np.float64)
    for r in range(past.shape[0]):
        total = sums[theme_of_past[r]]
        for k in range(d):
            total[k] += past[r, k]
    norms = np.zeros(n_themes, dtype=np.float64)
    for t in range(n_themes):
        for k in range(d):
            norms[t] += sums[t, k] * sums[t, k]
    cosines = np.zeros(vectors.shape[0], dtype=np.float64)
    for r in range(vectors.shape[0]):
        theme = theme_of_row[r]
        if norms[theme] > 0:
            dot = 0.0
            for k in range(d):
                dot += np.float64(vectors[r, k]) * sums[theme, k]
            cosines[r] = min(1.0, max(-1.0, dot / np.sqrt(norms[theme])))
    return cosines
