"""Per-user clustering: exact linkage, from the user's own rows only, identical bits for any row order and split."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from journeys_assets.domain.clustering import calibration, kernels
from journeys_assets.domain.clustering import clusters as clustering_clusters
from journeys_assets.domain.clustering.clusters import assign_rows, distinct_keywords, letters_of
from journeys_assets.domain.clustering.cut import FEATURES, LearnedCut, released
from journeys_assets.domain.clustering.identity import journey_id
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors, unpack
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.domain.tables.pipeline import JOURNEY_CLUSTERS
from journeys_assets.evaluation.data import pseudo_users
from journeys_assets.evaluation.data.study import LABELLED, labelled_phrases
from journeys_assets.models.embedding.choose import make_embedder
from tests.support.clustering import START, log_of, members_of, unit, words

DATA = Path(__file__).parents[4] / "shared" / "data"
DIMENSIONS = 16
PARAMS = ClusteringParams()


def themes(seed: int, *sizes: int, spread: float = 0.12) -> NDArray[np.float32]:
    """Tight groups of unit vectors around orthogonal directions."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0][: len(sizes)]
    groups = [c + spread * rng.normal(size=(n, DIMENSIONS)) for c, n in zip(centres, sizes, strict=True)]
    return unit(np.concatenate(groups))


def cluster_users(rows: pl.DataFrame, vectors: KeywordVectors, params: ClusteringParams) -> pl.DataFrame:
    """Clusters of users whose whole history is in the window."""
    return clustering_clusters.cluster_users(
        rows, rows.select("user_id", "keyword", "first_engaged_at"), vectors, params
    )


def same_partition(a: NDArray[np.int64], b: NDArray[np.int64]) -> bool:
    pairs = len(set(zip(a.tolist(), b.tolist(), strict=True)))
    return pairs == len(set(a.tolist())) == len(set(b.tolist()))


def world(seed: int = 0) -> tuple[pl.DataFrame, KeywordVectors]:
    """Five users with 1 to 40 of 90 keywords, some of them shared."""
    keywords = words(90)
    vectors = KeywordVectors(keywords, themes(seed, *[15] * 6))
    rng = np.random.default_rng(seed)
    parts = [
        log_of(f"u{i}", sorted(rng.choice(keywords, size=n, replace=False))) for i, n in enumerate((40, 1, 2, 3, 25))
    ]
    return pl.concat(parts), vectors


def smoothed_by_hand(x: NDArray[np.float32], neighbours: int, floor: float) -> NDArray[np.float64]:
    """Pairwise cosine distances of vectors averaged with their nearest ones, by the definition."""
    averages = []
    for i in range(len(x)):
        cosines = x.astype(np.float64) @ x[i]
        others = sorted((j for j in range(len(x)) if j != i), key=lambda j: (-cosines[j], j))
        averages.append(
            sum(max(0.0, cosines[j] - floor) * x[j].astype(np.float64) for j in [i, *others[: neighbours - 1]])
        )
    units = np.stack([a / np.linalg.norm(a) for a in averages])
    distances = 1 - units @ units.T
    np.fill_diagonal(distances, 0)
    return np.maximum(distances, 0)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10_000), st.integers(1, 8), st.floats(0, 0.5))
def test_smoothed_distances_equal_their_definition(n: int, seed: int, neighbours: int, floor: float) -> None:
    x = unit(np.random.default_rng(seed).normal(size=(n, 6)))
    got = kernels.smoothed_distances(kernels.gram(x), neighbours, floor)
    assert np.array_equal(got, got.T)
    assert np.allclose(got, smoothed_by_hand(x, neighbours, floor), atol=1e-4)


def grams_by_hand(keyword: str) -> Counter[str]:
    words = [f"\x02{word}\x03" for word in keyword.split(" ") if word]
    return Counter(word[i : i + run] for word in words for run in (3, 4) for i in range(len(word) - run + 1))


