"""Close calls answered from the truth: right answers help, none change nothing, and wrong ones are counted."""

import numpy as np
import pytest

from journeys_assets.domain.clustering.asked_nodes import ScoredTree
from journeys_assets.domain.clustering.params import CutQuestionParams
from journeys_assets.evaluation.parts.close_calls import (
    MISTAKEN,
    ORACLE,
    RANDOM,
    KnownTree,
    curve,
    mean_curve,
    oracle,
    plot,
)


def known(log_odds: list[float]) -> KnownTree:
    """((a b) (c d)) of two journeys, cut as ``log_odds`` says."""
    children = np.array([[0, 1], [2, 3], [4, 5]])
    tree = ScoredTree(("a", "b", "c", "d"), children, np.array(log_odds), np.eye(4, dtype=np.float32), [True] * 4)
    return KnownTree(tree, np.array([0, 0, 1, 1]))


TREES = [known([-1.0, -1.0, 1.0])] * 6
"""Whole where it should be split; and then its parts are split where they should be whole."""


def test_the_oracle_answers_from_the_truth() -> None:
    one = known([0, 0, 0])
    assert [one.is_one(merge) for merge in range(3)] == [True, True, False]


def test_each_answer_of_the_oracle_helps_and_without_questions_all_are_alike() -> None:
    points = curve("c", TREES, CutQuestionParams(band=1.5), most_questions=(0, 1, 3))
    values = {(order, most): value for order, most, value in points.select("order", "most_questions", "value").rows()}
    assert values[ORACLE, 0] == values[MISTAKEN, 0] == values[RANDOM, 0] == pytest.approx(2 / 3)
    assert values[ORACLE, 3] == pytest.approx(1.0)
    assert values[RANDOM, 3] < 1.0, "the learned cut reaches the top alone, so only it can be chosen"
    asked = {(order, most): n for order, most, n in points.select("order", "most_questions", "questions").rows()}
    assert (asked[ORACLE, 0], asked[ORACLE, 1], asked[ORACLE, 3], asked[RANDOM, 3]) == (0.0, 1.0, 3.0, 1.0)


def test_a_share_of_answers_is_wrong_and_always_the_same_ones() -> None:
    trees = {str(number): known([0, 0, 0]) for number in range(400)}
    from journeys_assets.domain.clustering.asked_nodes import node_of

    nodes = [node_of(user_id, own.tree, merge, 8) for user_id, own in trees.items() for merge in range(3)]
    right = oracle(trees)(nodes)
    wrong = oracle(trees, 0.15)(nodes)
    assert 0.1 < np.mean([a != b for a, b in zip(right, wrong, strict=True)]) < 0.2
    assert oracle(trees, 0.15)(nodes[::-1]) == wrong[::-1]


def test_the_mean_over_corpora_is_drawn() -> None:
    one = curve("c", TREES, CutQuestionParams(band=1.5), most_questions=(0, 1))
    other = curve("d", [known([1.0, 1.0, -1.0])] * 6, CutQuestionParams(band=1.5), most_questions=(0, 1))
    mean = mean_curve(one.vstack(other))
    assert mean.filter(order=ORACLE, most_questions=0)["value"].item() == pytest.approx((2 / 3 + 1) / 2)
    assert "<svg" in plot(mean)
