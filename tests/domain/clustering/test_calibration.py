"""Calibration: margins are exact, estimates follow from known truth, and judgements move the threshold rightly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.clustering import calibration, cut
from journeys_assets.domain.clustering.dendrograms import dendrogram_of
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors, pack
from journeys_assets.domain.statistics.partitions import bcubed_f1
from tests.support.clustering import unit, words

PARAMS = ClusteringParams()
ENSEMBLE = cut.released(PARAMS.learned_cut)


def log(
    n_users: int, spread: float, seed: int, n_topics: int = 40
) -> tuple[pl.DataFrame, KeywordVectors, pl.DataFrame]:
    """A log of users with two to five of ``n_topics`` topics and two to nine keywords of each, its vectors, and the
    topic of each keyword. ``spread`` is the size of the noise around the topics, whose size is 1."""
    rng = np.random.default_rng(seed)
    topics = unit(rng.normal(size=(n_topics, 48)))
    rows, kept = [], []
    for user in range(n_users):
        for topic in rng.choice(n_topics, size=rng.integers(2, 6), replace=False).tolist():
            for number in range(int(rng.integers(2, 10))):
                rows.append((f"u{user:03d}", f"k{user:03d} {topic:02d} {number}", topic))
                kept.append(topics[topic] + spread * rng.normal(size=48) / np.sqrt(48))
    truth = pl.DataFrame(rows, schema=["user_id", "keyword", "topic"], orient="row")
    packed = {"keyword": truth["keyword"].to_list(), "embedding": pack(unit(np.array(kept)))}
    vectors = pl.DataFrame(packed, schema={"keyword": pl.String, "embedding": pl.Binary}).sort("keyword")
    return truth.select("user_id", "keyword"), KeywordVectors.from_frame(vectors), truth


def agreement(rows: pl.DataFrame, vectors: KeywordVectors, truth: pl.DataFrame, least: float) -> float:
    topic = dict(truth.select("keyword", "topic").iter_rows())
    scores = []
    for _, own in rows.sort("user_id", "keyword").group_by("user_id", maintain_order=True):
        keywords = own["keyword"].to_list()
        found = dendrogram_of(keywords, vectors.rows_for(keywords), PARAMS).labels(ENSEMBLE, least)
        scores.append(bcubed_f1(np.array([topic[k] for k in keywords]), found))
    return float(np.mean(scores))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(0, 10_000), st.sampled_from([-3.0, -1.0, 0.0, 1.25]))
def test_two_keywords_are_in_one_cluster_exactly_if_their_margin_exceeds_the_threshold(
    n: int, seed: int, least: float
) -> None:
    rng = np.random.default_rng(seed)
    keywords = words(n)
    matrix = unit(rng.normal(size=(n, 6)))
    vectors = KeywordVectors.from_frame(pl.DataFrame({"keyword": keywords, "embedding": pack(matrix)}))
    rows = pl.DataFrame({"user_id": ["u"] * n, "keyword": keywords})
    found = dendrogram_of(keywords, vectors.rows_for(keywords), PARAMS).labels(ENSEMBLE, least)
    every = [(a, b) for a in range(n) for b in range(a)]
    pairs = pl.DataFrame(
        [("u", keywords[a], keywords[b]) for a, b in every], schema=["user_id", "keyword_a", "keyword_b"], orient="row"
    )
    joined = calibration.margins_of(pairs, rows, vectors, PARAMS) > least
    assert joined.tolist() == [found[a] == found[b] for a, b in every]
    (tree,) = calibration.trees(rows, vectors, PARAMS)
    assert tree.joined(np.array([least]))[0] == pytest.approx(joined.mean())
    group = rng.random(n) < 0.5
    is_crossing = np.array([group[a] != group[b] for a, b in every])
    if is_crossing.any():
        assert tree.joined(np.array([least]), tree.crossing(group))[0] == pytest.approx(joined[is_crossing].mean())


@settings(max_examples=100, deadline=None)
@given(
    st.floats(0.05, 0.9),
    st.floats(0.0, 0.8),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=12),
)
def test_the_estimated_agreement_is_the_real_one_where_some_threshold_joins_all_that_belongs_together(
    related: float, shared: float, rates: list[tuple[float, float]]
) -> None:
    """The rates are the parts of the related and of the unrelated pairs that are joined."""
    right = np.array([1.0, *(right for right, _ in rates)])
    wrong = np.array([0.2, *(0.6 * wrong for _, wrong in rates)])
    own = related * right + (1 - related) * wrong
    other = shared * related * right + (1 - shared * related) * wrong
    real = np.where(right > 0, 2 * related * right / (own + related), 0.0)
    found = calibration.estimated_agreement(own, other, shared)
    is_assessed = (other < 0.79) & ((1 - shared) + shared * own - other > 0.21)
    if is_assessed[0]:  # the threshold that joins all that belongs together
        assert found[is_assessed] == pytest.approx(real[is_assessed], abs=1e-6)


def test_what_people_share_is_seen_at_the_finest_thresholds() -> None:
    right, wrong = np.array([1.0, 0.9, 0.6, 0.3, 0.01]), np.array([0.5, 0.2, 0.01, 0.0, 0.0])
    own, other = 0.3 * right + 0.7 * wrong, 0.4 * 0.3 * right + (1 - 0.4 * 0.3) * wrong
    assert 0.35 <= calibration.shared_topics(own, other) <= 0.4
    assert calibration.shared_topics(np.zeros(3), np.zeros(3)) == 0.0


def test_thresholds_that_join_everybody_are_not_assessed() -> None:
    found = calibration.estimated_agreement(np.array([1.0, 0.8, 0.3]), np.array([1.0, 0.6, 0.1]), 0.0)
    assert found[0] == 0.0
    assert (found[1:] > 0).all()
    assert not calibration.estimated_agreement(np.ones(3), np.ones(3), 0.0).any()


@pytest.mark.parametrize("spread", [0.4, 1.0, 1.8])
def test_the_log_alone_finds_a_threshold_that_suits_it(spread: float) -> None:
    rows, vectors, truth = log(80, spread, seed=3)
    found = calibration.from_log(rows, vectors, PARAMS)
    assert found.is_known
    assert found.n_users == 80
    best = max(agreement(rows, vectors, truth, least) for least in calibration.THRESHOLDS[::2])
    assert agreement(rows, vectors, truth, found.least_log_odds) > best - 0.05


def test_an_estimate_does_not_depend_on_the_order_of_rows_and_needs_users() -> None:
    rows, vectors, _ = log(30, 1.0, seed=5)
    found = calibration.from_log(rows, vectors, PARAMS)
    shuffled = calibration.from_log(rows.sample(fraction=1.0, shuffle=True, seed=1), vectors, PARAMS)
    assert (found.least_log_odds, found.agreement.tolist()) == (shuffled.least_log_odds, shuffled.agreement.tolist())
    few = rows.filter(pl.col("user_id") < f"u{calibration.FEWEST_USERS - 1:03d}")
    unknown = calibration.from_log(few, vectors, PARAMS)
    assert not unknown.is_known
    assert unknown.least_log_odds == PARAMS.least_log_odds
    assert unknown.n_users == calibration.FEWEST_USERS - 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 3), st.booleans()), min_size=1, max_size=30), st.floats(-3, 1))
def test_a_no_makes_journeys_finer_and_a_yes_makes_them_broader(
    judged: list[tuple[float, bool]], centre: float
) -> None:
    margins, same = np.array([m for m, _ in judged]), np.array([s for _, s in judged])
    found = calibration.from_pairs(centre, 1.0, margins, same)
    order = np.random.default_rng(0).permutation(len(judged))
    assert calibration.from_pairs(centre, 1.0, margins[order], same[order]) == found
    yes, no = (
        calibration.from_pairs(centre, 1.0, np.append(margins, found), np.append(same, s)) for s in (True, False)
    )
    assert yes <= found <= no
    assert calibration.THRESHOLDS[0] <= found <= calibration.THRESHOLDS[-1]


def test_without_pairs_the_threshold_stays() -> None:
    assert calibration.from_pairs(-1.0, 1.0, np.empty(0), np.empty(0, dtype=bool)) == pytest.approx(-1.0, abs=0.01)


def test_many_judgements_outweigh_a_wrong_start() -> None:
    rows, vectors, truth = log(60, 1.8, seed=9)
    topic = dict(truth.select("keyword", "topic").iter_rows())
    thresholds = {least: agreement(rows, vectors, truth, least) for least in calibration.THRESHOLDS.tolist()}
    for centre in (-4.0, 2.5):
        asked = calibration.pairs_to_ask(rows, vectors, PARAMS, 100, centre)
        same = np.array([topic[a] == topic[b] for _, a, b in asked.iter_rows()])
        margins = calibration.margins_of(asked, rows, vectors, PARAMS)
        found = calibration.from_pairs(centre, calibration.DEFAULT_SPREAD, margins, same)
        assert agreement(rows, vectors, truth, found) > max(thresholds.values()) - 0.06


def test_pairs_to_ask_are_distinct_of_many_users_and_around_the_threshold() -> None:
    rows, vectors, _ = log(40, 1.0, seed=2)
    asked = calibration.pairs_to_ask(rows, vectors, PARAMS, 30, -1.0)
    assert asked.height == 30
    assert asked.unique(["keyword_a", "keyword_b"]).height == 30
    assert asked["user_id"].n_unique() >= 20
    assert asked.join(rows.rename({"keyword": "keyword_a"}), on=["user_id", "keyword_a"], how="semi").height == 30
    margins = calibration.margins_of(asked, rows, vectors, PARAMS)
    assert abs(float(np.median(margins)) + 1.0) < 0.75
    assert calibration.pairs_to_ask(rows, vectors, PARAMS, 100_000, -1.0).height <= rows.height
    assert calibration.pairs_to_ask(rows.clear(), vectors, PARAMS, 5, -1.0).is_empty()
    again = calibration.pairs_to_ask(rows.sample(fraction=1.0, shuffle=True, seed=4), vectors, PARAMS, 30, -1.0)
    assert again.equals(asked)


def test_one_user_with_most_of_the_merges_is_not_asked_about_most() -> None:
    rows, vectors, _ = log(20, 1.0, seed=2)
    is_heavy = pl.col("user_id") < "u010"
    rows = pl.concat([rows.filter(is_heavy).with_columns(user_id=pl.lit("u000")), rows.filter(~is_heavy)])
    asked = calibration.pairs_to_ask(rows, vectors, PARAMS, 20, -1.0)["user_id"]
    assert asked.n_unique() == 11
    assert (asked == "u000").sum() < 10


def test_a_threshold_collapses_where_all_or_no_keywords_are_in_one_cluster() -> None:
    rows, vectors, _ = log(30, 1.0, seed=6)
    every = list(calibration.trees(rows, vectors, PARAMS))
    least, most = (pick(float(pick(tree.margins)) for tree in every) for pick in (min, max))
    broad, fine = calibration.collapses(rows, vectors, PARAMS, [least - 1, most])
    n_users = sum(len(tree.keywords) >= calibration.FEWEST_KEYWORDS for tree in every)
    assert (broad.n_users, broad.in_one, broad.all_apart) == (n_users, 1.0, 0.0)
    assert (fine.n_users, fine.in_one, fine.all_apart) == (n_users, 0.0, 1.0)
    (middle,) = calibration.collapses(rows, vectors, PARAMS, [-1.25])
    assert middle.in_one + middle.all_apart < 0.5
    few = rows.filter(pl.int_range(pl.len()).over("user_id") < calibration.FEWEST_KEYWORDS - 1)
    assert calibration.collapses(few, vectors, PARAMS, [0.0]) == [calibration.Collapse(0, 0.0, 0.0)]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_a_higher_threshold_has_fewer_users_in_one_cluster_and_more_all_apart(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    keywords = words(5 * n)
    vectors = KeywordVectors.from_frame(
        pl.DataFrame({"keyword": keywords, "embedding": pack(unit(rng.normal(size=(5 * n, 4))))})
    )
    rows = pl.DataFrame({"user_id": [f"u{i // 5}" for i in range(5 * n)], "keyword": keywords})
    found = calibration.collapses(rows, vectors, PARAMS, calibration.THRESHOLDS.tolist())
    for one, other in pairwise(found):
        assert one.in_one >= other.in_one
        assert one.all_apart <= other.all_apart


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), st.integers(0, 6), st.integers(0, 10_000))
def test_neighbours_are_the_nearest_other_keywords_of_the_user_each_beside_one(n: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    keywords = [*words(n), "jo@example.org"]
    matrix = unit(rng.normal(size=(n + 1, 3)))
    vectors = KeywordVectors.from_frame(pl.DataFrame({"keyword": keywords, "embedding": pack(matrix)}))
    rows = pl.DataFrame({"user_id": ["u"] * (n + 1), "keyword": keywords})
    rows = pl.concat([rows, pl.DataFrame({"user_id": ["v"], "keyword": ["of another user"]})])
    a, b = keywords[:2]
    pairs = pl.DataFrame({"user_id": ["u"], "keyword_a": [a], "keyword_b": [b]})
    found = calibration.with_neighbours(pairs, rows, vectors, most)
    assert found.select(pairs.columns).equals(pairs)
    near = [found[name].to_list()[0] for name in ("near_a", "near_b")]
    similar = (vectors.rows_for(keywords).astype(float) @ vectors.rows_for([a, b]).astype(float).T).round(6)
    of = dict(zip(keywords, similar.tolist(), strict=True))
    for side, shown in enumerate(near):
        mine = [k for k in keywords[2:n] if (of[k][0] >= of[k][1]) == (side == 0)]
        assert shown == sorted(sorted(mine), key=lambda k: -of[k][side])[:most]


def test_a_pair_that_the_user_does_not_have_has_no_margin() -> None:
    rows, vectors, _ = log(3, 1.0, seed=1)
    user, keyword = rows.row(0)
    other = rows.filter(pl.col("user_id") != user)["keyword"][0]
    pairs = pl.DataFrame(
        [(user, keyword, other), (user, keyword, keyword), ("nobody", keyword, other)],
        schema=["user_id", "keyword_a", "keyword_b"],
        orient="row",
    )
    assert np.isnan(calibration.margins_of(pairs, rows, vectors, PARAMS)).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 8), st.integers(0, 10_000))
def test_the_background_is_the_mean_cosine_of_keywords_of_different_users(n_users: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    keywords = words(20)
    matrix = unit(rng.normal(size=(20, 5)))
    vectors = KeywordVectors.from_frame(pl.DataFrame({"keyword": keywords, "embedding": pack(matrix)}))
    stored = vectors.rows_for(keywords).astype(np.float64)
    users = [(f"u{u}", sorted(rng.choice(keywords, size=rng.integers(1, 6), replace=False))) for u in range(n_users)]
    rows = [stored[[keywords.index(k) for k in own]] for _, own in users]
    pairs = [(a @ b.T).mean() for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j]
    assert calibration.background(users, vectors) == pytest.approx(np.mean(pairs), abs=1e-5)


def test_areas_of_a_log_whose_keywords_are_all_alike_must_be_more_alike() -> None:
    rows, vectors, truth = log(30, 1.0, seed=4)
    common = unit(np.ones((1, 48)))
    alike = unit(vectors.rows_for(truth["keyword"].to_list()) + common)
    packed = pl.DataFrame({"keyword": truth["keyword"], "embedding": pl.Series(pack(alike), dtype=pl.Binary)})
    plain = calibration.from_log(rows, vectors, PARAMS)
    shifted = calibration.from_log(rows, KeywordVectors.from_frame(packed.sort("keyword")), PARAMS)
    assert shifted.area_distance < plain.area_distance - 0.2
    assert plain.area_distance == pytest.approx(1.0 - calibration.AREA_EXCESS, abs=0.05)
    few = calibration.from_log(rows.filter(pl.col("user_id") < "u010"), vectors, PARAMS)
    assert few.area_distance == PARAMS.area_distance


def test_logs_of_other_people_who_do_the_same_give_the_same_threshold() -> None:
    """Where the keywords of different people are as alike as those of one, low thresholds join nearly all pairs of
    both. Their difference is noise, and once decided: 3, 2, -1 and 1.75 for four parts of this log."""
    rows, vectors, truth = log(160, 1.0, seed=5, n_topics=12)
    keywords = truth["keyword"].to_list()
    alike = unit(vectors.rows_for(keywords) + unit(np.ones((1, 48))))
    packed = pl.DataFrame({"keyword": keywords, "embedding": pl.Series(pack(alike), dtype=pl.Binary)})
    found = [
        calibration.from_log(part, KeywordVectors.from_frame(packed.sort("keyword")), PARAMS).least_log_odds
        for _, part in rows.group_by(pl.col("user_id").str.slice(3).cast(pl.Int64) // 3)
    ]
    assert len(found) == 4
    assert max(found) - min(found) <= 1.0
