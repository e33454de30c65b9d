"""Embedders on ONNX Runtime: the same bits for a keyword whatever surrounds it; and the embedder without weights."""

import os

import numpy as np
import pytest

from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.models.embedding import base, onnx
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.embedding.onnx import OnnxEmbedder
from journeys_assets.models.embedding.packaged import PackagedMiniLm

LONG = "how to renovate a small kitchen on a budget " * 60
MIXED = [
    "kitchen", "small kitchen renovation", "mid century modern", "Mid Century MODERN", "庭の手入れ", "🎂🎉 cake", "",
    " ", "ä́ñ ß", "don't", "84029e", "مطبخ صغير", "set of 6 soldiers", LONG, "wedding", "wedding cake ideas 2026",
    "\u200b", "x" * 300,
]  # fmt: skip
PHRASES = [
    f"{colour} {thing}" for colour in ("red", "navy blue", "off-white") for thing in ["lamp", "rug", "sofa", "table"]
]


@pytest.fixture(scope="module")
def minilm() -> base.Embedder:
    return OnnxEmbedder(PackagedMiniLm())


def rows(matrix: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in matrix]


def test_vectors_are_unit_vectors(minilm: base.Embedder) -> None:
    found = minilm.embed(MIXED)
    assert found.dtype == np.float32
    assert found.shape == (len(MIXED), minilm.dimensions) == (len(MIXED), 384)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5


def test_bits_do_not_depend_on_neighbours_order_batch_size_or_threads(
    minilm: base.Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_length = [" ".join([word] * n) for n in range(1, 40, 3) for word in ("rug", "lamp", "sofa")]
    texts = MIXED + PHRASES + every_length
    together = rows(minilm.embed(texts))
    assert [rows(minilm.embed([text]))[0] for text in texts] == together
    assert rows(minilm.embed(texts[::-1])) == together[::-1]
    two = OnnxEmbedder(PackagedMiniLm(), threads=min(2, os.cpu_count() or 1))
    for batch, chunk in ((3, 5), (7, 1000), (64, 50)):
        monkeypatch.setattr(onnx, "BATCH_KEYWORDS", batch)
        monkeypatch.setattr(onnx, "CHUNK_KEYWORDS", chunk)
        assert rows(two.embed(texts)) == together


def test_repeats_share_a_vector_and_progress_counts_distinct_keywords(minilm: base.Embedder) -> None:
    calls: list[tuple[int, int]] = []
    found = rows(minilm.embed(["rug", "lamp", "rug"], lambda done, total: calls.append((done, total))))
    assert found[0] == found[2] != found[1]
    assert calls[-1] == (2, 2)
    assert calls == sorted(calls)


def test_nothing_to_embed(minilm: base.Embedder) -> None:
    assert minilm.embed([]).shape == (0, 384)
    assert HashingEmbedder().embed([]).shape == (0, 256)


def test_float16_at_rest_hardly_moves_a_vector(minilm: base.Embedder) -> None:
    found = minilm.embed(PHRASES)
    assert (unpack(pack(found)) * found).sum(axis=1).min() > 0.999999


def test_lone_surrogate_is_named(minilm: base.Embedder) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        minilm.embed(["fine", "not \ud800 fine"])


def test_threads_are_bounded() -> None:
    with pytest.raises(base.EmbedderError, match="threads = 0"):
        OnnxEmbedder(PackagedMiniLm(), threads=0)


def test_hashing_puts_related_texts_near_each_other() -> None:
    found = HashingEmbedder().embed(
        ["wedding dress", "wedding dresses", "vintage wedding", "car engine oil", "", "結婚式", "結婚式場"]
    )
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    near = found @ found.T
    assert near[0, 1] > near[0, 2] > near[0, 3] + 0.2
    assert near[5, 6] > 0.4 > near[5, 0]


def test_hashing_is_the_same_everywhere() -> None:
    found = HashingEmbedder().embed(["wedding dress"])[0]
    assert rows(HashingEmbedder().embed(["lamp", "wedding dress"]))[1] == found.tobytes()
    assert np.flatnonzero(found)[:3].tolist() == [5, 9, 20]
