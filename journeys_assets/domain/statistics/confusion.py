"""The mean level that people would give, from the levels of a judge and the confusion of judge and people.

The mean of a judge has its bias, which more judgements do not reduce. The table of how often people gave level h where
the judge gave level j corrects it, in one of two ways that assume different things:

* ``by="judge"``: people's mean level where the judge gave j holds for everything that it judged (post-stratification).
  It is the narrower one, and right where the labelled rows are a random part of the judged ones. Where quality changes
  after the labels, it follows by less than the truth.
* ``by="people"``: the judge's levels where people gave h hold for everything (the generalisation of sensitivity and
  specificity to more levels: Rogan and Gladen 1978; for judges, arXiv 2511.21140). The share of each human level that
  makes the judge's shares most likely is found by expectation maximisation (Saerens et al. 2002). It follows a change
  of quality, and is wide where the judge says little.

Intervals resample users of the labelled rows and of the judged ones. ``domain.statistics.prediction_powered`` needs the
labelled rows themselves, and is the narrowest for a random part.

Simulated with 200 labels of 100 users and 1,000 judged rows, a judge with a bias of half a level: see
``tests/domain/statistics/test_confusion.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.statistics.resampling import LEVEL, interval, resamples

Doubles = NDArray[np.float64]
By = Literal["judge", "people"]

_PRIOR = 0.5
"""Labels that each human level has before any is seen, spread around the diagonal: no share of the table is 0."""
_STEPS = 200
"""Steps of expectation maximisation. It starts at the labelled shares, so stopping early leans towards them."""


@dataclass(frozen=True, slots=True)
class CorrectedMean:
    """A mean level with its interval.

    Attributes:
        mean: The estimate.
        low, high: The interval at the requested level; NaN for fewer than two users with labels.
        judge_mean: The judge's own mean, uncorrected.
        n_labels: Labelled rows.
    """

    mean: float
    low: float
    high: float
    judge_mean: float
    n_labels: int


def corrected_mean(
    labels: Doubles,
    judged: Doubles,
    *,
    by: By,
    seed: int = 1,
    n_resamples: int = 1000,
    level: float = LEVEL,
) -> CorrectedMean:
    """The corrected mean of a judge.

    Args:
        labels: (n_users, k, k): by user, how often people gave the row's level and the judge the column's level.
        judged: (m_users, k): by user, how often the judge gave each level; may be weighted.

    Raises:
        ValueError: the shapes do not fit, or one of the two has no row.
    """
    if labels.ndim != 3 or labels.shape[1] != labels.shape[2] or judged.ndim != 2 or labels.shape[1] != judged.shape[1]:
        raise ValueError(f"labels are (users, k, k) and judged rows (users, k); got {labels.shape} and {judged.shape}")
    if not labels.sum() or not judged.sum():
        raise ValueError("a correction needs labels and judged rows")
    n, m, k = len(labels), len(judged), judged.shape[1]
    draws = (resamples(n, seed=seed, n_resamples=n_resamples) @ labels.reshape(n, -1)).reshape(-1, k, k)
    shares = resamples(m, seed=seed + 1, n_resamples=n_resamples) @ judged
    return from_draws(labels.sum(axis=0), draws, judged.sum(axis=0), shares, by=by, n_users=n, level=level)


def from_draws(
    cells: Doubles,
    cell_draws: Doubles,
    counts: Doubles,
    count_draws: Doubles,
    *,
    by: By,
    n_users: int,
    level: float = LEVEL,
) -> CorrectedMean:
    """As :func:`corrected_mean`, from tables that are resampled already.

    Args:
        cells: (k, k): the table of all labels.
        cell_draws: (n_resamples, k, k): resampled tables.
        counts: (k,): how often the judge gave each level.
        count_draws: (n_resamples, k): the same, resampled.
        n_users: Users with labels; few of them widen the interval.
    """
    levels = np.arange(1, len(counts) + 1, dtype=np.float64)
    apply = _by_judge if by == "judge" else _by_people
    low, high = interval(apply(cell_draws, count_draws), n_users, level)
    judge_mean = float(counts @ levels / counts.sum())
    return CorrectedMean(float(apply(cells, counts)), low, high, judge_mean, round(float(cells.sum())))


def _by_judge(cells: Doubles, counts: Doubles) -> Doubles:
    """(…): sum over j of share j times people's mean where the judge gave j."""
    levels = np.arange(1, cells.shape[-1] + 1, dtype=np.float64)
    of_judge = cells.sum(axis=-2)
    total = np.maximum(of_judge.sum(axis=-1), 1e-12)
    people = (cells.sum(axis=-1) @ levels) / total
    bias = people - (of_judge @ levels) / total
    # A level that the judge gave no labelled row stands for itself, with the mean bias.
    alone = np.clip(levels + bias[..., None], 1.0, levels[-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(of_judge > 0, np.einsum("...hj,h->...j", cells, levels) / of_judge, alone)
    mean: Doubles = (counts * means).sum(axis=-1) / counts.sum(axis=-1)
    return mean


def _by_people(cells: Doubles, counts: Doubles) -> Doubles:
    """(…): the mean of the human shares that make the judge's shares most likely."""
    k = cells.shape[-1]
    levels = np.arange(1, k + 1, dtype=np.float64)
    near = np.exp(-np.abs(levels[:, None] - levels[None, :]))
    known = cells + _PRIOR * near / near.sum(axis=1, keepdims=True)
    gives = known / known.sum(axis=-1, keepdims=True)
    people = known.sum(axis=-1) / known.sum(axis=(-2, -1))[..., None]
    share = counts / counts.sum(axis=-1, keepdims=True)
    for _ in range(_STEPS):
        expected = np.einsum("...h,...hj->...j", people, gives)
        people = people * np.einsum("...hj,...j->...h", gives, share / np.maximum(expected, 1e-300))
    mean: Doubles = people @ levels
    return mean
