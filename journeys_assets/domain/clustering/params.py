"""Parameters of clustering."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusteringParams:
    """Smoothed vectors, then average linkage, cut node by node by a learned ensemble (``learned_cut``)."""

    revision: int = 6
    smoothing_neighbours: int = 6
    """A keyword is averaged with its nearest keywords of the same user, this many with itself."""
    smoothing_floor: float = 0.1
    """Neighbours weigh by how far their cosine lies above this, so a keyword that is like none stays as it is."""
    learned_cut: str = "d56358938e5a"
    """Digest of the ensemble that comes with the package; ``benchmarks/fit_cut.py`` makes it and says what to put."""
    least_log_odds: float = 0.0
    """Log odds from which on a node of the dendrogram stays one cluster. Lower gives broader journeys, higher finer."""
    area_distance: float = 0.81
    """Two parts of the dendrogram are one area where the mean cosine distance between their keywords is below this: 0
    makes each journey its own area, 2 all of a user's journeys one. ``benchmarks/area_distance.py`` chose it."""
    min_journey_keywords: int = 3
    min_small_journey_weight: float = 4.0
    """Two keywords make a journey too once their engagement weights sum to this: a thin user who keeps coming back."""
    min_journey_cohesion: float = 0.35
    theme_cosine: float = 0.33
    """Mean cosine to a theme's earlier keywords from which a new keyword joins the theme; themes give journeys ids."""
