"""Where to cut a dendrogram, learnt from users whose journeys are known.

From the top down, each node is either one cluster or split into its two parts. The decision is a small boosted
ensemble of trees over what the dendrogram knows of the node (``FEATURES``): its height and how far above it the next
merge lies, sizes, and the mean cosines between and within its parts and to what it would be joined with. So cuts may
be low in one part of a user's dendrogram and high in another, which no single height can do.

What belongs here: the released ensemble and its file. What does not: applying it (``_cluster_kernels``) and fitting it
(``benchmarks/fit_cut.py``).
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
"""Columns of ``_cluster_kernels.merge_features``. Heights are of the smoothed vectors, cosines of the plain ones. A
part of one keyword has height 0 and the mean cosine between the parts; the top has gap 1 - height, no sibling (0).
Letters in common are means of ``_cluster_kernels.letter_cosines``."""


@dataclass(frozen=True, slots=True)
class LearnedCut:
    """An ensemble of binary trees, one after another.

    Attributes:
        roots: First split of each tree.
        features: Column of ``FEATURES`` of each split.
        thresholds: A node goes to ``lower`` where its feature is at most this, else to ``upper``.
        lower, upper: The next split; below 0, the leaf ``-1 - value``.
        leaves: Log odds; their sum over trees says whether a node is one cluster.
    """

    roots: Ints
    features: Ints
    thresholds: Doubles
    lower: Ints
    upper: Ints
    leaves: Doubles

    @property
    def arrays(self) -> tuple[Ints, Ints, Doubles, Ints, Ints, Doubles]:
        """In the order in which the kernels take them."""
        return (self.roots, self.features, self.thresholds, self.lower, self.upper, self.leaves)

    def to_json(self) -> str:
        lists = {name: getattr(self, name).tolist() for name in self.__slots__}
        return json.dumps({"names": FEATURES, **lists}, separators=(",", ":")) + "\n"

    @classmethod
    def from_json(cls, text: str) -> LearnedCut:
        """The ensemble of ``to_json``.

        Raises:
            ValueError: it was fitted on other features than these.
        """
        stored = json.loads(text)
        if tuple(stored["names"]) != FEATURES:
            raise ValueError("the learned cut was fitted on other features; fit it again: python benchmarks/fit_cut.py")
        whole = {name: np.array(stored[name], dtype=np.int64) for name in ("roots", "features", "lower", "upper")}
        return cls(
            thresholds=np.array(stored["thresholds"], dtype=np.float64),
            leaves=np.array(stored["leaves"], dtype=np.float64),
            **whole,
        )


def digest(text: str) -> str:
    """What ``ClusteringParams.learned_cut`` names an ensemble by: 12 hex digits of the sha256 of its file."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def released(wanted: str) -> LearnedCut:
    """The ensemble that comes with the package.

    Raises:
        ValueError: it is not the one of digest ``wanted``, so the parameters do not tell what clusters are made from.
    """
    text = FILE.read_text()
    if digest(text) != wanted:
        raise ValueError(
            f"ClusteringParams.learned_cut is {wanted!r}, but {FILE.name} is {digest(text)!r}; "
            "set it to that, or restore the file"
        )
    return LearnedCut.from_json(text)
