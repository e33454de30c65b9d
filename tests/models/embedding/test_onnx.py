"""Embedders: the same bits for a keyword whatever surrounds it, the model's own vectors, and only the right weights."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from journeys_assets.domain.keywords.vectors import pack, unpack
from journeys_assets.models.embedding import base, choose, onnx
from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.embedding.onnx import OnnxEmbedder

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
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("embedder")
    yield folder
    shutil.rmtree(folder)  # pytest keeps its folders; an export is 90 MB


@pytest.fixture
def own_cache(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cache"
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def minilm(cache: Path) -> base.Embedder:
    return make_embedder("minilm", cache)


@pytest.fixture
def model_copy(tmp_path: Path) -> Iterator[Path]:
    """A copy of the packaged model, weights and all."""
    folder = tmp_path / "my-model"
    shutil.copytree(choose.packaged_minilm(), folder)
    yield folder
    shutil.rmtree(folder)


def rows(matrix: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in matrix]


@pytest.mark.slow
def test_vectors_are_those_of_sentence_transformers(minilm: base.Embedder) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(choose.packaged_minilm()), device="cpu", local_files_only=True)
    expected = model.encode(MIXED, normalize_embeddings=True, show_progress_bar=False)
    found = minilm.embed(MIXED)
    assert found.dtype == np.float32
    assert found.shape == (len(MIXED), minilm.dimensions) == (len(MIXED), 384)
    assert (found * expected).sum(axis=1).min() > 0.9999
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5


def test_bits_do_not_depend_on_neighbours_order_batch_size_or_threads(
    minilm: base.Embedder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_length = [" ".join([word] * n) for n in range(1, 40, 2) for word in ("rug", "lamp", "sofa")]
    texts = MIXED + PHRASES + every_length
    together = rows(minilm.embed(texts))
    assert [rows(minilm.embed([text]))[0] for text in texts] == together
    assert rows(minilm.embed(texts[::-1])) == together[::-1]
    two = OnnxEmbedder(
        choose.packaged_minilm(),
        cache,
        name="all-MiniLM-L6-v2",
        sha256=choose.MINILM_SHA256,
        threads=min(2, os.cpu_count() or 1),
    )
    monkeypatch.setattr(onnx, "BATCH_KEYWORDS", 3)
    monkeypatch.setattr(onnx, "CHUNK_KEYWORDS", 5)
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


def test_version_names_model_weights_and_backend(minilm: base.Embedder) -> None:
    assert minilm.model_version == "all-MiniLM-L6-v2-53aa51172d14-onnx-fp32"
    assert make_embedder("hashing", Path()).model_version == "hashing-256"


def test_a_changed_byte_in_the_weights_is_noticed(model_copy: Path, cache: Path) -> None:
    weights = model_copy / "model.safetensors"
    with weights.open("r+b") as opened:
        opened.seek(-1, 2)
        last = opened.read(1)[0]
        opened.seek(-1, 2)
        opened.write(bytes([last ^ 1]))
    changed = OnnxEmbedder(model_copy, cache, name="all-MiniLM-L6-v2", sha256=choose.MINILM_SHA256)
    for use in (lambda: changed.model_version, lambda: changed.embed(["kitchen"])):
        with pytest.raises(EmbedderError, match=r"model\.safetensors: sha256 is .* published file .* reinstall"):
            use()


@pytest.mark.slow
def test_another_model_is_versioned_by_weights_and_settings_and_its_pooling_is_honoured(
    model_copy: Path, own_cache: Path
) -> None:
    mean = make_embedder(str(model_copy), own_cache)
    assert mean.model_version.startswith("my-model-")
    pooling = model_copy / "1_Pooling" / "config.json"
    settings = json.loads(pooling.read_text())
    pooling.write_text(json.dumps(settings | {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}))
    cls = make_embedder(str(model_copy), own_cache)
    assert cls.model_version != mean.model_version
    assert np.abs(cls.embed(["kitchen"]) - make_embedder("minilm", own_cache).embed(["kitchen"])).max() > 0.01
    pooling.write_text(json.dumps(settings | {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": False}))
    with pytest.raises(EmbedderError, match="pooling 'max' is not supported"):
        make_embedder(str(model_copy), own_cache).embed(["kitchen"])
    assert not list(own_cache.glob(".exporting-*"))


def test_a_damaged_export_is_not_used(cache: Path, own_cache: Path) -> None:
    make_embedder("minilm", cache).embed(["kitchen"])
    shutil.copytree(cache, own_cache)
    (export,) = own_cache.glob("*/model.onnx")
    export.write_bytes(export.read_bytes()[:-1])
    with pytest.raises(EmbedderError, match=r"model\.onnx: damaged"):
        make_embedder("minilm", own_cache).embed(["kitchen"])


def test_second_process_uses_the_export_without_torch(minilm: base.Embedder, cache: Path) -> None:
    minilm.embed(["kitchen"])
    code = """
import sys
from pathlib import Path
from journeys_assets.models.embedding.choose import make_embedder
vector = make_embedder("minilm", Path(sys.argv[1])).embed(["kitchen"])
heavy = {"torch", "transformers", "sentence_transformers"} & set(sys.modules)
print(vector.tobytes().hex(), sorted(heavy))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(cache)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout.split() == [minilm.embed(["kitchen"]).tobytes().hex(), "[]"]


@pytest.mark.parametrize("name", ["no/such/folder", "no-such-model", "not a name!"])
def test_unknown_model_is_one_clear_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EmbedderError, match="no such folder, and not a model of the hub"):
        make_embedder(name, tmp_path)


def test_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="not a sentence-transformers model"):
        _ = make_embedder(str(tmp_path), tmp_path).model_version


def test_threads_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="threads = 0"):
        make_embedder("minilm", tmp_path, threads=0)


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
