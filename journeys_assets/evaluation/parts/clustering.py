"""Clustering: agreement of the clusters with known journeys, compared with baselines and an upper bound."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.baselines import clustering_rules as rules
from journeys_assets.evaluation.baselines.clustering_rules import Rule
from journeys_assets.evaluation.data.corpora import SYNTHETIC
from journeys_assets.evaluation.data.left_out import Progress
from journeys_assets.evaluation.data.pseudo_users import world_users
from journeys_assets.evaluation.data.study import Study
from journeys_assets.evaluation.parts import areas, left_out_corpora, left_out_tables, written
from journeys_assets.evaluation.parts.left_out_corpora import BOUND, LeftOut
from journeys_assets.evaluation.parts.partitions import F1, Dataset, counts, measured, partitions_of
from journeys_assets.evaluation.report.plots import dots
from journeys_assets.evaluation.report.section import Plot, Section, gathered
from journeys_assets.models.embedding.base import Embedder

N_USERS = 100
"""Light users of each corpus, as many heavy ones, and users of the synthetic world."""
WORLD = "synthetic world"
ALL = "all users"
_SIZES = {"up to 29 keywords": (1, 29), "30 to 119 keywords": (30, 119), "120 keywords or more": (120, 1_000_000)}
"""Number of keywords of a user of the synthetic world, both ends included."""
_FEWEST = 10
"""Fewest users for a regime. An interval over fewer users is uninformative."""

PROTOCOL = f"""
The keywords of each user are clustered from that user's rows only, and the partition is compared with the known
journeys. Figures are means over users; the 95 % intervals resample users, and gains are paired by user.

**Baselines.** Time-out of {rules.SESSION_MINUTES:.0f} minutes (a keyword belongs to the session of its first
engagement; only where there are times); TF-IDF of words and average linkage, cut {rules.TFIDF_CUT}; HDBSCAN of the
vectors with at least {rules.HDBSCAN_SMALLEST} keywords a cluster; and the single rules, with one cut for all users:
Ward, Ward whose cut grows with the user's keywords ((n/30)^0.3), average linkage, and *one cut* of the pipeline's own
dendrogram ((n/60)^0.1). The *{BOUND}* uses the truth: it is the best single height of the dendrogram that the pipeline
builds. The learnt cut may use several heights. BERTopic's pipeline is left out: it needs UMAP, which is not in the
locked environment, and reduces to more dimensions than a light user has keywords.

A stray is a journey of its own; with *strays left out* strays are clustered, but not scored. *Cluster count* is
|log2(found / true)|: 1 means twice or half as many.

**The synthetic world**: the last clustered keywords of each user, without bots. Its phrases were edited until their
embeddings agreed with their meanings, so it is a regression figure rather than evidence.
"""
WITHOUT_CORPORA = """

