"""Sentence embedders: keywords in, unit vectors out.

What belongs here: everything that holds embedding weights or turns text into vectors. What does not: storing vectors
(``storage``) and computing with them (``domain``).

A keyword's vector must never depend on its neighbours, or the same log would give other journeys when its work is
split in another way. PyTorch does not promise that; ONNX Runtime on batches of equal token length, without padding and
with one thread a batch, keeps it to the bit, batches of a single text aside (see ``_run``). The export is checked for
that, and the tests hold the embedder to it. So a model is exported once and then run without torch, which also saves a
start-up of several seconds.

The bits do depend on the kind of CPU (its vector instructions) and may change with the version of onnxruntime.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers
    from sentence_transformers import SentenceTransformer

from journeys_assets.models.embedding.base import EmbedderError, Progress, Vectors

BACKEND = "onnx-fp32"
EXPORT_REVISION = 1
"""Counts up when the export below changes, so that exports made before are not used again."""

CHUNK_KEYWORDS = 16_384
BATCH_KEYWORDS = 64
_BATCH_TOKENS = 4_096
_PROBES = ("kitchen", "mid century modern living room ideas", "日本庭園の作り方", "a " * 40)
_EXPORT_TOLERANCE = 1e-4


# ── sentence-transformers models through ONNX Runtime ───────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model ready to run."""

    session: onnxruntime.InferenceSession
    tokenizer: tokenizers.Tokenizer


class OnnxEmbedder:
    """A sentence-transformers model (transformer, mean or CLS pooling, normalised), exported once and run by ONNX
    Runtime.

    Args:
        model_folder: the model as sentence-transformers saves it.
        cache_dir: where its export is kept; may be shared by processes.
        name: what to call it in ``model_version``.
        sha256: published sha256 of some of its files, checked before anything is read from it.
        threads: batches embedded at a time; does not change any vector.
    """

    def __init__(
        self,
        model_folder: Path,
        cache_dir: Path,
        *,
        name: str,
        sha256: dict[str, str] | None = None,
        threads: int = 1,
    ) -> None:
        if not 1 <= threads <= (os.cpu_count() or 1):
            raise EmbedderError(f"threads = {threads}: allowed is 1 to {os.cpu_count()}, the number of CPUs")
        self._folder = model_folder
        self._cache_dir = cache_dir
        self._name = name
        self._published = dict(sha256 or {})
        self._threads = threads

    @functools.cached_property
    def model_version(self) -> str:
        """Name, first 12 hex digits of the weights' sha256, backend; files are checked on the way.

        Raises:
            EmbedderError: the model has no weights, or a file is not the published one.
        """
        return f"{self._name}-{self._digest}-{BACKEND}"

    @functools.cached_property
    def _digest(self) -> str:
        for file, expected in self._published.items():
            found = _sha256(self._folder / file)
            if found != expected:
                raise EmbedderError(
                    f"{self._folder / file}: sha256 is {found}, but the published file of {self._name} has {expected}; "
                    f"the file was changed or damaged: reinstall the package that holds it"
                )
        if "model.safetensors" in self._published:
            return self._published["model.safetensors"][:12]
        # Nothing is published for any other model, so whatever shapes a vector is part of its version.
        shaping = [
            *_weights(self._folder),
            *sorted(self._folder.glob("*.json")),
            *sorted(self._folder.glob("*/*.json")),
        ]
        digests = "".join(f"{file.relative_to(self._folder)} {_sha256(file)}\n" for file in shaping)
        return hashlib.sha256(digests.encode()).hexdigest()[:12]

    @functools.cached_property
    def dimensions(self) -> int:
        """Length of a vector; the first call may export the model."""
        return int(json.loads((self._export / "export.json").read_text())["dimensions"])

    def embed(self, keywords: Sequence[str], progress: Progress | None = None) -> Vectors:
        """See :class:`Embedder`. Text beyond the model's longest input is cut off, as sentence-transformers does.

        Raises:
            EmbedderError: see ``model_version``; or the kind of model is not supported.
            ValueError: a keyword holds a lone surrogate, which no UTF-8 can.
        """
        distinct = {keyword: row for row, keyword in enumerate(dict.fromkeys(keywords))}
        vectors = np.zeros((len(distinct), self.dimensions), dtype=np.float32)
        texts = list(distinct)
        with ThreadPoolExecutor(self._threads, thread_name_prefix="embed") as pool:
            for start in range(0, len(texts), CHUNK_KEYWORDS):
                self._embed_chunk(texts[start : start + CHUNK_KEYWORDS], vectors, start, pool, progress)
        return vectors[np.fromiter((distinct[keyword] for keyword in keywords), dtype=np.int64, count=len(keywords))]

    def _embed_chunk(
        self, texts: list[str], vectors: Vectors, start: int, pool: ThreadPoolExecutor, progress: Progress | None
    ) -> None:
        """Fill the rows of ``vectors`` from ``start`` on."""
        loaded = self._loaded
        for text in texts:
            if not _is_utf8(text):
                raise ValueError(f"keyword {text[:60]!r} holds a lone surrogate: not valid text")
        tokens = [encoding.ids for encoding in loaded.tokenizer.encode_batch_fast(texts)]

        def run(rows: list[int]) -> tuple[list[int], Vectors]:
            return rows, _run(loaded.session, [tokens[row] for row in rows])

        done = start
        for rows, batch in pool.map(run, _equal_length_batches([len(ids) for ids in tokens])):
            vectors[np.asarray(rows) + start] = batch
            done += len(rows)
            if progress:
                progress(done, len(vectors))

    @functools.cached_property
    def _loaded(self) -> _Loaded:
        import tokenizers

        onnx_file = self._export / "model.onnx"
        expected = json.loads((self._export / "export.json").read_text())["onnx_sha256"]
        if _sha256(onnx_file) != expected:
            raise EmbedderError(f"{onnx_file}: damaged (its sha256 is not the one noted at export); delete the folder")
        return _Loaded(_session(onnx_file), tokenizers.Tokenizer.from_file(str(self._export / "tokenizer.json")))

    @functools.cached_property
    def _export(self) -> Path:
        """The folder of this model's export, made now if it is not there."""
        exporter = f"torch{metadata.version('torch').split('+')[0]}-r{EXPORT_REVISION}"
        target = self._cache_dir / f"{self._name}-{self._digest}-{exporter}"
        if not target.is_dir():
            self._cache_dir.mkdir(parents=True, exist_ok=True)
            draft = Path(tempfile.mkdtemp(prefix=".exporting-", dir=self._cache_dir))
            try:
                _export(self._folder, draft)
                try:
                    draft.rename(target)
                except OSError:
                    # Another process was first; its export is as good.
                    if not target.is_dir():
                        raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        return target