def letter_cosines_by_hand(keywords: list[str]) -> NDArray[np.float64]:
    counted = [grams_by_hand(keyword) for keyword in keywords]
    having, n = Counter(gram for grams in counted for gram in grams), len(keywords)
    weighted = [
        {gram: (1 + math.log(times)) * (1 + math.log((1 + n) / (1 + having[gram]))) for gram, times in grams.items()}
        for grams in counted
    ]
    cosines = np.eye(n)
    for (i, a), (j, b) in itertools.permutations(enumerate(weighted), 2):
        product = sum(weight * b.get(gram, 0.0) for gram, weight in a.items())
        cosines[i, j] = product / (math.hypot(*a.values()) * math.hypot(*b.values())) if product else 0.0
    return cosines


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text("ab結é ", min_size=1, max_size=9) | st.sampled_from(["oak desk", "oak desks", "oak"]),
        min_size=1,
        max_size=9,
    )
)
def test_letter_cosines_equal_their_definition(keywords: list[str]) -> None:
    got = letter_cosines(keywords, np.arange(len(keywords)))
    assert np.allclose(got, letter_cosines_by_hand(keywords), atol=1e-9)


def letter_cosines(keywords: list[str], texts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Cosines of the letters of ``keywords[texts]``; the other keywords are other users'."""
    runs, times, begins, distinct = kernels.letter_runs(*letters_of(pl.Series(keywords)))
    counts = np.zeros(distinct, dtype=np.uint32)
    own, weights, own_begins = kernels.letter_weights(runs, times, begins, texts, counts)
    assert not counts.any()
    rows = np.zeros((len(texts), distinct))
    for row, (start, stop) in zip(rows, itertools.pairwise(own_begins), strict=True):
        row[own[start:stop]] = weights[start:stop]
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, 1.0)
    return cosines


def test_weights_of_letters_do_not_depend_on_the_texts_of_others() -> None:
    """Bit for bit: only the user's own texts matter."""
    keywords = ["oak desk", "standing desk oak", "desk lamp", "結婚式 ドレス", "結婚式の髪型"]

    def weights_of(every: list[str], texts: NDArray[np.int64]) -> NDArray[np.float64]:
        runs, times, begins, distinct = kernels.letter_runs(*letters_of(pl.Series(every)))
        weights: NDArray[np.float64] = kernels.letter_weights(
            runs, times, begins, texts, np.zeros(distinct, dtype=np.uint32)
        )[1]
        return weights

    alone = weights_of(keywords, np.arange(5))
    assert np.array_equal(weights_of(["desk before", *keywords, "oak after"], np.arange(1, 6)), alone)
    cosines = letter_cosines(keywords, np.arange(5))
    assert cosines[0, 1] > cosines[0, 2] > cosines[0, 3] == 0
    assert cosines[3, 4] > 0


def test_runs_of_many_texts_are_told_apart() -> None:
    """More distinct runs than the table of runs has room for at first."""
    rng = np.random.default_rng(0)
    keywords = ["".join(map(chr, rng.integers(97, 123, size=12))) for _ in range(1_500)]
    runs, times, begins, distinct = kernels.letter_runs(*letters_of(pl.Series(keywords)))
    assert distinct == len({gram for keyword in keywords for gram in grams_by_hand(keyword)}) > 10_000
    number_of: dict[str, int] = {}
    for keyword, (start, stop) in zip(keywords, itertools.pairwise(begins), strict=True):
        grams = grams_by_hand(keyword)
        assert Counter(times[start:stop].tolist()) == Counter(grams.values())
        assert len(set(runs[start:stop].tolist())) == len(grams)
        number_of |= dict.fromkeys(grams, 0)
    assert set(runs.tolist()) == set(range(len(number_of)))


Tree = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]


