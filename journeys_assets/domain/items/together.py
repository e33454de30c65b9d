"""Co-engagement: which items the same users engage with, and how many users an item has lately.

These are statistics of all users. They are therefore part of a release, and change no row between two releases.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from journeys_assets.domain.items.params import ItemParams

STRENGTH = 1_000
"""Strengths are whole numbers from 1 to this, so that every sum of them is exact."""
TOGETHER = pl.Schema({"item_id": pl.String(), "other_id": pl.String(), "strength": pl.Int64()})
POPULARITY = pl.Schema({"item_id": pl.String(), "popularity": pl.Float64()})
_USERS_PER_CHUNK = 2_000


def together(engaged: pl.DataFrame, params: ItemParams) -> pl.DataFrame:
    """The items that belong together with each item.

    The strength is the cosine of the sets of users, with ``lift_prior_users`` added below the line.

    Args:
        engaged: user_id, item_id, last_on (date): what each user ever engaged with; one row per user and item.

    Returns:
        ``TOGETHER``: at most ``n_neighbours`` rows per item, the strongest ones; sorted.
    """
    kept = (
        engaged.sort("user_id", "last_on", "item_id", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .head(params.max_items_per_user)
    )
    users = kept.group_by("item_id").agg(n=pl.len())
    often = users.filter(pl.col("n") >= params.min_users)
    numbered = often.sort("item_id").with_row_index("item").with_columns(pl.col("item").cast(pl.Int64))
    pairs = kept.join(numbered, on="item_id").select("user_id", "item")
    counts = [chunk.group_by("item", "other").agg(n_both=pl.len()) for chunk in _pairs(pairs)]
    if not counts:
        return TOGETHER.to_frame()
    counted = pl.concat(counts).group_by("item", "other").agg(pl.col("n_both").sum())
    of_item = numbered.select("item", "item_id", "n")
    return (
        counted.filter(pl.col("n_both") >= params.min_users)
        .join(of_item, on="item")
        .join(of_item.rename({"item": "other", "item_id": "other_id", "n": "n_other"}), on="other")
        .with_columns(
            strength=(
                STRENGTH * pl.col("n_both") / ((pl.col("n") * pl.col("n_other")).sqrt() + params.lift_prior_users)
            )
            .ceil()
            .cast(pl.Int64)
        )
        .sort("item_id", "strength", "other_id", descending=[False, True, False])
        .group_by("item_id", maintain_order=True)
        .head(params.n_neighbours)
        .select(TOGETHER.names())
        .sort("item_id", "other_id")
    )


def _pairs(engaged: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Ordered pairs of different items of each user, some users at a time: item, other."""
    chunks = engaged.with_columns(chunk=pl.col("user_id").rank("dense").cast(pl.Int64) // _USERS_PER_CHUNK)
    for chunk in chunks.partition_by("chunk", maintain_order=True):
        own = chunk.select("user_id", "item")
        both = own.join(own.rename({"item": "other"}), on="user_id")
        yield both.filter(pl.col("item") != pl.col("other")).select("item", "other")


def popularity(engaged: pl.DataFrame, day: date, params: ItemParams) -> pl.DataFrame:
    """ln(1 + users who engaged with the item in the ``recent_days`` up to ``day``): ``POPULARITY``, sorted.

    Args:
        engaged: As for :func:`together`.
    """
    recent = engaged.filter(pl.col("last_on") > day - timedelta(days=params.recent_days))
    counts = recent.group_by("item_id").agg(n=pl.len()).filter(pl.col("n") >= params.min_users)
    return counts.select("item_id", popularity=(1 + pl.col("n")).log().round(4)).sort("item_id")
