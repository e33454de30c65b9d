"""The released cut is the one that the parameters name, and the kernels score as the library that fitted it."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from benchmarks import fit_cut
from journeys_assets.domain import _cluster_kernels as kernels
from journeys_assets.domain import learned_cut
from journeys_assets.domain.agreement import bcubed_f1
from journeys_assets.domain.learned_cut import FEATURES, FILE, LearnedCut, digest, released
from journeys_assets.domain.parameters import AlgorithmParams, ClusteringParams
from journeys_assets.evaluation import pseudo_users
from journeys_assets.synthetic.themes import THEMES


def test_the_released_file_is_what_the_parameters_name() -> None:
    cut = released(ClusteringParams().learned_cut)
    assert cut.to_json() == FILE.read_text()
    assert len(cut.roots) == fit_cut.N_TREES
    assert cut.features.max() < len(FEATURES)


def test_another_ensemble_is_another_version_and_is_refused_under_the_old_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FILE.read_text().replace('"roots":[0', '"roots":[1')
    assert other != FILE.read_text()
    (tmp_path / "cut.json").write_text(other)
    monkeypatch.setattr(learned_cut, "FILE", tmp_path / "cut.json")
    with pytest.raises(ValueError, match=digest(other)):
        released.__wrapped__(ClusteringParams().learned_cut)
    released.__wrapped__(digest(other))
    changed = AlgorithmParams(clustering=ClusteringParams(learned_cut=digest(other)))
    assert changed.version_of("clustering") != AlgorithmParams().version_of("clustering")


def test_an_ensemble_on_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="other features"):
        LearnedCut.from_json(FILE.read_text().replace(FEATURES[3], "something else"))


def test_the_kernel_scores_as_lightgbm_does() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3_000, len(FEATURES)))
    gains = x[:, 0] * x[:, 3] + (x[:, 8] > 0.3) - 0.4
    booster: lightgbm.Booster = fit_cut.fit(x, gains)
    cut = fit_cut.exported(booster)
    got = np.array([kernels.ensemble_score(row, *cut.arrays) for row in x])
    # Thresholds are shortened to six digits, so a value that lies on one may fall to its other side.
    near = np.isclose(got, booster.predict(x, raw_score=True), atol=1e-3)
    assert near.mean() > 0.99
    assert np.corrcoef(got > 0, gains > 0)[0, 1] > 0.8


def test_gains_say_which_nodes_are_best_left_whole() -> None:
    # ((0 1) (2 3)) 4; two journeys {0, 1} and {2, 3, 4}
    children = np.array([[0, 1], [2, 3], [5, 6], [4, 7]])
    truth = np.array([0, 0, 1, 1, 1])
    gains = fit_cut.gains(children, truth)
    assert gains[0] == pytest.approx(2 * 1.0 - 2 * (0.5 + 0.5 / 2))
    assert gains[1] > 0
    assert gains[2] < 0
    assert gains[3] < 0


def test_gains_choose_the_partition_that_agrees_best() -> None:
    """A journey that is a subtree each: leaving whole what gains, from the top down, finds them."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        truth = rng.integers(0, 3, size=9)
        x = np.eye(16)[truth] + 0.05 * np.random.default_rng(seed).normal(size=(9, 16))
        x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        cosines = kernels.gram(x)
        tree = kernels.dendrogram(kernels.smoothed_distances(cosines, 1, 0.0), cosines)
        # One stump on a column that holds the gain itself.
        rows = np.zeros((8, len(FEATURES)))
        rows[:, 0] = fit_cut.gains(tree[0], truth)
        stump = (np.array([0]), np.array([0]), np.array([0.0]), np.array([-1]), np.array([-2]), np.array([-1.0, 1.0]))
        assert bcubed_f1(truth, kernels.cut_labels(tree[0], rows, *stump, 0.0)) == 1.0


def test_what_is_fitted_on_is_not_what_is_scored() -> None:
    """No theme and no stray of the world is on both sides."""
    themes, noise = fit_cut.world_keywords()
    assert set(themes) & pseudo_users.held_out_themes() == set()
    assert len(themes) >= 20
    assert noise
    assert not any(pseudo_users.is_held_out(k) for k in noise)
    fitted = {keyword for own in themes.values() for keyword in own}
    scored = {p for theme in THEMES if theme.name in pseudo_users.held_out_themes() for p in theme.phrases}
    assert len(fitted & scored) <= 0.02 * len(scored), "themes share hardly a phrase"