def tree_of(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], Tree]:
    """Cosines, smoothed distances, and the dendrogram of unit vectors."""
    cosines = kernels.gram(x)
    distances = kernels.smoothed_distances(cosines, PARAMS.smoothing_neighbours, PARAMS.smoothing_floor)
    return cosines, distances, kernels.dendrogram(distances, np.ones(len(x), dtype=np.int64))


def features_of(x: NDArray[np.float32], tree: Tree, keywords: list[str]) -> NDArray[np.float64]:
    runs, times, begins, distinct = kernels.letter_runs(*letters_of(pl.Series(keywords)))
    every = np.arange(len(x))
    letters = kernels.letter_weights(runs, times, begins, every, np.zeros(distinct, dtype=np.uint32))
    sums = np.zeros((distinct, 2))
    rows: NDArray[np.float64] = kernels.merge_features(kernels.padded_gram(x, every), tree, letters, sums)
    assert not sums.any()
    return rows


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 40), st.integers(0, 10_000))
def test_linkage_equals_average_linkage_of_scipy(n: int, seed: int) -> None:
    _, distances, (children, heights, sizes) = tree_of(unit(np.random.default_rng(seed).normal(size=(n, 6))))
    expected = linkage(squareform(distances.astype(np.float64)), "average")
    assert np.allclose(heights, expected[:, 2], atol=1e-5)
    assert (np.diff(heights) >= 0).all()
    if n == 2 or np.diff(expected[:, 2]).min() > 1e-5:
        assert np.array_equal(children, expected[:, :2])
        assert np.array_equal(sizes, expected[:, 3])


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 25), st.integers(0, 10_000))
def test_merge_features_equal_their_definitions(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(n, 5)) + 0.3)
    cosines, _, tree = tree_of(x)
    children, heights, sizes = tree
    keywords = ["".join(rng.choice(list("ab "), size=6)) for _ in range(n)]
    letters = letter_cosines_by_hand(keywords)
    under = members_of(children)

    def mean(a: list[int], b: list[int], of: NDArray[np.floating] = cosines) -> float:
        pairs = [of[i, j] for i in a for j in b if i != j]
        return float(np.mean(pairs))

    rows = features_of(x, tree, keywords)
    assert rows.shape == (n - 1, len(FEATURES))
    parent = {int(child): m for m, pair in enumerate(children) for child in pair}
    for m, (left, right) in enumerate(children):
        parts = [[int(c)] if c < n else under[c - n] for c in (left, right)]
        high = [0.0 if c < n else heights[c - n] for c in (left, right)]
        small = 0 if len(parts[0]) <= len(parts[1]) else 1
        across = mean(parts[0], parts[1])
        inside = [mean(p, p) if len(p) > 1 else across for p in parts]
        up = parent.get(n + m)
        other = None if up is None else next(int(c) for c in children[up] if c != n + m)
        sibling = [] if other is None else [other] if other < n else under[other - n]
        expected = {
            "height": heights[m],
            "gap to the merge above": (1.0 if up is None else heights[up]) - heights[m],
            "height of the larger part": high[1 - small],
            "height of the smaller part": high[small],
            "log keywords": np.log(len(under[m])),
            "log keywords of the smaller part": np.log(len(parts[small])),
            "log keywords of the user": np.log(n),
            "share of the user's keywords": sizes[m] / n,
            "mean cosine between the parts": across,
            "mean cosine within": mean(under[m], under[m]),
            "mean cosine within the larger part": inside[1 - small],
            "mean cosine within the smaller part": inside[small],
            "mean cosine to the sibling": mean(under[m], sibling) if sibling else 0.0,
            "log keywords of the sibling": np.log(max(1, len(sibling))),
            "is the top": float(not sibling),
            "log clusters before the merge": np.log(n - m),
            "later merges by keywords of the user": (n - 2 - m + 1) / n,
            "letters in common between the parts": mean(parts[0], parts[1], letters),
            "letters in common within": mean(under[m], under[m], letters),
        }
        assert tuple(expected) == FEATURES
        assert rows[m] == pytest.approx(list(expected.values()), abs=2e-5), m


