"""The learned rule for cutting a dendrogram, trained on users whose journeys are known.

From the top down, each node is either one cluster or is split into its two parts. A small boosted ensemble of trees
decides, from features of the node in the dendrogram (``FEATURES``): its height and the distance to the next merge
above, sizes, and the mean cosines between its parts, within them and to its sibling. So a cut can be low in one part of
a user's dendrogram and high in another, unlike a cut at a single height. Where there is little to tell by, the log odds
of such a cut count too (``kernels.node_score``).

This module loads the released ensemble. ``domain.clustering.kernels`` applies it, ``models.clustering.fitting`` fits
such ensembles, and ``benchmarks/fit_cut.py`` makes the released one.
"""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

FILE = Path(__file__).with_name("learned_cut.json")
"""Fitted on vectors of all-MiniLM-L6-v2."""
MULTILINGUAL_FILE = Path(__file__).with_name("learned_cut_multilingual.json")
"""Fitted on vectors of multilingual-e5-small."""
FEATURES = (
    "height",
    "gap to the merge above",
    "height of the larger part",
    "height of the smaller part",
    "log keywords",
    "log keywords of the smaller part",
    "log keywords of the user",
    "share of the user's keywords",
    "mean cosine between the parts",
    "mean cosine within",
    "mean cosine within the larger part",
    "mean cosine within the smaller part",
    "mean cosine to the sibling",
    "log keywords of the sibling",
    "is the top",
    "log clusters before the merge",
    "later merges by keywords of the user",
    "letters in common between the parts",
    "letters in common within",
)
"""Columns of ``kernels.merge_features``. Heights come from the smoothed vectors, cosines from the original ones. For a
part with a single keyword, the height is 0 and the mean cosine within is that between the parts. For the top node, the
gap is 1 - height and the features of the sibling are 0. Letters in common are means of ``kernels.letter_cosines``."""


@dataclass(frozen=True, slots=True)
class LearnedCut:
    """An ensemble of binary trees, concatenated.

    Attributes:
        roots: Index of the first split of each tree.
        features: Column of ``FEATURES`` of each split.
        thresholds: A node goes to ``lower`` if its feature is at most this, else to ``upper``.
        lower, upper: Index of the next split; a value below 0 means the leaf ``-1 - value``.
        leaves: Log odds. Their sum over trees is the log odds that a node is one cluster.
        slope: Log odds of a cut at one height, per unit of height, as for ``kernels.node_score``; >= 0.
    """

    roots: Ints
    features: Ints
    thresholds: Doubles
    lower: Ints
    upper: Ints
    leaves: Doubles
    slope: float

    @property
    def arguments(self) -> tuple[Ints, Ints, Doubles, Ints, Ints, Doubles, float]:
        """The attributes in the order of the kernels' arguments."""
        return (self.roots, self.features, self.thresholds, self.lower, self.upper, self.leaves, self.slope)

    def to_json(self) -> str:
        arrays = {name: getattr(self, name).tolist() for name in self.__slots__ if name != "slope"}
        return json.dumps({"names": FEATURES, **arrays, "slope": self.slope}, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str) -> LearnedCut:
        """The ensemble of ``to_json``.

        Raises:
            ValueError: The ensemble was fitted on other features than ``FEATURES``.
        """
        stored = json.loads(text)
        if tuple(stored["names"]) != FEATURES:
            raise ValueError("the learned cut was fitted on other features; fit it again: python benchmarks/fit_cut.py")
        whole = {name: np.array(stored[name], dtype=np.int64) for name in ("roots", "features", "lower", "upper")}
        return cls(
            thresholds=np.array(stored["thresholds"], dtype=np.float64),
            leaves=np.array(stored["leaves"], dtype=np.float64),
            slope=float(stored["slope"]),
            **whole,
        )


def digest(text: str) -> str:
    """Identifier of an ensemble in ``ClusteringParams.learned_cut``: 12 hex digits of the SHA-256 of its file."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def released(wanted: str) -> LearnedCut:
    """The ensemble in the package whose digest is ``wanted``.

    Raises:
        ValueError: There is none, so the parameters would not identify the ensemble in use.
    """
    found = {file.name: file.read_text() for file in (FILE, MULTILINGUAL_FILE)}
    for text in found.values():
        if digest(text) == wanted:
            return LearnedCut.from_json(text)
    known = ", ".join(f"{name} has {digest(text)!r}" for name, text in found.items())
    raise ValueError(
        f"ClusteringParams.learned_cut is {wanted!r}, but {known}; set the parameter to the digest of a file, or "
        "restore the file"
    )
