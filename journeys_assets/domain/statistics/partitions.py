"""Agreement of two partitions of the same items.

All measures are computed from the contingency table; they do not depend on the names of labels.

References: B-cubed, Bagga & Baldwin 1998; adjusted Rand index, Hubert & Arabie 1985; V-measure, Rosenberg &
Hirschberg 2007.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of a found partition with the true one; every measure is 1 for equal partitions."""

    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    pairwise_precision: float
    pairwise_recall: float
    pairwise_f1: float
    adjusted_rand: float
    homogeneity: float
    completeness: float
    v_measure: float
    n_found: int
    n_true: int


def agreement(true: ArrayLike, found: ArrayLike) -> Agreement:
    """Agreement of two partitions of n items.

    Args:
        true: n labels, of any type that numpy can sort.
        found: n labels.

    Raises:
        ValueError: There are no items, or the two differ in length.
    """
    rows, cols, cells = _contingency(true, found)
    n = float(cells.sum())
    row_sums, col_sums = _sums(rows, cells), _sums(cols, cells)
    precision = float((cells * cells / col_sums[cols]).sum() / n)
    recall = float((cells * cells / row_sums[rows]).sum() / n)
    both, in_true, in_found, every = _pairs(cells), _pairs(row_sums), _pairs(col_sums), n * (n - 1) / 2
    # A partition into single items has no pairs, so none is wrong.
    pair_precision = both / in_found if in_found else 1.0
    pair_recall = both / in_true if in_true else 1.0
    expected = in_true * in_found / every if every else 0.0
    largest = (in_true + in_found) / 2
    adjusted = (both - expected) / (largest - expected) if largest != expected else 1.0
    mutual = float((cells / n * np.log(cells * n / (row_sums[rows] * col_sums[cols]))).sum())
    homogeneity = _share(mutual, _entropy(row_sums))
    completeness = _share(mutual, _entropy(col_sums))
    return Agreement(
        bcubed_precision=precision,
        bcubed_recall=recall,
        bcubed_f1=_harmonic(precision, recall),
        pairwise_precision=pair_precision,
        pairwise_recall=pair_recall,
        pairwise_f1=_harmonic(pair_precision, pair_recall),
        adjusted_rand=adjusted,
        homogeneity=homogeneity,
        completeness=completeness,
        v_measure=_harmonic(homogeneity, completeness),
        n_found=len(col_sums),
        n_true=len(row_sums),
    )


def bcubed_f1(true: ArrayLike, found: ArrayLike) -> float:
    """Only B-cubed F1, for tuning: the harmonic mean of B-cubed precision and recall over n items."""
    rows, cols, cells = _contingency(true, found)
    row_sums, col_sums = _sums(rows, cells), _sums(cols, cells)
    precision = float((cells * cells / col_sums[cols]).sum() / cells.sum())
    recall = float((cells * cells / row_sums[rows]).sum() / cells.sum())
    return _harmonic(precision, recall)


def _contingency(true: ArrayLike, found: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """The non-empty cells: true cluster, found cluster, number of items."""
    true_codes = np.unique(np.asarray(true), return_inverse=True)[1].ravel()
    found_codes = np.unique(np.asarray(found), return_inverse=True)[1].ravel()
    if len(true_codes) != len(found_codes):
        raise ValueError(
            f"both partitions must label the same items; got {len(true_codes)} and {len(found_codes)} labels"
        )
    if len(true_codes) == 0:
        raise ValueError("no items to compare")
    width = int(found_codes.max()) + 1
    keys, cells = np.unique(true_codes * width + found_codes, return_counts=True)
    return (keys // width).astype(np.int64), (keys % width).astype(np.int64), cells.astype(np.float64)


def _sums(codes: NDArray[np.int64], cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of items in each cluster."""
    return np.bincount(codes, cells).astype(np.float64)


def _pairs(counts: NDArray[np.float64]) -> float:
    return float((counts * (counts - 1)).sum() / 2)


def _entropy(counts: NDArray[np.float64]) -> float:
    shares = counts / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 1.0


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b > 0 else 0.0
