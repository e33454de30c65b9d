"""Re-ordering a user's journeys so that near-duplicates do not crowd the top.

What belongs here: the published penalty. What does not: the score that it starts from (``domain.ranking``,
``models.ranker``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.embedding import unpack
from journeys_assets.domain.parameters import RankingParams

_GRID = float(2**20)
"""Vectors are rounded to multiples of 2^-20. Every sum of products is then a whole number below 2^53 (for up to 4096
dimensions of unit vectors), so float64 matrix products are exact and a user's result depends on nothing else in the
batch, on no thread count and on no library."""

_BATCH_FLOATS = 4_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def diversify(scored: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """``score x penalty ^ occurrence`` for each user on their own.

    A user's journeys are sorted by score, best first (ties by journey_id). ``n_similar_above`` (the occurrence) of a
    journey is the number of journeys above it whose centroid has a cosine to its own of more than
    ``similarity_threshold``. The final rank follows the diversified score (ties by journey_id).

    Args:
        scored: user_id, journey_id, score (>= 0), centroid (float16 bytes), and any other columns.

    Returns:
        ``scored`` without centroid, with n_similar_above, diversified_score and rank (1 = best); sorted by user_id,
        rank.

    Raises:
        ValueError: a score is negative (the penalty would raise it), null or not finite, a centroid is null, or the
            centroids of one user differ in length; or a parameter is out of range.
    """
    _check(scored, params)
    ordered = scored.sort("user_id", "score", "journey_id", descending=[False, True, False])
    occurrences = _occurrences(ordered, params.similarity_threshold)
    factors = _powers(params.diversification_penalty, int(occurrences.max(initial=0)))
    return (
        ordered.drop("centroid")
        .with_columns(n_similar_above=pl.Series(occurrences, dtype=pl.Int64))
        .with_columns(diversified_score=pl.col("score") * pl.Series(factors[occurrences], dtype=pl.Float64))
        .sort("user_id", "diversified_score", "journey_id", descending=[False, True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("user_id"))
    )


def _check(scored: pl.DataFrame, params: RankingParams) -> None:
    if not 0.0 < params.diversification_penalty <= 1.0:
        raise ValueError(f"diversification_penalty is {params.diversification_penalty}; it must lie in (0, 1]")
    score = pl.col("score")
    wrong = scored.filter(~(score.is_finite() & (score >= 0)).fill_null(False))
    if wrong.height:
        row = wrong.row(0, named=True)
        raise ValueError(
            f"{wrong.height} journeys have a score that is negative, null or not finite, such as {row['score']!r} of "
            f"journey {row['journey_id']!r} of user {row['user_id']!r}: a penalty would raise a negative score; "
            "map scores to 0 or above (a probability, say) before diversifying"
        )
    missing = scored.filter(pl.col("centroid").is_null())
    if missing.height:
        row = missing.row(0, named=True)
        raise ValueError(
            f"{missing.height} journeys have no centroid, such as {row['journey_id']!r} of user {row['user_id']!r}"
        )


def _powers(penalty: float, largest: int) -> Floats:
    """penalty^0 … penalty^largest by repeated multiplication, the same bits everywhere."""
    return np.cumprod(np.concatenate([[1.0], np.full(largest, penalty)]))


def _occurrences(ordered: pl.DataFrame, threshold: float) -> Ints:
    """Similar journeys above each row; rows sorted by user and then best first. Users with equally many journeys and
    equally long vectors go through one matrix product."""
    occurrences = np.zeros(ordered.height, dtype=np.int64)
    users = (
        ordered.with_row_index("row")
        .group_by("user_id", maintain_order=True)
        .agg(
            first=pl.col("row").first().cast(pl.Int64),
            n=pl.len().cast(pl.Int64),
            shortest=pl.col("centroid").bin.size().min().cast(pl.Int64),
            n_bytes=pl.col("centroid").bin.size().max().cast(pl.Int64),
        )
        .filter(pl.col("n") > 1)
    )
    mixed = users.filter(pl.col("shortest") != pl.col("n_bytes"))
    if mixed.height:
        raise ValueError(
            f"centroids of user {mixed['user_id'][0]!r} differ in length: they come from different embedding models; "
            "run a full inference"
        )
    centroids = ordered["centroid"]
    for (n, n_bytes), group in users.sort("n", "n_bytes", "first").group_by("n", "n_bytes", maintain_order=True):
        firsts = group["first"].to_numpy()
        step = max(1, _BATCH_FLOATS // (int(n) * max(1, int(n_bytes) // 2)))
        for start in range(0, len(firsts), step):
            rows = firsts[start : start + step, None] + np.arange(n)
            vectors = unpack(centroids.gather(rows.ravel()).to_list()).astype(np.float64)
            grid = np.rint(vectors * _GRID).reshape(*rows.shape, -1)
            occurrences[rows] = _similar_above(grid, threshold)
    return occurrences


def _similar_above(grid: Floats, threshold: float) -> Ints:
    """(users, n, dimensions), best first, whole numbers -> (users, n) counts of similar rows above."""
    products = grid @ grid.transpose(0, 2, 1)
    squares = np.einsum("uii->ui", products)
    lengths = np.sqrt(squares[:, :, None] * squares[:, None, :])
    similar = (products > threshold * lengths) & (lengths > 0)
    above = np.tri(grid.shape[1], k=-1, dtype=bool)
    return np.asarray((similar & above).sum(axis=2), dtype=np.int64)
