"""Fitting a cut: what an example is, that corpora count the same, and that the kernels score as LightGBM does."""

from __future__ import annotations

import numpy as np
import pytest

from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.cut import FEATURES, LearnedCut
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.models.clustering import fitting
from journeys_assets.models.clustering.fitting import Examples


def random_examples(n: int, seed: int, *, sign: float = 1.0, scale: float = 1.0) -> Examples:
    """Nodes whose gain is a function of three features."""
    x = np.random.default_rng(seed).normal(size=(n, len(FEATURES)))
    return Examples(x, scale * sign * (x[:, 2] * x[:, 3] + (x[:, 8] > 0.3) - 0.4))


def test_the_kernel_scores_as_lightgbm_does() -> None:
    examples = random_examples(3_000, 1)
    booster = fitting.boosted([examples])
    cut = fitting.exported(booster)
    got = np.array([kernels.ensemble_score(row, *cut.arguments[:-1]) for row in examples.features])
    # Thresholds are rounded to six digits, so a value on a threshold may fall on its other side.
    near = np.isclose(got, booster.predict(examples.features, raw_score=True), atol=1e-3)
    assert near.mean() > 0.99
    assert np.corrcoef(got > 0, examples.gains > 0)[0, 1] > 0.8


def test_the_same_examples_give_the_same_cut() -> None:
    both = [random_examples(2_000, 1), random_examples(1_000, 2)]
    assert fitting.fit_cut(both).to_json() == fitting.fit_cut(both).to_json()


def test_a_corpus_counts_the_same_however_many_examples_it_has_and_however_much_is_at_stake() -> None:
    """Two corpora that contradict each other cancel out, though one has ten times the examples and the stakes."""
    small = random_examples(2_000, 1)
    many = [random_examples(2_000, 1, sign=-1.0, scale=10.0)] * 10
    large = Examples(np.concatenate([e.features for e in many]), np.concatenate([e.gains for e in many]))
    cut = fitting.fit_cut([small, large])
    scores = np.array([kernels.ensemble_score(row, *cut.arguments[:-1]) for row in small.features[:500]])
    assert np.abs(scores).mean() < 0.15
    alone = fitting.fit_cut([large])
    assert np.abs([kernels.ensemble_score(row, *alone.arguments[:-1]) for row in small.features[:500]]).mean() > 1.0


def test_a_corpus_without_examples_does_not_matter_and_none_is_an_error() -> None:
    nothing = fitting.examples_of([])
    some = random_examples(1_000, 3)
    assert fitting.fit_cut([some, nothing]).to_json() == fitting.fit_cut([some]).to_json()
    with pytest.raises(ValueError, match="nothing to learn a cut from"):
        fitting.fit_cut([nothing])


def test_the_digest_follows_the_examples() -> None:
    one, other = random_examples(50, 1), random_examples(50, 2)
    assert fitting.digest_of([one, other]) == fitting.digest_of([random_examples(50, 1), other])
    others = [[one], [other, one], [one, Examples(other.features, -other.gains)]]
    assert len({fitting.digest_of(own) for own in [[one, other], *others]}) == 4


def test_gains_are_positive_for_nodes_that_are_best_kept_whole() -> None:
    # ((0 1) (2 3)) 4; two journeys {0, 1} and {2, 3, 4}
    children = np.array([[0, 1], [2, 3], [5, 6], [4, 7]])
    truth = np.array([0, 0, 1, 1, 1])
    gains = fitting.gains(children, truth)
    assert gains[0] == pytest.approx(2 * 1.0 - 2 * (0.5 + 0.5 / 2))
    assert gains[1] > 0
    assert gains[2] < 0
    assert gains[3] < 0


def test_cutting_by_gains_finds_the_partition_with_the_best_agreement() -> None:
    """Each journey is a subtree, so keeping nodes with a gain whole, from the top down, finds all of them."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        truth = rng.integers(0, 3, size=9)
        x = np.eye(16)[truth] + 0.05 * np.random.default_rng(seed).normal(size=(9, 16))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        distances = kernels.smoothed_distances(kernels.gram(x), 1, 0.0)
        tree = kernels.dendrogram(distances, np.ones(9, dtype=np.int64))
        # One stump on a column with the gain itself.
        rows = np.zeros((8, len(FEATURES)))
        rows[:, 0] = fitting.gains(tree[0], truth)
        one = np.zeros(1, dtype=np.int64)
        stump = LearnedCut(one, one, np.array([0.0]), one - 1, one - 2, np.array([-1.0, 1.0]), 0.0)
        assert bcubed_f1(truth, kernels.cut_labels(tree[0], rows, *stump.arguments, 0.0)[0]) == 1.0
