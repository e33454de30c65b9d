"""The map of themes is the same every time, keeps similar themes near, and has no circles that overlap."""

import numpy as np
import pytest

from journeys_assets.domain.themes.layout import map_of


def vectors(n_groups: int, per_group: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_groups, 32))
    made = np.repeat(centres, per_group, axis=0) + 0.4 * rng.normal(size=(n_groups * per_group, 32))
    return (made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)


def placed(found: np.ndarray, areas: np.ndarray) -> np.ndarray:
    return map_of(found, areas, perplexity=5, iterations=250)


def test_the_same_themes_give_the_same_map() -> None:
    found, areas = vectors(4, 8), np.linspace(5, 90, 32)
    assert np.array_equal(placed(found, areas), placed(found.copy(), areas.copy()))


def test_similar_themes_lie_nearer_than_others() -> None:
    made = placed(vectors(4, 8), np.ones(32))
    distance = np.linalg.norm(made[:, None, :2] - made[None, :, :2], axis=2)
    group = np.repeat(np.arange(4), 8)
    same = group[:, None] == group[None, :]
    assert distance[same & ~np.eye(32, dtype=bool)].mean() < 0.5 * distance[~same].mean()


@pytest.mark.parametrize("n", [2, 3, 40])
def test_no_two_circles_overlap(n: int) -> None:
    areas = np.linspace(1, 200, n)
    made = placed(vectors(1, n), areas)
    gaps = np.linalg.norm(made[:, None, :2] - made[None, :, :2], axis=2) - (made[:, None, 2] + made[None, :, 2])
    np.fill_diagonal(gaps, 1.0)
    assert gaps.min() > -0.05 * made[:, 2].min()
    assert np.all(np.diff(made[:, 2]) >= 0), "a theme of more users is not smaller"


def test_equal_themes_are_kept_apart() -> None:
    made = placed(np.repeat(vectors(1, 1), 6, axis=0), np.ones(6))
    assert np.isfinite(made).all()
    assert len({tuple(row) for row in made[:, :2].round(3)}) == 6


@pytest.mark.parametrize("n", [0, 1])
def test_few_themes_have_a_map_too(n: int) -> None:
    assert placed(vectors(1, 3)[:n], np.ones(n)).shape == (n, 3)
