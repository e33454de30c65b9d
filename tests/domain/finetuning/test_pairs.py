"""Pairs of keywords: of one user, of each kind alike, and with the pipeline's answer."""

import polars as pl

from journeys_assets.domain.finetuning.pairs import KEYWORDS_OF_A_JOURNEY, pairs_of_journeys

JOURNEYS = pl.DataFrame(
    {
        "user_id": ["u", "u", "v", "w", "w"],
        "journey_id": ["garden", "guitar", "garden", "long", "short"],
        "keywords": [
            [f"garden {n}" for n in range(5)],
            [f"guitar {n}" for n in range(5)],
            ["garden 0", "garden 1", "garden 2"],
            [f"word {n:02}" for n in range(30)],
            ["zoo", "zoo map", "zoo hours"],
        ],
    }
)


def test_half_of_the_pairs_are_of_one_journey_where_there_are_two() -> None:
    pairs = pairs_of_journeys(JOURNEYS, 6).filter(user_id="u")
    assert pairs["same"].value_counts().sort("same").rows() == [(False, 3), (True, 3)]
    of = {"garden": "garden", "guitar": "guitar"}
    for a, b, journey, same in pairs.select("keyword_a", "keyword_b", "journey_id", "same").iter_rows():
        assert same == (of[a.split()[0]] == of[b.split()[0]])
        assert journey == of[a.split()[0]]
        assert a < b


def test_a_user_of_one_journey_has_no_pairs() -> None:
    assert pairs_of_journeys(JOURNEYS, 6).filter(user_id="v").is_empty()


def test_the_pairs_of_a_user_depend_on_that_user_alone() -> None:
    alone = pairs_of_journeys(JOURNEYS.filter(user_id="u"), 4)
    assert pairs_of_journeys(JOURNEYS.sample(fraction=1, shuffle=True, seed=2), 4).filter(user_id="u").equals(alone)
    assert alone.height == 4


def test_only_the_best_keywords_of_a_long_journey_are_in_pairs() -> None:
    pairs = pairs_of_journeys(JOURNEYS.filter(user_id="w"), 1000)
    best = {f"word {n:02}" for n in range(KEYWORDS_OF_A_JOURNEY)}
    assert set(pairs["keyword_a"]) | set(pairs["keyword_b"]) == best | {"zoo", "zoo map", "zoo hours"}
    assert pairs["same"].sum() == pairs.height / 2 == KEYWORDS_OF_A_JOURNEY * 3