def test_higher_odds_give_finer_clusters_down_to_single_keywords() -> None:
    x = themes(2, *[4] * 12, spread=0.35)
    _, _, tree = tree_of(x)
    rows, cut = features_of(x, tree, words(len(x))), released(PARAMS.learned_cut).arguments
    found = [kernels.cut_labels(tree[0], rows, *cut, least)[0] for least in (-1e9, -1.0, 0.0, 1.0, 1e9)]
    counts = [int(labels.max()) + 1 for labels in found]
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1, len(x))
    for coarse, fine in itertools.pairwise(found):
        assert len(set(zip(coarse.tolist(), fine.tolist(), strict=True))) == fine.max() + 1, (
            "finer clusters are nested in coarser ones"
        )


def test_clusters_are_the_highest_nodes_with_enough_score() -> None:
    """A single split on the height is a cut at that height."""
    x = themes(3, 5, 9, 2, spread=0.3)
    _, distances, tree = tree_of(x)
    one = np.zeros(1, dtype=np.int64)
    by_height = LearnedCut(one, one, np.array([0.4]), one - 1, one - 2, np.array([1.0, -1.0]), 0.0)
    labels, _ = kernels.cut_labels(tree[0], features_of(x, tree, words(len(x))), *by_height.arguments, 0.0)
    expected = fcluster(linkage(squareform(distances.astype(np.float64)), "average"), 0.4, "distance")
    assert same_partition(labels, expected.astype(np.int64))
    assert labels[np.sort(np.unique(labels, return_index=True)[1])].tolist() == list(range(labels.max() + 1))


def test_gram_gives_a_pair_the_same_bits_among_any_other_rows() -> None:
    x = unit(np.random.default_rng(1).normal(size=(50, 384)))
    whole = kernels.gram(x)
    assert np.array_equal(whole, whole.T)
    assert np.array_equal(kernels.gram(np.ascontiguousarray(x[7:19])), whole[7:19, 7:19])


@pytest.mark.parametrize("n", [1, 2, 3])
def test_users_with_very_few_keywords_get_clusters(n: int) -> None:
    vectors = KeywordVectors(words(n), themes(3, n))
    got = cluster_users(log_of("u", words(n)), vectors, PARAMS)
    assert got["n_keywords"].to_list() == [n]
    assert sorted(got["keywords"][0]) == words(n)
    assert got["is_journey"].to_list() == [n >= PARAMS.min_journey_keywords]


def test_no_keywords_give_an_empty_table_with_the_same_columns() -> None:
    rows, vectors = world()
    assert cluster_users(rows.head(0), vectors, PARAMS).schema == cluster_users(rows, vectors, PARAMS).schema


def test_columns_follow_the_contract() -> None:
    rows, vectors = world()
    got = cluster_users(rows, vectors, PARAMS)
    stamped = {"partition_date", "window_end_date", "inferred_by", "algorithm_version"}
    expected = {k: v for k, v in JOURNEY_CLUSTERS.polars_schema.items() if k not in stamped}
    assert dict(got.schema) == expected


def test_every_keyword_is_in_exactly_one_cluster_of_its_user() -> None:
    rows, vectors = world()
    got = cluster_users(rows, vectors, PARAMS).select("user_id", "keywords").explode("keywords")
    assert sorted(got.rows()) == sorted(rows.select("user_id", "keyword").rows())


def test_clear_themes_are_found() -> None:
    x = themes(5, 8, 3, 20)
    got = cluster_users(log_of("u", words(31)), KeywordVectors(words(31), x), PARAMS)
    found = {tuple(sorted(k)) for k in got["keywords"].to_list()}
    assert found == {tuple(words(31)[:8]), tuple(words(31)[8:11]), tuple(words(31)[11:])}
    assert got["cohesion"].min() > 0.8


