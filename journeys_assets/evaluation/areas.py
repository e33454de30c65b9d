"""Do areas find the broader themes: agreement with known domains, beside cuts chosen for domains and a bound.

What belongs here: the figures of the coarser level; ``evaluation.clustering`` shows them in its section. What does not:
those of journeys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.agreement import agreement
from journeys_assets.domain.embedding import KeywordVectors
from journeys_assets.domain.parameters import ClusteringParams
from journeys_assets.evaluation import clustering_rules as rules
from journeys_assets.evaluation.clustering_rules import Rule
from journeys_assets.evaluation.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.pseudo_users import (
    Labels,
    PseudoUser,
    distinct_phrases,
    domain_regimes,
    embedded,
)
from journeys_assets.evaluation.statistics import mean_of, measure
from journeys_assets.models.embedder import Embedder

OURS = "areas"
JOURNEYS = "journeys"
BOUND = "best cut per user"
F1 = "B-cubed F1 against domains"
_METRICS = {
    F1: "bcubed_f1",
    "B-cubed precision against domains": "bcubed_precision",
    "B-cubed recall against domains": "bcubed_recall",
}
REGIME = "all users"

PROTOCOL = f"""
**Areas** are scored against CLINC150's ten domains, with the intents and strays that nothing was fitted on. Users with
intents of *any domain* seldom have two of one domain, so an area should mostly be one journey; users of *few domains*
(3-9 intents of 1-3 domains) should have areas of several. A stray is a domain of its own.
`ClusteringParams.area_distance` and the cuts of the baselines were chosen on the other half of the intents, for domains
(`benchmarks/area_distance.py`): average linkage at {rules.AVERAGE_DOMAIN_CUT}, Ward at {rules.WARD_DOMAIN_CUT}, Ward at
{rules.SIZED_WARD_DOMAIN_CUT}·(n/30)^0.3, and *one cut*, the pipeline's dendrogram at
{rules.ONE_DOMAIN_CUT}·(n/60)^0.1. *{JOURNEYS}* is the finer level: what areas would be without a second level. None of
the baselines is bound to be nested with the journeys; areas are. The *{BOUND}* looks at the domains.
"""


@dataclass(frozen=True, slots=True)
class AreaFigures:
    """What is known of areas.

    Attributes:
        measured: Results and comparisons, as ``statistics.measure`` gives them.
        counts: Mean number of domains, and of clusters that each method finds: a row a data set.
    """

    measured: list[tuple[pl.DataFrame, pl.DataFrame]]
    counts: pl.DataFrame


def evaluate_areas(
    labelled: pl.DataFrame,
    embedder: Embedder,
    cache: Path,
    params: ClusteringParams,
    *,
    n_users: int,
    seed: int,
    n_resamples: int,
) -> AreaFigures:
    """Agreement of the areas with CLINC150's domains; arguments as those of ``evaluate_clustering``."""
    phrases = distinct_phrases(labelled)
    vectors = embedded(phrases["keyword"].to_list(), embedder, cache)
    measured, counts = [], []
    for name, pooled in domain_regimes(phrases, n_users, seed).items():
        users = [of_domains(user) for user in pooled]
        found = partitions(users, vectors, params)
        measured += list(_measured(name, users, found, seed, n_resamples))
        sizes = {method: float(np.mean([len(np.unique(labels)) for labels in own])) for method, own in found.items()}
        counts.append({"dataset": name, "domains": float(np.mean([len(np.unique(u.truth)) for u in users])), **sizes})
    return AreaFigures(measured, pl.DataFrame(counts))


def of_domains(user: PseudoUser) -> PseudoUser:
    """The user with the broader themes for truth.

    Raises:
        ValueError: they are not known.
    """
    if user.coarse is None:
        raise ValueError("no broader theme is known of this user's keywords")
    return replace(user, truth=user.coarse)


def partitions(
    users: Sequence[PseudoUser], vectors: KeywordVectors, params: ClusteringParams
) -> dict[str, list[Labels]]:
    """Coarse clusters of every user by every method, ours first. Only the bound looks at the users' truth."""
    journeys, areas = found_by_pipeline(users, vectors, params)
    found = {OURS: areas, JOURNEYS: journeys}
    for name, rule in _rules(params).items():
        found[name] = [rule(user, vectors.rows_for(user.keywords)) for user in users]
    return found


def _rules(params: ClusteringParams) -> dict[str, Rule]:
    return {
        "MiniLM, average": rules.average(rules.AVERAGE_DOMAIN_CUT),
        "MiniLM, Ward": rules.ward(rules.WARD_DOMAIN_CUT),
        "MiniLM, size-aware Ward": rules.ward(rules.SIZED_WARD_DOMAIN_CUT, 0.3),
        "one cut": rules.one_cut(params, rules.ONE_DOMAIN_CUT),
        BOUND: rules.best_cut(params),
    }


def _measured(
    dataset: str, users: Sequence[PseudoUser], found: Mapping[str, Sequence[Labels]], seed: int, n_resamples: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    whole = {
        method: [agreement(user.truth, labels) for user, labels in zip(users, own, strict=True)]
        for method, own in found.items()
    }
    for metric, field in _METRICS.items():
        yield measure(
            {method: mean_of([getattr(a, field) for a in own]) for method, own in whole.items()},
            dataset=dataset,
            regime=REGIME,
            metric=metric,
            n_users=len(users),
            ours=OURS,
            bounds=[BOUND],
            seed=seed,
            n_resamples=n_resamples,
        )
