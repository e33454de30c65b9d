"""The embedder that a setting names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from journeys_assets.models.embedding.backends import Backend, BackendSetting, backend_of
from journeys_assets.models.embedding.base import Embedder
from journeys_assets.models.embedding.exported import ExportedModel, from_hub
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.embedding.multilingual import NAME as MULTILINGUAL
from journeys_assets.models.embedding.multilingual import MultilingualEmbedder, PackedE5
from journeys_assets.models.embedding.onnx import OnnxEmbedder
from journeys_assets.models.embedding.packaged import PackagedMiniLm


@dataclass(frozen=True)
class NamedEmbedder:
    """Makes the embedder of a deployment when first called. Where it is sent to, a process makes it once.

    The fields are the arguments of :func:`make_embedder`.
    """

    name: str
    cache_dir: Path
    backend: BackendSetting

    def __call__(self) -> Embedder:
        return self._made

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (self.name, self.cache_dir, self.backend)

    @cached_property
    def _made(self) -> Embedder:
        return make_embedder(self.name, self.cache_dir, backend=self.backend)


@cache
def _received(name: str, cache_dir: Path, backend: BackendSetting) -> NamedEmbedder:
    return NamedEmbedder(name, cache_dir, backend)


@cache
def packaged_embedder(backend: Backend = "onnxruntime") -> OnnxEmbedder:
    """The packaged all-MiniLM-L6-v2. Loads no weights yet; a process loads them once, whoever uses them."""
    return OnnxEmbedder(PackagedMiniLm(), backend=backend)


def make_embedder(name: str, cache_dir: Path, *, threads: int = 1, backend: BackendSetting = "onnxruntime") -> Embedder:
    """The embedder that a setting names. Loads no weights yet.

    Args:
        name: ``minilm``, ``multilingual-e5-small``, ``hashing``, or the folder or hub name of another
            sentence-transformers model. Hub names are looked up in the local hub cache first and downloaded only where
            that is allowed (``HF_HUB_OFFLINE``).
        cache_dir: where the graphs of all models but ``minilm`` are kept.
        threads: batches embedded at a time; does not change any vector.
        backend: what runs the model; ``hashing`` needs none.

    Raises:
        EmbedderError: the model cannot be found, or the backend is not there.
        MissingExtra: the backend is not installed.
    """
    if name == "hashing":
        return HashingEmbedder()
    chosen = backend_of(backend)
    if name == "minilm":
        if threads == 1:
            return packaged_embedder(chosen)
        return OnnxEmbedder(PackagedMiniLm(), threads=threads, backend=chosen)
    if name == MULTILINGUAL:
        return MultilingualEmbedder(PackedE5(cache_dir), threads=threads, backend=chosen)
    folder = Path(name).expanduser()
    source = (
        ExportedModel(folder, cache_dir, name=folder.resolve().name)
        if folder.is_dir()
        else ExportedModel(from_hub(name), cache_dir, name=name.rsplit("/", 1)[-1])
    )
    return OnnxEmbedder(source, threads=threads, backend=chosen)
