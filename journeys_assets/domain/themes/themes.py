"""Themes: names of journeys that mean nearly the same, over all users.

A name is shown only if at least k users have a journey of that name, and a group only if at least k users are in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.related.groups import topics_of
from journeys_assets.domain.themes.params import ThemeParams

Ints = NDArray[np.int64]

NO_THEME = -1


@dataclass(frozen=True, slots=True)
class Themes:
    """The themes of a set of names.

    Attributes:
        labels: The name of each theme: that of its names which most users have; sorted by users, most first.
        of_name: The theme of each name, in the order of the names that were given; ``NO_THEME`` for none.
        vectors: (themes, dimensions), float32, unit rows: the mean of the names' vectors, weighted by users.
        groups: (themes,): the group of similar themes, from 0; 0 has most users.
    """

    labels: tuple[str, ...]
    of_name: Ints
    vectors: NDArray[np.float32]
    groups: Ints


def distinct_names(texts: Sequence[str], n_users: Sequence[int]) -> tuple[tuple[str, ...], Ints, Ints]:
    """Normalised names, the position of each text among them, and the users of each name.

    Users of several spellings of one name are counted once for each: the number only orders names.
    """
    normalised = [normalise(text) for text in texts]
    names = tuple(sorted(set(normalised)))
    position = {name: i for i, name in enumerate(names)}
    code = np.asarray([position[name] for name in normalised], dtype=np.int64)
    counts = np.bincount(code, weights=np.asarray(n_users, dtype=np.float64), minlength=len(names))
    return names, code, counts.astype(np.int64)


def names_to_embed(names: Sequence[str], n_users: Sequence[int], params: ThemeParams) -> list[int]:
    """Positions of the names that are grouped: those of most users, then by name."""
    order = sorted((i for i in range(len(names)) if names[i]), key=lambda i: (-n_users[i], names[i]))
    return sorted(order[: params.n_names])


def themes_of(
    names: Sequence[str], n_users: Sequence[int], vectors: NDArray[np.float32], *, least_users: int, params: ThemeParams
) -> Themes:
    """Group names by their vectors.

    Args:
        names: n distinct names.
        n_users: (n,): users of each.
        vectors: (n, dimensions), unit rows.
        least_users: A theme whose label fewer users have is none: its label must not be shown.
    """
    of_name = np.full(len(names), NO_THEME, dtype=np.int64)
    users = np.asarray(n_users, dtype=np.int64)
    leaders = topics_of(names, n_users, vectors, params.cosine) if len(names) else np.zeros(0, dtype=np.int64)
    shown = sorted({int(i) for i in leaders if users[i] >= least_users}, key=lambda i: (-users[i], names[i]))
    for theme, leader in enumerate(shown):
        of_name[leaders == leader] = theme
    dimensions = vectors.shape[1] if vectors.ndim == 2 else 1
    sums = np.zeros((len(shown), dimensions), dtype=np.float64)
    inside = of_name != NO_THEME
    np.add.at(sums, of_name[inside], vectors[inside] * users[inside, None])
    norms = np.linalg.norm(sums, axis=1, keepdims=True)
    means = (sums / np.where(norms > 0, norms, 1.0)).astype(np.float32)
    sizes = users_of_names(of_name, users, len(shown)).astype(np.float64)
    return Themes(tuple(names[i] for i in shown), of_name, means, _groups_of(means, sizes, params))


def users_of_names(of_name: Ints, n_users: Ints, n_themes: int) -> Ints:
    """(n_themes,): the users of the names of each theme; a user with several of them counts once for each.

    Args:
        of_name, n_users: (n,): theme (``NO_THEME`` for none) and users of each name.
    """
    inside = of_name != NO_THEME
    return np.bincount(of_name[inside], weights=n_users[inside], minlength=n_themes).astype(np.int64)


def _groups_of(vectors: NDArray[np.float32], sizes: NDArray[np.float64], params: ThemeParams) -> Ints:
    """Groups of similar themes by average linkage, the one of most users first. Only themes on the map are grouped."""
    groups = np.zeros(len(vectors), dtype=np.int64)
    some = vectors[: params.n_on_map].astype(np.float64)
    if len(some) < 3:
        return groups
    from scipy.cluster.hierarchy import fcluster, linkage

    found = fcluster(linkage(some, "ward"), params.n_groups, "maxclust")
    totals = {int(group): float(sizes[: len(some)][found == group].sum()) for group in np.unique(found)}
    order = {group: place for place, group in enumerate(sorted(totals, key=lambda g: (-totals[g], g)))}
    groups[: len(some)] = [order[int(group)] for group in found]
    return groups


def users_by_theme(theme: Ints, user: Ints, n_themes: int) -> Ints:
    """Distinct users of each theme.

    Args:
        theme, user: (n,): theme and user of each journey, sorted by theme, then user; ``NO_THEME`` for none.

    Returns:
        (n_themes,)
    """
    if not len(theme):
        return np.zeros(n_themes, dtype=np.int64)
    is_first = np.r_[True, (theme[1:] != theme[:-1]) | (user[1:] != user[:-1])] & (theme != NO_THEME)
    return np.bincount(theme[is_first], minlength=n_themes)[:n_themes].astype(np.int64)


def change(now: Ints, before: Ints) -> NDArray[np.float64]:
    """How surprising a change of counts is: the difference in standard deviations of two Poisson counts."""
    result: NDArray[np.float64] = (now - before) / np.sqrt(np.maximum(now + before, 1))
    return result
