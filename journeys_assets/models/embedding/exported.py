"""Other sentence-transformers models: exported to ONNX once, and from then on run without torch.

An export needs the extra ``export``. A model that was exported before needs no more than the core install, so that an
export can be made on one machine and copied to another.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

from journeys_assets.errors import require_extra
from journeys_assets.models.embedding.base import EmbedderError
from journeys_assets.models.embedding.files import ModelFiles, Pooling, digest_of, new_folder, sha256_of
from journeys_assets.models.embedding.onnx import OnnxModel

EXPORT_REVISION = 2
"""Part of the digest. Counts up when the export below or the pinned torch changes: both shape the vectors."""

_PROBES = ("kitchen", "mid century modern living room ideas", "日本庭園の作り方", "a " * 40)
_EXPORT_TOLERANCE = 1e-4


class ExportedModel:
    """A sentence-transformers model: a transformer, then mean or CLS pooling.

    Args:
        model_folder: the model as sentence-transformers saves it.
        cache_dir: where its export is kept; may be shared by processes.
        name: what to call it in a version.
    """

    def __init__(self, model_folder: Path, cache_dir: Path, *, name: str) -> None:
        self._folder = model_folder
        self._cache_dir = cache_dir
        self.name = name

    @cached_property
    def digest(self) -> str:
        """Of the files that shape a vector, wherever they lie, so a retrained model at the same path has another.

        Raises:
            EmbedderError: the model has no weights.
        """
        return _digest(self._folder)

    @cached_property
    def files(self) -> ModelFiles:
        """See :class:`ModelSource`; exports the model now if that was not done before.

        Raises:
            EmbedderError: the model has no weights or is of a kind that is not supported, or its export is damaged.
            MissingExtra: it has to be exported, and what that needs is not installed.
        """
        folder = self._cache_dir / f"{self.name}-{self.digest}"
        if not folder.is_dir():
            self._export_to(folder)
        note = json.loads((folder / "export.json").read_text())
        graph = folder / "model.onnx"
        if sha256_of(graph) != note["onnx_sha256"]:
            raise EmbedderError(f"{graph}: damaged (its sha256 is not the one noted at export); delete the folder")
        return ModelFiles(
            graph=graph,
            tokenizer=folder / "tokenizer.json",
            dimensions=note["dimensions"],
            max_tokens=note["max_tokens"],
            pooling=note["pooling"],
        )

    def _export_to(self, target: Path) -> None:
        require_extra("export", f"embedding with {self.name}, which is not exported yet,")
        with new_folder(target) as draft:
            _export(self._folder, draft)
            if _digest(self._folder) != self.digest:
                raise EmbedderError(f"{self._folder}: the model was changed while it was in use; start again")


def from_hub(name: str) -> Path:
    """The local copy of a hub model, downloaded where it is missing and that is allowed.

    Raises:
        EmbedderError: there is no such model, or it may not be downloaded here.
    """
    from huggingface_hub import snapshot_download

    repo = name if "/" in name else f"sentence-transformers/{name}"
    wanted = ["*.json", "*.txt", "*.model", "*/config.json", "model*.safetensors", "pytorch_model*.bin"]
    try:
        return Path(snapshot_download(repo, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        raise EmbedderError(
            f"embedder {name!r}: no such folder, and not a model of the hub that can be had here "
            f"({type(error).__name__}); allowed: 'minilm', 'multilingual-e5-small', 'hashing', a folder, or a hub name"
        ) from error


# ── export ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _export(model_folder: Path, target: Path) -> None:
    """Write model.onnx, tokenizer.json and export.json to ``target``, and check that they do what the model does."""
    import torch
    from sentence_transformers import SentenceTransformer

    with _quiet_transformers():
        model = SentenceTransformer(str(model_folder), device="cpu", local_files_only=True)
    pooling = _supported_pooling(model, model_folder)

    class Wrapper(torch.nn.Module):
        """Token ids of equally long texts -> states. Without padding, every token counts: no mask."""

        def __init__(self, transformer: torch.nn.Module) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            states: torch.Tensor = self.transformer(input_ids=input_ids, return_dict=True).last_hidden_state
            return states

    # eval() on the wrapper itself: exporting a module that is in training mode puts its children back into it.
    wrapper = Wrapper(cast(torch.nn.Module, model[0].auto_model)).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes on tracing; what it made is compared with the model below
        torch.onnx.export(
            wrapper,
            (torch.ones((2, 7), dtype=torch.int64),),
            str(target / "model.onnx"),
            input_names=["input_ids"],
            output_names=["states"],
            dynamic_axes={"input_ids": {0: "texts", 1: "tokens"}, "states": {0: "texts", 1: "tokens"}},
            opset_version=17,
            dynamo=False,
        )
    # The live tokenizer, not the model's file: sentence-transformers may have added lower-casing to it.
    model.tokenizer.backend_tokenizer.save(str(target / "tokenizer.json"))
    files = ModelFiles(
        graph=target / "model.onnx",
        tokenizer=target / "tokenizer.json",
        dimensions=cast(int, model.get_embedding_dimension()),
        max_tokens=cast(int, model.max_seq_length),
        pooling=pooling,
    )
    note = {
        "dimensions": files.dimensions,
        "max_tokens": files.max_tokens,
        "pooling": files.pooling,
        "onnx_sha256": sha256_of(files.graph),
        "exported_with": {name: metadata.version(name) for name in ("torch", "transformers", "sentence-transformers")},
    }
    (target / "export.json").write_text(json.dumps(note, indent=2) + "\n")
    _check_export(model, model_folder, files)


def _supported_pooling(model: SentenceTransformer, model_folder: Path) -> Pooling:
    """How the model pools.

    Raises:
        EmbedderError: the model has a part that the export does not know.
    """
    kinds = [type(module).__name__ for module in model]
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise EmbedderError(
            f"{model_folder}: a model of {' + '.join(kinds)} is not supported; "
            "supported is Transformer + Pooling, with or without Normalize"
        )
    pooling = str(cast(Any, model[1]).get_config_dict().get("pooling_mode"))
    if pooling not in ("mean", "cls"):
        raise EmbedderError(f"{model_folder}: pooling {pooling!r} is not supported; supported are 'mean' and 'cls'")
    if model.default_prompt_name and model.prompts.get(model.default_prompt_name):
        raise EmbedderError(f"{model_folder}: models with a default prompt are not supported")
    if not getattr(model.tokenizer, "is_fast", False):
        raise EmbedderError(f"{model_folder}: needs a fast tokenizer (tokenizer.json)")
    return cast(Pooling, pooling)


def _check_export(model: SentenceTransformer, model_folder: Path, files: ModelFiles) -> None:
    """Compare the export with the model on a few texts of different lengths."""
    exported = OnnxModel(files)
    for probe in _PROBES:
        expected = model.encode([probe], normalize_embeddings=True, show_progress_bar=False)
        ids = exported.tokenizer.encode(probe).ids
        found = exported.run([ids] * 3)
        if not (found == exported.run([ids])).all():
            raise EmbedderError(
                f"the ONNX export of {model_folder} gives other bits for {probe!r} alone than in a batch"
            )
        worst = float(np.abs(found - expected).max())
        if not worst < _EXPORT_TOLERANCE:
            raise EmbedderError(f"the ONNX export of {model_folder} differs from the model by {worst:.2g} on {probe!r}")


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Silences the progress bars of transformers while a model is loaded."""
    from transformers.utils import logging

    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _digest(folder: Path) -> str:
    shaping = [*_weights(folder), *sorted(folder.glob("*.json")), *sorted(folder.glob("*/*.json"))]
    sha256 = {str(file.relative_to(folder)): sha256_of(file) for file in shaping}
    return digest_of(sha256 | {"export": str(EXPORT_REVISION)})


def _weights(folder: Path) -> list[Path]:
    found = _weight_files(folder)
    if not found or not (folder / "modules.json").is_file():
        raise EmbedderError(
            f"{folder}: not a sentence-transformers model (it needs modules.json and model.safetensors)"
        )
    return found


def _weight_files(folder: Path) -> list[Path]:
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        for place in (folder, folder / "0_Transformer"):
            if found := sorted(place.glob(pattern)):
                return found
    return []