def test_equal_vectors_stay_together_and_ties_are_resolved_the_same_way() -> None:
    corners = np.eye(DIMENSIONS, dtype=np.float32)[:4]
    x = np.repeat(corners, 5, axis=0)
    vectors = KeywordVectors(words(20), x)
    shuffled = [log_of("u", words(20)).sample(fraction=1.0, shuffle=True, seed=s) for s in range(5)]
    labels = [cluster_users(rows, vectors, PARAMS) for rows in shuffled]
    for other in labels[1:]:
        assert_frame_equal(labels[0], other)
    where = {k: i for i, ks in enumerate(labels[0]["keywords"].to_list()) for k in ks}
    for group in range(4):
        assert len({where[k] for k in words(20)[group * 5 : group * 5 + 5]}) == 1


def test_exact_ties_are_resolved_by_keyword_text_not_by_row_order() -> None:
    # A ring: every keyword is as near to the next as to the previous one, so the merges depend on the starting point.
    corners = np.eye(DIMENSIONS)
    vectors = KeywordVectors(words(DIMENSIONS), unit(corners + np.roll(corners, 1, axis=0)))
    params = next(
        params
        for odds in np.arange(-4.0, 4.0, 0.05)
        if (params := ClusteringParams(smoothing_neighbours=1, least_log_odds=float(odds)))
        and 1 < cluster_users(log_of("u", words(DIMENSIONS)), vectors, params).height < DIMENSIONS
    )
    rows = log_of("u", words(DIMENSIONS))
    expected = cluster_users(rows, vectors, params)
    for seed in range(10):
        shuffled = rows.sample(fraction=1.0, shuffle=True, seed=seed)
        assert_frame_equal(cluster_users(shuffled, vectors, params), expected)


def test_keywords_with_one_common_vector_are_one_cluster() -> None:
    x = np.repeat(np.eye(DIMENSIONS, dtype=np.float32)[:1], 300, axis=0)
    got = cluster_users(log_of("u", words(300)), KeywordVectors(words(300), x), PARAMS)
    assert got.height == 1
    assert got["cohesion"][0] == pytest.approx(1.0)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1_000))
def test_clusters_do_not_depend_on_row_order(seed: int) -> None:
    rows, vectors = world()
    expected = cluster_users(rows, vectors, PARAMS)
    assert_frame_equal(cluster_users(rows.sample(fraction=1.0, shuffle=True, seed=seed), vectors, PARAMS), expected)


def test_a_single_user_gets_the_same_bits_as_among_others() -> None:
    rows, vectors = world()
    together = cluster_users(rows, vectors, PARAMS)
    for user in rows["user_id"].unique():
        alone = cluster_users(rows.filter(user_id=user), vectors, PARAMS)
        assert_frame_equal(alone, together.filter(user_id=user))


def test_changing_one_user_does_not_change_others() -> None:
    rows, vectors = world()
    changed = rows.filter(~((pl.col("user_id") == "u4") & (pl.int_range(pl.len()) % 2 == 0)))
    changed = changed.with_columns(weight=pl.when(pl.col("user_id") == "u4").then(9.0).otherwise("weight"))
    before, after = (cluster_users(r, vectors, PARAMS).filter(pl.col("user_id") != "u4") for r in (rows, changed))
    assert_frame_equal(before, after)


