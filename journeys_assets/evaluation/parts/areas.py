"""Areas: their agreement with known domains, compared with cuts chosen for domains and an upper bound.

``evaluation.parts.clustering`` shows these figures in its section, after those of journeys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import agreement
from journeys_assets.evaluation.baselines import clustering_rules as rules
from journeys_assets.evaluation.baselines.clustering_rules import Rule
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser, distinct_phrases, domain_regimes
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.statistics.intervals import Statistic, mean_of, measure
from journeys_assets.synthetic.themes import THEMES

CORPUS = "clinc150"
"""The corpus with domains. The cut is fitted without it."""
OURS = "areas"
JOURNEYS = "journeys"
BOUND = "best cut per user"
F1 = "B-cubed F1 against domains"
METRICS = {
    F1: "bcubed_f1",
    "B-cubed precision against domains": "bcubed_precision",
    "B-cubed recall against domains": "bcubed_recall",
}
AKIN = "share of akin pairs"
ANY_TWO = "any two journeys"
WORLD = "synthetic world, all themes"
REGIME = "all users"

PROTOCOL = f"""

**Areas** are compared with CLINC150's ten domains. The cut is fitted without CLINC150. `ClusteringParams.area_distance`
and the cuts of the baselines were chosen for domains on one half of its intents and of the strays
(`benchmarks/area_distance.py`); the other half is scored. Users with intents of *any domain* seldom have two of one
domain, so most areas should be one journey. Users of *few domains* (3-9 intents of 1-3 domains) should have areas with
several journeys. A stray is a domain of its own. The baselines are average linkage at {rules.AVERAGE_DOMAIN_CUT}, Ward
at {rules.WARD_DOMAIN_CUT}, Ward at {rules.SIZED_WARD_DOMAIN_CUT}·(n/30)^0.3, and *one cut*, the pipeline's dendrogram
at {rules.ONE_DOMAIN_CUT}·(n/60)^0.1. *{JOURNEYS}* is the finer level, which areas would equal without a second level.
Areas are unions of journeys; the baselines need not be. The *{BOUND}* uses the true domains.
"""
AKIN_PROTOCOL = f"""
**Areas in the synthetic world**: of all pairs of one user's journeys in the same area, *{AKIN}* is the share with the
same theme, or with two themes that share an interest in the catalogue. *{ANY_TWO}* is the same share over all pairs.
The theme of a journey is that of most of its keywords. Users get themes at random, so most journeys of a user are
unrelated.
"""


@dataclass(frozen=True, slots=True)
class AreaFigures:
    """Figures for areas.

    Attributes:
        measured: Results and comparisons, as from ``statistics.measure``.
        counts: Mean number of domains, and of clusters by each method; one row per data set.
    """

    measured: list[tuple[pl.DataFrame, pl.DataFrame]]
    counts: pl.DataFrame


def evaluate_areas(
    labelled: pl.DataFrame,
    vectors: KeywordVectors,
    params: ClusteringParams,
    cut: LearnedCut,
    *,
    n_users: int,
    seed: int,
    n_resamples: int,
) -> AreaFigures:
    """Agreement of the areas with CLINC150's domains.

    Args:
        labelled: ``study.labelled_phrases``.
        vectors: A unit vector for each of its phrases.
        params: Parameters of the clustering, with a threshold chosen on other corpora.
        cut: A cut fitted on other corpora.

    The other arguments are those of ``evaluate_clustering``.
    """
    phrases = distinct_phrases(labelled)
    measured, counts = [], []
    for name, pooled in domain_regimes(phrases, n_users, seed).items():
        users = [of_domains(user) for user in pooled]
        found = partitions(users, vectors, params, cut)
        measured += list(_measured(name, users, found, seed, n_resamples))
        sizes = {method: float(np.mean([len(np.unique(labels)) for labels in own])) for method, own in found.items()}
        counts.append({"dataset": name, "domains": float(np.mean([len(np.unique(u.truth)) for u in users])), **sizes})
    return AreaFigures(measured, pl.DataFrame(counts))


def of_domains(user: PseudoUser) -> PseudoUser:
    """The user with the broader themes as truth.

    Raises:
        ValueError: they are unknown.
    """
    if user.coarse is None:
        raise ValueError("the broader themes of this user's keywords are unknown")
    return replace(user, truth=user.coarse)


def akin_pairs(world: Study, *, seed: int, n_resamples: int) -> list[tuple[pl.DataFrame, pl.DataFrame]]:
    """Whether journeys in one area are more often related than any two journeys of their user.

    Args:
        world: A synthetic world with its truth. The last clustering of each user is used.

    Returns:
        As from ``statistics.measure``; empty if no area has two journeys.
    """
    pairs = pairs_of_journeys(world)
    counts = pairs.group_by("user_id", maintain_order=True).agg(
        n=pl.len(),
        akin=pl.col("is_akin").sum(),
        n_in=pl.col("is_one_area").sum(),
        akin_in=(pl.col("is_akin") & pl.col("is_one_area")).sum(),
    )
    if not counts["n_in"].sum():
        return []

    def share(of: str, among: str) -> Statistic:
        hits, base = (counts[name].to_numpy().astype(np.float64) for name in (of, among))
        return lambda weights: float(weights @ hits) / max(float(weights @ base), 1e-12)

    figures = measure(
        {OURS: share("akin_in", "n_in"), ANY_TWO: share("akin", "n")},
        dataset=WORLD,
        regime=REGIME,
        metric=AKIN,
        n_users=counts.height,
        ours=OURS,
        seed=seed,
        n_resamples=n_resamples,
    )
    return [figures]


def pairs_of_journeys(world: Study) -> pl.DataFrame:
    """Every pair of journeys in the last clustering of a user: user_id, is_one_area, is_akin."""
    clustered = world.rows(
        """
        SELECT user_id, journey_id, area_id, unnest(keywords) AS keyword FROM main.journey_clusters
        JOIN (SELECT user_id, max(partition_date) AS partition_date FROM main.inference_ledger GROUP BY user_id)
        USING (user_id, partition_date) WHERE is_journey
        """
    )
    meant = world.truth["truth_keywords"].select("user_id", "theme", keyword="normalised_keyword").drop_nulls("theme")
    votes = clustered.join(meant, on=["user_id", "keyword"]).group_by("user_id", "journey_id", "area_id", "theme").len()
    journeys = (
        votes.sort("user_id", "journey_id", "len", "theme", descending=[False, False, True, False])
        .unique(["user_id", "journey_id"], keep="first", maintain_order=True)
        .with_columns(interests=pl.col("theme").replace_strict({t.name: list(t.interests) for t in THEMES}))
    )
    pairs = journeys.join(journeys, on="user_id", suffix="_other").filter(
        pl.col("journey_id") < pl.col("journey_id_other")
    )
    shared = pl.col("interests").list.set_intersection("interests_other").list.len() > 0
    return pairs.sort("user_id", "journey_id", "journey_id_other").select(
        "user_id",
        is_one_area=pl.col("area_id") == pl.col("area_id_other"),
        is_akin=(pl.col("theme") == pl.col("theme_other")) | shared,
    )


def partitions(
    users: Sequence[PseudoUser], vectors: KeywordVectors, params: ClusteringParams, cut: LearnedCut
) -> dict[str, list[Labels]]:
    """Coarse clusters of every user by every method, ours first. Only the bound uses the users' truth."""
    journeys, areas = found_by_pipeline(users, vectors, params, cut)
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
    for metric, field in METRICS.items():
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
