"""Counts of recent sends about each journey or a similar one.

``domain.notifications.plan`` uses the counts. Similarity between a user's journeys is also used for ranking, in
``domain.ranking.diversification``.

The memory affects the choice of a send and not the rank, because a rank describes the journey independently of sends.
So journeys, unlike sends, do not depend on how past days were run.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.ranking.similarity import products_by_user


def similar_sends(journeys: pl.DataFrame, sent: pl.DataFrame, day: date, params: NotificationParams) -> pl.DataFrame:
    """Number of sends in the ``memory_days`` up to and including ``day`` about each journey or a similar one.

    Two journeys are similar if the cosine of their centroids as of ``day`` is above ``memory_similarity``. Sends about
    journeys that are no longer live, and sends about no journey, are not counted.

    Args:
        journeys: user_id, journey_id, centroid (float16 bytes) of every live journey; users without sends may be left
            out.
        sent: user_id, journey_id (nullable), sent_date; rows after ``day`` are ignored, and a journey counts once per
            day.

    Returns:
        user_id, journey_id, n_similar_sends (> 0), sorted; journeys without such sends are left out.

    Raises:
        ValueError: The centroids of one user differ in length.
    """
    recent = (
        sent.filter(pl.col("journey_id").is_not_null())
        .filter((pl.col("sent_date") <= day) & (pl.col("sent_date") > day - timedelta(days=params.memory_days)))
        .select("user_id", "journey_id", "sent_date")
        .unique()
        .group_by("user_id", "journey_id")
        .agg(n_sends=pl.len().cast(pl.Int64))
    )
    ordered = (
        journeys.select("user_id", "journey_id", "centroid")
        .join(recent.select("user_id").unique(), on="user_id", how="semi")
        .join(recent, on=["user_id", "journey_id"], how="left")
        .with_columns(pl.col("n_sends").fill_null(0))
        .sort("user_id", "journey_id")
    )
    own = ordered["n_sends"].to_numpy()
    counts = own.copy()
    for products in products_by_user(ordered):
        similar = products.above(params.memory_similarity)
        diagonal = np.arange(similar.shape[1])
        similar[:, diagonal, diagonal] = True
        counts[products.rows] = (similar * own[products.rows][:, None, :]).sum(axis=2)
    return ordered.select("user_id", "journey_id", n_similar_sends=pl.Series(counts, dtype=pl.Int64)).filter(
        pl.col("n_similar_sends") > 0
    )