@pytest.mark.parametrize("chunk", [1, 5, 41])
def test_clusters_do_not_depend_on_the_size_of_chunks(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows, vectors = world()
    expected = cluster_users(rows, vectors, PARAMS)
    monkeypatch.setattr(clustering_clusters, "KEYWORDS_PER_CHUNK", chunk)
    assert_frame_equal(cluster_users(rows, vectors, PARAMS), expected)


def test_the_id_comes_from_the_founder_and_stays_while_the_journey_grows() -> None:
    x = themes(8, 12)
    vectors = KeywordVectors(words(12), x)
    ids = []
    for n in (3, 5, 12):
        # The earliest keyword is the last in text order, so an id from text order or row order would change.
        rows = log_of("u", words(12)[::-1][:n])
        got = cluster_users(rows, vectors, PARAMS)
        assert got.height == 1
        ids += got["journey_id"].to_list()
    assert set(ids) == {journey_id("u", "k011")}


def test_the_history_determines_ids_and_nothing_else() -> None:
    vectors = KeywordVectors(words(8), themes(8, 8))
    now = log_of("u", words(8)[:6])
    past = pl.concat([now, log_of("u", words(8)[6:]).with_columns(first_engaged_at=START - timedelta(days=500))])
    got = clustering_clusters.cluster_users(now, past, vectors, PARAMS)
    assert got["journey_id"].to_list() == [journey_id("u", "k006")]
    from_history = ["journey_id", "area_id", "keyword_theme_centralities"]
    assert_frame_equal(got.drop(from_history), cluster_users(now, vectors, PARAMS).drop(from_history))


def test_a_history_without_a_keyword_of_the_window_raises_an_error() -> None:
    rows, vectors = world()
    with pytest.raises(ValueError, match="history"):
        clustering_clusters.cluster_users(rows, rows.head(-1), vectors, PARAMS)


def test_medoid_cohesion_separation_and_centre_equal_their_definitions() -> None:
    x = themes(11, 6, 6)
    rows = log_of("u", words(12))
    got = cluster_users(rows, KeywordVectors(words(12), x), PARAMS)
    centres = unpack(got["centroid"].to_list())
    for row, centre in zip(got.iter_rows(named=True), centres, strict=True):
        at = [words(12).index(k) for k in row["keywords"]]
        expected = (np.asarray(row["keyword_weights"])[:, None] * x[at]).sum(0)
        expected /= np.linalg.norm(expected)
        cosines = x[at] @ expected
        assert np.allclose(centre, expected, atol=1e-3)
        assert np.allclose(row["keyword_centralities"], cosines, atol=1e-5)
        assert row["cohesion"] == pytest.approx(cosines.mean(), abs=1e-5)
        assert row["medoid"] == row["keywords"][0] == words(12)[at[int(cosines.argmax())]]
    assert got["separation"].to_list() == pytest.approx([1 - float(centres[0] @ centres[1])] * 2, abs=2e-3)


def test_small_or_loose_clusters_are_kept_but_are_not_journeys() -> None:
    x = themes(12, 2, 5)
    vectors = KeywordVectors(words(7), x)
    thin = cluster_users(log_of("u", words(7), weight=0.5), vectors, PARAMS).sort("n_keywords")
    assert thin.select("n_keywords", "is_journey").rows() == [(2, False), (5, True)]
    returned = cluster_users(log_of("u", words(7), weight=2.0), vectors, PARAMS).sort("n_keywords")
    assert returned.select("n_keywords", "is_journey").rows() == [(2, True), (5, True)]
    strict = ClusteringParams(min_journey_cohesion=0.9999)
    assert not cluster_users(log_of("u", words(7)), vectors, strict)["is_journey"].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop("weight"), "lack the column"),
        (lambda rows: rows.with_columns(weight=pl.lit(0.0)), "above 0"),
        (lambda rows: rows.with_columns(weight=pl.lit(float("nan"))), "above 0"),
        (lambda rows: rows.with_columns(keyword=pl.lit(None, dtype=pl.String)), "null"),
        (lambda rows: pl.concat([rows, rows]), "repeated"),
    ],
)
def test_invalid_input_raises_an_error_that_names_the_problem(change: object, message: str) -> None:
    rows, vectors = world()
    with pytest.raises(ValueError, match=message):
        cluster_users(change(rows), vectors, PARAMS)  # type: ignore[operator]


