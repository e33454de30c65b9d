"""A map that stays: themes of one day with their places, by which the themes of later days are placed.

A theme of a later day lies at the mean of its nearest landmarks, weighted by how near they are. One that was there
before is next to its own landmark alone, so it keeps its place; a new one comes between those that it is like.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.themes.layout import map_of, pushed_apart, radii_of
from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.domain.themes.themes import Ints, Themes

Floats = NDArray[np.float64]

LEAST_LANDMARKS = 3


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Themes with their places.

    Attributes:
        vectors: (m, dimensions), float32, unit rows.
        places: (m, 2): x and y on the map.
        groups: (m,): the group of similar themes.
    """

    vectors: NDArray[np.float32]
    places: Floats
    groups: Ints


def landmarks_of(themes: Themes, users: Ints, params: ThemeParams) -> Landmarks:
    """The themes of most users, where the map of their day shows them.

    Args:
        users: (themes,): users of each.
    """
    n = min(params.n_on_map, len(themes.labels))
    vectors, areas = themes.vectors[:n], np.maximum(users[:n], 1).astype(np.float64)
    made = map_of(vectors, areas, perplexity=params.perplexity, iterations=params.iterations)
    return Landmarks(vectors, made[:, :2], themes.groups[:n])


def placed_by(landmarks: Landmarks, vectors: NDArray[np.float32], areas: Floats, params: ThemeParams) -> Floats:
    """Centre and radius of a circle for each of n themes; the same themes get the same places.

    Args:
        vectors: (n, dimensions), unit rows.
        areas: (n,), positive: what the areas of the circles are proportional to.

    Returns:
        (n, 3): x, y and radius, as ``layout.map_of``.
    """
    if not len(vectors):
        return np.zeros((0, 3))
    cosines = vectors.astype(np.float64) @ landmarks.vectors.astype(np.float64).T
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, : params.n_landmarks_near]
    near = np.take_along_axis(cosines, nearest, axis=1)
    weights = np.exp((near - near[:, :1]) / params.landmark_scale)
    weights /= weights.sum(axis=1, keepdims=True)
    places = (landmarks.places[nearest] * weights[:, :, None]).sum(axis=1)
    radii = radii_of(areas)
    return np.column_stack([pushed_apart(places, radii), radii])


def groups_by(landmarks: Landmarks, vectors: NDArray[np.float32]) -> Ints:
    """(n,): the group of the nearest landmark of each theme."""
    found: Ints = landmarks.groups[(vectors @ landmarks.vectors.T).argmax(axis=1)]
    return found


def share_near(landmarks: Landmarks, vectors: NDArray[np.float32], users: Ints, params: ThemeParams) -> float:
    """Share of the users in themes that have a landmark at ``params.cosine`` or nearer, 0 to 1; 1 without users."""
    if not len(vectors):
        return 1.0
    is_near = (vectors @ landmarks.vectors.T).max(axis=1, initial=-1.0) >= params.cosine
    total = int(users.sum())
    return float(users[is_near].sum() / total) if total else 1.0
