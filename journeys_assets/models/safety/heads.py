"""The model of sensitive texts: a small network on the embedding of a text and what the lexicon found in it.

The embedder is the packaged all-MiniLM-L6-v2, whatever the deployment embeds its keywords with, because the weights are
fitted on its vectors. ``benchmarks/fit_safety.py`` fits them; they are shipped in ``heads.json``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.safety.categories import IDS
from journeys_assets.domain.safety.judge import Probabilities
from journeys_assets.domain.safety.lexicon import Hits
from journeys_assets.errors import JourneysError

FILE = "heads.json"
SHA256 = "ad1eec0a465f21ec363e9d5dbf9ae61c1c42db9fa513ad74ecc99d30d85263be"
"""Of ``heads.json``."""
HIT_SCALE = 0.3
"""Input of a category of which the lexicon found an entry; components of an embedding are about 0.05."""

Doubles = NDArray[np.float64]


class SafetyModelError(JourneysError):
    """The weights are not those that were released. The message names the file and the cure."""


@dataclass(frozen=True)
class Heads:
    """Two layers: (inputs, hidden) with ReLU, then (hidden, 1 + categories) with softmax."""

    hidden: Doubles
    hidden_bias: Doubles
    output: Doubles
    output_bias: Doubles

    def probabilities(self, vectors: NDArray[np.float32], hits: Sequence[Hits]) -> Probabilities:
        """See ``domain.safety.judge.Probabilities``. Each row is computed by itself, so its bits depend on no other.

        Args:
            vectors: (texts, 384), unit rows.
        """
        rows = np.empty((len(vectors), self.output.shape[1]))
        for number, row in enumerate(inputs(vectors, hits)):
            logits = np.maximum(row @ self.hidden + self.hidden_bias, 0.0) @ self.output + self.output_bias
            exponentials = np.exp(logits - logits.max())
            rows[number] = exponentials / exponentials.sum()
        return rows

    def to_json(self) -> str:
        arrays = {name: getattr(self, name) for name in ("hidden", "hidden_bias", "output", "output_bias")}
        stored = {
            name: {"shape": array.shape, "float32": base64.b64encode(array.astype("<f4").tobytes()).decode()}
            for name, array in arrays.items()
        }
        return json.dumps({"categories": IDS, **stored}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Heads:
        """The weights of ``to_json``.

        Raises:
            SafetyModelError: they were fitted for other categories.
        """
        stored = json.loads(text)
        if tuple(stored.pop("categories")) != IDS:
            raise SafetyModelError(
                f"{FILE} was fitted for other categories; fit it again: python benchmarks/fit_safety.py"
            )
        return cls(
            **{
                name: np.frombuffer(base64.b64decode(part["float32"]), dtype="<f4")
                .reshape(part["shape"])
                .astype(np.float64)
                for name, part in stored.items()
            }
        )


def inputs(vectors: NDArray[np.float32], hits: Sequence[Hits]) -> Doubles:
    """(texts, 384 + 2 * categories): embeddings, and which categories have weak and which have strong entries."""
    weak, strong = np.zeros((len(hits), len(IDS))), np.zeros((len(hits), len(IDS)))
    for row, found in enumerate(hits):
        weak[row, [IDS.index(category) for category in found.weak]] = HIT_SCALE
        strong[row, [IDS.index(category) for category in found.strong]] = HIT_SCALE
    return np.hstack([vectors.astype(np.float64), weak, strong])


@cache
def packaged_heads() -> Heads:
    """The released weights.

    Raises:
        SafetyModelError: the file is not the one that was released.
    """
    text = (files(__package__) / FILE).read_text(encoding="utf-8")
    found = hashlib.sha256(text.encode()).hexdigest()
    if found != SHA256:
        raise SafetyModelError(
            f"{FILE}: sha256 is {found}, but the released one is {SHA256}; install the package again"
        )
    return Heads.from_json(text)
