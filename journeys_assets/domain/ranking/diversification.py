"""Re-ranking a user's journeys so that near-duplicates do not crowd the top.

``RankingParams.diversifier`` names the method. With s the score of a journey and c the cosine of two centroids:

* ``none`` - ranks by s.
* ``penalty`` - ranks by s x penalty ^ occurrence, as published.
* ``mmr`` - fills each place with the journey of largest w s - (1 - w) max c, the maximum over the journeys placed
  before; w is ``mmr_relevance_weight``. Carbonell & Goldstein 1998, *The use of MMR*.
* ``ssd`` - fills each place with the journey of largest s + gamma x the volume that it spans with the ``ssd_window``
  - 1 journeys placed just before; gamma is ``ssd_gamma``. Huang et al. 2021, *Sliding Spectrum Decomposition for
  Diversified Recommendation*.
* ``dpp`` - fills each place with the journey that raises the determinant of L most, L_ii = s_i^2,
  L_ij = a s_i s_j c_ij; a is ``dpp_similarity_weight``. Greedy search of Chen, Zhang & Zhou 2018, *Fast Greedy MAP
  Inference for Determinantal Point Process to Improve Recommendation Diversity*; the weight on off-diagonal entries as
  in Wilhelm et al. 2018, *Practical Diversified Recommendations on YouTube with Determinantal Point Processes*.

The greedy methods (mmr, ssd, dpp) fill ``diversified_places``; the other journeys follow by score. A score of 0 means
that a journey must not be shown (``domain.ranking.feedback``), so such journeys come last with every method.

Sums are computed term by term in a fixed order, and no function is used that libraries round differently (no exp, no
log). A user's ranks are therefore identical to the bit in any batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from journeys_assets.domain.ranking.params import DIVERSIFIERS, RankingParams
from journeys_assets.domain.ranking.similarity import Flags, Floats, Ints, Products, products_by_user

_FLAT = 1e-9
"""A journey whose squared distance from the span of others is at most this lies in the span, apart from rounding."""


def diversify(scored: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """Rank the journeys of each user by ``params.diversifier``.

    With the penalty, a user's journeys are sorted by score, best first (ties by journey_id). ``n_similar_above`` (the
    occurrence) of a journey is the number of journeys above it whose centroids have a cosine above
    ``similarity_threshold`` to its own. ``diversified_score`` is ``score x penalty ^ occurrence``, and ranks follow it
    (ties by journey_id). With ``none`` the diversified score is the score.

    With the greedy methods, ties go to the better score, then to the smaller journey_id. ``n_similar_above`` counts in
    the final order, and ``diversified_score`` is the lowest score from rank 1 down to the journey, so it never rises
    with the rank.

    Args:
        scored: user_id, journey_id, score (>= 0), centroid (float16 bytes), and any other columns.

    Returns:
        ``scored`` without centroid, with n_similar_above, diversified_score and rank (1 = best); sorted by user_id,
        rank.

    Raises:
        ValueError: A score is negative (the penalty would raise it), null or not finite; a centroid is null; the
            centroids of one user differ in length; or a parameter is out of range.
    """
    _check(scored, params)
    ordered = scored.sort("user_id", "score", "journey_id", descending=[False, True, False])
    if params.diversifier in _GREEDY:
        return _ranked_greedily(ordered, params)
    occurrences = np.zeros(ordered.height, dtype=np.int64)
    for products in products_by_user(ordered):
        occurrences[products.rows] = _n_above(products.above(params.similarity_threshold))
    penalty = params.diversification_penalty if params.diversifier == "penalty" else 1.0
    factors = powers(penalty, int(occurrences.max(initial=0)))
    return _ranked(
        ordered.drop("centroid")
        .with_columns(n_similar_above=pl.Series(occurrences, dtype=pl.Int64))
        .with_columns(diversified_score=pl.col("score") * pl.Series(factors[occurrences], dtype=pl.Float64))
        .sort("user_id", "diversified_score", "journey_id", descending=[False, True, False])
    )


def powers(base: float, largest: int) -> Floats:
    """base^0 … base^largest by repeated multiplication, with the same bits on every machine."""
    return np.cumprod(np.concatenate([[1.0], np.full(largest, base)]))


def _ranked(in_order: pl.DataFrame) -> pl.DataFrame:
    return in_order.with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user_id"))


def _check(scored: pl.DataFrame, params: RankingParams) -> None:
    if params.diversifier not in DIVERSIFIERS:
        raise ValueError(f"diversifier is {params.diversifier!r}; known: {', '.join(DIVERSIFIERS)}")
    if not 0.0 < params.diversification_penalty <= 1.0:
        raise ValueError(f"diversification_penalty is {params.diversification_penalty}; it must lie in (0, 1]")
    for name in ("mmr_relevance_weight", "dpp_similarity_weight"):
        if not 0.0 <= getattr(params, name) <= 1.0:
            raise ValueError(f"{name} is {getattr(params, name)}; it must lie in [0, 1]")
    if not 0.0 <= params.ssd_gamma < float("inf"):
        raise ValueError(f"ssd_gamma is {params.ssd_gamma}; it must be 0 or more")
    if params.ssd_window < 2 or params.diversified_places < 1:
        raise ValueError(
            f"ssd_window is {params.ssd_window} and diversified_places {params.diversified_places}; "
            "they must be at least 2 and 1"
        )
    score = pl.col("score")
    wrong = scored.filter(~(score.is_finite() & (score >= 0)).fill_null(False))
    if wrong.height:
        row = wrong.row(0, named=True)
        raise ValueError(
            f"{wrong.height} journeys have a score that is negative, null or not finite, such as {row['score']!r} of "
            f"journey {row['journey_id']!r} of user {row['user_id']!r}: a penalty would raise a negative score; "
            "map scores to 0 or above (to probabilities, for example) before diversifying"
        )
    missing = scored.filter(pl.col("centroid").is_null())
    if missing.height:
        row = missing.row(0, named=True)
        raise ValueError(
            f"{missing.height} journeys have no centroid, such as {row['journey_id']!r} of user {row['user_id']!r}"
        )


def _n_above(similar: Flags) -> Ints:
    """(users, n, n) flags -> (users, n): number of earlier rows that are similar to each row."""
    before = np.tri(similar.shape[1], k=-1, dtype=bool)
    return np.asarray((similar & before).sum(axis=2), dtype=np.int64)


# ── greedy methods ──────────────────────────────────────────────────────────────────────────────────────────────────


def _ranked_greedily(ordered: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    places = np.zeros(ordered.height, dtype=np.int64)
    similar_above = np.zeros(ordered.height, dtype=np.int64)
    scores = ordered["score"].to_numpy()
    for products in products_by_user(ordered):
        order = _greedy_order(scores[products.rows], products, params)
        users = np.arange(len(order))[:, None]
        similar = products.above(params.similarity_threshold)[users[:, :, None], order[:, :, None], order[:, None, :]]
        rows = products.rows[users, order]
        places[rows] = np.arange(order.shape[1])
        similar_above[rows] = _n_above(similar)
    return _ranked(
        ordered.drop("centroid")
        .with_columns(n_similar_above=pl.Series(similar_above, dtype=pl.Int64), place=pl.Series(places, dtype=pl.Int64))
        .sort("user_id", "place")
        .with_columns(diversified_score=pl.col("score").cum_min().over("user_id"))
        .drop("place")
    )


def _greedy_order(scores: Floats, products: Products, params: RankingParams) -> Ints:
    """(users, n): each user's journeys, best first, as positions in the order by score."""
    gain = _GREEDY[params.diversifier](scores, products.cosines(), params)
    n_users, n = scores.shape
    users = np.arange(n_users)
    places = np.full((n_users, n), n, dtype=np.int64)
    is_open = scores > 0
    for place in range(min(n, params.diversified_places)):
        if not is_open.any():
            break
        picked = np.argmax(np.where(is_open, gain.values(), -np.inf), axis=1)
        continues = is_open[users, picked]  # false if the user has no open journey left; then the pick has no effect
        places[users[continues], picked[continues]] = place
        is_open[users, picked] = False
        gain.place(picked)
    return np.argsort(places, axis=1, kind="stable")


