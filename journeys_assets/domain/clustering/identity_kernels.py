"""Compiled loops of journey identity, on packed arrays (see ``kernels``). Import it lazily: it imports numba."""

from __future__ import annotations

import numpy as np

from journeys_assets.domain.clustering.kernels import (
    ZERO,
    Doubles,
    Floats,
    Ints,
    add_scaled,
    compiled,
    four_products,
    padded,
    squared_norm,
)
from journeys_assets.domain.clustering.lanes import LANES, lanes_at, plus_product, splat, spread, store


@compiled
def founders_packed(vectors: Floats, places: Ints, offsets: Ints, least_cosine: float) -> Ints:
    """The row that founded the theme of each row.

    Rows are processed in order. Each row joins the theme with the nearest centre if its mean cosine to the theme's rows
    so far is at least ``least_cosine``; otherwise it founds a new theme. Decisions are final, so later rows do not
    change the theme of any row.

    Args:
        vectors: Unit rows (V, d).
        places: (N,), packed: the row of ``vectors`` of each row.
        offsets: (U + 1,): user ``u`` owns rows ``offsets[u]`` to ``offsets[u + 1]``.
        least_cosine: Above 0.

    Returns:
        (N,), row numbers; the entry of a founder is its own row. Among equally near themes, the oldest is chosen.
    """
    n_rows, d = places.shape[0], vectors.shape[1]
    founders = np.empty(n_rows, dtype=np.int64)
    whole = d - d % 4
    for u in range(offsets.shape[0] - 1):
        start, stop = offsets[u], offsets[u + 1]
        n = stop - start
        # Sums of the themes' rows, in panels of sixteen themes: sixteen numbers for each dimension.
        panels = np.empty(padded(n) * d, dtype=np.float32)
        dots = np.empty(padded(n), dtype=np.float32)
        squares = np.empty(n, dtype=np.float64)
        lengths = np.empty(n, dtype=np.float64)  # square roots of ``squares``
        sizes = np.empty(n, dtype=np.int64)
        first = np.empty(n, dtype=np.int64)
        n_themes = 0
        for r in range(start, stop):
            x = vectors[places[r]]
            for p in range(0, n_themes, LANES):
                # Four sums: each waits for its previous term, and the others run meanwhile.
                t0, t1, t2, t3 = splat(ZERO), splat(ZERO), splat(ZERO), splat(ZERO)
                for k in range(0, whole, 4):
                    at = p * d + k * LANES
                    t0 = plus_product(t0, spread(x, k), lanes_at(panels, at))
                    t1 = plus_product(t1, spread(x, k + 1), lanes_at(panels, at + LANES))
                    t2 = plus_product(t2, spread(x, k + 2), lanes_at(panels, at + 2 * LANES))
                    t3 = plus_product(t3, spread(x, k + 3), lanes_at(panels, at + 3 * LANES))
                for k in range(whole, d):
                    t0 = plus_product(t0, spread(x, k), lanes_at(panels, p * d + k * LANES))
                store(dots, p, (t0 + t1) + (t2 + t3))
            best, nearest = -1, -np.inf
            for t in range(n_themes):
                cosine = dots[t] / lengths[t]
                if cosine > nearest:
                    best, nearest = t, cosine
            if best >= 0 and dots[best] / sizes[best] >= least_cosine:
                own = panels[(best - best % LANES) * d + best % LANES :]
                for k in range(d):
                    own[k * LANES] += x[k]
                squares[best] += 2.0 * dots[best] + 1.0
                sizes[best] += 1
            else:
                best = n_themes
                n_themes += 1
                if best % LANES == 0:
                    panels[best * d : (best + LANES) * d] = 0
                own = panels[(best - best % LANES) * d + best % LANES :]
                for k in range(d):
                    own[k * LANES] = x[k]
                squares[best], sizes[best], first[best] = 1.0, 1, r
            lengths[best] = np.sqrt(squares[best])
            founders[r] = first[best]
    return founders


@compiled
def theme_cosines_packed(
    vectors: Floats, past: Ints, theme_of_past: Ints, rows: Ints, theme_of_row: Ints, n_themes: int
) -> Doubles:
    """Cosine of each row to the unweighted mean of all rows that its theme has ever had.

    Args:
        vectors: Unit rows (V, d).
        past: (P,), rows of ``vectors`` in order of first engagement.
        theme_of_past: (P,), from 0 to ``n_themes`` - 1.
        rows: (N,), rows of ``vectors``.
        theme_of_row: (N,), as above.

    Returns:
        (N,), from -1 to 1; 0 where a theme is empty or its vectors cancel out.
    """
    sums = np.zeros((n_themes, vectors.shape[1]), dtype=np.float64)
    for r in range(past.shape[0]):
        add_scaled(sums[theme_of_past[r]], 1.0, vectors[past[r]])
    norms = np.empty(n_themes, dtype=np.float64)
    for t in range(n_themes):
        norms[t] = squared_norm(sums[t])
    n = rows.shape[0]
    cosines = np.empty(n, dtype=np.float64)
    for r in range(0, n, 4):
        a, b, c, d = r, min(r + 1, n - 1), min(r + 2, n - 1), min(r + 3, n - 1)
        cosines[a], cosines[b], cosines[c], cosines[d] = four_products(
            (vectors[rows[a]], vectors[rows[b]], vectors[rows[c]], vectors[rows[d]]),
            (sums[theme_of_row[a]], sums[theme_of_row[b]], sums[theme_of_row[c]], sums[theme_of_row[d]]),
        )
    for r in range(n):
        norm = norms[theme_of_row[r]]
        cosines[r] = min(1.0, max(-1.0, cosines[r] / np.sqrt(norm))) if norm > 0 else 0.0
    return cosines
