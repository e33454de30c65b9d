"""A map of themes: similar ones lie near each other, and no two circles overlap. The same input gives the same map.

Positions are an exact t-SNE (van der Maaten and Hinton 2008), begun from the first two principal components instead of
random numbers. Circles that overlap are then pushed apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WIDTH = 1.7
"""Width of the map over its height."""
COVERED = 0.34
"""Share of the map that circles cover."""
_EARLY_STEPS, _EXAGGERATION = 100, 4.0
_SEARCH_STEPS = 40
_TINY = 1e-12


def map_of(vectors: NDArray[np.float32], areas: Floats, *, perplexity: float, iterations: int) -> Floats:
    """Centre and radius of a circle for each of n themes.

    Args:
        vectors: (n, dimensions), unit rows.
        areas: (n,), positive: what the areas of the circles are proportional to.

    Returns:
        (n, 3): x, y and radius. The map is about 1 high and ``WIDTH`` wide; no two circles overlap by more than a few
        percent of the smallest radius.
    """
    n = len(vectors)
    if n == 0:
        return np.zeros((0, 3))
    radii = radii_of(areas)
    if n == 1:
        return np.array([[WIDTH / 2, 0.5, radii[0]]])
    spread = _tsne(_principal(vectors.astype(np.float64)), vectors.astype(np.float64), perplexity, iterations)
    low, high = spread.min(axis=0), spread.max(axis=0)
    placed = pushed_apart((spread - low) / np.maximum(high - low, _TINY) * [WIDTH, 1.0], radii)
    return np.column_stack([placed, radii])


def radii_of(areas: Floats) -> Floats:
    """(n,): the radius of each circle; together they cover ``COVERED`` of the map, or less."""
    radii: Floats = np.minimum(np.sqrt(areas / areas.sum() * COVERED * WIDTH / np.pi), 0.15)
    return radii


def _principal(vectors: Floats) -> Floats:
    """The first two principal components, (n, 2); the largest entry of each direction is positive."""
    centred = vectors - vectors.mean(axis=0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    first = directions[:2]
    signs = np.sign(first[np.arange(len(first)), np.abs(first).argmax(axis=1)])
    found = centred @ (first * signs[:, None]).T
    return np.column_stack([found, np.zeros((len(found), 2 - found.shape[1]))])


def _tsne(start: Floats, vectors: Floats, perplexity: float, iterations: int) -> Floats:
    n = len(vectors)
    near = _neighbourhoods(np.maximum(2.0 - 2.0 * vectors @ vectors.T, 0.0), min(perplexity, (n - 1) / 3))
    # A little of the index keeps equal vectors apart, which would otherwise never separate.
    place = start / max(float(start[:, 0].std()), _TINY) * 1e-2 + np.column_stack([np.arange(n), -np.arange(n)]) * 1e-6
    step, gains, rate = np.zeros_like(place), np.ones_like(place), max(n / _EXAGGERATION / 4, 10.0)
    for turn in range(iterations):
        between = place[:, None, :] - place[None, :, :]
        closeness = 1.0 / (1.0 + (between**2).sum(axis=2))
        np.fill_diagonal(closeness, 0.0)
        wanted = near * (_EXAGGERATION if turn < _EARLY_STEPS else 1.0)
        pull = (wanted - closeness / closeness.sum()) * closeness
        slope = 4.0 * (pull[:, :, None] * between).sum(axis=1)
        gains = np.where(np.sign(slope) == np.sign(step), np.maximum(gains * 0.8, 0.01), gains + 0.2)
        step = (0.5 if turn < _EARLY_STEPS else 0.8) * step - rate * gains * slope
        place = place + step
        place = place - place.mean(axis=0)
    return place


def _neighbourhoods(squared: Floats, perplexity: float) -> Floats:
    """(n, n) joint probabilities of neighbours, from squared distances; each row has the wanted perplexity."""
    n = len(squared)
    wanted = np.log(max(perplexity, 1.0))
    low, high, beta = np.zeros(n), np.full(n, np.inf), np.ones(n)
    shifted = squared + np.diag(np.full(n, np.inf))
    shifted = shifted - shifted.min(axis=1, keepdims=True)
    finite = np.where(np.isfinite(shifted), shifted, 0.0)
    for _ in range(_SEARCH_STEPS):
        weights = np.exp(-shifted * beta[:, None])
        total = weights.sum(axis=1)
        entropy = np.log(total) + beta * (finite * weights).sum(axis=1) / total
        too_wide = entropy > wanted
        low, high = np.where(too_wide, beta, low), np.where(too_wide, high, beta)
        beta = np.where(np.isinf(high), beta * 2, (low + high) / 2)
    rows = weights / total[:, None]
    joint: Floats = np.maximum((rows + rows.T) / (2 * n), _TINY)
    return joint


def pushed_apart(centres: Floats, radii: Floats, *, steps: int = 400) -> Floats:
    """The centres after circles that overlap have moved away from each other, the smaller one further."""
    n = len(centres)
    place, least = centres.copy(), radii[:, None] + radii[None, :]
    share = radii[None, :] ** 2 / (radii[:, None] ** 2 + radii[None, :] ** 2)
    for _ in range(steps):
        between = place[:, None, :] - place[None, :, :]
        distance = np.sqrt((between**2).sum(axis=2))
        overlap = np.maximum(least * 1.04 - distance, 0.0)
        np.fill_diagonal(overlap, 0.0)
        if overlap.max() <= 0.03 * radii.min():
            break
        angle = np.arange(n)[:, None] - np.arange(n)[None, :]
        same = distance < _TINY
        direction = np.where(
            same[:, :, None],
            np.stack([np.cos(angle), np.sin(angle)], axis=2),
            between / np.maximum(distance, _TINY)[:, :, None],
        )
        place = place + (direction * (overlap * share)[:, :, None]).sum(axis=1) * 0.7
    return place
