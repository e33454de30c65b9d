"""Clusters and areas as the pipeline computes them, for users whose truth is known, by any learned cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.clusters import packed_clusters
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser


def found_by_pipeline(
    users: Sequence[PseudoUser], vectors: KeywordVectors, params: ClusteringParams, cut: LearnedCut
) -> tuple[list[Labels], list[Labels]]:
    """Clusters and areas of each user, in the order of the user's keywords.

    Args:
        cut: The ensemble to cut with, instead of the one that ``params.learned_cut`` names.
    """
    keywords = [keyword for user in users for keyword in user.keywords]
    offsets = np.cumsum([0, *(len(user.keywords) for user in users)])
    matrix = np.ascontiguousarray(vectors.rows_for(keywords), dtype=np.float32)
    labels, _, area_of, _ = packed_clusters(matrix, pl.Series(keywords, dtype=pl.String), offsets, params, cut)
    journeys, areas = (np.split(found, offsets[1:-1]) for found in (labels, area_of[labels]))
    return journeys, areas
