"""The files of a model that ONNX Runtime can run, and where they come from."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from journeys_assets.models.embedding.base import EmbedderError

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model to be run.

    Attributes:
        graph: ONNX. ``input_ids`` int64 (texts, tokens), and where it has them ``attention_mask`` and
            ``token_type_ids`` of the same shape -> as its first output, states float32 (texts, tokens, dimensions).
        tokenizer: ``tokenizer.json`` of the tokenizers library.
        dimensions: Length of a state and of a vector.
        max_tokens: Longest input; what is beyond it is cut off.
        pooling: How the states of a text become its vector: their mean, or the first one.
    """

    graph: Path
    tokenizer: Path
    dimensions: int
    max_tokens: int
    pooling: Pooling


class ModelSource(Protocol):
    """Where a model comes from."""

    @property
    def name(self) -> str:
        """What to call the model in a version."""

    @property
    def digest(self) -> str:
        """12 hex digits that change with any file that shapes a vector. Loads no weights."""

    @property
    def files(self) -> ModelFiles:
        """The files, checked, and made first where they are not there.

        Raises:
            EmbedderError: they cannot be had, or are not what they should be.
        """


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to write files into, which becomes ``target`` in one step; nothing is left of it after an exception.

    Another process may be first. What it made is as good.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".exporting-", dir=target.parent))
    try:
        yield draft
        try:
            draft.rename(target)
        except OSError:
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def digest_of(sha256: Mapping[str, str]) -> str:
    """12 hex digits that name a set of files: name -> sha256."""
    listed = "".join(f"{name} {digest}\n" for name, digest in sorted(sha256.items()))
    return hashlib.sha256(listed.encode()).hexdigest()[:12]


def sha256_of(file: Path) -> str:
    """Hex digits.

    Raises:
        EmbedderError: the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise EmbedderError(f"{file}: cannot be read ({error.strerror})") from error
