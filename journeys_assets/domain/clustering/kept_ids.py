"""Ids of journeys that go on after the beginning of the log was deleted.

An id is made from the keyword that founded a journey's theme (``domain.clustering.identity``). Once that keyword is
deleted, the theme is founded by the first keyword that is left, and the id would change. So the old id is kept by that
keyword, which the log has anyway. Nothing of what was deleted is kept but the id, which is a hash.
"""

from __future__ import annotations

import polars as pl

from journeys_assets.domain.clustering.identity import founders, journey_ids
from journeys_assets.domain.keywords.vectors import KeywordVectors


def kept_ids(
    clusters: pl.DataFrame, history: pl.DataFrame, vectors: KeywordVectors, least_cosine: float
) -> pl.DataFrame:
    """The ids that would change otherwise.

    Args:
        clusters: user_id, journey_id, keywords of every cluster, with the ids that they had.
        history: What is left of the users' log, as for ``identity.founders``, without ids that were kept before.
        vectors: A unit vector for each keyword of ``history``.
        least_cosine: As for ``identity.founders``.

    Returns:
        user_id, keyword, is_side, journey_id: ``keyword`` founds the theme that gives the cluster its id now, or is the
        earliest one of a side journey; one row for each id, sorted.
    """
    numbered = clusters.select("user_id", "journey_id", "keywords").with_row_index("cluster")
    members = numbered.select("user_id", "cluster", keyword="keywords").explode("keyword")
    themes = founders(history, vectors, least_cosine)
    places = themes.select("place", founder_keyword="keyword")
    earliest = (
        members.join(themes.select("user_id", "keyword", "place"), on=["user_id", "keyword"])
        .sort("cluster", "place")
        .group_by("cluster", maintain_order=True)
        .agg(earliest=pl.col("keyword").first())
    )
    made = journey_ids(members, themes).rename({"journey_id": "made_id"})
    return (
        numbered.join(made, on="cluster")
        .filter(pl.col("made_id") != pl.col("journey_id"))
        .join(places, left_on="founder_place", right_on="place", how="left")
        .join(earliest, on="cluster")
        .select(
            "user_id",
            keyword=pl.coalesce("founder_keyword", "earliest"),
            is_side=pl.col("founder_keyword").is_null(),
            journey_id="journey_id",
        )
        .sort("user_id", "keyword", "is_side")
    )
