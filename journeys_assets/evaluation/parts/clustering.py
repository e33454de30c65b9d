"""Clustering: agreement of the clusters with known journeys, compared with baselines and an upper bound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import agreement, bcubed_f1
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.baselines import clustering_rules as rules
from journeys_assets.evaluation.baselines.clustering_rules import Rule
from journeys_assets.evaluation.data.pipeline_clusters import found_by_pipeline
from journeys_assets.evaluation.data.pseudo_users import (
    Labels,
    PseudoUser,
    distinct_phrases,
    embedded,
    labelled_regimes,
    world_users,
)
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import areas
from journeys_assets.evaluation.report.plots import dots
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.evaluation.statistics.intervals import mean_of, measure
from journeys_assets.models.embedding.base import Embedder

N_USERS = 150
"""Pseudo users per labelled data set, and users of the synthetic world."""
OURS = "journeys"
ONE_CUT = "one cut"
BOUND = "best cut per user"
WORLD = "synthetic world, themes held out"
ALL = "all users"
METRICS = {
    "B-cubed F1": "bcubed_f1",
    "B-cubed precision": "bcubed_precision",
    "B-cubed recall": "bcubed_recall",
    "pairwise F1": "pairwise_f1",
    "adjusted Rand": "adjusted_rand",
    "V-measure": "v_measure",
}
_SIZES = {"light": (1, 29), "medium": (30, 119), "heavy": (120, 1_000_000)}
"""Number of keywords of a light, medium and heavy user, both ends included."""
_FEWEST = 10
"""Fewest users for a regime. An interval over fewer users is uninformative."""
Partitions = Mapping[str, Sequence[Labels]]
"""Clusters of every user, by method."""
Figures = tuple[pl.DataFrame, pl.DataFrame]

PROTOCOL = f"""
The keywords of each user are clustered from that user's rows only, and the partition is compared with the known
journeys. Figures are means over users; the 95 % intervals resample users, and gains are paired by user.

**Data.** *Labelled sets*: pseudo users of 2-8 labels (4-16 with rare classes) and 3-12 or 5-60 phrases of each, drawn
from CLINC150 (150 intents, 10 domains), its out-of-scope phrases as strays, and WANDS (real home-goods queries);
*within one domain* draws all of a user's intents from one domain. *Synthetic world*: the last clustered keywords of
each user, without bots. Its phrases were edited until their embeddings agreed with their meanings, so it is a
regression figure rather than evidence.

**What was fitted on what.** The cut is learnt from pseudo users of one half of the CLINC150 intents, of the WANDS
classes and of the out-of-scope phrases, and from another synthetic world with half of the themes and of the noise. Only
the other halves are used here. `benchmarks/fit_cut.py --carry-over` shows how the cut performs on kinds of data that it
never saw. The smoothing of vectors was chosen with all sets in view. The cuts of the baselines are the best single cuts
on the fitting half of CLINC150. The *{BOUND}* uses the truth: it is the best single height of the dendrogram that the
pipeline builds. The learnt cut may use several heights.

**Baselines.** Time-out of {rules.SESSION_MINUTES:.0f} minutes (a keyword belongs to the session of its first
engagement; only where there are times); TF-IDF of words and average linkage, cut {rules.TFIDF_CUT}; MiniLM vectors with
average linkage at {rules.AVERAGE_CUT}, Ward at {rules.WARD_CUT}, Ward at {rules.WARD_CUT}·(n/30)^0.3, and HDBSCAN with
at least {rules.HDBSCAN_SMALLEST} keywords a cluster; and *one cut*, the pipeline's own dendrogram at
{rules.ONE_CUT}·(n/60)^0.1. BERTopic's pipeline is left out: it needs UMAP, which is not in the locked environment, and
reduces to more dimensions than a light user has keywords.

