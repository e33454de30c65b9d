"""Clusters and areas from the pipeline's own clustering, for users whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser


def found_by_pipeline(
    users: Sequence[PseudoUser], vectors: KeywordVectors, params: ClusteringParams
) -> tuple[list[Labels], list[Labels]]:
    """Clusters and areas of each user as the pipeline computes them, in the order of the user's keywords."""
    rows = pl.concat(
        pl.DataFrame(
            {
                "user_id": [f"{number:06d}"] * len(user.keywords),
                "keyword": user.keywords,
                "weight": [1.0] * len(user.keywords),
                "first_engaged_at": np.zeros(len(user.keywords), dtype="datetime64[us]")
                if user.first_engaged_at is None
                else user.first_engaged_at,
            }
        )
        for number, user in enumerate(users)
    ).with_columns(last_engaged_at=pl.col("first_engaged_at"))
    clusters = cluster_users(rows, rows.select("user_id", "keyword", "first_engaged_at"), vectors, params)
    numbered = clusters.with_row_index("cluster").with_columns(
        area=pl.struct("user_id", "area_id").rank("dense").cast(pl.Int64)
    )
    members = numbered.select("user_id", "cluster", "area", keyword="keywords").explode("keyword")
    by_user = members.sort("user_id", "keyword").group_by("user_id", maintain_order=True).agg("cluster", "area")
    journeys, areas = (
        [np.array(labels, dtype=np.int64) for labels in by_user[level].to_list()] for level in ("cluster", "area")
    )
    return journeys, areas