**Left out here**: the labelled corpora, because their files do not exist. So the synthetic world is clustered by the
packaged cut, which was fitted on the phrases of its themes, and single rules are left out, because their cuts are
chosen on other corpora.
"""


def evaluate_clustering(
    world: Study,
    labelled: pl.DataFrame | None,
    corpora: pl.DataFrame | None,
    embedder: Embedder,
    cache: Path,
    params: ClusteringParams,
    *,
    n_users: int = N_USERS,
    seed: int = 1,
    n_resamples: int = N_RESAMPLES,
    progress: Progress = lambda *_: None,
) -> Section:
    """Agreement of the clusters with known journeys.

    Args:
        world: A synthetic world with its truth.
        labelled: ``study.labelled_phrases``. With None the corpora are left out, and the protocol says so.
        corpora: ``study.labelled_corpora``; None if the file does not exist.
        embedder: Embeds labelled phrases; should be the one that ``world`` was run with.
        cache: Folder to keep those vectors and the fitted cuts in.
        params: Parameters of the clustering.
        n_users: Light users of each corpus, as many heavy ones, and users of the world.
        seed: Seed of the pseudo users and of the resamples.
        n_resamples: Resamples of the users, for the intervals.
        progress: Called with the step, the parts done, and the number of parts.

    Raises:
        ValueError: the world has no truth for keywords.
    """
    left_out = (
        left_out_corpora.leave_out(
            labelled, corpora, embedder, cache, params, n_users=n_users, seed=seed, progress=progress
        )
        if labelled is not None
        else None
    )
    datasets = [
        *(_corpora_datasets(left_out) if left_out else ()),
        *_written(left_out, embedder, cache / "written", params, n_users, seed),
        world_dataset(world, params, n_users, left_out),
    ]
    found = {dataset.name: partitions_of(dataset) for dataset in datasets}
    figures = [part for data in datasets for part in measured(data, found[data.name], seed, n_resamples)]
    tables: dict[str, pl.DataFrame] = {}
    plots: list[Plot] = []
    coarse = None
    if left_out:
        figures += left_out_corpora.measured(left_out, seed=seed, n_resamples=n_resamples)
        tables |= left_out_tables.tables_of(left_out)
        plots += left_out_tables.plots_of(left_out)
        coarse = areas.evaluate_areas(left_out, n_users=n_users, seed=seed, n_resamples=n_resamples)
        figures += coarse.measured if coarse else []
    figures += areas.akin_pairs(world, seed=seed, n_resamples=n_resamples)
    results, comparisons = gathered(figures)
    caption = "Mean B-cubed F1 of each clustering method, with 95 % intervals; the bound uses the truth."
    plots.append(Plot(caption, dots(results.filter(_main_regimes()), F1, label="mean over users")))
    tables["Number of clusters, mean over users"] = counts(datasets, found)
    protocol = [left_out_corpora.PROTOCOL] if left_out else []
    protocol += [PROTOCOL, written.PROTOCOL] if left_out else [PROTOCOL, written.PROTOCOL, WITHOUT_CORPORA]
    if coarse:
        protocol.append(areas.PROTOCOL)
        caption = "Agreement of areas with known domains, with 95 % intervals; all cuts were chosen for domains."
        plots.append(Plot(caption, dots(results, areas.F1, label="mean B-cubed F1 over users")))
        tables["Number of areas, mean over users"] = coarse.counts
    protocol.append(areas.AKIN_PROTOCOL)
    return Section(
        name="clustering",
        title="Clustering: which keywords belong to the same journey",
        headline=(F1, *(left_out_corpora.METRICS[-1:] if left_out else ()), areas.F1),
        protocol="".join(protocol).strip(),
        results=results,
        comparisons=comparisons,
        plots=tuple(plots),
        tables=tables,
    )


def _main_regimes() -> pl.Expr:
    """The regimes of the first plot: light and heavy users of the corpora, all users of the world."""
    return pl.col("regime").is_in([ALL, "light", "heavy"])


def world_dataset(world: Study, params: ClusteringParams, n_users: int, left_out: LeftOut | None = None) -> Dataset:
    """The users of a synthetic world, with what was fitted on and chosen by the corpora other than the themes.

    Args:
        left_out: None if there are no corpora. Then the packaged cut is used, and no single rule.
    """
    users = world_users(world, n_users)
    wanted = sorted({keyword for user in users for keyword in user.keywords})
    stored = world.rows(
        "SELECT keyword, any_value(embedding) AS embedding FROM main.keyword_embeddings GROUP BY keyword"
    )
    vectors = KeywordVectors.from_frame(stored.filter(pl.col("keyword").is_in(wanted)))
    sizes = np.array([len(user.keywords) for user in users])
    regimes = {ALL: np.ones(len(users), dtype=np.bool_)}
    for regime, (least, most) in _SIZES.items():
        of_size = (sizes >= least) & (sizes <= most)
        if of_size.sum() >= _FEWEST:
            regimes[regime] = of_size
    others = {"time-out": rules.time_out(), **_text_rules(wanted)}
    if left_out:
        cut, own = left_out.cut_of(SYNTHETIC), left_out.params_of(SYNTHETIC)
        others |= left_out.rules_of(SYNTHETIC)
    else:
        cut, own = released(params.learned_cut), params
    return Dataset(WORLD, users, regimes, vectors, cut, own, others | {BOUND: rules.best_cut(params)})


def _corpora_datasets(left_out: LeftOut) -> Iterator[Dataset]:
    for fold in left_out.folds:
        name = fold.corpus.name
        users = [user for own in fold.users.values() for user in own]
        kinds = np.array([kind for kind, own in fold.users.items() for _ in own])
        yield Dataset(
            name,
            users,
            {kind: kinds == kind for kind in fold.users},
            left_out.vectors,
            fold.cut,
            left_out.params_of(name),
            {
                **_text_rules(fold.corpus.keywords),
                **left_out.rules_of(name),
                BOUND: rules.best_cut(left_out.params),
            },
        )


def _written(
    left_out: LeftOut | None, embedder: Embedder, cache: Path, params: ClusteringParams, n_users: int, seed: int
) -> Iterator[Dataset]:
    if left_out:
        cut, own, others = left_out.cut_of(SYNTHETIC), left_out.params_of(SYNTHETIC), left_out.rules_of(SYNTHETIC)
    else:
        cut, own, others = released(params.learned_cut), params, {}
    found = {**others, BOUND: rules.best_cut(params)}
    return written.written_datasets(embedder, cache, cut, own, found, n_users=n_users, seed=seed)


def _text_rules(corpus: Sequence[str]) -> dict[str, Rule]:
    """Methods without a parameter that is chosen."""
    return {"TF-IDF, average": rules.tfidf_average(corpus), "HDBSCAN": rules.hdbscan()}
