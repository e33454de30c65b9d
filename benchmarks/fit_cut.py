"""Fits the cut of the clustering and writes it into the package.

    python benchmarks/fit_cut.py DATA

    python benchmarks/fit_cut.py DATA --carry-over

The cut is learnt from pseudo users of the halves of the CLINC150 intents, the WANDS classes and the synthetic world's
themes that the evaluation does not use: few and many journeys, small and large ones, similar ones (of one domain), with
and without strays. Each node of a user's dendrogram is an example: is leaving it whole better than its best split, by
B-cubed precision and recall, and how large is the difference?

``--carry-over`` writes nothing. It leaves each source out of the fitting in turn, and prints the quality of the cut on
the held-out half of that source, which is the best estimate of its quality on a log of another kind.
"""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.clusters import letters_of
from journeys_assets.domain.clustering.cut import FEATURES, FILE, LearnedCut, digest
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.baselines import clustering_rules
from journeys_assets.evaluation.data import pseudo_users
from journeys_assets.evaluation.data.pseudo_users import PseudoUser
from journeys_assets.evaluation.data.study import LABELLED, labelled_phrases
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world

ROOT = Path(__file__).resolve().parents[1]
WORLD = WorldParams(seed=11, n_users=80, n_days=60)
SIZES = (((1, 8), 24), ((3, 12), 40), ((2, 25), 32), ((5, 60), 40), ((60, 150), 8))
"""Keywords per journey, and the number of users of that kind in a regime."""
STRAY_SHARES = (0.0, 0.2, 0.5)
N_TREES = 150
MONOTONE = {
    "height": -1,
    "mean cosine between the parts": 1,
    "letters in common between the parts": 1,
    "letters in common within": 1,
}
"""More similarity between the parts is never a reason to split. The constraint costs nothing where there is data, and
extrapolates where there is none (hundreds of copies of one vector)."""
BOOSTING = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.08,
    "min_data_in_leaf": 200,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "monotone_constraints": [MONOTONE.get(name, 0) for name in FEATURES],
    "monotone_constraints_method": "advanced",
    "seed": 1,
    "deterministic": True,
    "num_threads": 1,
    "verbosity": -1,
}

Pool = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Sources:
    """The phrases of each label that users are pooled from.

    Attributes:
        clinc, domains: Phrases of each CLINC150 intent, and its domain.
        wands: Queries of each WANDS class.
        world: Keywords of each synthetic theme.
        strays, noise: Phrases of no intent, and keywords of no theme.
        people: The synthetic world's own users, with those of their keywords that are in ``world`` or noise.
    """

    clinc: Pool
    domains: Mapping[str, str]
    wands: Pool
    world: Pool
    strays: Sequence[str]
    noise: Sequence[str]
    people: Sequence[PseudoUser] = ()

    @property
    def keywords(self) -> list[str]:
        pooled = [k for pool in (self.clinc, self.wands, self.world) for own in pool.values() for k in own]
        return [*pooled, *self.strays, *self.noise, *(k for user in self.people for k in user.keywords)]

    def without(self, name: str) -> Sources:
        return replace(self, **{name: {}}, people=() if name == "world" else self.people)