def test_assign_rows_keeps_the_order_and_merges_spellings() -> None:
    frame = pl.DataFrame({"user_id": ["b", "a", "a", "a"], "keyword": ["Oak  Desk", "oak desk", "OAK DESK ", "elm"]})
    assert distinct_keywords(frame) == ["elm", "oak desk"]
    vectors = KeywordVectors(["elm", "oak desk"], np.eye(DIMENSIONS, dtype=np.float32)[:2])
    assigned, clusters = assign_rows(frame, vectors, ClusteringParams(least_log_odds=1e9))
    assert assigned.select("user_id", "keyword").rows() == frame.rows()
    assert assigned["journey_id"].to_list() == [
        journey_id("b", "oak desk"),
        journey_id("a", "oak desk"),
        journey_id("a", "oak desk"),
        journey_id("a", "elm"),
    ]
    assert clusters.filter(medoid="oak desk", user_id="a")["keyword_weights"].to_list() == [[2.0]]


@pytest.fixture(scope="module")
def labelled_intents(request: pytest.FixtureRequest) -> tuple[dict[str, list[str]], KeywordVectors]:
    """Sixty phrases of half of the CLINC150 intents, and their vectors (cached between runs).

    The cut was fitted on them. How it does on a corpus that it has not seen is a figure of the evaluation.
    """
    labelled = labelled_phrases(DATA)
    assert labelled is not None
    of_label = pseudo_users.pools(pseudo_users.distinct_phrases(labelled), "clinc150")
    pool = {name: of_label[name][:60] for name in sorted(of_label)[::2]}
    cache = request.config.cache.mkdir("labelled_phrases")
    keywords = [k for own in pool.values() for k in own]
    return pool, pseudo_users.embedded(keywords, make_embedder("minilm", cache), cache)


@pytest.mark.skipif(
    not (DATA / LABELLED).exists(),
    reason=f"{DATA / LABELLED} is absent; it is needed to check that clusters agree with labelled intents, for light "
    "and heavy users (B-cubed F1 at least 0.92 and 0.94)",
)
@pytest.mark.parametrize(("keywords", "least"), [((3, 12), 0.92), ((5, 60), 0.94)])
def test_clusters_agree_with_labelled_intents(
    labelled_intents: tuple[dict[str, list[str]], KeywordVectors], keywords: tuple[int, int], least: float
) -> None:
    pool, vectors = labelled_intents
    users = pseudo_users.pooled_users(pool, n_users=150, seed=3, journeys=(2, 8), keywords=keywords)
    rows = pl.concat([log_of(f"u{i:03d}", user.keywords) for i, user in enumerate(users)])
    found = cluster_users(rows, vectors, PARAMS).select("user_id", "journey_id", "keywords").explode("keywords")
    by_user = {user: part.sort("keywords") for (user,), part in found.group_by("user_id")}
    scores = [bcubed_f1(user.truth, by_user[f"u{i:03d}"]["journey_id"]) for i, user in enumerate(users)]
    assert float(np.mean(scores)) >= least


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 25), st.integers(0, 10_000), st.sampled_from([-2.0, -1.0, 0.5]))
def test_the_probability_of_a_cluster_is_that_of_its_node(n: int, seed: int, least: float) -> None:
    keywords, params = words(n), replace(PARAMS, least_log_odds=least)
    vectors = KeywordVectors(keywords, unit(np.random.default_rng(seed).normal(size=(n, 6))))
    rows = log_of("u", keywords)
    found = cluster_users(rows, vectors, params)
    for own, probability in found.select("keywords", "cut_probability").iter_rows():
        if len(own) == 1:
            assert probability is None
            continue
        pairs = pl.DataFrame([("u", a, b) for a, b in itertools.combinations(own, 2)], orient="row")
        pairs.columns = ["user_id", "keyword_a", "keyword_b"]
        # The node of the cluster joins the pairs with the lowest margin, and no node above it has a higher score.
        score = calibration.margins_of(pairs, rows.select("user_id", "keyword"), vectors, params).min()
        assert probability == pytest.approx(1 / (1 + np.exp(least - score)))
        assert probability > 0.5
