"""The compiled clustering finds what its reference finds: ties, copies, any number of keywords and of threads."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.clusters import cluster_users, letters_of, packed_clusters
from journeys_assets.domain.clustering.cut import FILE, MULTILINGUAL_FILE, LearnedCut
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.text import normalise_series
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.models.embedding.choose import make_embedder
from journeys_assets.synthetic.themes import THEMES
from journeys_assets.synthetic.wording import variation
from tests.support import reference_clustering as reference
from tests.support.clustering import START, unit
from tests.thorough import usual_or_thorough

PARAMS = ClusteringParams()
CUTS = [LearnedCut.from_json(file.read_text()) for file in (FILE, MULTILINGUAL_FILE)]
Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]


def by_reference(
    matrix: NDArray[np.float32],
    keywords: Sequence[str],
    offsets: NDArray[np.int64],
    params: ClusteringParams,
    cut: LearnedCut,
) -> Found:
    found: Found = reference.cluster_packed(
        matrix,
        *letters_of(pl.Series(keywords, dtype=pl.String)),
        offsets,
        params.smoothing_neighbours,
        params.smoothing_floor,
        *(cut.roots, cut.features, cut.thresholds, cut.lower, cut.upper, cut.leaves, cut.slope),
        params.least_log_odds,
        params.area_distance,
    )
    return found


def assert_same_partitions(found: Found, expected: Found) -> None:
    """Clusters and areas are the same for each user; scores are, apart from thresholds within rounding."""
    for got, wanted in zip(found[:3], expected[:3], strict=True):
        assert np.array_equal(got, wanted)
    assert np.array_equal(np.isnan(found[3]), np.isnan(expected[3]))
    differ = np.nan_to_num(found[3]) != np.nan_to_num(expected[3])
    assert differ.mean() < 0.001


def made_up_user(n: int, seed: int) -> tuple[NDArray[np.float32], list[str]]:
    """Keywords around some themes, with copies of vectors and of words, and cosines in equal steps (ties)."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(max(1, n // 8), 24))
    x = centres[rng.integers(len(centres), size=n)] + rng.choice([0.0, 0.3, 0.9]) * rng.normal(size=(n, 24))
    if rng.random() < 0.5:
        x = np.round(2 * x) + (np.arange(24) == 0)  # few distinct values: exact ties
    copies = rng.integers(n, size=n // 4)
    x[rng.integers(n, size=len(copies))] = x[copies]
    keywords = [" ".join(rng.choice(["oak", "desk", "desks", "lamp", "結婚式"], size=3)) for _ in range(n)]
    return unit(x), keywords


@settings(max_examples=usual_or_thorough(25, 1_000))
@given(
    st.lists(st.tuples(st.integers(1, 70), st.integers(0, 10_000)), min_size=1, max_size=4),
    st.sampled_from([-1e9, -3.0, -1.0, 0.5, 1e9]),
    st.sampled_from(CUTS),
    st.integers(1, 8),
)
def test_clusters_are_those_of_the_reference(
    sizes: list[tuple[int, int]], least: float, cut: LearnedCut, neighbours: int
) -> None:
    users = [made_up_user(n, seed) for n, seed in sizes]
    matrix = np.concatenate([x for x, _ in users])
    keywords = [keyword for _, own in users for keyword in own]
    offsets = np.cumsum([0, *(n for n, _ in sizes)])
    params = ClusteringParams(least_log_odds=least, smoothing_neighbours=neighbours)
    found = packed_clusters(matrix, pl.Series(keywords), offsets, params, cut)
    assert_same_partitions(found, by_reference(matrix, keywords, offsets, params, cut))


@pytest.mark.parametrize("n", [1, 2, 3, 15, 16, 17, 300])
@pytest.mark.parametrize("dimensions", [5, 16, 381, 384])
def test_products_distances_and_merges_are_those_of_the_reference_bit_for_bit(n: int, dimensions: int) -> None:
    rng = np.random.default_rng(n)
    x = unit(rng.normal(size=(n, dimensions)) + 0.5 * rng.normal(size=dimensions))
    x[n // 2 :] = x[: n - n // 2]  # copies: exact ties
    products = kernels.gram(x)
    assert np.array_equal(products, reference.gram(x))
    distances = kernels.smoothed_distances(products, 6, 0.1)
    assert np.array_equal(distances, reference.smoothed_distances(products, 6, 0.1))
    counts, none = np.ones(n, dtype=np.int64), np.empty((0, n, n), dtype=np.float32)
    expected = reference.dendrogram(distances.copy(), none, counts)
    for got, wanted in zip(kernels.dendrogram(distances, counts), expected, strict=False):
        assert np.array_equal(got, wanted)


@pytest.mark.slow
def test_clusters_of_a_user_with_four_thousand_keywords_are_those_of_the_reference() -> None:
    x, keywords = made_up_user(4_000, 3)
    offsets = np.array([0, len(x)])
    found = packed_clusters(x, pl.Series(keywords), offsets, PARAMS, CUTS[0])
    assert_same_partitions(found, by_reference(x, keywords, offsets, PARAMS, CUTS[0]))


def world_users(vectors: KeywordVectors, themes: dict[str, int], n_users: int, seed: int) -> list[list[str]]:
    """Distinct keywords of users: log-normal in number, of some themes each, an eighth strays; sorted."""
    rng = np.random.default_rng(seed)
    theme_of = np.array([themes[keyword] for keyword in vectors.keywords])
    of_theme = [np.flatnonzero(theme_of == theme) for theme in np.unique(theme_of)]
    users = []
    for _ in range(n_users):
        n = int(np.clip(np.exp(rng.normal(np.log(60), 0.8)), 1, 600))
        chosen = set(rng.choice(len(theme_of), size=n // 8, replace=False).tolist())
        while len(chosen) < n:
            own = of_theme[rng.integers(len(of_theme))]
            most = min(len(own), n - len(chosen), int(rng.integers(1, 25)))
            chosen.update(rng.choice(own, size=most, replace=False).tolist())
        users.append([vectors.keywords[i] for i in sorted(chosen)])
    return users


@pytest.fixture(scope="module")
def themes() -> dict[str, int]:
    """Keywords of the synthetic world, and the theme of each."""
    rng = random.Random(5)
    phrases = [
        (phrase, number)
        for number, theme in enumerate(THEMES)
        for own in theme.phrases
        for phrase in (own, variation(rng, own, theme.language))
    ]
    found = dict(
        zip(normalise_series(pl.Series([phrase for phrase, _ in phrases])), [n for _, n in phrases], strict=True)
    )
    found.pop("", None)
    return found


@pytest.fixture(scope="module")
def vectors(themes: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> KeywordVectors:
    """Those of the keywords by the default embedder."""
    keywords = sorted(themes)
    return KeywordVectors(keywords, np.asarray(make_embedder("minilm", tmp_path_factory.mktemp("m")).embed(keywords)))


@pytest.mark.slow
@pytest.mark.parametrize("least", [-2.5, -1.0, 1.0])
def test_partitions_of_realistic_users_are_those_of_the_reference(
    least: float, themes: dict[str, int], vectors: KeywordVectors
) -> None:
    users = world_users(vectors, themes, 2_000, seed=int(10 * least) + 50)
    every = [keyword for user in users for keyword in user]
    offsets = np.cumsum([0, *(len(user) for user in users)])
    params = ClusteringParams(least_log_odds=least)
    found = packed_clusters(vectors.rows_for(every), pl.Series(every), offsets, params, CUTS[0])
    assert_same_partitions(found, by_reference(vectors.rows_for(every), every, offsets, params, CUTS[0]))


@settings(max_examples=usual_or_thorough(200, 2_000))
@given(st.integers(0, 10_000), st.sampled_from(CUTS), st.booleans())
def test_the_masks_of_an_ensemble_score_as_its_trees_do(seed: int, cut: LearnedCut, on_a_threshold: bool) -> None:
    rng = np.random.default_rng(seed)
    row = rng.uniform(-1, 6, size=19) * rng.choice([0.1, 1.0], size=19)
    if on_a_threshold:
        for at in rng.integers(len(cut.features), size=12):
            row[cut.features[at]] = cut.thresholds[at]
    trees = (cut.roots, cut.features, cut.thresholds, cut.lower, cut.upper, cut.leaves)
    assert kernels.ensemble_score(row, *cut.arguments[:-1]) == reference.ensemble_score(row, *trees)


@settings(max_examples=usual_or_thorough(40, 1_000))
@given(st.integers(0, 10_000), st.sampled_from(CUTS))
def test_no_letters_give_a_higher_score_than_the_bound_without_them(seed: int, cut: LearnedCut) -> None:
    rng = np.random.default_rng(seed)
    starts, thresholds, masks, leaves, _ = cut.arguments
    row = rng.uniform(-1, 6, size=19)
    left = masks[len(masks) - len(leaves) :].copy()
    kernels.reachable(row, 0, kernels.FIRST_OF_LETTERS, starts, thresholds, masks, left)
    bound = kernels.highest_score(left, leaves)
    scores = []
    for letters in itertools.product((0.0, 0.01, 0.1, 0.3, 1.0), repeat=2):
        row[kernels.FIRST_OF_LETTERS :] = letters
        scores.append(kernels.ensemble_score(row, starts, thresholds, masks, leaves))
    assert max(scores) <= bound


def test_trees_with_up_to_64_leaves_are_masks_and_larger_ones_an_error() -> None:
    def chain(leaves: int) -> LearnedCut:
        """Leaf i for values above i - 1 and at most i."""
        splits = np.arange(leaves - 1)
        upper = np.where(splits < leaves - 2, splits + 1, -leaves)
        values = np.arange(leaves, dtype=np.float64)
        return LearnedCut(
            splits[:1], np.zeros(leaves - 1, dtype=np.int64), splits.astype(np.float64), -1 - splits, upper, values, 0.0
        )

    for leaves in (2, 16, 17, 64):
        for value in range(leaves):
            row = np.full(19, value, dtype=np.float64)
            assert kernels.ensemble_score(row, *chain(leaves).arguments[:-1]) == value
    with pytest.raises(ValueError, match="65 leaves; at most 64"):
        _ = chain(65).arguments


@pytest.mark.parametrize("threads", [2, 5])
def test_rows_are_the_same_for_any_number_of_threads(threads: int) -> None:
    users = [made_up_user(n, n)[0] for n in (1, 2, 3, 40, 7, 90, 12, 1, 60)]
    matrix = np.concatenate(users)
    keywords = [f"k{i:04d}" for i in range(len(matrix))]
    owners = np.repeat([f"u{i}" for i in range(len(users))], [len(x) for x in users])
    rows = pl.DataFrame({"user_id": owners, "keyword": keywords}).with_columns(
        weight=pl.lit(1.0), first_engaged_at=pl.lit(START), last_engaged_at=pl.lit(START)
    )
    vectors = KeywordVectors(keywords, matrix)
    expected = cluster_users(rows, rows, vectors, PARAMS)
    assert_frame_equal(cluster_users(rows, rows, vectors, PARAMS, threads=threads), expected)


ON_ANOTHER_PROCESSOR = """
import sys
import numpy as np
from journeys_assets.domain.clustering import kernels
x = np.load(sys.argv[1])
np.save(sys.argv[2], kernels.padded_gram(x, np.arange(len(x))))
"""


def test_bits_do_not_depend_on_whether_the_processor_can_fuse_a_product_with_a_sum(tmp_path: Path) -> None:
    x = unit(np.random.default_rng(1).normal(size=(40, 384)))
    np.save(tmp_path / "x.npy", x)
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(tmp_path / "compiled")}
    files = [str(tmp_path / name) for name in ("x.npy", "found.npy")]
    subprocess.run([sys.executable, "-c", ON_ANOTHER_PROCESSOR, *files], env={**os.environ, **plain}, check=True)
    assert np.array_equal(np.load(files[1]), kernels.padded_gram(x, np.arange(len(x))))
