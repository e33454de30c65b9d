"""The released cut matches the parameters, and more similarity never counts against a node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from journeys_assets.domain.clustering import cut as clustering_cut
from journeys_assets.domain.clustering import kernels
from journeys_assets.domain.clustering.cut import FEATURES, FILE, MULTILINGUAL_FILE, LearnedCut, digest, released
from journeys_assets.domain.clustering.params import CUT_OF_EMBEDDER, ClusteringParams
from journeys_assets.domain.parameters import AlgorithmParams, shaping_values
from journeys_assets.models.clustering.fitting import MONOTONE, N_TREES

RELEASED = {
    FILE: ClusteringParams().learned_cut,
    MULTILINGUAL_FILE: CUT_OF_EMBEDDER["multilingual-e5-small"],
}


@pytest.mark.parametrize("file", RELEASED)
def test_the_digest_of_each_released_file_is_in_the_parameters(file: Path) -> None:
    cut = released(RELEASED[file])
    assert cut.to_json() == file.read_text()
    assert len(cut.roots) == N_TREES
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


@pytest.mark.parametrize("wanted", RELEASED.values())
def test_a_higher_similarity_of_the_parts_never_lowers_the_score_of_a_node(wanted: str) -> None:
    """For the released ensembles, also far from the data that they were fitted on."""
    cut, rng = released(wanted), np.random.default_rng(2)
    for row in rng.uniform(-1, 6, size=(200, len(FEATURES))):
        for name, sign in MONOTONE.items():
            more = row.copy()
            more[FEATURES.index(name)] += sign * rng.exponential()
            gained = kernels.node_score(more, *cut.arguments) - kernels.node_score(row, *cut.arguments)
            assert gained >= -1e-4, name


def test_a_single_height_counts_the_more_in_the_score_of_a_node_the_fewer_keywords_the_user_has() -> None:
    cut, rng = released(ClusteringParams().learned_cut), np.random.default_rng(3)
    height, log_n = FEATURES.index("height"), FEATURES.index("log keywords of the user")
    for row in rng.uniform(0, 1, size=(20, len(FEATURES))):
        for n, weight in ((2, 15 / 17), (15, 0.5), (60, 0.2), (735, 0.02)):
            row[log_n] = np.log(n)
            by_ensemble = kernels.ensemble_score(row, *cut.arguments[:-1])
            by_height = cut.slope * (0.475 * (n / 60) ** 0.1 - row[height])
            expected = (1 - weight) * by_ensemble + weight * by_height
            assert kernels.node_score(row, *cut.arguments) == pytest.approx(expected)
