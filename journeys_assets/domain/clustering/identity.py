"""Stable ids of journeys and areas, computed from the data.

All keywords that a user has ever engaged with are processed in the order of their first engagement. Each keyword joins
the nearest theme if it is near enough, otherwise it founds a new theme. Later keywords never change earlier decisions,
so a keyword belongs to the same theme for ever, on every day. The id of a journey is made from the user and the founder
of the theme that most of the journey's keywords belong to.

Where ids of one person were linked (``domain.identities``), the user in an id is the one who engaged with the founder:
so a journey keeps its id when the id that had it is linked to another one.

The id therefore stays the same while a journey grows, while its first keywords leave the window, and while a keyword
moves from one cluster to another. It needs no counter and no stored ids, and does not depend on how work is split.

Where the beginning of a log is deleted (``journeys retention``), themes lose their founders. Ids that journeys had are
then kept by the first keyword that is left (``domain.clustering.kept_ids``).

Which keywords form a journey, and which journeys form an area, is decided in ``domain.clustering.clusters``.
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
    """Id of the journey of ``user_id`` whose theme was founded by keyword ``founder``: ``j`` and 16 hex digits."""
    return "j" + hashlib.blake2b(f"{user_id}\x00{founder}".encode(), digest_size=8).hexdigest()


def side_journey_id(user_id: str, earliest: str) -> str:
    """Id of a side journey: all its themes give their ids to other journeys. ``earliest`` is its earliest keyword."""
    return journey_id(user_id, f"{earliest}\x00")


def journey_ids(members: pl.DataFrame, themes: pl.DataFrame) -> pl.DataFrame:
    """An id for every cluster, distinct within its user.

    Each member is a vote for its theme. A theme gives its id to at most one cluster, and a cluster takes at most one
    id. Pairs with most votes come first; among equal votes, the theme with more keywords so far, then the older theme.
    A cluster is a side journey if all its themes have given their ids to other clusters.

    Args:
        members: user_id, cluster (a number, unique over all users), keyword.
        themes: Result of ``founders`` for every keyword that those users have engaged with.

    Returns:
        cluster, journey_id, founder_place and theme_size (of the theme that gave the id; null for a side journey); one
        row per cluster, sorted by cluster.

    Raises:
        ValueError: A member is not in the history of its user.
    """
    votes = members.select("user_id", "cluster", "keyword").join(
        themes, on=["user_id", "keyword"], how="left", validate="m:1"
    )
    unknown = votes.filter(pl.col("place").is_null())
    if unknown.height:
        raise ValueError(
            f"{unknown.height} keyword(s) of clusters are not in the history of their user, for example "
            f"{unknown.select('user_id', 'keyword').row(0)}; the history must contain every keyword engaged with so far"
        )
    claims = (
        votes.group_by("cluster", "founder_place")
        .agg(
            pl.len().alias("votes"),
            pl.col("theme_size", "founder", "founded_as", "kept_id").first(),
            pl.col("place").min(),
        )
        .sort("votes", "theme_size", "founder_place", "place", descending=[True, True, False, False])
    )
    id_of: dict[int, str] = {}
    theme_of: dict[int, int] = {}
    size_of: dict[int, int] = {}
    taken: set[int] = set()
    kept = {*themes["kept_id"].drop_nulls(), *themes["kept_side_id"].drop_nulls()}
    wanted = claims.select("cluster", "founder_place", "founded_as", "founder", "theme_size", "kept_id")
    for cluster, theme, founded_as, founder, size, kept_id in wanted.iter_rows():
        found = kept_id or journey_id(founded_as, founder)
        # A theme founded anew by a keyword that once founded another one must not take that one's id.
        if cluster not in id_of and theme not in taken and (kept_id or found not in kept):
            id_of[cluster], theme_of[cluster], size_of[cluster] = found, theme, size
            taken.add(theme)
    earliest = (
        votes.sort("cluster", "place")
        .group_by("cluster", maintain_order=True)
        .agg(pl.col("engaged_as", "keyword", "kept_side_id").first())
    )
    wanted = earliest.select("cluster", "engaged_as", "keyword", "kept_side_id")
    ids = [
        id_of.get(cluster) or kept_id or side_journey_id(engaged_as, keyword)
        for cluster, engaged_as, keyword, kept_id in wanted.iter_rows()
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
    """The area id of every cluster: the id of the area's main journey, whose theme has had the most keywords so far.

    Themes only grow, and a large theme is seldom overtaken. So an area keeps its id while journeys join it and while
    others leave the window. If two areas become one, the larger one continues. With the id of the oldest journey, the
    smaller one would continue half of the time; with current weight or size, the id would change with recent activity.

    Clusters that are not journeys determine the id only of an area without journeys, because they are short-lived.
    Among themes of equal size, the older one is used. Side journeys, which have no theme, come last.

    Args:
        clusters: cluster, journey_id, theme_size, founder_place (from ``journey_ids``), area (a number, unique over all
            users), is_journey.

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
    """Cosine of each member to the mean of all keywords that its journey's theme has ever had.

    The centre of a journey moves with recent activity; the centre of an old theme hardly moves. A side journey has no
    theme, so its members are used instead.

    Args:
        members: user_id, cluster, keyword.
        ids: Result of ``journey_ids`` for the members.
        themes: Result of ``founders`` for every keyword that those users have engaged with.
        vectors: A unit vector for each keyword of ``themes``.

    Returns:
        (rows of ``members``,), from -1 to 1.

    Raises:
        MissingVectorsError: A keyword has no vector.
    """
    from journeys_assets.domain.clustering import identity_kernels as kernels

    named = ids.sort("cluster").with_row_index("theme").with_columns(pl.col("theme").cast(pl.Int64))
    own = members.select("cluster", "keyword").join(
        named.select("cluster", "theme", "founder_place"), on="cluster", how="left", maintain_order="left"
    )
    of_themes = themes.sort("place").join(
        named.select("founder_place", "theme"), on="founder_place", how="inner", maintain_order="left"
    )
    past = pl.concat(
        [of_themes.select("keyword", "theme"), own.filter(pl.col("founder_place").is_null()).select("keyword", "theme")]
    )

    cosines: NDArray[np.float64] = kernels.theme_cosines_packed(
        vectors.matrix,
        vectors.places_of(past["keyword"]),
        past["theme"].to_numpy(),
        vectors.places_of(own["keyword"]),
        own["theme"].to_numpy(),
        named.height,
    )
    return cosines


