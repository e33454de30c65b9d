"""Areas: their agreement with known domains, compared with single cuts for domains and an upper bound.

``evaluation.parts.clustering`` shows these figures in its section, after those of journeys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering import calibration
from journeys_assets.domain.clustering.cut import LearnedCut
from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import agreement, bcubed_f1
from journeys_assets.evaluation.baselines.clustering_rules import SingleRule, best_cut
from journeys_assets.evaluation.data.corpora import domain_users
from journeys_assets.evaluation.data.left_out import Fold
from journeys_assets.evaluation.data.pseudo_users import Labels, PseudoUser
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts.left_out_corpora import LeftOut
from journeys_assets.evaluation.statistics.intervals import Statistic, mean_of, measure
from journeys_assets.synthetic.themes import THEMES

Doubles = NDArray[np.float64]

OURS = "areas"
JOURNEYS = "journeys"
BOUND = "best cut per user"
F1 = "B-cubed F1 against domains"
METRICS = {
    F1: "bcubed_f1",
    "B-cubed precision against domains": "bcubed_precision",
    "B-cubed recall against domains": "bcubed_recall",
}
EXCESSES = tuple(round(0.01 * step, 2) for step in range(21))
"""Candidates for ``calibration.AREA_EXCESS``."""
AKIN = "share of akin pairs"
ANY_TWO = "any two journeys"
WORLD = "synthetic world, all themes"
REGIME = "all users"

PROTOCOL = f"""

**Areas** are compared with domains: groups of labels, which CLINC150 has 10 of and HWU64 18. Each of the two corpora is
left out of everything that it is scored with. The cut is fitted on the other eight, and the other one of the two
chooses how far areas must exceed the *background* (`calibration.AREA_EXCESS`) and the cuts of the baselines, each for
domains. The background, the mean cosine of keywords of different users, is that of the scored users. Users with labels
of *any domain* seldom have two of one domain, so most areas should be one journey. Users of *few domains* (3-9 labels
of 1-3 domains) should have areas with several journeys. A stray is a domain of its own. *{JOURNEYS}* is the finer
level, which areas would equal without a second level. Areas are unions of journeys; the baselines need not be. The
*{BOUND}* uses the true domains.
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


@dataclass(frozen=True, slots=True)
class Scored:
    """The users of one corpus, by kind, with what their areas are made of.

    Attributes:
        name: Of the corpus.
        users: By kind; their truth is the domains.
        params, cut: Those of the corpora other than this one.
        background: Mean cosine of keywords of different users.
    """

    name: str
    users: Mapping[str, Sequence[PseudoUser]]
    params: ClusteringParams
    cut: LearnedCut
    background: float

    def areas(self, user: PseudoUser, vectors: KeywordVectors, excesses: Sequence[float]) -> list[Labels]:
        """The areas (n,) at each excess; see ``calibration.AREA_EXCESS``."""
        from journeys_assets.domain.clustering import kernels

        journeys = self.journeys(user, vectors)
        matrix = np.ascontiguousarray(vectors.rows_for(user.keywords), dtype=np.float32)
        distances = [calibration.area_distance(self.background, excess) for excess in excesses]
        return [kernels.area_labels(matrix, journeys, distance)[journeys] for distance in distances]

    def journeys(self, user: PseudoUser, vectors: KeywordVectors) -> Labels:
        tree = dendrogram_of(user.keywords, vectors.rows_for(user.keywords), self.params)
        return tree.labels(self.cut, self.params.least_log_odds)


def evaluate_areas(left_out: LeftOut, *, n_users: int, seed: int, n_resamples: int) -> AreaFigures | None:
    """Agreement of the areas with the domains of every corpus that has some.

    Returns:
        None if fewer than two corpora have domains: then there is none to choose on.

    The arguments are those of ``evaluate_clustering``.
    """
    scored = {
        fold.corpus.name: _scored(left_out, fold, n_users, seed) for fold in left_out.folds if fold.corpus.domains
    }
    if len(scored) < 2:
        return None
    curves = {name: _curves(own, left_out) for name, own in scored.items()}
    measured, counts = [], []
    for name, own in scored.items():
        others = [curves[other] for other in curves if other != name]
        excess = EXCESSES[_best([other[OURS] for other in others])]
        cuts = {
            rule.name: rule.cuts[_best([other[rule.name] for other in others])] for rule in left_out.candidates.rules
        }
        for kind, users in own.users.items():
            found = partitions(own, users, left_out, excess, cuts)
            dataset = f"{name}, {kind}"
            measured += list(_measured(dataset, users, found, seed, n_resamples))
            sizes = {method: float(np.mean([len(np.unique(labels)) for labels in of])) for method, of in found.items()}
            domains = float(np.mean([len(np.unique(user.truth)) for user in users]))
            counts.append({"dataset": dataset, "excess": excess, "domains": domains, **sizes})
    return AreaFigures(measured, pl.DataFrame(counts))


def _scored(left_out: LeftOut, fold: Fold, n_users: int, seed: int) -> Scored:
    users = {
        kind: [of_domains(user) for user in own]
        for kind, own in domain_users(fold.corpus, left_out.strays, n_users=n_users, seed=seed).items()
    }
    log = [("", user.keywords) for own in users.values() for user in own]
    background = calibration.background(log, left_out.vectors)
    return Scored(fold.corpus.name, users, left_out.params_of(fold.corpus.name), fold.cut, background)


def _curves(own: Scored, left_out: LeftOut) -> dict[str, Doubles]:
    """Mean B-cubed F1 against domains at every candidate, by method."""
    vectors = left_out.vectors

    def curve(labels: Callable[[PseudoUser], list[Labels]]) -> Doubles:
        kinds = [[[bcubed_f1(user.truth, of) for of in labels(user)] for user in users] for users in own.users.values()]
        return np.asarray(np.mean([np.mean(scores, axis=0) for scores in kinds], axis=0))

    def of_rule(rule: SingleRule) -> Callable[[PseudoUser], list[Labels]]:
        return lambda user: rule.labels(vectors.rows_for(user.keywords), rule.cuts)

    ours = curve(lambda user: own.areas(user, vectors, EXCESSES))
    return {OURS: ours} | {rule.name: curve(of_rule(rule)) for rule in left_out.candidates.rules}


def _best(curves: Sequence[Doubles]) -> int:
    """Place of the candidate with the best mean over corpora."""
    return int(np.mean(curves, axis=0).argmax())


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
    own: Scored, users: Sequence[PseudoUser], left_out: LeftOut, excess: float, cuts: Mapping[str, float]
) -> dict[str, list[Labels]]:
    """Coarse clusters of every user by every method, ours first. Only the bound uses the users' truth.

    Args:
        excess: As ``calibration.AREA_EXCESS``.
        cuts: The cut of each single rule, by its name.
    """
    vectors = left_out.vectors
    found = {
        OURS: [own.areas(user, vectors, [excess])[0] for user in users],
        JOURNEYS: [own.journeys(user, vectors) for user in users],
    }
    rules = {rule.name: rule.at(cuts[rule.name]) for rule in left_out.candidates.rules}
    for name, rule in {**rules, BOUND: best_cut(left_out.params)}.items():
        found[name] = [rule(user, vectors.rows_for(user.keywords)) for user in users]
    return found


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