def _session(onnx_file: Path) -> onnxruntime.InferenceSession:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # One thread a batch: how a product is split over threads may show in its last bits.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, tokens: list[list[int]]) -> Vectors:
    """Vectors of equally long token lists.

    A batch of one takes other kernels, with other last bits, than every larger batch: the mean over tokens does, from
    six tokens on. So a single text is run twice over.
    """
    ids = np.asarray(tokens * 2 if len(tokens) == 1 else tokens, dtype=np.int64)
    vectors: Vectors = session.run(None, {"input_ids": ids})[0]
    return vectors[: len(tokens)]


def _equal_length_batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers in batches of one token length each, shortest first; no padding is ever needed."""
    rows_of: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows_of.setdefault(length, []).append(row)
    for length in sorted(rows_of):
        size = max(1, min(BATCH_KEYWORDS, _BATCH_TOKENS // max(1, length)))
        rows = rows_of[length]
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


# ── export ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _export(model_folder: Path, target: Path) -> None:
    """Write model.onnx, tokenizer.json and export.json to ``target``, and check that they do what the model does."""
    import torch
    from sentence_transformers import SentenceTransformer

    with _quiet_transformers():
        model = SentenceTransformer(str(model_folder), device="cpu", local_files_only=True)
    pooling = _supported_pooling(model, model_folder)

    class Wrapper(torch.nn.Module):
        """Token ids of equally long texts -> unit vectors. Without padding, every token counts: no mask."""

        def __init__(self, transformer: torch.nn.Module) -> None:
            super().__init__()
            self.transformer = transformer

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            states = self.transformer(input_ids=input_ids, return_dict=True).last_hidden_state
            pooled = states.mean(dim=1) if pooling == "mean" else states[:, 0]
            return torch.nn.functional.normalize(pooled, p=2.0, dim=1)

    # eval() on the wrapper itself: exporting a module that is in training mode puts its children back into it.
    wrapper = Wrapper(cast(torch.nn.Module, model[0].auto_model)).eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # notes on tracing; what it made is compared with the model below
        torch.onnx.export(
            wrapper,
            (torch.ones((2, 7), dtype=torch.int64),),
            str(target / "model.onnx"),
            input_names=["input_ids"],
            output_names=["vectors"],
            dynamic_axes={"input_ids": {0: "texts", 1: "tokens"}, "vectors": {0: "texts"}},
            opset_version=17,
            dynamo=False,
        )
    # The live tokenizer, not the model's file: sentence-transformers may have added lower-casing to it.
    tokenizer = model.tokenizer.backend_tokenizer
    tokenizer.no_padding()
    max_tokens = cast(int, model.max_seq_length)
    tokenizer.enable_truncation(max_length=max_tokens)
    tokenizer.save(str(target / "tokenizer.json"))
    note = {
        "dimensions": cast(int, model.get_embedding_dimension()),
        "max_tokens": max_tokens,
        "pooling": pooling,
        "onnx_sha256": _sha256(target / "model.onnx"),
        "exported_with": {name: metadata.version(name) for name in ("torch", "transformers", "sentence-transformers")},
    }
    (target / "export.json").write_text(json.dumps(note, indent=2) + "\n")
    _check_export(model, model_folder, target)


def _supported_pooling(model: SentenceTransformer, model_folder: Path) -> str:
    """``mean`` or ``cls``.

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
    return pooling


def _check_export(model: SentenceTransformer, model_folder: Path, export: Path) -> None:
    """Compare the export with the model on a few texts of different lengths."""
    session = _session(export / "model.onnx")
    for probe in _PROBES:
        expected = model.encode([probe], normalize_embeddings=True, show_progress_bar=False)
        ids = model.tokenizer.backend_tokenizer.encode(probe).ids
        found = _run(session, [ids] * 3)
        if not (found == _run(session, [ids])).all():
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


def _weight_files(folder: Path) -> list[Path]:
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        for place in (folder, folder / "0_Transformer"):
            if found := sorted(place.glob(pattern)):
                return found
    return []


def _weights(folder: Path) -> list[Path]:
    found = _weight_files(folder)
    if not found or not (folder / "modules.json").is_file():
        raise EmbedderError(
            f"{folder}: not a sentence-transformers model (it needs modules.json and model.safetensors)"
        )
    return found


def _sha256(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderError(f"{file}: cannot be read ({error.strerror})") from error


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
