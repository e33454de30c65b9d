"""Related journeys of each user: candidates with features, what is left out, score, and diversified rank.

A candidate comes from an ongoing journey of the user, or is popular lately. It is left out if the user has it already,
has ended it, or has said anything against it: by topic, and by the cosine of its vector to those of the user's
journeys.

A user's rows depend on the user's own journeys, the expansion and the weights alone. Cosines are exact
(``domain.related.groups``), so they are the same to the bit in any batch of users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.related.groups import Floats
from journeys_assets.domain.related.index import GetMany, Index
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.reading import Found, fact_key, read_popular, related_to, vector_of
from journeys_assets.domain.vocabulary import POPULAR

FEATURES = (
    "strength",
    "next_step",
    "complement",
    "similarity",
    "mean_similarity",
    "popularity",
    "recency",
    "season",
    "support",
)
"""What a score is made of, in the order in which the terms are added."""
RISING = ("strength", "popularity", "support")
"""Features that a trained model must not give a negative weight."""

RELATED = pl.Schema(
    {
        "user_id": pl.String(),
        "rank": pl.Int64(),
        "related_name": pl.String(),
        "relation": pl.String(),
        "from_journey_id": pl.String(),
        "score": pl.Float64(),
        "made_by": pl.String(),
    }
)
POPULARITY = "popularity"
"""``made_by`` of a candidate that comes from no journey of the user."""
_STRONGEST = 0.9999
_UNKNOWN_STARTS = 2
"""Recent starts that are assumed of a name that no user has, such as one from a language model."""
_SCORED_PER_USER = 50
"""Candidates of a user, by score, that are diversified."""
_CANDIDATES = pl.Schema(
    {
        "user_id": pl.String(),
        "related_name": pl.String(),
        "relation": pl.String(),
        "from_journey_id": pl.String(),
        "made_by": pl.String(),
        **dict.fromkeys(FEATURES, pl.Float64()),
    }
)


@dataclass(frozen=True, slots=True)
class Suggested:
    """What may be shown to users on a day.

    Attributes:
        candidates: See :func:`candidates_of_users`.
        vectors: The vector of every name that is suggested.
    """

    candidates: pl.DataFrame
    vectors: Mapping[str, Floats]


def suggested(
    journeys: pl.DataFrame,
    vectors: Mapping[str, int],
    matrix: Floats,
    get_many: GetMany,
    index: Index | None,
    day: date,
    params: RelatedParams,
) -> Suggested:
    """The candidates that an expansion has for every user.

    Args:
        journeys, vectors, matrix, day: As for :func:`candidates_of_users`.
        get_many: Reads the expansion.
        index: Its index; None: it is read if a name is not stored.
    """
    names = journeys["name"].unique().sort().to_list()

    def vectors_of(few: Sequence[str]) -> Floats:
        return matrix[[vectors[name] for name in few]]

    found = related_to(names, get_many, vectors_of, params, index)
    popular = read_popular(get_many)
    wanted = sorted({*popular, *(one["name"] for name in names for one in found[name].related)})
    values = get_many([fact_key(name) for name in wanted])
    facts = {name: value for name, value in zip(wanted, values, strict=True) if value is not None}
    candidates = candidates_of_users(journeys, found, popular, facts, vectors, matrix, day, params)
    return Suggested(candidates, {name: vector_of(fact) for name, fact in facts.items()})


def with_outcomes(
    candidates: pl.DataFrame,
    suggestions: Mapping[str, Floats],
    started: Mapping[str, Sequence[Floats]],
    same_cosine: float,
) -> pl.DataFrame:
    """``candidates`` with ``started``: whether the user started a journey with a cosine of at least ``same_cosine``.

    Args:
        suggestions: The vector of every name that is suggested, on the grid.
        started: By user, the vectors of the journeys that the user started, on the grid.
    """
    flags = np.zeros(candidates.height, dtype=np.bool_)
    for row, (user, name) in enumerate(candidates.select("user_id", "related_name").iter_rows()):
        vector = suggestions[name]
        flags[row] = any(float(vector @ other) >= same_cosine for other in started.get(user, ()))
    return candidates.with_columns(started=pl.Series(flags, dtype=pl.Boolean))


def candidates_of_users(
    journeys: pl.DataFrame,
    found: Mapping[str, Found],
    popular: Sequence[str],
    facts: Mapping[str, Mapping[str, Any]],
    vectors: Mapping[str, int],
    matrix: Floats,
    day: date,
    params: RelatedParams,
) -> pl.DataFrame:
    """Candidates of every user, with their features.

    Args:
        journeys: user_id, journey_id, name (normalised), is_source (ongoing, and the user said nothing against it),
            confidence (0..1): every journey that the user has, has ended, or has said something against.
        found: The related journeys of every name.
        popular: Candidates of every user.
        facts: What is known of every name that is suggested.
        vectors: Row in ``matrix`` of every name of ``journeys``.
        matrix: (n, dimensions), unit vectors on the grid.
        day: The day of the journeys.

    Returns:
        user_id, related_name, relation, from_journey_id (null where no journey of the user is related), made_by, and
        ``FEATURES``; sorted by user_id, related_name.
    """
    candidates = _without_own(_pulled(journeys, found, popular), journeys, found)
    candidates = candidates.filter(pl.col("related_name").is_in(list(facts)))
    if candidates.is_empty():
        return _CANDIDATES.to_frame()
    names = candidates["related_name"].unique().sort().to_list()
    row_of = {name: row for row, name in enumerate(names)}
    theirs = np.stack([vector_of(facts[name]) for name in names])
    largest, similarity, mean = _similarities(candidates, journeys, row_of, theirs, vectors, matrix)
    known = pl.DataFrame([_fact_row(name, facts[name], day) for name in names], schema=_FACTS, orient="row")
    relation = pl.col("relation")
    return (
        candidates.with_columns(
            largest=pl.Series(largest, dtype=pl.Float64),
            similarity=pl.Series(similarity, dtype=pl.Float64),
            mean_similarity=pl.Series(mean, dtype=pl.Float64),
            # The logarithm of the lift, where co-occurrence found it.
            strength=-(1.0 - pl.col("strength").clip(0.0, _STRONGEST)).log(),
            next_step=(relation == "next_step").cast(pl.Float64),
            complement=(relation == "complement").cast(pl.Float64),
            support=pl.col("n_sources").cast(pl.Float64).log1p(),
        )
        .filter(pl.col("largest") < params.same_cosine)
        .join(known, on="related_name", how="left", maintain_order="left")
        .select(_CANDIDATES.names())
    )


def rank_related(
    candidates: pl.DataFrame, vectors: Mapping[str, Floats], weights: Mapping[str, float], params: RelatedParams
) -> pl.DataFrame:
    """The best candidates of every user, diversified.

    Args:
        candidates: See :func:`candidates_of_users`.
        vectors: The vector of every name that is suggested.
        weights: Of each of ``FEATURES``, and ``intercept``.

    Returns:
        Rows of ``RELATED``, at most ``n_related`` of a user, sorted by user_id and rank.
    """
    if candidates.is_empty():
        return RELATED.to_frame()
    centroid_of = pl.DataFrame(
        {"related_name": list(vectors), "centroid": pack(np.stack(list(vectors.values())))},
        schema={"related_name": pl.String(), "centroid": pl.Binary()},
    )
    best = (
        candidates.with_columns(score=score_of(weights))
        .sort("user_id", "score", "related_name", descending=[False, True, False])
        .group_by("user_id", maintain_order=True)
        .head(_SCORED_PER_USER)
        .join(centroid_of, on="related_name", how="left", maintain_order="left")
        .with_columns(journey_id=pl.col("related_name"))
    )
    ranked = diversify(best, RankingParams())
    return ranked.filter(pl.col("rank") <= params.n_related).select(
        pl.col(name).cast(dtype) for name, dtype in RELATED.items()
    )


def score_of(weights: Mapping[str, float]) -> pl.Expr:
    """The probability (0-1) that the weights give a candidate; the terms are added in the order of ``FEATURES``."""
    total = pl.lit(weights["intercept"])
    for name in FEATURES:
        total = total + weights[name] * pl.col(name)
    return 1.0 / (1.0 + (-total).exp())


# ── candidates ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _pulled(journeys: pl.DataFrame, found: Mapping[str, Found], popular: Sequence[str]) -> pl.DataFrame:
    """One row per user and related name, from the ongoing journey that is most strongly related to it, if any is."""
    names = journeys.filter("is_source")["name"].unique().sort()
    rows = [
        (name, one["name"], one["relation"], one["strength"], one["made_by"])
        for name in names
        for one in found[name].related
    ]
    schema = {
        "name": pl.String(),
        "related_name": pl.String(),
        "relation": pl.String(),
        "strength": pl.Float64(),
        "made_by": pl.String(),
    }
    related = (
        journeys.filter("is_source")
        .select("user_id", "name", "confidence", from_journey_id="journey_id")
        .join(pl.DataFrame(rows, schema=schema, orient="row"), on="name")
        .with_columns(pl.col("strength") * pl.col("confidence"))
        .sort("user_id", "related_name", "strength", "from_journey_id", descending=[False, False, True, False])
        .group_by("user_id", "related_name", maintain_order=True)
        .agg(
            pl.col("relation", "from_journey_id", "made_by", "strength").first(),
            n_sources=pl.col("from_journey_id").n_unique().cast(pl.Int64),
        )
    )
    of_all = (
        journeys.select(pl.col("user_id").unique())
        .join(pl.DataFrame({"related_name": popular}, schema={"related_name": pl.String()}), how="cross")
        .join(related, on=["user_id", "related_name"], how="anti")
        .with_columns(
            relation=pl.lit(POPULAR),
            from_journey_id=pl.lit(None, dtype=pl.String),
            made_by=pl.lit(POPULARITY),
            strength=pl.lit(0.0),
            n_sources=pl.lit(0, dtype=pl.Int64),
        )
    )
    return pl.concat([related, of_all.select(related.columns)]).sort("user_id", "related_name")


def _without_own(candidates: pl.DataFrame, journeys: pl.DataFrame, found: Mapping[str, Found]) -> pl.DataFrame:
    """Without names and topics of the user's own journeys."""
    topics = [(name, label) for name in journeys["name"].unique().sort() for label in {name, *_topic(found[name])}]
    own = journeys.select("user_id", "name").join(
        pl.DataFrame(topics, schema={"name": pl.String(), "related_name": pl.String()}, orient="row"), on="name"
    )
    return candidates.join(own, on=["user_id", "related_name"], how="anti", maintain_order="left")


