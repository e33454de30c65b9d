"""Sentence embedders whose graph is ONNX: keywords in, unit vectors out.

What belongs here: batches, pooling and threads. What does not: what runs a graph (``backends``), finding or exporting a
model (``packaged``, ``exported``), storing vectors (``storage``) and computing with them (``domain``).

A keyword's vector must never depend on its neighbours, or the same log would give other journeys when its work is
split in another way. PyTorch does not promise that; ONNX Runtime on batches of equal token length, without padding and
with one thread a batch, keeps it to the bit. Pooling and normalisation are done here, not in the graph: a mean over
tokens inside the graph takes other kernels for a batch of one text. The tests hold every embedder to it.

The bits do depend on the kind of CPU (its vector instructions) and may change with the version of onnxruntime.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import tokenizers

from journeys_assets.models.embedding.backends import CUDA_BATCH, NAME_IN_VERSION, Backend, load
from journeys_assets.models.embedding.base import EmbedderError, Progress, Vectors
from journeys_assets.models.embedding.files import ModelFiles, ModelSource, Pooling

CHUNK_KEYWORDS = 16_384
BATCH_KEYWORDS = 64
_BATCH_TOKENS = 4_096
_PROBED_WORDS = (1, 2, 5, 30)


class OnnxModel:
    """A model that is loaded and ready to run, on one thread a call.

    Raises:
        EmbedderError: the backend cannot run it here, or gives a text other bits alone than in a batch.
    """

    def __init__(self, files: ModelFiles, backend: Backend = "onnxruntime") -> None:
        self._states = load(files.graph, backend)
        self._pooling: Pooling = files.pooling
        self.tokenizer = _tokenizer(files)
        if backend != "onnxruntime":  # the tests hold that one to it
            self._check_bits(backend)

    def run(self, tokens: list[list[int]]) -> Vectors:
        """Unit vectors float32 (len(tokens), dimensions) of token lists that are equally long."""
        states = self._states(np.asarray(tokens, dtype=np.int64))
        pooled = states.mean(axis=1) if self._pooling == "mean" else states[:, 0]
        return cast(Vectors, pooled / np.sqrt(np.square(pooled).sum(axis=1, keepdims=True)))

    def _check_bits(self, backend: Backend) -> None:
        for words in _PROBED_WORDS:
            tokens = [self.tokenizer.encode(" ".join([word] * words)).ids for word in ("kitchen", "garden")]
            if len(tokens[0]) != len(tokens[1]):
                tokens[1] = tokens[0]
            together = self.run(tokens * 13)
            alone = np.concatenate([self.run([own]) for own in tokens])
            if not (together.reshape(13, 2, -1) == alone).all():
                raise EmbedderError(
                    f"embedding_backend = {backend!r}: a text of {words} words has other bits alone than in a batch on "
                    "this machine; set it to 'onnxruntime'"
                )


def _tokenizer(files: ModelFiles) -> tokenizers.Tokenizer:
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(str(files.tokenizer))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=files.max_tokens)
    return tokenizer


class OnnxEmbedder:
    """The :class:`Embedder` of a model that ONNX Runtime runs.

    Args:
        source: where the model comes from.
        threads: batches embedded at a time; does not change any vector.
        backend: what runs it; each has vectors, and a version, of its own.
    """

    def __init__(self, source: ModelSource, *, threads: int = 1, backend: Backend = "onnxruntime") -> None:
        if not 1 <= threads <= (os.cpu_count() or 1):
            raise EmbedderError(f"threads = {threads}: allowed is 1 to {os.cpu_count()}, the number of CPUs")
        self._source = source
        self._threads = threads
        self._backend: Backend = backend

    @property
    def model_version(self) -> str:
        """Name, digest and backend; no weights are loaded for it.

        Raises:
            EmbedderError: the model has no weights.
        """
        return f"{self._source.name}-{self._source.digest}-{NAME_IN_VERSION[self._backend]}"

    @property
    def dimensions(self) -> int:
        """Length of a vector; checks the files, and may export the model."""
        return self._source.files.dimensions

    def embed(self, keywords: Sequence[str], progress: Progress | None = None) -> Vectors:
        """See :class:`Embedder`. Text beyond the model's longest input is cut off, as sentence-transformers does.

        Raises:
            EmbedderError: the files of the model are not what they should be, or its kind is not supported.
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
        model = self._model
        for text in texts:
            if not _is_utf8(text):
                raise ValueError(f"keyword {text[:60]!r} holds a lone surrogate: not valid text")
        tokens = [encoding.ids for encoding in model.tokenizer.encode_batch_fast(texts)]

        def run(rows: list[int]) -> tuple[list[int], Vectors]:
            return rows, model.run([tokens[row] for row in rows])

        done = start
        for rows, batch in pool.map(run, _equal_length_batches([len(ids) for ids in tokens], self._batch_size)):
            vectors[np.asarray(rows) + start] = batch
            done += len(rows)
            if progress:
                progress(done, len(vectors))

    def _batch_size(self, length: int) -> int:
        """Texts of ``length`` tokens in a batch."""
        if self._backend == "cuda":
            return CUDA_BATCH
        return max(1, min(BATCH_KEYWORDS, _BATCH_TOKENS // max(1, length)))

    @functools.cached_property
    def _model(self) -> OnnxModel:
        return OnnxModel(self._source.files, self._backend)


def _equal_length_batches(lengths: Sequence[int], size_of: Callable[[int], int]) -> Iterator[list[int]]:
    """Row numbers in batches of one token length each, shortest first; no padding is ever needed.

    Args:
        size_of: From a length to the most texts of a batch.
    """
    rows_of: dict[int, list[int]] = {}
    for row, length in enumerate(lengths):
        rows_of.setdefault(length, []).append(row)
    for length in sorted(rows_of):
        size, rows = size_of(length), rows_of[length]
        for start in range(0, len(rows), size):
            yield rows[start : start + size]


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
