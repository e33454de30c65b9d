"""What runs the graph of a model: ONNX Runtime or OpenVINO on the CPU, or ONNX Runtime on an NVIDIA GPU.

Each computes the same graph and has vectors of its own, since they round differently. So each has its own name in
``model_version``, and a deployment never mixes them: after a change every keyword that is needed is embedded again.

For that reason a backend is chosen by a setting, and ``auto`` is not the default. With ``auto``, two machines of one
deployment of which one has a GPU would embed everything twice.

``onnxruntime``: float32, within a few percent of what the CPU's matrix products allow. The tests hold it to the bit.
``openvino``: bfloat16 products, which need a CPU that has them (Intel since Sapphire Rapids, AMD since Zen 4).
``cuda``: float32 without TF32, in batches of one size, since the kernels of a GPU depend on the size. 70 times as fast
as one core of the same machine on an H200. Like OpenVINO, it is checked each time it is loaded, and refused if a text
has other bits alone than among others.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

from journeys_assets.errors import require_extra
from journeys_assets.models.embedding.base import EmbedderError, Vectors

Backend = Literal["onnxruntime", "openvino", "cuda"]
BackendSetting = Literal["onnxruntime", "openvino", "cuda", "auto"]
Ids = NDArray[np.int64]
States = Callable[[Ids], Vectors]
"""Token ids (texts, tokens) -> states float32 (texts, tokens, dimensions)."""

NAME_IN_VERSION: dict[Backend, str] = {
    "onnxruntime": "onnx-fp32-r2",
    "openvino": "openvino-bf16",
    "cuda": "onnx-cuda-fp32",
}
"""Part of ``model_version``. Changes with anything below that changes the bits of a vector."""

SLOW_FUSIONS = ["SkipLayerNormFusion"]
"""Optimisations of ONNX Runtime that are left out: the fused kernel takes 3.5 times as long as its parts, a tenth of
all time."""

CUDA = "CUDAExecutionProvider"
CUDA_BATCH = 256
"""Texts of every batch on a GPU."""


def gpus_of(model_version: str) -> int:
    """The GPUs that an embedder of this version takes."""
    return int(NAME_IN_VERSION["cuda"] in model_version)


def backend_of(setting: BackendSetting) -> Backend:
    """The backend that a setting names; ``auto`` is the GPU if there is one that ONNX Runtime can use.

    Raises:
        EmbedderError: the setting is ``cuda``, and ONNX Runtime has no support for it.
        MissingExtra: the setting is ``openvino``, which is not installed.
    """
    if setting == "auto":
        return "cuda" if _has_cuda() else "onnxruntime"
    if setting == "cuda" and not _has_cuda():
        raise EmbedderError(
            "embedding_backend = 'cuda': the installed ONNX Runtime has no CUDA; replace the package onnxruntime with "
            "onnxruntime-gpu, or set embedding_backend to 'onnxruntime'"
        )
    if setting == "openvino":
        require_extra("openvino", "embedding_backend = 'openvino'")
    return setting


def load(graph: Path, backend: Backend) -> States:
    """A function that runs ``graph``, on one thread a call; several threads may call it.

    Raises:
        EmbedderError: this machine or this backend cannot run it.
    """
    if backend == "openvino":
        return _openvino(graph)
    return _cuda(graph) if backend == "cuda" else _onnxruntime(graph)


def _inputs(names: set[str], ids: Ids) -> dict[str, Ids]:
    every = {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),  # no text is padded
        "token_type_ids": np.zeros_like(ids),
    }
    return {name: every[name] for name in names}


# ── ONNX Runtime ────────────────────────────────────────────────────────────────────────────────────────────────────


def _onnxruntime(graph: Path) -> States:
    return _states_of(_session(graph, ["CPUExecutionProvider"]))


def _cuda(graph: Path) -> States:
    import onnxruntime

    onnxruntime.preload_dlls()  # CUDA's libraries out of their packages, where the system has none
    session = _session(graph, [(CUDA, {"use_tf32": "0"}), "CPUExecutionProvider"])
    if CUDA not in session.get_providers():  # it falls back to the CPU without an error
        raise EmbedderError(
            "embedding_backend: ONNX Runtime has CUDA but cannot use it here (driver, libraries or GPU are missing); "
            "set it to 'onnxruntime'"
        )
    return in_batches_of(CUDA_BATCH, _states_of(session))


def in_batches_of(size: int, states: States) -> States:
    """``states`` called with ``size`` texts each time; the last text is repeated where there are fewer."""

    def padded(ids: Ids) -> Vectors:
        parts = []
        for start in range(0, len(ids), size):
            part = ids[start : start + size]
            filled = np.concatenate([part, np.repeat(part[-1:], size - len(part), axis=0)])
            parts.append(states(filled)[: len(part)])
        return np.concatenate(parts)

    return padded


def _session(graph: Path, providers: list[Any]) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One thread a batch: how a product is split over threads may show in its last bits.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(graph), options, providers=providers, disabled_optimizers=SLOW_FUSIONS)


def _states_of(session: onnxruntime.InferenceSession) -> States:
    names = {node.name for node in session.get_inputs()}
    return lambda ids: cast(Vectors, session.run(None, _inputs(names, ids))[0])


def _has_cuda() -> bool:
    import onnxruntime

    return CUDA in onnxruntime.get_available_providers()


# ── OpenVINO ────────────────────────────────────────────────────────────────────────────────────────────────────────


def openvino_without_telemetry() -> ModuleType:
    """The module ``openvino``. Imported in the usual way, it reports its import to a server on the internet.

    It does so through the package ``openvino_telemetry`` and does without where that cannot be imported, as here.
    """
    if "openvino" not in sys.modules:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]
    return importlib.import_module("openvino")


def _openvino(graph: Path) -> States:
    """Refuses a CPU without bfloat16, on which OpenVINO would compute in float32 under the same name."""
    require_extra("openvino", "embedding_backend = 'openvino'")
    openvino = openvino_without_telemetry()
    core = openvino.Core()
    if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise EmbedderError(
            "embedding_backend = 'openvino': this CPU has no bfloat16 (amx_bf16 or avx512_bf16 in /proc/cpuinfo), so "
            "nothing would be gained; set it to 'onnxruntime'"
        )
    one_thread = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1}
    try:
        model = core.compile_model(core.read_model(graph), "CPU", {"INFERENCE_PRECISION_HINT": "bf16", **one_thread})
    except RuntimeError as error:
        raise EmbedderError(
            f"{graph}: OpenVINO cannot run this model ({str(error).strip().splitlines()[-1]}); set embedding_backend "
            "to 'onnxruntime'"
        ) from error
    names = {node.get_any_name() for node in model.inputs}
    own = threading.local()  # a request is for one thread at a time

    def states(ids: Ids) -> Vectors:
        if not hasattr(own, "request"):
            own.request = model.create_infer_request()
        found: Vectors = own.request.infer(_inputs(names, ids), share_inputs=True)[0]
        return found

    return states