def fitting_users(sources: Sources) -> list[PseudoUser]:
    """Users of every regime that the cut learns from. Empty sources are skipped."""
    users = list(sources.people)
    for size, n_users in SIZES:

        def pooled(pool: Pool, n: int, journeys: tuple[int, int], strays: Sequence[str], share: float) -> None:
            if pool:
                users.extend(
                    pseudo_users.pooled_users(
                        pool,
                        n_users=n,
                        seed=len(users),
                        journeys=journeys,
                        keywords=size,  # noqa: B023 - called within this turn of the loop
                        strays=strays if share else (),
                        stray_share=share,
                    )
                )

        for share in STRAY_SHARES:
            for journeys in ((1, 4), (3, 10)):
                pooled(sources.clinc, n_users, journeys, sources.strays, share)
            pooled(sources.wands, n_users, (2, 12), sources.strays, share)
            pooled(sources.world, n_users, (1, 9), sources.noise, share)
        for domain in sorted({sources.domains[name] for name in sources.clinc}):
            close = {name: own for name, own in sources.clinc.items() if sources.domains[name] == domain}
            pooled(close, n_users // 2, (1, 8), (), 0.0)
    return [user for user in users if len(user.keywords) > 1]


def gains(children: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much better each merge's node is whole than with its best split; (n - 1,), in keywords.

    The measure is half the B-cubed precision plus half the recall of the keywords under it.
    """
    codes = np.unique(truth, return_inverse=True)[1]
    n, in_label = len(codes), np.bincount(codes).astype(np.float64)
    cells = np.zeros((2 * n - 1, len(in_label)))
    cells[np.arange(n), codes] = 1.0
    best = np.empty(2 * n - 1)
    best[:n] = 0.5 + 0.5 / in_label[codes]
    better = np.empty(n - 1)
    for merge, (left, right) in enumerate(children):
        own = cells[n + merge] = cells[left] + cells[right]
        whole = 0.5 * (own**2).sum() / own.sum() + 0.5 * (own**2 / in_label).sum()
        better[merge] = whole - best[left] - best[right]
        best[n + merge] = max(whole, best[left] + best[right])
    return better


def tree_of(
    user: PseudoUser, vectors: KeywordVectors, params: ClusteringParams
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Children (n - 1, 2) and features (n - 1, f) of the merges of the user's dendrogram."""
    letters = letters_of(pl.Series(user.keywords, dtype=pl.String))
    similarities = kernels.similarities_of(vectors.rows_for(user.keywords), *letters)
    distances = kernels.smoothed_distances(similarities[0], params.smoothing_neighbours, params.smoothing_floor)
    tree = kernels.dendrogram(distances, similarities)
    return tree[0], kernels.merge_features(*tree)


def examples(
    users: Sequence[PseudoUser], vectors: KeywordVectors, params: ClusteringParams
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of every node of every user's dendrogram, and its gain divided by the root of the user's keywords."""
    features, weighted = [], []
    for user in users:
        tree, rows = tree_of(user, vectors, params)
        features.append(rows)
        # Between equal weight for users (1/n) and for keywords (1), so that light and heavy users both count.
        weighted.append(gains(tree, user.truth) / np.sqrt(len(user.keywords)))
    return np.concatenate(features), np.concatenate(weighted)


def fit(features: NDArray[np.float64], weighted_gains: NDArray[np.float64]) -> lightgbm.Booster:
    weights = np.abs(weighted_gains)
    data = lightgbm.Dataset(features, (weighted_gains > 0).astype(int), weight=weights / weights.mean())
    return lightgbm.train(BOOSTING, data, N_TREES)


def exported(booster: lightgbm.Booster) -> LearnedCut:
    """The booster's trees, with numbers rounded to six digits, so that the file is small and matches what is used."""
    roots, features, thresholds, lower, upper, leaves = [], [], [], [], [], []

    def place(node: dict[str, Any]) -> int:
        if "leaf_value" in node:
            leaves.append(float(f"{node['leaf_value']:.6g}"))
            return -len(leaves)
        at = len(features)
        features.append(node["split_feature"])
        thresholds.append(float(f"{node['threshold']:.6g}"))
        lower.append(0)
        upper.append(0)
        lower[at], upper[at] = place(node["left_child"]), place(node["right_child"])
        return at

    for tree in booster.dump_model()["tree_info"]:
        roots.append(place(tree["tree_structure"]))
    whole = [np.array(values, dtype=np.int64) for values in (roots, features, lower, upper)]
    return LearnedCut(whole[0], whole[1], np.array(thresholds), whole[2], whole[3], np.array(leaves))


def cut_from(sources: Sources, vectors: KeywordVectors) -> LearnedCut:
    return exported(fit(*examples(fitting_users(sources), vectors, ClusteringParams())))


@functools.cache
def world_half(*, held_out: bool) -> pl.DataFrame:
    """Keywords of each user of a world that is never used for testing, from one half of its themes and of its noise.

    user_id, keyword, theme (null for noise); no bots. Keywords that are noise for one user and of a theme for another
    are left out.
    """
    truth = generate_world(WORLD).truth
    people = truth["truth_users"].filter(pl.col("user_class") != "bot").select("user_id")
    meant = truth["truth_keywords"].select("user_id", "theme", keyword="normalised_keyword")
    of_theme = pl.col("theme").is_in(sorted(pseudo_users.held_out_themes()))
    of_noise = pl.col("keyword").map_elements(pseudo_users.is_held_out, return_dtype=pl.Boolean())
    is_noise = pl.col("theme").is_null()
    half = meant.filter(pl.when(is_noise).then(of_noise).otherwise(of_theme) == held_out)
    named = meant.drop_nulls("theme")["keyword"].unique()
    kept = half.filter(~is_noise | ~pl.col("keyword").is_in(named.implode())).join(people, on="user_id", how="semi")
    return kept.unique().sort("user_id", "keyword", "theme")


def world_keywords(*, held_out: bool) -> tuple[dict[str, list[str]], list[str]]:
    """Keywords of each theme that may be fitted on (or, if ``held_out``, may not), and keywords of no theme."""
    own = world_half(held_out=held_out)
    themes = own.drop_nulls("theme").group_by("theme").agg(pl.col("keyword").unique().sort()).sort("theme")
    return dict(themes.iter_rows()), own.filter(pl.col("theme").is_null())["keyword"].unique().sort().to_list()


def world_people(*, held_out: bool) -> list[PseudoUser]:
    """Users with the keywords that may be fitted on (or may not), without keywords of two of their themes."""
    own = world_half(held_out=held_out).unique(["user_id", "keyword"], keep="none").sort("user_id", "keyword")
    return list(pseudo_users.users_of_themes(own))


def sources_of(phrases: pl.DataFrame, *, held_out: bool) -> Sources:
    """The half of everything that the cut may be fitted on, or the half that it is tested on."""

    def half(name: str) -> dict[str, list[str]]:
        every = pseudo_users.pools(phrases, name)
        scored = set(pseudo_users.held_out_half(list(every)))
        return {label: own for label, own in every.items() if (label in scored) == held_out}

    strays = [k for own in pseudo_users.pools(phrases, "clinc150_oos").values() for k in own]
    world, noise = world_keywords(held_out=held_out)
    return Sources(
        clinc=half("clinc150"),
        domains=dict(phrases.filter(set="clinc150").select("label", "domain").unique().iter_rows()),
        wands=half("wands"),
        world=world,
        strays=[k for k in strays if pseudo_users.is_held_out(k) == held_out],
        noise=noise,
        people=world_people(held_out=held_out),
    )


def scored_users(sources: Sources, name: str) -> dict[str, list[PseudoUser]]:
    """Users of one source with 2-8 journeys, light and heavy, and a fifth of strays, as in logs."""
    pool, strays = getattr(sources, name), sources.noise if name == "world" else sources.strays
    pooled = {
        f"{name}, {size[0]}-{size[1]}": pseudo_users.pooled_users(
            pool, n_users=150, seed=1, journeys=(2, 8), keywords=size, strays=strays, stray_share=0.2
        )
        for size in ((3, 12), (5, 60))
    }
    return pooled | ({"world, as users are": list(sources.people)} if name == "world" else {})


def print_carry_over(fitting: Sources, scored: Sources, vectors: KeywordVectors) -> None:
    params = ClusteringParams()
    whole = cut_from(fitting, vectors)
    print(f"{'mean B-cubed F1':<19} {'one cut':>8} {'left out':>9} {'with it':>8}")
    for name in ("clinc", "wands", "world"):
        left_out = cut_from(fitting.without(name), vectors)
        for title, users in scored_users(scored, name).items():
            one = clustering_rules.one_cut(params)
            figures = [np.mean([bcubed_f1(u.truth, one(u, vectors.rows_for(u.keywords))) for u in users])]
            trees = [(user, *tree_of(user, vectors, params)) for user in users]
            for cut in (left_out, whole):
                found = [
                    bcubed_f1(user.truth, kernels.cut_labels(tree, rows, *cut.arrays, params.least_log_odds))
                    for user, tree, rows in trees
                ]
                figures.append(np.mean(found))
            print(f"{title:<19} {figures[0]:8.3f} {figures[1]:9.3f} {figures[2]:8.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the labelled phrases")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    parser.add_argument("--carry-over", action="store_true", help="leave each source out in turn; write nothing")
    options = parser.parse_args()
    labelled = labelled_phrases(options.data)
    if labelled is None:
        sys.exit(f"{options.data / LABELLED} does not exist; the labelled phrases are needed for fitting")
    phrases = pseudo_users.distinct_phrases(labelled)
    fitting, scored = (sources_of(phrases, held_out=held_out) for held_out in (False, True))
    keywords = [*fitting.keywords, *(scored.keywords if options.carry_over else ())]
    vectors = pseudo_users.embedded(keywords, make_embedder("minilm", options.cache), options.cache / "fit_cut")
    if options.carry_over:
        print_carry_over(fitting, scored, vectors)
        return
    text = cut_from(fitting, vectors).to_json()
    FILE.write_text(text)
    print(f"{FILE.name}: {len(text):,} bytes")
    print(f"ClusteringParams.learned_cut = {digest(text)!r}")


if __name__ == "__main__":
    main()
