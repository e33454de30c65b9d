"""Pairs of keywords of one user, and whether the pipeline put the two into one journey."""

from __future__ import annotations

import hashlib

import polars as pl

KEYWORDS_OF_A_JOURNEY = 12
"""Keywords of a journey that may be in a pair: the best ones."""


def pairs_of_journeys(journeys: pl.DataFrame, n: int) -> pl.DataFrame:
    """At most ``n`` pairs of each user: as many of one journey as of two, so that no answer is right more often.

    A user of one journey has none: there is nothing to tell apart.

    Which pairs are taken depends on the keywords of the user alone.

    Args:
        journeys: user_id, journey_id, keywords (best first).

    Returns:
        user_id, journey_id (of the first keyword), keyword_a, keyword_b, same; sorted.
    """
    members = journeys.select(
        "user_id", "journey_id", keyword=pl.col("keywords").list.head(KEYWORDS_OF_A_JOURNEY)
    ).explode("keyword")
    both = members.join(members, on="user_id", suffix="_b").filter(pl.col("keyword") < pl.col("keyword_b"))
    pairs = both.select(
        "user_id",
        "journey_id",
        keyword_a="keyword",
        keyword_b="keyword_b",
        same=pl.col("journey_id") == pl.col("journey_id_b"),
    )
    turns = [_turn(*row) for row in pairs.select("keyword_a", "keyword_b").iter_rows()]
    in_turn = pairs.with_columns(turn=pl.Series(turns, dtype=pl.String)).sort(
        "user_id", "same", "turn", "keyword_a", "keyword_b"
    )
    numbered = in_turn.with_columns(
        place=pl.int_range(pl.len()).over("user_id", "same"),
        n_same=pl.col("same").sum().over("user_id"),
        n_other=(~pl.col("same")).sum().over("user_id"),
    )
    return (
        numbered.filter(pl.col("place") < pl.min_horizontal("n_same", "n_other", pl.lit(n // 2)))
        .drop("turn", "place", "n_same", "n_other")
        .sort("user_id", "keyword_a", "keyword_b")
    )


def _turn(keyword_a: str, keyword_b: str) -> str:
    return hashlib.sha256(f"{keyword_a}\x1f{keyword_b}".encode("utf-8", "surrogatepass")).hexdigest()
