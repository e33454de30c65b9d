"""Areas consist of whole journeys of one user, and keep their id while they grow."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering import clusters as clustering_clusters
from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.clusters import assign_rows, cluster_users
from journeys_assets.domain.clustering.cut import released
from journeys_assets.domain.clustering.identity import area_ids, journey_id
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.tables.pipeline import JOURNEY_CLUSTERS
from journeys_assets.domain.tables.table import violations
from tests.support.clustering import log_of, unit, words

PARAMS = ClusteringParams()
DIMENSIONS = 24


def nested_themes(seed: int, *areas: tuple[int, ...]) -> NDArray[np.float32]:
    """Unit vectors of areas in orthogonal directions. Each area has several tight journeys at some distance."""
    rng = np.random.default_rng(seed)
    directions = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0]
    n_areas, used, groups = len(areas), len(areas), []
    for area, sizes in zip(directions[:n_areas], areas, strict=True):
        for n in sizes:
            centre = 0.53 * area + 0.85 * directions[used]
            groups.append(centre + 0.05 * rng.normal(size=(n, DIMENSIONS)))
            used += 1
    return unit(np.concatenate(groups))


def found(rows: pl.DataFrame, vectors: KeywordVectors, params: ClusteringParams = PARAMS) -> pl.DataFrame:
    """Clusters of users whose whole history is in the window."""
    return cluster_users(rows, rows.select("user_id", "keyword", "first_engaged_at"), vectors, params)


def levels(clusters: pl.DataFrame, column: str) -> set[frozenset[str]]:
    """The keywords of each journey, or of each area."""
    grouped = clusters.explode("keywords").group_by("user_id", column).agg("keywords")
    return {frozenset(keywords) for keywords in grouped["keywords"].to_list()}


def world(seed: int) -> tuple[pl.DataFrame, KeywordVectors]:
    """Four users with 1 to 30 keywords from three areas of two to four journeys."""
    vectors = nested_themes(seed, (6, 6), (5, 5, 5, 5), (6, 6, 6))
    keywords = words(len(vectors))
    rng = np.random.default_rng(seed)
    users = [log_of(f"u{i}", sorted(rng.choice(keywords, size=n, replace=False))) for i, n in enumerate((30, 1, 9, 25))]
    return pl.concat(users), KeywordVectors(keywords, vectors)


# ── the kernel ──────────────────────────────────────────────────────────────────────────────────────────────────────


def journeys_of(x: NDArray[np.float32], n: int, seed: int) -> NDArray[np.int64]:
    """Some clusters, numbered by their first row."""
    drawn = np.random.default_rng(seed).integers(0, n, size=len(x))
    return np.unique([np.flatnonzero(drawn == own)[0] for own in drawn], return_inverse=True)[1].astype(np.int64)


def areas_by_hand(x: NDArray[np.float32], labels: NDArray[np.int64], most: float) -> tuple[set, float]:
    """The two areas whose keywords are the nearest on average are joined while they are near; and the least difference
    of a distance that mattered from another one or from the threshold."""
    distance = 1.0 - x.astype(np.float64) @ x.T.astype(np.float64)
    areas, margin = [set(np.flatnonzero(labels == own).tolist()) for own in np.unique(labels)], np.inf
    while len(areas) > 1:
        pairs = {
            (a, b): distance[np.ix_(sorted(areas[a]), sorted(areas[b]))].mean()
            for b in range(len(areas))
            for a in range(b)
        }
        ordered = sorted(pairs, key=lambda pair: pairs[pair])
        margin = min(margin, abs(pairs[ordered[0]] - most), *(pairs[q] - pairs[ordered[0]] for q in ordered[1:2]))
        if pairs[ordered[0]] >= most:
            break
        a, b = ordered[0]
        areas[a] |= areas.pop(b)
    return {frozenset(own) for own in areas}, margin


def as_sets(labels: NDArray[np.int64]) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(0, 10_000), st.integers(1, 9), st.floats(0.3, 1.2))
def test_areas_are_average_linkage_of_whole_clusters(n: int, seed: int, n_journeys: int, most: float) -> None:
    x = unit(np.random.default_rng(seed).normal(size=(n, 6)) + 0.4)
    labels = journeys_of(x, n_journeys, seed)
    expected, margin = areas_by_hand(x, labels, most)
    if margin < 1e-4:
        return  # a float32 sum may fall on either side
    areas = kernels.area_labels(x, labels, most)
    assert len(areas) == labels.max() + 1
    assert as_sets(areas[labels]) == expected
    assert areas[np.sort(np.unique(areas, return_index=True)[1])].tolist() == list(range(areas.max() + 1))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10_000), st.integers(1, 12))
def test_a_larger_distance_joins_areas_and_never_splits_one(n: int, seed: int, n_journeys: int) -> None:
    x = unit(np.random.default_rng(seed).normal(size=(n, 6)))
    labels = journeys_of(x, n_journeys, seed)
    by_distance = [kernels.area_labels(x, labels, d) for d in (0.0, 0.5, 0.81, 1.0, 2.5)]
    assert by_distance[0].tolist() == list(range(labels.max() + 1)), "each cluster is an area"
    assert not by_distance[-1].any(), "all clusters are one area"
    for fine, coarse in itertools.pairwise(by_distance):
        assert len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == fine.max() + 1


def test_equal_vectors_in_different_clusters_stay_apart_at_distance_zero() -> None:
    """Rounding puts the cosine of two equal vectors slightly above 1."""
    vectors = (np.repeat(unit(np.random.default_rng(seed).normal(size=(1, 384))), 6, axis=0) for seed in range(99))
    x = next(x for x in vectors if kernels.gram(x)[0, 1] > 1)
    assert kernels.area_labels(x, np.arange(6), 0.0).tolist() == list(range(6))


def test_areas_of_packed_users_are_numbered_over_all_of_them() -> None:
    rows, vectors = world(4)
    ordered = rows.sort("user_id", "keyword")
    sizes = ordered["user_id"].rle().struct.field("len").to_numpy()
    labels, counts, areas, _ = clustering_clusters.packed_clusters(
        vectors.rows_for(ordered["keyword"].to_list()),
        ordered["keyword"],
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        PARAMS,
        released(PARAMS.learned_cut),
    )
    assert len(areas) == counts.sum() == labels.max() + 1
    owner = np.repeat(np.arange(len(counts)), counts)
    assert all(len(set(owner[areas == area].tolist())) == 1 for area in np.unique(areas)), (
        "no area belongs to two users"
    )
    assert np.unique(areas).tolist() == list(range(areas.max() + 1))


# ── the table ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_journeys_near_each_other_are_one_area() -> None:
    x = nested_themes(1, (8, 8), (9,), (7, 7, 7))
    got = found(log_of("u", words(46)), KeywordVectors(words(46), x))
    all_words = words(46)
    parts = [(0, 8), (8, 16), (16, 25), (25, 32), (32, 39), (39, 46)]
    assert levels(got, "journey_id") == {frozenset(all_words[a:b]) for a, b in parts}
    assert levels(got, "area_id") == {frozenset(all_words[a:b]) for a, b in ((0, 16), (16, 25), (25, 46))}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500), st.sampled_from([0.0, 0.7, 0.81, 2.5]))
def test_areas_consist_of_whole_journeys_of_one_user_and_do_not_change_them(seed: int, distance: float) -> None:
    rows, vectors = world(seed)
    got = found(rows, vectors, ClusteringParams(area_distance=distance))
    assert_frame_equal(got.drop("area_id"), found(rows, vectors, ClusteringParams(area_distance=0.0)).drop("area_id"))
    journeys, areas = levels(got, "journey_id"), levels(got, "area_id")
    assert all(any(journey <= area for area in areas) for journey in journeys)
    per_user = got.group_by("user_id").agg(pl.col("area_id").n_unique(), n=pl.len())
    if distance == 0.0:
        assert got["area_id"].equals(got["journey_id"].alias("area_id"))
    if distance == 2.5:
        assert per_user["area_id"].to_list() == [1] * per_user.height
    own = got.select("user_id", "journey_id")
    assert got.join(own, left_on=["user_id", "area_id"], right_on=["user_id", "journey_id"], how="anti").is_empty()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 500))
def test_areas_do_not_depend_on_row_order_other_users_or_chunks(seed: int) -> None:
    rows, vectors = world(seed)
    params = ClusteringParams(least_log_odds=0.0)  # fine journeys, so that areas have several
    expected = found(rows, vectors, params)
    assert expected["area_id"].n_unique() < expected.height, (
        "some areas must have several journeys, or this test shows nothing"
    )
    assert_frame_equal(found(rows.sample(fraction=1.0, shuffle=True, seed=seed), vectors, params), expected)
    for user in ("u0", "u2"):
        assert_frame_equal(found(rows.filter(user_id=user), vectors, params), expected.filter(user_id=user))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clustering_clusters, "KEYWORDS_PER_CHUNK", 10)
        assert_frame_equal(found(rows, vectors, params), expected)


def test_assign_rows_gives_each_row_its_area() -> None:
    x = nested_themes(1, (5, 5), (5,))
    frame = pl.DataFrame({"user_id": ["u"] * 15, "keyword": words(15)[::-1]})
    assigned, clusters = assign_rows(frame, KeywordVectors(words(15), x), PARAMS)
    assert assigned["keyword"].to_list() == frame["keyword"].to_list()
    assert assigned["area_id"].n_unique() == 2
    known = clusters.select("journey_id", "area_id").unique()
    assert_frame_equal(
        assigned.select("journey_id", "area_id").unique(), known, check_row_order=False, check_column_order=False
    )


def test_the_contract_rejects_an_area_id_that_is_not_a_journey_of_the_user() -> None:
    rows, vectors = world(1)
    stamps = {
        name: pl.lit(None, dtype=JOURNEY_CLUSTERS.column(name).dtype) for name in ("window_end_date", "inferred_by")
    }
    made = found(rows, vectors).with_columns(
        partition_date=pl.date(2026, 1, 1), algorithm_version=pl.lit("a"), **stamps
    )

    def broken(frame: pl.DataFrame) -> list[tuple[str, str, int]]:
        all_rules = violations(JOURNEY_CLUSTERS, frame)
        return [(v.column, v.rule, v.n_rows) for v in all_rules if v.column != "window_end_date"]

    assert broken(made) == []
    first, foreign = pl.int_range(pl.len()) == 0, made.filter(user_id="u3")["journey_id"][0]
    wrong = made.with_columns(area_id=pl.when(first).then(pl.lit(foreign)).otherwise("area_id"))
    assert broken(wrong) == [("area_id", "no journey_id of the user", 1)]
    later = made.with_columns(partition_date=pl.date(2026, 1, 2), journey_id=pl.lit("x") + pl.col("journey_id"))
    assert [rule for _, rule, _ in broken(pl.concat([made, later]))] == ["no journey_id of the user"]


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def one_area(*clusters: tuple[str, bool, int | None, int | None]) -> str:
    """Id of the area of these clusters: journey_id, is_journey, theme_size, founder_place."""
    schema = ["journey_id", "is_journey", "theme_size", "founder_place"]
    frame = pl.DataFrame(clusters, schema=schema, orient="row").with_row_index("cluster").with_columns(area=7)
    other = frame.with_columns(pl.col("journey_id") + "'", cluster=pl.col("cluster") + frame.height, area=8)
    ids = area_ids(pl.concat([frame, other]))
    assert_frame_equal(ids, area_ids(pl.concat([frame, other]).reverse()))
    assert ids["cluster"].to_list() == list(range(2 * frame.height))
    (own,), (theirs,) = set(ids.head(frame.height)["area_id"]), set(ids.tail(frame.height)["area_id"])
    assert theirs == own + "'"
    return own


def test_an_area_has_the_id_of_its_main_journey() -> None:
    assert one_area(("a", True, 3, 0), ("b", True, 9, 5)) == "b", "the largest theme"
    assert one_area(("a", True, 3, 7), ("b", True, 3, 5)) == "b", "among equal themes the older one"
    assert one_area(("a", True, 3, 0), ("b", False, 9, 5)) == "a", (
        "clusters that are not journeys only without a journey"
    )
    assert one_area(("a", False, 1, 0), ("b", False, 2, 5)) == "b"
    assert one_area(("a", True, None, None), ("b", True, 1, 5)) == "b", "side journeys last"
    assert one_area(("b", True, None, None), ("a", True, None, None)) == "a"


def test_an_area_keeps_its_id_while_journeys_join_it_and_others_leave_the_window() -> None:
    x = nested_themes(2, (9, 5, 5), (6,))
    vectors, every = KeywordVectors(words(25), x), log_of("u", words(25))
    past = every.select("user_id", "keyword", "first_engaged_at")
    windows = [(0, 9), (0, 14), (0, 19), (5, 25), (6, 25)]
    ids = []
    for start, stop in windows:
        got = cluster_users(every.slice(start, stop - start), past.head(stop), vectors, PARAMS)
        ids.append(got.filter(pl.col("keywords").list.contains("k008"))["area_id"].to_list())
        assert levels(got, "area_id") == {
            frozenset(words(25)[a:b]) for a, b in ((start, min(stop, 19)), (19, stop)) if a < b
        }
    assert ids == [[journey_id("u", "k000")]] * len(windows)