def founders(history: pl.DataFrame, vectors: KeywordVectors, least_cosine: float) -> pl.DataFrame:
    """The theme of every keyword of every user.

    Keywords are processed in the order of their first engagement, ties by text. Where ids were linked, what came with a
    link is processed after all that was known before, so that a link changes no earlier decision either.

    Args:
        history: user_id, keyword, first_engaged_at; one row per user and keyword. Where ids were linked, also known_at
            (since when the keyword was the user's) and engaged_as (the id that engaged with it first since then). Where
            ids were kept, also kept_id and kept_side_id (nullable): those of a theme that the keyword founds, and of a
            side journey of which it is the earliest.
        vectors: A unit vector for each keyword.
        least_cosine: A keyword joins a theme if its mean cosine to the theme's keywords is at least this.

    Returns:
        user_id, keyword, place (row number in that order, over all users), founder (the keyword that founded the
        theme), founder_place, theme_size (number of its keywords), engaged_as, founded_as (engaged_as of the founder),
        kept_id (of the founder), kept_side_id; sorted by place.

    Raises:
        ValueError: ``least_cosine`` is not above 0, or a user has a keyword twice.
        MissingVectorsError: A keyword has no vector.
    """
    from journeys_assets.domain.clustering import identity_kernels as kernels

    if not least_cosine > 0:
        raise ValueError(f"least_cosine is {least_cosine}; it must be above 0, so that keywords of a theme are similar")
    if "known_at" not in history.columns:
        history = history.with_columns(known_at="first_engaged_at", engaged_as="user_id")
    if "kept_id" not in history.columns:
        history = history.with_columns(kept_id=pl.lit(None, pl.String), kept_side_id=pl.lit(None, pl.String))
    rows = history.sort("user_id", "known_at", "first_engaged_at", "keyword")
    twice = rows.filter(pl.struct("user_id", "keyword").is_duplicated())
    if twice.height:
        raise ValueError(f"history: there must be one row per user and keyword; repeated: {twice.row(0)[:2]}")
    rows = (
        rows.select("user_id", "keyword", "engaged_as", "kept_id", "kept_side_id")
        .with_row_index("place")
        .with_columns(pl.col("place").cast(pl.Int64))
    )
    sizes = rows["user_id"].rle().struct.field("len").to_numpy()
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    places = vectors.places_of(rows["keyword"])
    founder_places = kernels.founders_packed(vectors.matrix, places, offsets, least_cosine)
    theme_sizes = np.bincount(founder_places, minlength=rows.height)
    return rows.with_columns(
        founder=rows["keyword"].gather(founder_places),
        founded_as=rows["engaged_as"].gather(founder_places),
        kept_id=rows["kept_id"].gather(founder_places),
        founder_place=pl.Series(founder_places, dtype=pl.Int64),
        theme_size=pl.Series(theme_sizes[founder_places], dtype=pl.UInt32),
    )
