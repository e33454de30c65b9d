"""Speed of the per-user clustering compared with scikit-learn's, on random vectors.

    python benchmarks/clustering_speed.py [--users 600] [--repeats 3]

Sizes of users are log-normal with a median of 58 keywords, at most 2,000; keywords are phrases of the synthetic world.
Both methods run on one thread, in turns, on the same users. CPU time is measured and the best of the repeats counts, so
the ratio is more comparable across machines than the rates. scikit-learn does average linkage at one cosine cut and
nothing else; ours also smooths, and gives the same bits as for each user alone. Random vectors are dissimilar, so
hardly anything merges: both spend their time on the distances.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when numpy is first imported

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.clusters import letters_of
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.synthetic.themes import THEMES

DIMENSIONS = 384


@dataclass(frozen=True, slots=True)
class Users:
    """Unit vectors and keywords of all users, concatenated, and the offsets at which users begin and end."""

    vectors: NDArray[np.float32]
    keywords: pl.Series
    offsets: NDArray[np.int64]


def random_users(n_users: int, seed: int) -> Users:
    rng = np.random.default_rng(seed)
    sizes = np.clip(np.exp(rng.normal(np.log(58), 1.0, n_users)), 2, 2000).astype(np.int64)
    vectors = rng.normal(size=(int(sizes.sum()), DIMENSIONS)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    phrases = [phrase for theme in THEMES for phrase in theme.phrases]
    keywords = pl.Series([phrases[i] for i in rng.integers(len(phrases), size=len(vectors))])
    return Users(vectors, keywords, np.concatenate([[0], np.cumsum(sizes)]))


def ours(users: Users) -> None:
    p = ClusteringParams()
    packed = (users.vectors, *letters_of(users.keywords), users.offsets)
    smoothing = (p.smoothing_neighbours, p.smoothing_floor)
    cut = (*released(p.learned_cut).arguments, p.least_log_odds, p.area_distance)
    kernels.cluster_packed(*packed, *smoothing, *cut)


def scikit_learn(users: Users) -> None:
    model = AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=0.75)
    for start, stop in itertools.pairwise(users.offsets):
        model.fit(users.vectors[start:stop])


def best_cpu_seconds(work: Callable[[], None], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    users = random_users(options.users, options.seed)
    sizes = np.diff(users.offsets)
    print(f"{options.users} users, keywords: median {np.median(sizes):.0f}, mean {sizes.mean():.0f}, max {sizes.max()}")
    ours(Users(users.vectors[:10], users.keywords[:10], np.array([0, 10])))  # compile
    rates = {}
    for name, rule in {"journeys": ours, "scikit-learn": scikit_learn}.items():
        rates[name] = options.users / best_cpu_seconds(lambda rule=rule: rule(users), options.repeats)  # type: ignore[misc]
        print(f"{name:<14} {rates[name]:8.0f} users/CPU-s")
    print(f"ratio          {rates['journeys'] / rates['scikit-learn']:8.2f}")


if __name__ == "__main__":
    main()