**Regimes.** *light* users have fewer than 30 keywords, *heavy* ones at least 120. A stray is a journey of its own;
with *strays left out* strays are clustered, but not scored. *Cluster count* is |log2(found / true)|: 1 means twice or
half as many.
"""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Users of one kind, the vectors of their keywords, and the rules to try on them."""

    name: str
    users: Sequence[PseudoUser]
    vectors: KeywordVectors
    rules: Mapping[str, Rule]


def evaluate_clustering(
    world: Study,
    labelled: pl.DataFrame | None,
    embedder: Embedder,
    cache: Path,
    params: ClusteringParams,
    *,
    n_users: int = N_USERS,
    seed: int = 1,
    n_resamples: int = N_RESAMPLES,
) -> Section:
    """Agreement of the clusters with known journeys.

    Args:
        world: A synthetic world with its truth.
        labelled: ``study.labelled_phrases``. With None the public sets are left out, and the protocol says so.
        embedder: Embeds labelled phrases; should be the one that ``world`` was run with.
        cache: Folder to cache those vectors in.
        params: Parameters of the clustering.
        n_users: Pseudo users per labelled set, and users of the world.
        seed: Seed of the pseudo users and of the resamples.
        n_resamples: Resamples of the users, for the intervals.

    Raises:
        ValueError: the world has no truth for keywords.
    """
    datasets = [world_dataset(world, params, n_users)]
    coarse = None
    if labelled is not None:
        datasets = [*_labelled_datasets(labelled, embedder, cache, params, n_users, seed), *datasets]
        coarse = areas.evaluate_areas(
            labelled, embedder, cache, params, n_users=n_users, seed=seed, n_resamples=n_resamples
        )
    found = {dataset.name: partitions_of(dataset, params) for dataset in datasets}
    measured = [part for data in datasets for part in _measured(data, found[data.name], seed, n_resamples)]
    measured += coarse.measured if coarse else []
    measured += areas.akin_pairs(world, seed=seed, n_resamples=n_resamples)
    results, comparisons = gathered(measured)
    caption = "Mean B-cubed F1 of each clustering method, with 95 % intervals; the bound uses the truth."
    plots = [Plot(caption, dots(results.filter(regime=ALL), "B-cubed F1", label="mean B-cubed F1 over users"))]
    tables = {
        "Share of the way from one cut for all to the best cut per user, B-cubed F1": _share_of_bound(results),
        "Number of clusters, mean over users": _counts(datasets, found),
    }
    protocol = [PROTOCOL]
    if coarse is None:
        protocol.append("\n**Left out here**: the public labelled sets, because their file does not exist.\n")
    else:
        protocol.append(areas.PROTOCOL)
        caption = "Agreement of areas with known domains, with 95 % intervals; all cuts were chosen for domains."
        plots.append(Plot(caption, dots(results, areas.F1, label="mean B-cubed F1 over users")))
        tables["Number of areas, mean over users"] = coarse.counts
    protocol.append(areas.AKIN_PROTOCOL)
    return Section(
        name="clustering",
        title="Clustering: which keywords belong to the same journey",
        headline=("B-cubed F1", areas.F1),
        protocol="".join(protocol).strip(),
        results=results,
        comparisons=comparisons,
        plots=tuple(plots),
        tables=tables,
    )


def world_dataset(world: Study, params: ClusteringParams, n_users: int) -> Dataset:
    users = world_users(world, n_users)
    wanted = sorted({keyword for user in users for keyword in user.keywords})
    stored = world.rows(
        "SELECT keyword, any_value(embedding) AS embedding FROM main.keyword_embeddings GROUP BY keyword"
    )
    vectors = KeywordVectors.from_frame(stored.filter(pl.col("keyword").is_in(wanted)))
    return Dataset(WORLD, users, vectors, {"time-out": rules.time_out(), **_text_rules(wanted, params)})


def _labelled_datasets(
    labelled: pl.DataFrame, embedder: Embedder, cache: Path, params: ClusteringParams, n_users: int, seed: int
) -> list[Dataset]:
    phrases = distinct_phrases(labelled)
    vectors = embedded(phrases["keyword"].to_list(), embedder, cache)
    text_rules = _text_rules(phrases["keyword"].unique().sort().to_list(), params)
    return [
        Dataset(name, users, vectors, text_rules) for name, users in labelled_regimes(phrases, n_users, seed).items()
    ]


