"""Stable ids made from the data.

What belongs here: how a journey gets its id. What does not: which keywords form a journey (``domain.clustering``).

A journey's id comes from its user and its earliest keyword, so it stays the same while the journey grows, needs no
counter and no history, and is the same however the work was split.
"""

from __future__ import annotations

import hashlib

import polars as pl


def journey_id(user_id: str, keyword: str) -> str:
    """Id of the journey of ``user_id`` whose earliest keyword is ``keyword``: ``j`` and 16 hex digits."""
    return "j" + hashlib.blake2b(f"{user_id}\x00{keyword}".encode(), digest_size=8).hexdigest()


def journey_ids(user_ids: pl.Series, keywords: pl.Series) -> pl.Series:
    """``journey_id`` of each pair of a user and an earliest keyword.

    Args:
        user_ids: n strings, no nulls.
        keywords: n strings, no nulls.

    Returns:
        n strings, named ``journey_id``.

    Raises:
        ValueError: the two series differ in length.
    """
    pairs = zip(user_ids.to_list(), keywords.to_list(), strict=True)
    return pl.Series("journey_id", [journey_id(user, keyword) for user, keyword in pairs], dtype=pl.String)


def earliest_keywords(members: pl.DataFrame, *, by: list[str]) -> pl.DataFrame:
    """The keyword that gives each group its id: engaged with first ever, ties by keyword text.

    Args:
        members: the columns ``by``, keyword, identity_first_engaged_at.
        by: columns that name a group.

    Returns:
        ``by`` and earliest_keyword, one row a group, sorted by ``by``.
    """
    ordered = members.sort(*by, "identity_first_engaged_at", "keyword")
    return ordered.group_by(by, maintain_order=True).agg(earliest_keyword=pl.col("keyword").first())
