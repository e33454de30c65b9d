"""What runs a model: which backend a setting names, and that each keeps the bits of a text."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from journeys_assets.deployment import build_deployment
from journeys_assets.errors import MissingExtra
from journeys_assets.models.embedding import backends, onnx
from journeys_assets.models.embedding.backends import (
    CUDA,
    NAME_IN_VERSION,
    Backend,
    Ids,
    backend_of,
    in_batches_of,
    openvino_without_telemetry,
)
from journeys_assets.models.embedding.base import EmbedderError, Vectors
from journeys_assets.models.embedding.choose import make_embedder, packaged_embedder
from journeys_assets.models.embedding.onnx import OnnxModel
from journeys_assets.models.embedding.packaged import PackagedMiniLm
from journeys_assets.settings import Settings, SettingsError, load_settings

TEXTS = [
    *("kitchen", "small kitchen renovation", "庭の手入れ", "", "x" * 300, "garden path ideas 2026", "dog bed"),
    *(" ".join([word] * n) for n in (1, 2, 4, 8, 16, 31, 60) for word in ("rug", "lamp")),
    "how to renovate a small kitchen " * 60,
]


def has_bfloat16() -> bool:
    return "BF16" in openvino_without_telemetry().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def rows(matrix: np.ndarray) -> list[bytes]:
    return [row.tobytes() for row in matrix]


def providers(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [*names, "CPUExecutionProvider"])


def test_a_gpu_is_taken_where_there_is_one_only_if_the_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    providers(monkeypatch)
    assert backend_of("auto") == backend_of("onnxruntime") == "onnxruntime"
    with pytest.raises(EmbedderError, match=r"has no CUDA; replace the package onnxruntime with onnxruntime-gpu"):
        backend_of("cuda")
    providers(monkeypatch, CUDA)
    assert backend_of("auto") == backend_of("cuda") == "cuda"
    assert backend_of("onnxruntime") == Settings.model_fields["embedding_backend"].default == "onnxruntime"


def test_each_backend_is_another_version() -> None:
    versions = {packaged_embedder(backend).model_version for backend in NAME_IN_VERSION}
    assert len(versions) == len(NAME_IN_VERSION) == 3


def test_cuda_that_is_installed_but_does_not_work_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def falls_back(*arguments: object, **options: object) -> onnxruntime.InferenceSession:
        return real(*arguments, **options | {"providers": ["CPUExecutionProvider"]})

    real = onnxruntime.InferenceSession
    providers(monkeypatch, CUDA)
    monkeypatch.setattr(onnxruntime, "InferenceSession", falls_back)
    with pytest.raises(EmbedderError, match="has CUDA but cannot use it here"):
        OnnxModel(PackagedMiniLm().files, "cuda")


@pytest.mark.parametrize("n", [1, 3, 4, 5, 9])
def test_batches_of_one_size_give_each_text_its_own_states(n: int) -> None:
    sizes = []

    def states(ids: Ids) -> Vectors:
        sizes.append(len(ids))
        return ids[:, :, None].astype(np.float32)

    ids = np.arange(n * 2).reshape(n, 2)
    assert (in_batches_of(4, states)(ids)[:, :, 0] == ids).all()
    assert set(sizes) == {4}


def test_a_backend_whose_bits_depend_on_the_batch_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def sloppy(graph: Path, backend: Backend) -> backends.States:
        exact = backends.load(graph, "onnxruntime")
        return lambda ids: exact(ids) * np.float32(1 + 1e-6 * len(ids)) + np.float32(1e-6 * len(ids))

    monkeypatch.setattr(onnx, "load", sloppy)
    with pytest.raises(EmbedderError, match=r"'openvino': a text of 1 words has other bits alone than in a batch"):
        OnnxModel(PackagedMiniLm().files, "openvino")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("journeys_assets.errors.find_spec", lambda module: None)
    with pytest.raises(MissingExtra, match=r"embedding_backend = 'openvino' needs the extra 'openvino': pip install"):
        make_embedder("minilm", tmp_path, backend="openvino")


def test_a_cpu_without_bfloat16_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class OldCpu:
        def get_property(self, *_: str) -> list[str]:
            return ["FP32", "INT8"]

    monkeypatch.setattr(openvino_without_telemetry(), "Core", OldCpu)
    with pytest.raises(EmbedderError, match="this CPU has no bfloat16"):
        OnnxModel(PackagedMiniLm().files, "openvino")


def test_a_graph_that_openvino_cannot_run_is_one_clear_error(tmp_path: Path) -> None:
    if not has_bfloat16():
        pytest.skip("the CPU has no bfloat16")
    (tmp_path / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(EmbedderError, match=r"model\.onnx: OpenVINO cannot run this model"):
        backends.load(tmp_path / "model.onnx", "openvino")


@pytest.mark.parametrize("name", ["minilm", "multilingual-e5-small"])
def test_openvino_keeps_the_bits_of_a_text_and_is_near_float32(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_bfloat16():
        pytest.skip("the CPU has no bfloat16")
    together = make_embedder(name, tmp_path, backend="openvino").embed(TEXTS)
    exact = make_embedder(name, tmp_path).embed(TEXTS)
    assert (together * exact).sum(axis=1).min() > 0.999
    assert rows(together) != rows(exact), "it computed in float32"
    again = make_embedder(name, tmp_path, backend="openvino", threads=min(2, os.cpu_count() or 1))
    for batch in (1, 3):
        monkeypatch.setattr(onnx, "BATCH_KEYWORDS", batch)
        assert rows(again.embed(TEXTS[::-1])) == rows(together)[::-1]


def test_a_gpu_keeps_the_bits_of_a_text_and_is_near_the_cpu(tmp_path: Path) -> None:
    if CUDA not in onnxruntime.get_available_providers():
        pytest.skip("needs an NVIDIA GPU and onnxruntime-gpu")
    together = make_embedder("minilm", tmp_path, backend="cuda").embed(TEXTS)
    exact = make_embedder("minilm", tmp_path).embed(TEXTS)
    assert (together * exact).sum(axis=1).min() > 0.999_99
    again = make_embedder("minilm", tmp_path, backend="cuda", threads=min(2, os.cpu_count() or 1))
    assert rows(again.embed(TEXTS[::-1])) == rows(together)[::-1]
    assert rows(np.concatenate([again.embed([text]) for text in TEXTS])) == rows(together)


def test_openvino_reports_nothing_to_anyone() -> None:
    """In a new process, in which nothing else has imported it."""
    code = """
import sys
from journeys_assets.models.embedding.backends import openvino_without_telemetry
openvino_without_telemetry().Core()
print([name for name in sys.modules if name.startswith("openvino_telemetry.")])
print(sys.modules["openvino.tools.ovc"].telemetry.__class__.__module__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    assert done.stdout.splitlines() == ["[]", "openvino.tools.ovc.telemetry_stub"]


def test_keywords_and_safety_share_a_backend_and_so_their_vectors(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, embedding_backend="openvino")
    deployment = build_deployment(settings, progress=lambda *_: None)
    assert deployment.embedder().model_version == deployment.safety_judge().embedding_model
    with pytest.raises(SettingsError, match="embedding_backend = 'tpu'"):
        load_settings(home=tmp_path, embedding_backend="tpu")