def _topic(found: Found) -> Sequence[str]:
    """The topic that a name is of. Of a name that is not stored only neighbours are known, and cosines decide."""
    return found.topics if found.is_stored else ()


def _similarities(
    candidates: pl.DataFrame,
    journeys: pl.DataFrame,
    row_of: Mapping[str, int],
    theirs: Floats,
    vectors: Mapping[str, int],
    matrix: Floats,
) -> tuple[Any, Any, Any]:
    """For each candidate: largest cosine to any journey of the user; largest and mean to the ongoing ones (0: none)."""
    users = candidates["user_id"].unique()
    mine = journeys.join(users.to_frame(), on="user_id", how="semi").sort("user_id", "journey_id")
    own_rows = np.array([vectors[name] for name in mine["name"]], dtype=np.int64)
    weights = mine["confidence"].to_numpy() * mine["is_source"].to_numpy()
    is_source = mine["is_source"].to_numpy()
    rows = np.array([row_of[name] for name in candidates["related_name"]], dtype=np.int64)
    largest, similarity, mean = (np.zeros(candidates.height) for _ in range(3))
    sizes = candidates.group_by("user_id", maintain_order=True).len()["len"].to_list()
    owns = mine.group_by("user_id", maintain_order=True).len()["len"].to_list()
    at = begin = 0
    for n_candidates, n_own in zip(sizes, owns, strict=True):
        part, own = slice(at, at + n_candidates), slice(begin, begin + n_own)
        cosines = (theirs[rows[part]] @ matrix[own_rows[own]].T).astype(np.float64)
        largest[part] = cosines.max(axis=1)
        similarity[part] = cosines[:, is_source[own]].max(axis=1, initial=-1.0) if is_source[own].any() else 0.0
        # Term by term, so that the sum is the same in any batch.
        total = np.zeros(n_candidates)
        for column, weight in enumerate(weights[own].tolist()):
            total += weight * cosines[:, column]
        mean[part] = total / max(math.fsum(weights[own].tolist()), 1e-9)
        at, begin = at + n_candidates, begin + n_own
    return largest, similarity, mean


_FACTS = {"related_name": pl.String(), **dict.fromkeys(("popularity", "recency", "season"), pl.Float64())}


def _fact_row(name: str, fact: Mapping[str, Any], day: date) -> tuple[str, float, float, float]:
    users, months = int(fact["users"]), fact["months"]
    season = math.log(12 * months[day.month - 1]) if months else 0.0
    recent = int(fact["recent"]) if users else _UNKNOWN_STARTS
    return name, math.log1p(recent), recent / users if users else 0.0, season
