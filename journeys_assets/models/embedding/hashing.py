"""Hashed character n-grams: an embedder without weights, for tests and smoke runs."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from journeys_assets.models.embedding.base import Progress, Vectors

# ── hashing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class HashingEmbedder:
    """Hashed character n-grams: no weights, no meaning, but texts that share words or word parts are near each other.

    For tests and smoke runs. Deterministic on every machine.
    """

    dimensions = 256
    model_version = f"hashing-{dimensions}"

    def embed(self, keywords: Sequence[str], progress: Progress | None = None) -> Vectors:
        """See :class:`Embedder`."""
        matrix = np.zeros((len(keywords), self.dimensions), dtype=np.float64)
        for row, keyword in enumerate(keywords):
            for gram in _grams(keyword):
                column, sign = _hashed(gram, self.dimensions)
                matrix[row, column] += sign
            if not matrix[row].any():  # every n-gram cancelled another
                matrix[row, _hashed(f"\x00{keyword}", self.dimensions)[0]] = 1.0
        lengths = np.sqrt(np.square(matrix).sum(axis=1, keepdims=True))
        if progress and keywords:
            progress(len(keywords), len(keywords))
        vectors: Vectors = (matrix / lengths).astype(np.float32)
        return vectors


def _grams(text: str) -> Iterator[str]:
    """Whole words, and character n-grams (2 to 4) of each word between boundary marks; never none."""
    for word in text.split() or [""]:
        marked = f"\x02{word[:200]}\x03"
        yield marked
        for size in (2, 3, 4):
            for start in range(len(marked) - size + 1):
                yield marked[start : start + size]


@functools.lru_cache(maxsize=1 << 18)
def _hashed(gram: str, dimensions: int) -> tuple[int, float]:
    digest = int.from_bytes(hashlib.blake2b(gram.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
    return (digest >> 1) % dimensions, 1.0 if digest & 1 else -1.0
