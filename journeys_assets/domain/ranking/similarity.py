"""Cosines between the journeys of one user, identical to the last bit in any batch of users.

Used by ``domain.ranking.diversification`` and ``domain.notifications.send_memory``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.keywords.vectors import unpack

_GRID = float(2**20)
"""Vectors are rounded to multiples of 2^-20. Every sum of products is then a whole number below 2^53 (for unit vectors
of up to 4096 dimensions), so float64 matrix products are exact. A user's result does not depend on the rest of the
batch, on the number of threads or on the library."""

_BATCH_FLOATS = 4_000_000

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Products:
    """Inner products of journeys, for users with equally many journeys.

    Attributes:
        rows: (users, n): row numbers in the source frame.
        inner: (users, n, n), whole numbers.
    """

    rows: Ints
    inner: Floats

    @property
    def lengths(self) -> Floats:
        """(users, n, n): product of the lengths of the two vectors; 0 where a vector is zero."""
        squares = np.einsum("uii->ui", self.inner)
        return np.asarray(np.sqrt(squares[:, :, None] * squares[:, None, :]))

    def above(self, threshold: float) -> Flags:
        """(users, n, n): whether the cosine is above ``threshold``; false for zero vectors."""
        lengths = self.lengths
        return np.asarray((self.inner > threshold * lengths) & (lengths > 0))

    def cosines(self) -> Floats:
        """(users, n, n), -1 to 1, 1 on the diagonal, 0 between a zero vector and any other.

        IEEE 754 rounds square roots and quotients correctly, so cosines are the same on every machine.
        """
        lengths = self.lengths
        cosines = np.divide(self.inner, lengths, out=np.zeros_like(self.inner), where=lengths > 0)
        diagonal = np.arange(cosines.shape[1])
        cosines[:, diagonal, diagonal] = 1.0
        return cosines


def products_by_user(ordered: pl.DataFrame) -> Iterator[Products]:
    """Inner products of every user with more than one row.

    Users with equally many journeys and equally long vectors share one matrix product.

    Args:
        ordered: user_id, centroid (float16 bytes); the rows of a user are contiguous.

    Raises:
        ValueError: The centroids of one user differ in length.
    """
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
            yield Products(rows, grid @ grid.transpose(0, 2, 1))
