"""Sentence embedders on ONNX Runtime: keywords in, unit vectors out.

What belongs here: running a model. What does not: finding or exporting one (``packaged``, ``exported``), storing
vectors (``storage``) and computing with them (``domain``).

A keyword's vector must never depend on its neighbours, or the same log would give other journeys when its work is
split in another way. PyTorch does not promise that; ONNX Runtime on batches of equal token length, without padding and
with one thread a batch, keeps it to the bit. Pooling and normalisation are done here, not in the graph: a mean over
tokens inside the graph takes other kernels for a batch of one text. The tests hold every embedder to it.

The bits do depend on the kind of CPU (its vector instructions) and may change with the version of onnxruntime.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, cast

import numpy as np

if TYPE_CHECKING:
    import onnxruntime
    import tokenizers

from journeys_assets.models.embedding.base import EmbedderError, Progress, Vectors
from journeys_assets.models.embedding.files import ModelFiles, ModelSource, Pooling

BACKEND = "onnx-fp32"

CHUNK_KEYWORDS = 16_384
BATCH_KEYWORDS = 64
_BATCH_TOKENS = 4_096


class OnnxModel:
    """A model that is loaded and ready to run, on one thread a call."""

    def __init__(self, files: ModelFiles) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One thread a batch: how a product is split over threads may show in its last bits.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: onnxruntime.InferenceSession = onnxruntime.InferenceSession(
            str(files.graph), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {node.name for node in self._session.get_inputs()}
        self._pooling: Pooling = files.pooling
        self.tokenizer = _tokenizer(files)

    def run(self, tokens: list[list[int]]) -> Vectors:
        """Unit vectors float32 (len(tokens), dimensions) of token lists that are equally long."""
        ids = np.asarray(tokens, dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),  # no text is padded
            "token_type_ids": np.zeros_like(ids),
        }
        states: Vectors = self._session.run(None, {name: inputs[name] for name in self._inputs})[0]
        pooled = states.mean(axis=1) if self._pooling == "mean" else states[:, 0]
        return cast(Vectors, pooled / np.sqrt(np.square(pooled).sum(axis=1, keepdims=True)))


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
    """

    def __init__(self, source: ModelSource, *, threads: int = 1) -> None:
        if not 1 <= threads <= (os.cpu_count() or 1):
            raise EmbedderError(f"threads = {threads}: allowed is 1 to {os.cpu_count()}, the number of CPUs")
        self._source = source
        self._threads = threads

    @property
    def model_version(self) -> str:
        """Name, digest and backend; no weights are loaded for it.

        Raises:
            EmbedderError: the model has no weights.
        """
        return f"{self._source.name}-{self._source.digest}-{BACKEND}"

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
        for rows, batch in pool.map(run, _equal_length_batches([len(ids) for ids in tokens])):
            vectors[np.asarray(rows) + start] = batch
            done += len(rows)
            if progress:
                progress(done, len(vectors))

    @functools.cached_property
    def _model(self) -> OnnxModel:
        return OnnxModel(self._source.files)


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


def _is_utf8(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