@dataclass(slots=True)
class _Mmr:
    """Maximal marginal relevance."""

    scores: Floats
    cosines: Floats
    params: RankingParams
    nearest: Floats | None = None

    def values(self) -> Floats:
        weight = self.params.mmr_relevance_weight
        if self.nearest is None:
            return self.scores  # the first place goes to the best score with any weight
        return weight * self.scores - (1.0 - weight) * self.nearest

    def place(self, picked: Ints) -> None:
        beside = self.cosines[np.arange(len(picked)), picked]
        self.nearest = beside if self.nearest is None else np.maximum(self.nearest, beside)


@dataclass(slots=True)
class _Span:
    """The span of the placed journeys: an incremental Cholesky factor of their similarities.

    Attributes:
        similarities: (users, n, n), positive semi-definite, 1 on the diagonal.
        columns: Columns of the factor, (users, n) each, one per placed journey.
        squared_distances: (users, n), 0 to 1: squared distance of each journey from the span.
        volume: (users,): volume of the parallelotope of the placed journeys.
    """

    similarities: Floats
    columns: list[Floats]
    squared_distances: Floats
    volume: Floats

    @classmethod
    def of(cls, similarities: Floats, placed: Sequence[Ints] = ()) -> _Span:
        shape = similarities.shape[:2]
        span = cls(similarities, [], np.ones(shape), np.ones(shape[0]))
        for picked in placed:
            span.add(picked)
        return span

    def add(self, picked: Ints) -> None:
        users = np.arange(len(picked))
        column = self.similarities[users, picked]
        for earlier in self.columns:
            column = column - earlier[users, picked][:, None] * earlier
        height = self.squared_distances[users, picked][:, None]
        adds = height > _FLAT
        column = np.where(adds, column / np.sqrt(np.where(adds, height, 1.0)), 0.0)
        self.volume = self.volume * np.sqrt(height[:, 0])
        self.squared_distances = np.clip(self.squared_distances - column * column, 0.0, 1.0)
        self.columns.append(column)


@dataclass(slots=True)
class _Ssd:
    """Sliding spectrum decomposition. The window moves, so its span is recomputed for each place."""

    scores: Floats
    cosines: Floats
    params: RankingParams
    placed: list[Ints] = field(default_factory=list)

    def values(self) -> Floats:
        span = _Span.of(self.cosines, self.placed[-(self.params.ssd_window - 1) :])
        return self.scores + self.params.ssd_gamma * span.volume[:, None] * np.sqrt(span.squared_distances)

    def place(self, picked: Ints) -> None:
        self.placed.append(picked)


class _Dpp:
    """Determinantal point process. Placing a journey multiplies the determinant by score^2 x squared distance."""

    def __init__(self, scores: Floats, cosines: Floats, params: RankingParams) -> None:
        weight = params.dpp_similarity_weight
        similarities = weight * cosines
        diagonal = np.arange(cosines.shape[1])
        similarities[:, diagonal, diagonal] = 1.0
        self._squared_scores = scores * scores
        self._span = _Span.of(similarities)

    def values(self) -> Floats:
        return self._squared_scores * self._span.squared_distances

    def place(self, picked: Ints) -> None:
        self._span.add(picked)


_GREEDY = {"mmr": _Mmr, "ssd": _Ssd, "dpp": _Dpp}
