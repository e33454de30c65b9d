"""The embedder protocol and its error."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from journeys_assets.errors import JourneysError

Vectors = NDArray[np.float32]
Progress = Callable[[int, int], None]
"""Called with (distinct keywords done, distinct keywords in all)."""


class EmbedderError(JourneysError):
    """A model that cannot be found, is not what it should be, or is of a kind that is not supported."""


class Embedder(Protocol):
    """Turns keywords into unit vectors; the same keyword always into the same bits, whatever else is embedded."""

    @property
    def model_version(self) -> str:
        """Names model, weights and backend; two embedders of the same version give the same vectors. Cheap."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def embed(self, keywords: Sequence[str], progress: Progress | None = None) -> Vectors:
        """float32 (len(keywords), dimensions), unit rows in the order of ``keywords``; repeats are allowed."""
