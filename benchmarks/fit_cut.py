"""Fits the cut of the clustering and writes it into the package.

    python benchmarks/fit_cut.py [--data ../shared/data]

Learnt from pseudo users of the half of the CLINC150 intents and the half of the synthetic world's themes that the
evaluation does not score: few and many journeys, small and large ones, close ones (of one domain), with strays and
without. Each node of a user's dendrogram is an example: is it better left whole than split as well as it can be, by
B-cubed precision and recall, and how much does it matter? WANDS takes no part.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain import _cluster_kernels as kernels
from journeys_assets.domain.learned_cut import FILE, LearnedCut, digest
from journeys_assets.domain.parameters import ClusteringParams
from journeys_assets.evaluation import pseudo_users
from journeys_assets.evaluation.pseudo_users import PseudoUser
from journeys_assets.evaluation.study import LABELLED, labelled_phrases
from journeys_assets.models.embedder import make_embedder
from journeys_assets.synthetic import WorldParams, generate_world

ROOT = Path(__file__).resolve().parents[1]
WORLD = WorldParams(seed=11, n_users=80, n_days=60)
SIZES = (((1, 8), 24), ((3, 12), 32), ((2, 25), 32), ((5, 60), 40))
"""Keywords a journey, and how many users of that kind a regime has."""
STRAY_SHARES = (0.0, 0.2, 0.5)
N_TREES = 150
BOOSTING = {
    "objective": "binary",
    "num_leaves": 15,
    "learning_rate": 0.08,
    "min_data_in_leaf": 200,
    "lambda_l2": 10.0,
    "feature_fraction": 0.7,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "seed": 1,
    "deterministic": True,
    "num_threads": 1,
    "verbosity": -1,
}

Pool = Mapping[str, Sequence[str]]


def fitting_users(
    clinc: Pool, domains: Mapping[str, str], oos: Sequence[str], world: Pool, noise: Sequence[str]
) -> list[PseudoUser]:
    """Users of every regime that the cut learns from.

    Args:
        clinc: Phrases of each intent that may be fitted on, ``domains`` the domain of each intent, ``oos`` strays.
        world: Keywords of each theme that may be fitted on, ``noise`` those of none.
    """
    users: list[PseudoUser] = []
    for size, n_users in SIZES:

        def pooled(pool: Pool, n: int, journeys: tuple[int, int], strays: Sequence[str], share: float) -> None:
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
                pooled(clinc, n_users, journeys, oos, share)
            pooled(world, n_users, (1, 9), noise, share)
        for domain in sorted({domains[name] for name in clinc}):
            close = {name: own for name, own in clinc.items() if domains[name] == domain}
            pooled(close, n_users // 4, (1, 8), (), 0.0)
    return [user for user in users if len(user.keywords) > 1]


def gains(children: NDArray[np.int64], truth: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much better each merge's node is whole than split as well as it can be.

    Better by half the B-cubed precision plus half the recall of the keywords under it; (n - 1,), in keywords.
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


def examples(
    users: Sequence[PseudoUser], vectors: Any, params: ClusteringParams
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of every node of every user's dendrogram, and its gain by the square root of the user's keywords."""
    features, weighted = [], []
    for user in users:
        cosines = kernels.gram(vectors.rows_for(user.keywords))
        distances = kernels.smoothed_distances(cosines, params.smoothing_neighbours, params.smoothing_floor)
        tree = kernels.dendrogram(distances, cosines)
        features.append(kernels.merge_features(*tree))
        # Between a user's share (1/n) and a keyword's (1): light and heavy users both have a say.
        weighted.append(gains(tree[0], user.truth) / np.sqrt(len(user.keywords)))
    return np.concatenate(features), np.concatenate(weighted)


def fit(features: NDArray[np.float64], weighted_gains: NDArray[np.float64]) -> lightgbm.Booster:
    weights = np.abs(weighted_gains)
    data = lightgbm.Dataset(features, (weighted_gains > 0).astype(int), weight=weights / weights.mean())
    return lightgbm.train(BOOSTING, data, N_TREES)


def exported(booster: lightgbm.Booster) -> LearnedCut:
    """The booster's trees, numbers shortened to six digits: what is released is what is measured, and is small."""
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


def world_keywords() -> tuple[dict[str, list[str]], list[str]]:
    """Keywords of each theme that may be fitted on, and of no theme, of a world that the evaluation never sees."""
    meant = generate_world(WORLD).truth["truth_keywords"].select("normalised_keyword", "theme").unique()
    themes: dict[str, list[str]] = {}
    noise = set()
    for keyword, theme in meant.sort("normalised_keyword", "theme", nulls_last=True).iter_rows():
        if theme is None:
            noise.add(keyword)
        elif theme not in pseudo_users.held_out_themes():
            themes.setdefault(theme, []).append(keyword)
    named = set(meant.filter(meant["theme"].is_not_null())["normalised_keyword"])
    return themes, sorted(k for k in noise - named if not pseudo_users.is_held_out(k))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--cache", type=Path, default=ROOT / ".journeys" / "benchmarks")
    options = parser.parse_args()
    labelled = labelled_phrases(options.data)
    if labelled is None:
        sys.exit(f"absent: {options.data / LABELLED}, the labelled phrases; without it there is nothing to fit on")
    phrases = pseudo_users.distinct_phrases(labelled)
    every = pseudo_users.pools(phrases, "clinc150")
    held_out = set(pseudo_users.held_out_half(list(every)))
    clinc = {name: own for name, own in every.items() if name not in held_out}
    domains = dict(phrases.filter(set="clinc150").select("label", "domain").unique().iter_rows())
    oos = [k for own in pseudo_users.pools(phrases, "clinc150_oos").values() for k in own]
    oos = [k for k in oos if not pseudo_users.is_held_out(k)]
    world, noise = world_keywords()
    keywords = [k for pool in (clinc, world) for own in pool.values() for k in own] + oos + noise
    vectors = pseudo_users.embedded(keywords, make_embedder("minilm", options.cache), options.cache / "fit_cut")
    users = fitting_users(clinc, domains, oos, world, noise)
    features, weighted_gains = examples(users, vectors, ClusteringParams())
    text = exported(fit(features, weighted_gains)).to_json()
    FILE.write_text(text)
    print(f"{len(users)} users, {len(features):,} nodes; {FILE.name}: {len(text):,} bytes")
    print(f"ClusteringParams.learned_cut = {digest(text)!r}")


if __name__ == "__main__":
    main()
