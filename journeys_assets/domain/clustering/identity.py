"""Stable ids made from the data.

What belongs here: how journeys and areas get their ids, and how a journey's keywords lie in the theme behind it. What
does not: which keywords form a journey, and which journeys an area (``domain.clustering.clusters``).

All keywords that a user ever engaged with are taken in the order of their first engagement. Each joins the theme that
it is nearest to, if it is near enough, and else founds one. What comes later changes nothing of this, so a keyword
belongs to one theme for good, and every day tells the same story of the past. A journey takes its id from the user and
the founder of the theme that most of its keywords belong to.

So the id stays while a journey grows, while its first keywords are forgotten, and while a keyword moves from one
cluster to another; it needs no counter and no memory of earlier ids, and is the same however the work was split.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.vectors import KeywordVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray


def journey_id(user_id: str, founder: str) -> str:
    """Id of the journey of ``user_id`` whose theme was founded by the keyword ``founder``: ``j`` and 16 hex digits."""
    return "j" + hashlib.blake2b(f"{user_id}\x00{founder}".encode(), digest_size=8).hexdigest()


def side_journey_id(user_id: str, earliest: str) -> str:
    """Id of a journey whose every theme belongs more to another journey of the user; ``earliest`` is its own."""
    return journey_id(user_id, f"{earliest}\x00")


def journey_ids(members: pl.DataFrame, themes: pl.DataFrame) -> pl.DataFrame:
    """An id for every cluster, distinct within its user.

    Each member is a vote for its theme. A theme names one cluster and a cluster takes one name, most votes first; among
    equal votes the theme with more keywords so far comes first, then the older one. A cluster whose themes have all
    gone to others is a side journey.

    Args:
        members: user_id, cluster (a number that no other user's cluster has), keyword.
        themes: ``founders`` of every keyword that those users engaged with so far.

    Returns:
        cluster, journey_id, founder_place and theme_size (of the theme that gave the id; null for a side journey); one
        row a cluster, sorted by cluster.

    Raises:
        ValueError: a member is not in the history of its user.
    """
    votes = members.select("user_id", "cluster", "keyword").join(
        themes, on=["user_id", "keyword"], how="left", validate="m:1"
    )
    unknown = votes.filter(pl.col("place").is_null())
    if unknown.height:
        raise ValueError(
            f"{unknown.height} keyword(s) of clusters are not in the history of their user, as "
            f"{unknown.select('user_id', 'keyword').row(0)}; history must hold all that was engaged with so far"
        )
    claims = (
        votes.group_by("cluster", "founder_place")
        .agg(pl.len().alias("votes"), pl.col("theme_size", "founder").first(), pl.col("place").min())
        .sort("votes", "theme_size", "founder_place", "place", descending=[True, True, False, False])
    )
    founder_of: dict[int, str] = {}
    theme_of: dict[int, int] = {}
    size_of: dict[int, int] = {}
    taken: set[int] = set()
    for cluster, theme, founder, size in claims.select("cluster", "founder_place", "founder", "theme_size").iter_rows():
        if cluster not in founder_of and theme not in taken:
            founder_of[cluster], theme_of[cluster], size_of[cluster] = founder, theme, size
            taken.add(theme)
    earliest = (
        votes.sort("cluster", "place")
        .group_by("cluster", maintain_order=True)
        .agg(pl.col("user_id", "keyword").first())
    )
    ids = [
        journey_id(user, founder_of[cluster]) if cluster in founder_of else side_journey_id(user, keyword)
        for cluster, user, keyword in earliest.select("cluster", "user_id", "keyword").iter_rows()
    ]
    places = [theme_of.get(cluster) for cluster in earliest["cluster"].to_list()]
    sizes = [size_of.get(cluster) for cluster in earliest["cluster"].to_list()]
    return earliest.select(
        "cluster",
        pl.Series("journey_id", ids, dtype=pl.String),
        pl.Series("founder_place", places, dtype=pl.Int64),
        pl.Series("theme_size", sizes, dtype=pl.Int64),
    )


def area_ids(clusters: pl.DataFrame) -> pl.DataFrame:
    """The id of every cluster's area: that of its main journey, whose theme has had the most keywords so far.

    Themes only grow, and a large one is seldom overtaken, so an area keeps its id while journeys join it and while
    others leave the window. Where two areas become one, the larger goes on: by the oldest journey, the smaller would
    half of the time; by present weight or size, the id would move with what the user did of late.

    Clusters that are no journey give an area its id only where it holds no journey, for they come and go. Among equal
    themes the older one, and side journeys, which have no theme, last.

    Args:
        clusters: cluster, journey_id, theme_size, founder_place (as ``journey_ids`` gives them), area (a number that no
            other user's area has), is_journey.

    Returns:
        cluster, area_id; sorted by cluster.
    """
    main = clusters.sort(
        "area",
        "is_journey",
        "theme_size",
        "founder_place",
        "journey_id",
        descending=[False, True, True, False, False],
        nulls_last=True,
    )
    first = main.group_by("area", maintain_order=True).agg(area_id=pl.col("journey_id").first())
    return clusters.select("cluster", "area").join(first, on="area").select("cluster", "area_id").sort("cluster")


def theme_centralities(
    members: pl.DataFrame, ids: pl.DataFrame, themes: pl.DataFrame, vectors: KeywordVectors
) -> NDArray[np.float64]:
    """Cosine of each member to the mean of all that its journey's theme ever held.

    A journey's own centre moves with what its user did of late; that of its theme hardly does once it is old. A side
    journey has no theme, so its members are taken for one.

    Args:
        members: user_id, cluster, keyword.
        ids: ``journey_ids`` of the members.
        themes: ``founders`` of every keyword that those users engaged with so far.
        vectors: a unit vector for each keyword of ``themes``.

    Returns:
        (rows of ``members``,), from -1 to 1.

    Raises:
        MissingVectorsError: a keyword has no vector.
    """
    from journeys_assets.domain.clustering import identity_kernels as kernels

    named = ids.sort("cluster").with_row_index("theme").with_columns(pl.col("theme").cast(pl.Int64))
    own = members.select("cluster", "keyword").join(
        named.select("cluster", "theme", "founder_place"), on="cluster", how="left", maintain_order="left"
    )
    held = themes.sort("place").join(
        named.select("founder_place", "theme"), on="founder_place", how="inner", maintain_order="left"
    )
    past = pl.concat(
        [held.select("keyword", "theme"), own.filter(pl.col("founder_place").is_null()).select("keyword", "theme")]
    )

    def matrix(rows: pl.DataFrame) -> NDArray[np.float32]:
        return np.ascontiguousarray(vectors.rows_for(rows["keyword"].to_list()), dtype=np.float32)

    cosines: NDArray[np.float64] = kernels.theme_cosines_packed(
        matrix(past), past["theme"].to_numpy(), matrix(own), own["theme"].to_numpy(), named.height
    )
    return cosines


def founders(history: pl.DataFrame, vectors: KeywordVectors, least_cosine: float) -> pl.DataFrame:
    """The theme of every keyword of every user.

    Keywords are taken in the order of their first engagement, ties by text.

    Args:
        history: user_id, keyword, first_engaged_at; a user has a keyword once.
        vectors: a unit vector for each keyword.
        least_cosine: mean cosine to a theme's keywords from which a keyword joins the theme.

    Returns:
        user_id, keyword, place (row number in that order, over all users), founder (the keyword that founded the
        theme), founder_place, theme_size (its keywords); sorted by place.

    Raises:
        ValueError: ``least_cosine`` is not above 0, or a user has a keyword twice.
        MissingVectorsError: a keyword has no vector.
    """
    from journeys_assets.domain.clustering import identity_kernels as kernels

    if not least_cosine > 0:
        raise ValueError(f"least_cosine = {least_cosine}: a theme's keywords must be alike; allowed is above 0")
    rows = history.select("user_id", "keyword", "first_engaged_at").sort("user_id", "first_engaged_at", "keyword")
    twice = rows.filter(pl.struct("user_id", "keyword").is_duplicated())
    if twice.height:
        raise ValueError(f"history: one row per user and keyword; twice there: {twice.row(0)[:2]}")
    rows = rows.select("user_id", "keyword").with_row_index("place").with_columns(pl.col("place").cast(pl.Int64))
    matrix: NDArray[np.float32] = np.ascontiguousarray(vectors.rows_for(rows["keyword"].to_list()), dtype=np.float32)
    sizes = rows["user_id"].rle().struct.field("len").to_numpy()
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    founder_places = kernels.founders_packed(matrix, offsets, least_cosine)
    return rows.with_columns(
        founder=rows["keyword"].gather(founder_places), founder_place=pl.Series(founder_places, dtype=pl.Int64)
    ).with_columns(theme_size=pl.len().over("founder_place"))
