"""Parameters of clustering."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClusteringParams:
    """Clustering by average linkage of smoothed vectors, cut node by node by a learned ensemble (``learned_cut``)."""

    revision: int = 9
    smoothing_neighbours: int = 6
    """Number of keywords that a smoothed vector averages: the keyword itself and the user's nearest ones."""
    smoothing_floor: float = 0.1
    """The weight of a neighbour is its cosine minus this, at least 0. A keyword without similar ones is not changed."""
    learned_cut: str = "b13284f571ef"
    """Digest of an ensemble in the package. ``benchmarks/fit_cut.py`` fits ensembles and prints their digests. Where it
    is the default one, the setting ``embedder`` may bring another (``CUT_OF_EMBEDDER``)."""
    least_log_odds: float = -1.0
    """A node of the dendrogram stays one cluster if its log odds exceed this. Lower values give broader journeys,
    higher values finer ones. This one is the median of the best ones of labelled corpora, each clustered by a cut that
    was fitted on the others. Those are between -2 and 2: a log has its own (``domain.clustering.calibration``)."""
    area_distance: float = 0.81
    """Journeys are joined to one area while the mean cosine distance of their keywords is below this. With 0
    each journey is an area; with 2 all journeys of a user are one area. This one is cautious, for logs in which all
    keywords are alike: a log has its own (``domain.clustering.calibration``)."""
    min_journey_keywords: int = 3
    min_small_journey_weight: float = 4.0
    """Two keywords are a journey too if their engagement weights sum to at least this: a user with few keywords who
    returns to them."""
    min_journey_cohesion: float = 0.35
    theme_cosine: float = 0.33
    """A new keyword joins a theme if its mean cosine to the theme's earlier keywords is at least this. Ids of journeys
    come from themes."""


@dataclass(frozen=True, slots=True)
class CutQuestionParams:
    """Close calls of the cut that a language model is asked about (``domain.clustering.asked_nodes``)."""

    revision: int = 1
    per_user: int = 0
    """Most questions about the dendrogram of one user. With 0 nothing is asked. With more, and a language model, each
    question is one call."""
    band: float = 1.5
    """A node is a close call if its log odds are within this of `clustering.least_log_odds`."""
    most_shown: int = 8
    """Most keywords of each part of a node that the model is shown: the most central ones."""

    @property
    def asks(self) -> bool:
        """Whether anything is asked, if there is a language model."""
        return self.per_user > 0


CUT_OF_EMBEDDER: Mapping[str, str] = {"multilingual-e5-small": "e608e0274afa"}
"""``learned_cut`` by the setting ``embedder``, where the default one was fitted on vectors of another model."""
