"""Partitions of the users of one data set by every method, and figures for their agreement with the known journeys."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import agreement, bcubed_f1
from journeys_assets.evaluation.baselines.clustering_rules import Rule
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser
from journeys_assets.evaluation.parts.left_out_corpora import BOUND, OURS
from journeys_assets.evaluation.statistics.intervals import mean_of, measure

F1 = "B-cubed F1"
METRICS = {
    F1: "bcubed_f1",
    "B-cubed precision": "bcubed_precision",
    "B-cubed recall": "bcubed_recall",
    "pairwise F1": "pairwise_f1",
    "adjusted Rand": "adjusted_rand",
    "V-measure": "v_measure",
}
Partitions = Mapping[str, Sequence[Labels]]
"""Clusters of every user, by method."""
Figures = tuple[pl.DataFrame, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Users of one kind, and what clusters them.

    Attributes:
        name: The name used in tables.
        users: Users with known journeys.
        regimes: (users,) of each regime: whether a user is in it.
        vectors: A unit vector for each of their keywords.
        cut, params: The learned cut, and parameters with its threshold.
        rules: Other methods, by name.
    """

    name: str
    users: Sequence[PseudoUser]
    regimes: Mapping[str, NDArray[np.bool_]]
    vectors: KeywordVectors
    cut: LearnedCut
    params: ClusteringParams
    rules: Mapping[str, Rule]


def partitions_of(dataset: Dataset) -> Partitions:
    """Clusters of every user by every method, ours first. Only the bound uses the users' truth."""
    found = {OURS: found_by_pipeline(dataset.users, dataset.vectors, dataset.params, dataset.cut)[0]}
    for name, rule in dataset.rules.items():
        found[name] = [rule(user, dataset.vectors.rows_for(user.keywords)) for user in dataset.users]
    return found


def measured(dataset: Dataset, found: Partitions, seed: int, n_resamples: int) -> Iterator[Figures]:
    """Figures for every metric and regime of the data set."""
    users = dataset.users
    whole = {
        method: [agreement(user.truth, labels) for user, labels in zip(users, own, strict=True)]
        for method, own in found.items()
    }

    def figures(metric: str, regime: str, values: Mapping[str, NDArray[np.float64]], *, higher: bool = True) -> Figures:
        return measure(
            {method: mean_of(sample) for method, sample in values.items()},
            dataset=dataset.name,
            regime=regime,
            metric=metric,
            n_users=len(next(iter(values.values()))),
            ours=OURS,
            bounds=[BOUND],
            is_higher_better=higher,
            seed=seed,
            n_resamples=n_resamples,
        )

    of = {
        metric: {m: np.array([getattr(a, field) for a in own]) for m, own in whole.items()}
        for metric, field in METRICS.items()
    }
    off = {m: np.array([abs(math.log2(a.n_found / a.n_true)) for a in own]) for m, own in whole.items()}
    for regime, is_in in dataset.regimes.items():
        for metric, values in of.items():
            yield figures(metric, regime, {method: sample[is_in] for method, sample in values.items()})
        yield figures("cluster count", regime, {method: sample[is_in] for method, sample in off.items()}, higher=False)
    if any(user.is_stray.any() for user in users):
        kept = {method: _without_strays(users, own) for method, own in found.items()}
        yield figures(F1, "strays left out", kept)


def _without_strays(users: Sequence[PseudoUser], found: Sequence[Labels]) -> NDArray[np.float64]:
    """B-cubed F1 of each user over the keywords of journeys; NaN if a user has none."""
    return np.array(
        [
            math.nan if user.is_stray.all() else bcubed_f1(user.truth[~user.is_stray], labels[~user.is_stray])
            for user, labels in zip(users, found, strict=True)
        ]
    )


def counts(datasets: Sequence[Dataset], found: Mapping[str, Partitions]) -> pl.DataFrame:
    """Mean number of keywords, of true journeys, and of clusters by each method; one row per data set and regime."""
    rows = []
    for dataset in datasets:
        for regime, is_in in dataset.regimes.items():
            chosen = np.flatnonzero(is_in).tolist()
            own = [dataset.users[i] for i in chosen]
            row: dict[str, object] = {
                "dataset": dataset.name,
                "regime": regime,
                "keywords": float(np.mean([len(user.keywords) for user in own])),
                "truth": float(np.mean([len(np.unique(user.truth)) for user in own])),
            }
            for method, labels in found[dataset.name].items():
                row[method] = float(np.mean([len(np.unique(labels[i])) for i in chosen]))
            rows.append(row)
    return pl.concat([pl.DataFrame([row]) for row in rows], how="diagonal")
