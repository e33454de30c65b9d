"""The published penalty and the greedy methods equal their definitions, independently of other users and batches."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.vectors import pack
from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.params import RankingParams

PARAMS = RankingParams()


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return np.asarray(vector / np.linalg.norm(vector))


EAST, NORTH, NORTH_EAST = unit(1, 0, 0), unit(0, 1, 0), unit(1, 1, 0)


def scored(*rows: tuple[str, str, float, np.ndarray]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "user_id": [r[0] for r in rows],
            "journey_id": [r[1] for r in rows],
            "score": [r[2] for r in rows],
            "confidence": [r[2] for r in rows],
            "scored_by": ["prior"] * len(rows),
            "centroid": pack(np.stack([r[3] for r in rows])),
        }
    )


def test_each_similar_journey_above_costs_one_penalty() -> None:
    out = diversify(
        scored(("u", "a", 0.9, EAST), ("u", "b", 0.89, EAST), ("u", "c", 0.88, EAST), ("u", "d", 0.84, NORTH)), PARAMS
    )
    by_id = {row["journey_id"]: row for row in out.iter_rows(named=True)}
    assert [by_id[j]["n_similar_above"] for j in "abcd"] == [0, 1, 2, 0]
    assert by_id["c"]["diversified_score"] == pytest.approx(0.88 * 0.95**2)
    assert out["journey_id"].to_list() == ["a", "b", "d", "c"]
    assert out["rank"].to_list() == [1, 2, 3, 4]
    assert "centroid" not in out.columns


def test_journeys_are_similar_above_the_threshold() -> None:
    rows = scored(("u", "a", 0.9, EAST), ("u", "b", 0.8, NORTH_EAST))
    cosine = float(np.float16(NORTH_EAST[0])) / float(np.linalg.norm(NORTH_EAST.astype(np.float16).astype(np.float64)))
    below, above = (
        replace(PARAMS, similarity_threshold=cosine - 1e-9),
        replace(PARAMS, similarity_threshold=cosine + 1e-9),
    )
    assert diversify(rows, below)["n_similar_above"].to_list() == [0, 1]
    assert diversify(rows, above)["n_similar_above"].to_list() == [0, 0]


def test_ties_are_ordered_by_journey_id_before_and_after_the_penalty() -> None:
    out = diversify(scored(("u", "b", 0.5, EAST), ("u", "a", 0.5, NORTH), ("u", "c", 0.5, EAST)), PARAMS)
    assert out.select("journey_id", "n_similar_above").rows() == [("a", 0), ("b", 0), ("c", 1)]


def test_journeys_of_other_users_do_not_count_as_above() -> None:
    out = diversify(scored(("u", "a", 0.9, EAST), ("v", "b", 0.8, EAST)), PARAMS)
    assert out["n_similar_above"].to_list() == [0, 0]
    assert out["rank"].to_list() == [1, 1]


@pytest.mark.parametrize("score", [-0.1, float("nan"), float("inf")])
def test_negative_or_missing_scores_raise_an_error(score: float) -> None:
    with pytest.raises(ValueError, match=r"journey 'bad' of user 'u'"):
        diversify(scored(("u", "good", 0.5, EAST), ("u", "bad", score, EAST)), PARAMS)


def test_missing_and_mixed_centroids_raise_an_error() -> None:
    rows = scored(("u", "a", 0.5, EAST), ("u", "b", 0.4, EAST))
    short = pl.DataFrame({"journey_id": ["b"], "short": pack(np.ones((1, 2), dtype=np.float32))})
    mixed = rows.join(short, on="journey_id", how="left").with_columns(centroid=pl.coalesce("short", "centroid"))
    with pytest.raises(ValueError, match="differ in length"):
        diversify(mixed.drop("short"), PARAMS)
    with pytest.raises(ValueError, match="no centroid"):
        diversify(rows.with_columns(centroid=pl.lit(None, dtype=pl.Binary)), PARAMS)


def test_no_journeys_give_no_rows() -> None:
    out = diversify(scored(("u", "a", 0.5, EAST)).head(0), PARAMS)
    assert out.is_empty()
    assert {"n_similar_above", "diversified_score", "rank"} <= set(out.columns)


def world(seed: int, n: int, dimensions: int = 24) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    themes = rng.normal(size=(4, dimensions))
    vectors = themes[rng.integers(0, 4, n)] + 0.6 * rng.normal(size=(n, dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = rng.integers(0, 6, n) / 5
    return scored(
        *((f"u{rng.integers(0, 9)}", f"j{i}", float(scores[i]), vectors[i].astype(np.float32)) for i in range(n))
    )


def by_hand(rows: pl.DataFrame, params: RankingParams) -> list[tuple[str, int, int]]:
    """The definition as a plain loop."""
    found = []
    for _, own in rows.sort("user_id").group_by("user_id", maintain_order=True):
        journeys = sorted(own.iter_rows(named=True), key=lambda r: (-r["score"], r["journey_id"]))
        vectors = [np.frombuffer(r["centroid"], dtype="<f2").astype(np.float64) for r in journeys]
        occurrences = [
            sum(
                float(a @ v) / float(np.linalg.norm(a) * np.linalg.norm(v)) > params.similarity_threshold
                for a in vectors[:i]
            )
            for i, v in enumerate(vectors)
        ]
        new = [r["score"] * params.diversification_penalty**o for r, o in zip(journeys, occurrences, strict=True)]
        order = sorted(range(len(journeys)), key=lambda i: (-round(new[i], 12), journeys[i]["journey_id"]))
        found += [(journeys[i]["journey_id"], occurrences[i], place) for place, i in enumerate(order, start=1)]
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 80))
def test_the_penalty_equals_its_definition(seed: int, n: int) -> None:
    rows = world(seed, n)
    assert diversify(rows, PARAMS).select("journey_id", "n_similar_above", "rank").rows() == by_hand(rows, PARAMS)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_ranks_do_not_depend_on_row_order_batch_or_other_users(seed: int) -> None:
    rows = world(seed, 60)
    whole = diversify(rows, PARAMS)
    assert whole.equals(diversify(rows.sample(fraction=1, shuffle=True, seed=seed), PARAMS))
    alone = [diversify(own, PARAMS) for _, own in rows.sort("user_id").group_by("user_id", maintain_order=True)]
    assert whole.equals(pl.concat(alone))


# ── greedy methods ──────────────────────────────────────────────────────────────────────────────────────────────────

GREEDY = ("mmr", "ssd", "dpp")
ALL_BY_SCORE = {
    "mmr": replace(PARAMS, diversifier="mmr", mmr_relevance_weight=1.0),
    "ssd": replace(PARAMS, diversifier="ssd", ssd_gamma=0.0),
    "dpp": replace(PARAMS, diversifier="dpp", dpp_similarity_weight=0.0),
    "penalty": replace(PARAMS, diversification_penalty=1.0),
}


def with_method(method: str, **changes: float) -> RankingParams:
    return replace(PARAMS, diversifier=method, **changes)  # type: ignore[arg-type]


def gain_by_hand(i: int, placed: list[int], scores: np.ndarray, cosines: np.ndarray, params: RankingParams) -> float:
    """The definition of each method, with determinants and volumes from numpy."""
    if params.diversifier == "mmr":
        nearest = max((cosines[i, j] for j in placed), default=0.0)
        return float(params.mmr_relevance_weight * scores[i] - (1 - params.mmr_relevance_weight) * nearest)
    if params.diversifier == "ssd":
        window = [*placed[-(params.ssd_window - 1) :], i]
        volume = np.sqrt(max(np.linalg.det(cosines[np.ix_(window, window)]), 0.0))
        return float(scores[i] + params.ssd_gamma * volume)
    weight = params.dpp_similarity_weight
    kernel = np.outer(scores, scores) * (weight * cosines + (1 - weight) * np.eye(len(scores)))
    chosen = [*placed, i]
    return float(
        np.linalg.det(kernel[np.ix_(chosen, chosen)]) / max(np.linalg.det(kernel[np.ix_(placed, placed)]), 1e-300)
    )


def greedy_by_hand(rows: pl.DataFrame, params: RankingParams) -> list[str]:
    found = []
    for _, own in rows.sort("user_id").group_by("user_id", maintain_order=True):
        journeys = sorted(own.iter_rows(named=True), key=lambda r: (-r["score"], r["journey_id"]))
        vectors = np.stack([np.frombuffer(r["centroid"], dtype="<f2").astype(np.float64) for r in journeys])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        scores = np.array([r["score"] for r in journeys])
        placed: list[int] = []
        left = [i for i in range(len(scores)) if scores[i] > 0]
        while left and len(placed) < params.diversified_places:
            gains = {i: round(gain_by_hand(i, placed, scores, vectors @ vectors.T, params), 9) for i in left}
            placed.append(max(left, key=lambda i, gains=gains: (gains[i], -i)))  # type: ignore[misc]
            left.remove(placed[-1])
        placed += [i for i in range(len(scores)) if i not in placed]
        found += [journeys[i]["journey_id"] for i in placed]
    return found


@pytest.mark.parametrize("method", GREEDY)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), places=st.integers(1, 12))
def test_greedy_methods_equal_their_definitions(method: str, seed: int, n: int, places: int) -> None:
    rows = world(seed, n)
    # Scores are distinct, because with equal gains the two computations may round differently.
    rng = np.random.default_rng(seed)
    rows = rows.with_columns(score=pl.Series(np.where(rng.random(n) < 0.1, 0.0, rng.random(n))))
    params = with_method(method, diversified_places=places)
    assert diversify(rows, params)["journey_id"].to_list() == greedy_by_hand(rows, params)


@pytest.mark.parametrize("method", GREEDY)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_greedy_ranks_do_not_depend_on_row_order_or_other_users(method: str, seed: int) -> None:
    rows, params = world(seed, 60), with_method(method)
    whole = diversify(rows, params)
    assert whole.equals(diversify(rows.sample(fraction=1, shuffle=True, seed=seed), params))
    alone = [diversify(own, params) for _, own in rows.sort("user_id").group_by("user_id", maintain_order=True)]
    assert whole.equals(pl.concat(alone))


@pytest.mark.parametrize("method", ALL_BY_SCORE)
def test_each_method_ranks_by_score_at_one_end_of_its_parameter(method: str) -> None:
    rows = world(3, 60)
    by_score = diversify(rows, with_method("none"))
    assert by_score["diversified_score"].equals(by_score["score"])
    assert diversify(rows, ALL_BY_SCORE[method])["journey_id"].equals(by_score["journey_id"])
    assert not diversify(rows, with_method("mmr", mmr_relevance_weight=0.3))["journey_id"].equals(
        by_score["journey_id"]
    )


@pytest.mark.parametrize("method", GREEDY)
def test_a_duplicate_ranks_behind_a_different_journey(method: str) -> None:
    rows = scored(("u", "a", 0.9, EAST), ("u", "twin", 0.88, EAST), ("u", "other", 0.7, NORTH))
    out = diversify(rows, with_method(method))
    assert out["journey_id"].to_list() == ["a", "other", "twin"]
    assert out["n_similar_above"].to_list() == [0, 0, 1]
    assert out["diversified_score"].to_list() == [0.9, 0.7, 0.7]


@pytest.mark.parametrize("method", GREEDY)
def test_journeys_with_score_zero_stay_last_however_different_they_are(method: str) -> None:
    rows = scored(("u", "a", 0.9, EAST), ("u", "twin", 0.01, EAST), ("u", "hidden", 0.0, NORTH))
    out = diversify(rows, with_method(method, mmr_relevance_weight=0.0, ssd_gamma=9.0, dpp_similarity_weight=1.0))
    assert out["journey_id"].to_list() == ["a", "twin", "hidden"]
    assert out["diversified_score"].to_list() == [0.9, 0.01, 0.0]


@pytest.mark.parametrize(
    "changes",
    [
        {"diversifier": "best"},
        {"mmr_relevance_weight": 1.1},
        {"dpp_similarity_weight": -0.1},
        {"ssd_gamma": -1.0},
        {"ssd_window": 1},
        {"diversified_places": 0},
    ],
)
def test_parameters_out_of_range_raise_an_error(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        diversify(world(1, 5), replace(PARAMS, **changes))  # type: ignore[arg-type]
