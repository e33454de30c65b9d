"""What a user was sent lately, seen from each journey of today.

What belongs here: counting recent sends that were about a journey or one like it. What does not: what follows from the
count (``domain.notifications.plan``), and similarity among the journeys themselves
(``domain.ranking.diversification``).

The memory acts where a send is chosen and not on the rank: a rank says what a journey is to the user, whatever was
sent. So journeys, unlike sends, stay the same however the past was run.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.ranking.similarity import products_by_user


def similar_sends(journeys: pl.DataFrame, sent: pl.DataFrame, day: date, params: NotificationParams) -> pl.DataFrame:
    """How many sends of the ``memory_days`` that end with ``day`` were about each journey or one like it.

    Two journeys are alike if the cosine of their centroids as of ``day`` is more than ``memory_similarity``. A send
    about a journey that is live no more counts for none, as does one that was about no journey.

    Args:
        journeys: user_id, journey_id, centroid (float16 bytes) of every live journey; users who were sent nothing may
            be left out.
        sent: user_id, journey_id (nullable), sent_date; rows after ``day`` are ignored, and one journey counts once a
            day.

    Returns:
        user_id, journey_id, n_similar_sends (> 0), sorted; journeys without any are left out.

    Raises:
        ValueError: the centroids of one user differ in length.
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
        alike = products.above(params.memory_similarity)
        diagonal = np.arange(alike.shape[1])
        alike[:, diagonal, diagonal] = True
        counts[products.rows] = (alike * own[products.rows][:, None, :]).sum(axis=2)
    return ordered.select("user_id", "journey_id", n_similar_sends=pl.Series(counts, dtype=pl.Int64)).filter(
        pl.col("n_similar_sends") > 0
    )
