"""Keyword vectors as data: conversion to and from stored bytes, and look-up by keyword.

Vectors are computed from text in ``journeys_assets.models.embedding``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.errors import JourneysError

STORED_DTYPE = np.dtype("<f2")
"""Stored type of vectors: little-endian float16. It halves the size of float32 and gives the same clusters."""

_CHUNK_ROWS = 65_536
"""Rows normalised at a time, so that the float64 copy stays small compared to the matrix."""


class MissingVectorsError(JourneysError):
    """Some requested keywords have no vector."""

    def __init__(self, missing: Sequence[str]) -> None:
        self.missing = sorted(set(missing))
        shown = ", ".join(repr(k if len(k) <= 60 else f"{k[:60]}…") for k in self.missing[:5])
        more = f" and {len(self.missing) - 5} more" if len(self.missing) > 5 else ""
        super().__init__(
            f"no vector for {len(self.missing)} keyword(s): {shown}{more}; "
            "materialise keyword_embeddings for the days that contain them"
        )


@dataclass(frozen=True, slots=True)
class KeywordVectors:
    """The unit vectors of a set of distinct keywords.

    Attributes:
        keywords: n distinct keywords, sorted.
        matrix: float32 (n, dimensions), C-contiguous, unit rows, in the order of ``keywords``.

    Raises:
        ValueError: The shapes do not match, or ``keywords`` is not sorted and distinct.
    """

    keywords: list[str]
    matrix: NDArray[np.float32]
    _row_of: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.matrix.ndim != 2 or self.matrix.shape[0] != len(self.keywords):
            raise ValueError(f"{len(self.keywords)} keywords do not fit a matrix of shape {self.matrix.shape}")
        if any(a >= b for a, b in zip(self.keywords, self.keywords[1:], strict=False)):
            raise ValueError("keywords must be sorted and distinct")
        object.__setattr__(self, "matrix", np.ascontiguousarray(self.matrix, dtype=np.float32))
        object.__setattr__(self, "_row_of", {keyword: row for row, keyword in enumerate(self.keywords)})

    @property
    def dimensions(self) -> int:
        return int(self.matrix.shape[1])

    def rows_for(self, keywords: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of ``keywords``, in the same order; repeats are allowed.

        Returns:
            float32 (len(keywords), dimensions), a copy.

        Raises:
            MissingVectorsError: Some keywords have no vector; the error names them.
        """
        try:
            rows = [self._row_of[keyword] for keyword in keywords]
        except KeyError:
            raise MissingVectorsError([k for k in keywords if k not in self._row_of]) from None
        chosen: NDArray[np.float32] = self.matrix[np.asarray(rows, dtype=np.int64)]
        return chosen

    def places_of(self, keywords: pl.Series) -> NDArray[np.int64]:
        """The row of ``matrix`` of each of ``keywords``; repeats are allowed.

        Raises:
            MissingVectorsError: Some keywords have no vector; the error names them.
        """
        known = pl.DataFrame(
            {"keyword": pl.Series(self.keywords, dtype=pl.String), "place": np.arange(len(self.keywords))}
        )
        found = pl.DataFrame({"keyword": keywords}).join(known, on="keyword", how="left", maintain_order="left")
        if found["place"].null_count():
            raise MissingVectorsError(found.filter(pl.col("place").is_null())["keyword"].to_list())
        return found["place"].cast(pl.Int64).to_numpy()

    @classmethod
    def from_frame(cls, frame: pl.DataFrame) -> KeywordVectors:
        """Vectors from stored rows.

        Args:
            frame: keyword (distinct), embedding (float16 bytes), in any order; other columns are ignored.

        Raises:
            ValueError: A keyword occurs twice, or the bytes are not vectors of one length.
        """
        rows = frame.select("keyword", "embedding").sort("keyword")
        return cls(rows["keyword"].to_list(), unpack_series(rows["embedding"]))


def pack(matrix: NDArray[np.floating]) -> list[bytes]:
    """Each row of ``matrix`` (n, dimensions) as little-endian float16 bytes; an empty list for no rows.

    Raises:
        ValueError: ``matrix`` is not two-dimensional, or a value is not finite.
    """
    if matrix.ndim != 2:
        raise ValueError(f"expected a matrix of shape (n, dimensions), got shape {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise ValueError("a vector contains a value that is not finite")
    return [row.tobytes() for row in matrix.astype(STORED_DTYPE)]


def unpack(packed: Sequence[bytes]) -> NDArray[np.float32]:
    """The inverse of ``pack`` for unit rows, apart from float16 rounding.

    Rounding changes the length of a row by up to 0.0005. Rows are therefore scaled to unit length again, so squared
    distances are exact functions of cosines. The bits of a row depend only on its own bytes.

    Returns:
        float32 (n, dimensions); (0, 0) for no rows.

    Raises:
        ValueError: Rows differ in length, or a row is empty, all zero or not finite.
    """
    return _unpacked(b"".join(packed), {len(row) for row in packed}, len(packed))


def unpack_series(packed: pl.Series) -> NDArray[np.float32]:
    """:func:`unpack` of a Series of bytes, without an object for each row."""
    if packed.null_count():
        raise ValueError("a packed vector is missing")
    sizes = set(packed.bin.size().unique().to_list())
    return _unpacked(packed.rechunk().to_arrow().buffers()[-1] if len(packed) else b"", sizes, len(packed))


def _unpacked(packed: Any, sizes: set[int], n_rows: int) -> NDArray[np.float32]:
    if not n_rows:
        return np.zeros((0, 0), dtype=np.float32)
    if len(sizes) > 1 or min(sizes) == 0 or min(sizes) % STORED_DTYPE.itemsize:
        raise ValueError(f"packed vectors must all have the same even number of bytes, got {sorted(sizes)[:5]}")
    count = n_rows * min(sizes) // STORED_DTYPE.itemsize
    matrix = np.frombuffer(packed, dtype=STORED_DTYPE, count=count).reshape(n_rows, -1).astype(np.float32)
    for start in range(0, n_rows, _CHUNK_ROWS):
        chunk = matrix[start : start + _CHUNK_ROWS]
        lengths = np.sqrt(np.square(chunk.astype(np.float64)).sum(axis=1, keepdims=True))
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError("a packed vector is all zero or not finite")
        chunk /= lengths.astype(np.float32)
    return matrix
