"""Speed of the per-user clustering, beside scikit-learn, fastcluster and the Gram matrix alone.

    python benchmarks/clustering_speed.py [--users 600] [--repeats 5]

Users have distinct phrases of the synthetic world with vectors of all-MiniLM-L6-v2: a log-normal number with a median
of 90, of some themes each, an eighth of them strays. The methods take turns to cluster all users, on one thread. Of
the repeats the one with the least CPU time counts for each user; the table has medians over users.

"journeys" is everything: letters, smoothing, linkage, the learned cut and areas. The others do average linkage of
cosine distances, cut at one height. scikit-learn is what most people would write; fastcluster on float32 products of
BLAS is the best use of a library; the products alone are what no method can do without. Letters are prepared once for
each distinct keyword; their share is stated separately, and is part of the last lines, which time all users at once.
"""

from __future__ import annotations

import os

os.environ["OMP_NUM_THREADS"] = "1"  # read once, when numpy is first imported

import argparse
import itertools
import random
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import fastcluster
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster
from sklearn.cluster import AgglomerativeClustering

from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.clusters import equal_work, letters_of
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.synthetic.themes import THEMES
from journeys_assets.synthetic.wording import variation

HEIGHT = 0.6
"""Of the single cuts."""
PARAMS = ClusteringParams()
CUT = released(PARAMS.learned_cut).arguments
Letters = tuple[NDArray[np.uint32], NDArray[np.uint16], NDArray[np.int64], int]


@dataclass(frozen=True, slots=True)
class Users:
    """Vectors of distinct keywords, and the keywords of all users as rows of them, concatenated."""

    keywords: list[str]
    vectors: NDArray[np.float32]
    places: NDArray[np.int64]
    offsets: NDArray[np.int64]

    def vectors_of(self, user: int) -> NDArray[np.float32]:
        return self.vectors[self.places[self.offsets[user] : self.offsets[user + 1]]]


def world_users(n_users: int, seed: int) -> Users:
    rng, wording = np.random.default_rng(seed), random.Random(seed)
    phrases = {
        phrase: number
        for number, theme in enumerate(THEMES)
        for own in theme.phrases
        for phrase in normalise_series(pl.Series([own, variation(wording, own, theme.language)]))
    }
    phrases.pop("", None)
    keywords = sorted(phrases)
    with tempfile.TemporaryDirectory() as folder:
        vectors = np.asarray(make_embedder("minilm", Path(folder)).embed(keywords), dtype=np.float32)
    theme_of = np.array([phrases[keyword] for keyword in keywords])
    of_theme = [np.flatnonzero(theme_of == theme) for theme in np.unique(theme_of)]
    users = []
    for n in np.clip(np.exp(rng.normal(np.log(90), 0.7, n_users)), 1, 1_000).astype(int):
        chosen = set(rng.choice(len(keywords), size=n // 8, replace=False).tolist())
        while len(chosen) < n:
            own = of_theme[rng.integers(len(of_theme))]
            chosen.update(rng.choice(own, size=min(len(own), n - len(chosen), 12), replace=False).tolist())
        users.append(np.array(sorted(chosen)))
    return Users(keywords, vectors, np.concatenate(users), np.cumsum([0, *map(len, users)]))


def journeys(users: Users, letters: Letters, first: int, stop: int) -> None:
    """Clusters and areas of some users."""
    own = users.places[users.offsets[first] : users.offsets[stop]]
    offsets = users.offsets[first : stop + 1] - users.offsets[first]
    smoothing = (PARAMS.smoothing_neighbours, PARAMS.smoothing_floor)
    packed = (users.vectors, own, letters, own, offsets)
    kernels.cluster_packed(*packed, *smoothing, *CUT, PARAMS.least_log_odds, PARAMS.area_distance)


def by_scikit_learn(x: NDArray[np.float32]) -> None:
    if len(x) > 1:
        AgglomerativeClustering(None, metric="cosine", linkage="average", distance_threshold=HEIGHT).fit(x)


def by_fastcluster(x: NDArray[np.float32]) -> None:
    if len(x) > 1:
        distances = (1 - x @ x.T)[np.triu_indices(len(x), 1)]
        fcluster(fastcluster.linkage(distances, method="average"), HEIGHT, "distance")


def products(x: NDArray[np.float32]) -> None:
    _ = x @ x.T


def own_products(x: NDArray[np.float32]) -> None:
    kernels.padded_gram(x, np.arange(len(x)))


def cpu_seconds(work: Callable[[], object]) -> float:
    started = time.thread_time()
    work()
    return time.thread_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    users = world_users(options.users, options.seed)
    sizes = np.diff(users.offsets)
    print(f"{options.users} users, keywords: median {np.median(sizes):.0f}, mean {sizes.mean():.0f}, max {sizes.max()}")

    def prepared() -> Letters:
        letters: Letters = kernels.letter_runs(*letters_of(pl.Series(users.keywords)))
        return letters

    letters = prepared()
    once = min(cpu_seconds(prepared) for _ in range(options.repeats))
    methods: dict[str, Callable[[int], None]] = {
        "journeys": lambda user: journeys(users, letters, user, user + 1),
        "scikit-learn": lambda user: by_scikit_learn(users.vectors_of(user)),
        "fastcluster, BLAS": lambda user: by_fastcluster(users.vectors_of(user)),
        "products, BLAS": lambda user: products(users.vectors_of(user)),
        "products, journeys": lambda user: own_products(users.vectors_of(user)),
    }
    seconds = {name: np.full(options.users, np.inf) for name in methods}
    for _, (name, method) in itertools.product(range(options.repeats), methods.items()):
        for user in range(options.users):
            seconds[name][user] = min(seconds[name][user], cpu_seconds(lambda m=method, u=user: m(u)))  # type: ignore[misc]
    usual = np.abs(sizes - 90) <= 10
    print(f"{'':<20}{'median us':>10}{'times ours':>11}{'mean us':>9}{'80-100 keywords':>17}")
    ours = np.median(seconds["journeys"])
    for name, own in seconds.items():
        print(
            f"{name:<20}{1e6 * np.median(own):>10.0f}{np.median(own) / ours:>11.2f}{1e6 * own.mean():>9.0f}"
            f"{1e6 * np.median(own[usual]):>17.0f}"
        )
    print(f"letters: {1e6 * once / len(users.keywords):.2f} us for each distinct keyword, once")

    one = np.inf
    for threads in sorted({1, 2, len(os.sched_getaffinity(0))}):
        if threads > len(os.sched_getaffinity(0)):
            continue
        best = np.inf
        for _ in range(options.repeats):
            started = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                own_letters = prepared()
                pieces = equal_work(users.offsets, 4 * threads)
                list(pool.map(lambda piece, own=own_letters: journeys(users, own, *piece), pieces))
            best = min(best, time.perf_counter() - started)
        one = min(one, best) if threads == 1 else one
        print(f"{threads} thread(s): {options.users / best:.0f} users/s, {one / best:.2f} times one thread")


if __name__ == "__main__":
    main()
