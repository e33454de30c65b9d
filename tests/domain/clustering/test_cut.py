"""The released cut matches the parameters, and the kernels score it as LightGBM does."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import pytest

from benchmarks import fit_cut
from journeys_assets.domain.clustering import cut as clustering_cut
from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.cut import FEATURES, FILE, LearnedCut, digest, released
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.parameters import AlgorithmParams, shaping_values
from journeys_assets.domain.statistics.partitions import bcubed_f1
from journeys_assets.evaluation.data import pseudo_users
from journeys_assets.synthetic.themes import THEMES


def test_the_digest_of_the_released_file_is_in_the_parameters() -> None:
    cut = released(ClusteringParams().learned_cut)
    assert cut.to_json() == FILE.read_text()
    assert len(cut.roots) == fit_cut.N_TREES
    assert cut.features.max() < len(FEATURES)


def test_another_ensemble_has_another_version_and_raises_an_error_under_the_old_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = FILE.read_text().replace('"roots":[0', '"roots":[1')
    assert other != FILE.read_text()
    (tmp_path / "cut.json").write_text(other)
    monkeypatch.setattr(clustering_cut, "FILE", tmp_path / "cut.json")
    with pytest.raises(ValueError, match=digest(other)):
        released.__wrapped__(ClusteringParams().learned_cut)
    released.__wrapped__(digest(other))
    changed = AlgorithmParams(clustering=ClusteringParams(learned_cut=digest(other)))
    assert shaping_values(changed, ["clustering"]) != shaping_values(AlgorithmParams(), ["clustering"])


def test_an_ensemble_on_other_features_raises_an_error() -> None:
    with pytest.raises(ValueError, match="other features"):
        LearnedCut.from_json(FILE.read_text().replace(FEATURES[3], "something else"))


def test_the_kernel_scores_as_lightgbm_does() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3_000, len(FEATURES)))
    gains = x[:, 2] * x[:, 3] + (x[:, 8] > 0.3) - 0.4
    booster: lightgbm.Booster = fit_cut.fit(x, gains)
    cut = fit_cut.exported(booster)
    got = np.array([kernels.ensemble_score(row, *cut.arrays) for row in x])
    # Thresholds are rounded to six digits, so a value on a threshold may fall on its other side.
    near = np.isclose(got, booster.predict(x, raw_score=True), atol=1e-3)
    assert near.mean() > 0.99
    assert np.corrcoef(got > 0, gains > 0)[0, 1] > 0.8


def test_a_higher_similarity_of_the_parts_never_lowers_the_score_of_a_node() -> None:
    """For the released ensemble, also far from the data that it was fitted on."""
    cut, rng = released(ClusteringParams().learned_cut), np.random.default_rng(2)
    for row in rng.uniform(-1, 6, size=(200, len(FEATURES))):
        for name, sign in fit_cut.MONOTONE.items():
            more = row.copy()
            more[FEATURES.index(name)] += sign * rng.exponential()
            gained = kernels.ensemble_score(more, *cut.arrays) - kernels.ensemble_score(row, *cut.arrays)
            assert gained >= -1e-4, name


def test_gains_are_positive_for_nodes_that_are_best_kept_whole() -> None:
    # ((0 1) (2 3)) 4; two journeys {0, 1} and {2, 3, 4}
    children = np.array([[0, 1], [2, 3], [5, 6], [4, 7]])
    truth = np.array([0, 0, 1, 1, 1])
    gains = fit_cut.gains(children, truth)
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
        cosines = kernels.gram(x)
        tree = kernels.dendrogram(kernels.smoothed_distances(cosines, 1, 0.0), cosines[None])
        # One stump on a column with the gain itself.
        rows = np.zeros((8, len(FEATURES)))
        rows[:, 0] = fit_cut.gains(tree[0], truth)
        stump = (np.array([0]), np.array([0]), np.array([0.0]), np.array([-1]), np.array([-2]), np.array([-1.0, 1.0]))
        assert bcubed_f1(truth, kernels.cut_labels(tree[0], rows, *stump, 0.0)) == 1.0


def test_training_and_test_data_are_disjoint() -> None:
    """No label and no out-of-scope phrase is on both sides, for every source."""
    texts = [("clinc150", f"phrase {n}", f"intent {n % 8}", f"domain {n % 2}") for n in range(40)]
    texts += [("wands", f"query {n}", f"class {n % 6}", "home") for n in range(30)]
    texts += [("clinc150_oos", f"stray {n}", "oos", "oos") for n in range(30)]
    phrases = pl.DataFrame(texts, schema=["set", "keyword", "label", "domain"], orient="row")
    fitting, scored = (fit_cut.sources_of(phrases, held_out=held_out) for held_out in (False, True))
    for name in ("clinc", "wands", "world"):
        assert getattr(fitting, name)
        assert set(getattr(fitting, name)) & set(getattr(scored, name)) == set()
    regimes = pseudo_users.labelled_regimes(phrases.with_columns(text="keyword"), 20, 1)
    used = {keyword for users in regimes.values() for user in users for keyword in user.keywords}
    assert used & set(fitting.keywords) == set()
    assert used & set(scored.keywords)


def test_a_source_that_is_left_out_is_not_used_for_training() -> None:
    pools = {"clinc": {"a": ["a b", "a c", "a d"]}, "wands": {"w": ["w x", "w y"]}, "world": {"t": ["t u", "t v"]}}
    sources = fit_cut.Sources(**pools, domains={"a": "d"}, strays=["s t"], noise=["n o"])
    for name, pool in pools.items():
        words = {k for user in fit_cut.fitting_users(sources.without(name)) for k in user.keywords}
        assert words
        assert not words & {k for own in pool.values() for k in own}


def test_no_theme_and_no_noise_of_the_world_is_on_both_sides() -> None:
    (themes, noise), (scored, other_noise) = (fit_cut.world_keywords(held_out=held_out) for held_out in (False, True))
    assert set(themes) & pseudo_users.held_out_themes() == set()
    assert set(scored) <= pseudo_users.held_out_themes()
    assert min(len(themes), len(scored)) >= 20
    assert noise
    assert not set(noise) & set(other_noise)
    fitted = {keyword for own in themes.values() for keyword in own}
    phrases = {p for theme in THEMES if theme.name in pseudo_users.held_out_themes() for p in theme.phrases}
    assert len(fitted & phrases) <= 0.02 * len(phrases), "themes share hardly any phrase"


def test_synthetic_users_have_keywords_of_one_side_only() -> None:
    for held_out in (False, True):
        users = fit_cut.world_people(held_out=held_out)
        assert len(users) > 40
        themes, noise = fit_cut.world_keywords(held_out=held_out)
        for user in users:
            strays = {k for k, is_stray in zip(user.keywords, user.is_stray, strict=True) if is_stray}
            assert strays <= set(noise)
            assert set(user.keywords) - strays <= {k for own in themes.values() for k in own}