def _text_rules(corpus: Sequence[str], params: ClusteringParams) -> dict[str, Rule]:
    return {
        "TF-IDF, average": rules.tfidf_average(corpus),
        "MiniLM, average": rules.average(rules.AVERAGE_CUT),
        "MiniLM, Ward": rules.ward(rules.WARD_CUT),
        "MiniLM, size-aware Ward": rules.ward(rules.WARD_CUT, 0.3),
        "MiniLM, HDBSCAN": rules.hdbscan(),
        ONE_CUT: rules.one_cut(params),
        BOUND: rules.best_cut(params),
    }


def partitions_of(dataset: Dataset, params: ClusteringParams) -> Partitions:
    """Clusters of every user by every method, ours first."""
    found = {OURS: found_by_pipeline(dataset.users, dataset.vectors, params)[0]}
    for name, rule in dataset.rules.items():
        found[name] = [rule(user, dataset.vectors.rows_for(user.keywords)) for user in dataset.users]
    return found


def _measured(
    dataset: Dataset, found: Partitions, seed: int, n_resamples: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Figures for every metric and regime that the data set supports."""
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

    for metric, field in METRICS.items():
        yield figures(metric, ALL, {m: np.array([getattr(a, field) for a in own]) for m, own in whole.items()})
    off = {m: np.array([abs(math.log2(a.n_found / a.n_true)) for a in own]) for m, own in whole.items()}
    yield figures("cluster count", ALL, off, higher=False)
    f1 = {method: np.array([a.bcubed_f1 for a in own]) for method, own in whole.items()}
    sizes = np.array([len(user.keywords) for user in users])
    for regime, (least, most) in _SIZES.items():
        of_size = (sizes >= least) & (sizes <= most)
        if of_size.sum() >= _FEWEST:
            yield figures("B-cubed F1", regime, {method: values[of_size] for method, values in f1.items()})
    if any(user.is_stray.any() for user in users):
        kept = {method: _without_strays(users, own) for method, own in found.items()}
        yield figures("B-cubed F1", "strays left out", kept)


def _without_strays(users: Sequence[PseudoUser], found: Sequence[Labels]) -> NDArray[np.float64]:
    """B-cubed F1 of each user over the keywords of journeys; NaN if a user has none."""
    return np.array(
        [
            math.nan if user.is_stray.all() else bcubed_f1(user.truth[~user.is_stray], labels[~user.is_stray])
            for user, labels in zip(users, found, strict=True)
        ]
    )


def _share_of_bound(results: pl.DataFrame) -> pl.DataFrame:
    """Our gain over one height, as a share of the gain of each user's best height; one row per data set and size."""
    shown = results.filter(metric="B-cubed F1").filter(pl.col("regime").is_in([ALL, *_SIZES]))
    wide = shown.pivot(on="method", index=["dataset", "regime"], values="value", maintain_order=True)
    won, to_win = pl.col(OURS) - pl.col(ONE_CUT), pl.col(BOUND) - pl.col(ONE_CUT)
    return wide.select("dataset", "regime", ONE_CUT, OURS, BOUND, share=won / to_win)


def _counts(datasets: Sequence[Dataset], found: Mapping[str, Partitions]) -> pl.DataFrame:
    """Mean number of keywords, of true journeys, and of clusters by each method; one row per data set."""
    rows = []
    for dataset in datasets:
        row: dict[str, object] = {
            "dataset": dataset.name,
            "keywords": float(np.mean([len(user.keywords) for user in dataset.users])),
            "truth": float(np.mean([len(np.unique(user.truth)) for user in dataset.users])),
        }
        for method, own in found[dataset.name].items():
            row[method] = float(np.mean([len(np.unique(labels)) for labels in own]))
        rows.append(row)
    return pl.concat([pl.DataFrame([row]) for row in rows], how="diagonal")
