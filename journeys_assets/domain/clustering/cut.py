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
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]
Masks = NDArray[np.unsignedinteger[Any]]

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
gap is 1 - height and the features of the sibling are 0. Letters in common: mean cosines of
``kernels.letter_weights``."""


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
    def arguments(self) -> tuple[Ints, Doubles, Masks, Doubles, float]:
        """The arguments of ``kernels.node_score``: those of ``_tables``, and the slope."""
        whole = (self.roots, self.features, self.lower, self.upper)
        known = _tables(
            *(np.asarray(own, dtype=np.int64).tobytes() for own in whole),
            self.thresholds.tobytes(),
            self.leaves.tobytes(),
        )
        return (*known, self.slope)

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


@functools.lru_cache(maxsize=8)
def _tables(
    roots: bytes, features: bytes, lower: bytes, upper: bytes, thresholds: bytes, leaves: bytes
) -> tuple[Ints, Doubles, Masks, Doubles]:
    """An ensemble as masks of leaves, so that a feature excludes leaves of all trees at once.

    In each tree, the leaves have the bits 0, 1, ... of an unsigned integer, from the highest to the lowest. A value of
    a feature decides every split on that feature; each split excludes the leaves on its other side. So a mask for each
    tree and each interval between thresholds of a feature says what is left. The leaf of a sample is what all features
    leave.

    Args:
        roots, features, lower, upper, thresholds, leaves: The attributes of ``LearnedCut``, as bytes.

    Returns:
        starts (20,): feature f has the thresholds ``starts[f]`` to ``starts[f + 1]``; thresholds, ascending for each
        feature; masks, flat: the one of tree t of T for a value above k thresholds of feature f is at
        ``(starts[f] + f + k) * T + t``, and the last T contain all leaves; leaves (T, most leaves of a tree),
        descending.

    Raises:
        ValueError: A tree has more than 64 leaves.
    """
    root, feature, low, high = (np.frombuffer(own, dtype=np.int64).tolist() for own in (roots, features, lower, upper))
    threshold, leaf = np.frombuffer(thresholds, dtype=np.float64), np.frombuffer(leaves, dtype=np.float64)
    below: list[tuple[int, int, int]] = [(0, 0, 0)] * len(feature)  # tree, leaves of the lower side, of the upper side
    bit_of: dict[int, int] = {}

    def leaves_under(at: int) -> list[int]:
        return [-1 - at] if at < 0 else leaves_under(low[at]) + leaves_under(high[at])

    def mask_of(at: int, tree: int) -> int:
        if at < 0:
            return 1 << bit_of[-1 - at]
        sides = mask_of(low[at], tree), mask_of(high[at], tree)
        below[at] = (tree, *sides)
        return sides[0] | sides[1]

    leaves_of = [sorted(leaves_under(at), key=lambda own: -leaf[own]) for at in root]
    for own_leaves in leaves_of:
        bit_of.update((own, bit) for bit, own in enumerate(own_leaves))
    every = [mask_of(at, tree) for tree, at in enumerate(root)]
    most = max((len(own) for own in leaves_of), default=1)
    if most > 64:
        raise ValueError(f"a tree of the learned cut has {most} leaves; at most 64 are allowed")
    kind = next(kind for kind in (np.uint16, np.uint64) if most <= np.iinfo(kind).bits)
    order = sorted(range(len(feature)), key=lambda at: (feature[at], threshold[at], at))
    counts = np.bincount(np.array(feature, dtype=np.int64), minlength=len(FEATURES))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    masks = np.empty((len(feature) + len(FEATURES) + 1, len(root)), dtype=kind)
    masks[-1] = np.array(every, dtype=kind)
    for f in range(len(FEATURES)):
        splits = order[starts[f] : starts[f + 1]]
        for above in range(len(splits) + 1):
            own = every.copy()
            for place, at in enumerate(splits):
                tree, lower_side, upper_side = below[at]
                own[tree] &= ~(lower_side if place < above else upper_side)
            masks[starts[f] + f + above] = np.array(own, dtype=kind)
    values = np.zeros((len(root), most), dtype=np.float64)
    for tree, own_leaves in enumerate(leaves_of):
        values[tree, : len(own_leaves)] = leaf[own_leaves]
    return starts, threshold[np.array(order, dtype=np.int64)], masks.reshape(-1), values


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
