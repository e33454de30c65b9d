"""Themes do not depend on the order of names, and show no name of few users."""

import numpy as np

from journeys_assets.domain.themes.params import ThemeParams
from journeys_assets.domain.themes.themes import NO_THEME, change, names_to_embed, themes_of, users_by_theme

PARAMS = ThemeParams(cosine=0.8, n_groups=2)
NAMES = ["bread", "sourdough", "kitchen", "secret", "kitchens", "rare"]
USERS = [9, 2, 30, 4, 6, 3]
VECTORS = np.array([[1, 0, 0], [0.95, 0.31, 0], [0, 1, 0], [0, 0, 1], [0.1, 0.99, 0], [0.02, 0.05, 0.99]], np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def test_a_theme_has_the_name_of_most_users_and_those_near_it() -> None:
    made = themes_of(NAMES, USERS, VECTORS, least_users=5, params=PARAMS)
    assert made.labels == ("kitchen", "bread")
    assert made.of_name.tolist() == [1, 1, 0, NO_THEME, 0, NO_THEME], "'secret' is a label that few users have"
    assert np.allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)


def test_the_order_of_names_makes_no_difference() -> None:
    made = themes_of(NAMES, USERS, VECTORS, least_users=5, params=PARAMS)
    order = [4, 2, 0, 5, 3, 1]
    other = themes_of(
        [NAMES[i] for i in order], [USERS[i] for i in order], VECTORS[order], least_users=5, params=PARAMS
    )
    assert other.labels == made.labels
    assert other.of_name.tolist() == made.of_name[order].tolist()
    assert other.groups.tolist() == made.groups.tolist()


def test_names_of_most_users_are_embedded_first_and_empty_ones_never() -> None:
    assert names_to_embed(["b", "", "a", "c"], [2, 9, 2, 1], ThemeParams(n_names=2)) == [0, 2]


def test_users_are_counted_once_for_each_theme() -> None:
    rng = np.random.default_rng(3)
    theme, user = rng.integers(-1, 4, 300), rng.integers(0, 20, 300)
    order = np.lexsort((user, theme))
    wanted = [len({u for t, u in zip(theme, user, strict=True) if t == k}) for k in range(5)]
    assert users_by_theme(theme[order], user[order], 5).tolist() == wanted
    assert users_by_theme(np.zeros(0, np.int64), np.zeros(0, np.int64), 2).tolist() == [0, 0]


def test_a_change_is_measured_against_chance() -> None:
    assert change(np.array([9, 100, 0]), np.array([0, 90, 0])).round(2).tolist() == [3.0, 0.73, 0.0]
