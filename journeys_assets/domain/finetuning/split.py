"""Which journeys a model learns from, and which it is measured on: whole topics are held out.

A split by journeys or users would measure memory: a name of "garden wedding" is known from other users' weddings. So
every journey of a topic is on one side. A journey that is near a topic of the other side is on none.

A topic is known (categories of keywords, such as those of a catalogue or the themes of the synthetic world), or found:
the journeys near one of them, its leader, by the centres of their keywords (``domain.related.groups.topics_of``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import polars as pl

from journeys_assets.domain.finetuning.params import SplitParams
from journeys_assets.domain.keywords.vectors import unpack
from journeys_assets.domain.naming.features import JOURNEY
from journeys_assets.domain.related.groups import on_grid, topics_of

LEARNT, HELD_OUT, BETWEEN = "learnt", "held_out", "between"
"""Sides of a split. ``BETWEEN``: of both or of none, and so not used."""

SPLIT = pl.Schema({"user_id": pl.String, "journey_id": pl.String, "topic": pl.String, "side": pl.String})
"""One row per journey; topic is null where there is none."""


def split_by_vectors(journeys: pl.DataFrame, params: SplitParams) -> pl.DataFrame:
    """The side of each journey, by topics that are found in the vectors.

    Args:
        journeys: user_id, journey_id, keywords (best first), centroid (unit vector, little-endian float16).

    Returns:
        ``SPLIT``, sorted. A topic is called by the first keyword of its leader.
    """
    rows = journeys.sort(JOURNEY)
    if rows.is_empty():
        return SPLIT.to_frame()
    keys = ["\x1f".join(key) for key in rows.select(JOURNEY).iter_rows()]
    sizes = rows["keywords"].list.len().to_list()
    vectors = unpack(rows["centroid"].to_list())
    leader_of = topics_of(keys, sizes, vectors, params.topic_cosine)
    first = [keywords[0] for keywords in rows["keywords"].to_list()]
    leaders = np.unique(leader_of)
    # Leaders that begin with the same keyword are one topic.
    held = held_out_topics([first[leader] for leader in leaders], params)
    is_held = np.array([first[leader] in held for leader in leaders])
    grid = on_grid(vectors)
    near = grid @ grid[leaders].T >= np.float32(params.topic_cosine)
    sides = []
    for place, leader in enumerate(leader_of):
        own = first[leader] in held
        is_between = bool((near[place] & (is_held != own)).any())
        sides.append(BETWEEN if is_between else HELD_OUT if own else LEARNT)
    topics = [first[leader] for leader in leader_of]
    return rows.select(JOURNEY).with_columns(
        topic=pl.Series(topics, dtype=pl.String), side=pl.Series(sides, dtype=pl.String)
    )


def split_by_known_topics(journeys: pl.DataFrame, topics: pl.DataFrame, params: SplitParams) -> pl.DataFrame:
    """The side of each journey, by known topics of keywords.

    The topic of a journey is that of most of its keywords. A journey without one is on no side, and neither is one that
    has a keyword of a topic of the other side.

    Args:
        journeys: user_id, journey_id, keywords.
        topics: keyword, topic and, where a keyword is of different topics for different users, user_id.

    Returns:
        ``SPLIT``, sorted.
    """
    on = [name for name in ("user_id", "keyword") if name in topics.columns]
    known = topics.select(*on, "topic").drop_nulls().unique(on, keep="first", maintain_order=True)
    members = journeys.select(*JOURNEY, keyword="keywords").explode("keyword").join(known, on=on)
    held = held_out_topics(members["topic"].unique().to_list(), params)
    counts = (
        members.group_by(*JOURNEY, "topic").len().sort(*JOURNEY, "len", "topic", descending=[False, False, True, False])
    )
    of_journey = counts.group_by(JOURNEY, maintain_order=True).agg(
        pl.col("topic").first(),
        n_held=pl.col("topic").is_in(sorted(held)).sum(),
        n=pl.len(),
    )
    is_held, is_pure = (
        pl.col("topic").is_in(sorted(held)),
        pl.col("n_held").is_in([0]) | (pl.col("n_held") == pl.col("n")),
    )
    side = pl.when(~is_pure).then(pl.lit(BETWEEN)).when(is_held).then(pl.lit(HELD_OUT)).otherwise(pl.lit(LEARNT))
    return (
        journeys.select(JOURNEY)
        .join(of_journey.select(*JOURNEY, "topic", side=side), on=JOURNEY, how="left")
        .with_columns(pl.col("side").fill_null(BETWEEN))
        .sort(JOURNEY)
        .select(SPLIT.names())
    )


def held_out_topics(topics: Iterable[str], params: SplitParams) -> frozenset[str]:
    """The topics that are held out: the first ones by a hash of topic and seed, so that a topic more moves few others.

    At least one is held out where there are two or more, and at least one is not.
    """
    ordered = sorted(set(topics), key=lambda topic: (_hash(topic, params.seed), topic))
    if len(ordered) < 2:
        return frozenset()
    n = min(max(round(params.held_out_share * len(ordered)), 1), len(ordered) - 1)
    return frozenset(ordered[:n])


def _hash(topic: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}\x1f{topic}".encode("utf-8", "surrogatepass")).hexdigest()
