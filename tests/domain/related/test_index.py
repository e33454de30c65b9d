"""The index: every label is on one list, look-ups find what a full comparison finds, whatever else is looked up."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeys_assets.domain.related.groups import nearest_few, on_grid
from journeys_assets.domain.related.index import (
    GetMany,
    index_values,
    lists_of,
    names_key,
    nearest_labels,
    read_index,
    vectors_key,
)

Floats = NDArray[np.float32]


def grouped_vectors(n: int, seed: int, dimensions: int = 16, n_groups: int = 6) -> Floats:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_groups, dimensions))
    rows = centres[rng.integers(0, n_groups, n)] + 0.6 * rng.normal(size=(n, dimensions))
    return on_grid((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


def labels(n: int) -> list[str]:
    return [f"label {i:05}" for i in range(n)]


def reader(content: Mapping[str, Any]) -> GetMany:
    return lambda keys: [content.get(key) for key in keys]


def content_of(vectors: Floats, list_size: int) -> dict[str, Any]:
    return dict(index_values(labels(len(vectors)), vectors, list_size))


@given(st.integers(0, 80), st.integers(0, 10_000), st.integers(1, 30))
def test_every_label_is_on_one_list_with_its_vector(n: int, seed: int, list_size: int) -> None:
    vectors = grouped_vectors(n, seed)
    content = content_of(vectors, list_size)
    index = read_index(reader(content))
    assert len(index.sizes) == -(-n // list_size)
    found = {}
    for number, size in enumerate(index.sizes.tolist()):
        names, stored = content[names_key(number)], content[vectors_key(number)]
        assert len(names) == size
        rows = np.frombuffer(stored, dtype="<i2").reshape(size, -1) / 2.0**11
        found |= dict(zip(names, rows, strict=True))
    assert sorted(found) == labels(n)
    assert all((found[name] == vectors[row]).all() for row, name in enumerate(labels(n)))


@given(st.integers(1, 80), st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 5))
def test_if_everything_is_compared_nothing_is_missed(n: int, seed: int, list_size: int, few: int) -> None:
    vectors, asked = grouped_vectors(n, seed), grouped_vectors(10, seed + 1)
    get_many = reader(content_of(vectors, list_size))
    found = nearest_labels(asked, read_index(get_many), get_many, few, 0.2, n)
    for mine, exact in zip(found, nearest_few(asked, vectors, few, 0.2), strict=True):
        assert [cosine for _, cosine in mine] == [cosine for _, cosine in exact]
        for name, cosine in mine:
            row = labels(n).index(name)
            assert float(vectors[row] @ asked[found.index(mine)]) == cosine


@given(st.integers(1, 120), st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 60))
def test_a_look_up_depends_on_nothing_but_its_own_vector(n: int, seed: int, list_size: int, n_compared: int) -> None:
    vectors, asked = grouped_vectors(n, seed), grouped_vectors(12, seed + 1)
    read: list[str] = []
    content = content_of(vectors, list_size)

    def get_many(keys: Any) -> list[Any]:
        read.extend(keys)
        return [content[key] for key in keys]

    index = read_index(get_many)
    together = nearest_labels(asked, index, get_many, 3, -1.0, n_compared)
    for row, mine in enumerate(together):
        read.clear()
        assert nearest_labels(asked[row : row + 1], index, get_many, 3, -1.0, n_compared) == [mine]
        sizes = [len(content[names_key(number)]) for number in range(len(index.sizes)) if vectors_key(number) in read]
        assert mine
        assert sum(sizes) <= n_compared or len(sizes) == 1


def test_an_index_without_labels_finds_nothing() -> None:
    content = content_of(np.zeros((0, 16), dtype=np.float32), 10)
    index = read_index(reader(content))
    assert nearest_labels(grouped_vectors(2, 1), index, reader(content), 3, 0.5, 100) == [[], []]
    assert len(read_index(reader({})).sizes) == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_the_nearest_are_found_though_a_tenth_is_compared(seed: int) -> None:
    vectors, asked = grouped_vectors(6_000, seed, 64, 300), grouped_vectors(6_000, seed, 64, 300)[:300]
    asked = on_grid(asked + 0.05 * np.random.default_rng(seed).normal(size=asked.shape).astype(np.float32))
    get_many = reader(content_of(vectors, 60))
    found = nearest_labels(asked, read_index(get_many), get_many, 3, 0.5, 600)
    exact = nearest_few(asked, vectors, 3, 0.5)
    names = labels(6_000)
    hits = [
        len({name for name, _ in mine} & {names[row] for row, _ in few}) for mine, few in zip(found, exact, strict=True)
    ]
    assert sum(hits) / sum(map(len, exact)) >= 0.95


def test_similar_vectors_share_a_list() -> None:
    vectors = grouped_vectors(600, 3, 64, 10)
    centres, list_of = lists_of(vectors, 60)
    own = (vectors * centres[list_of]).sum(axis=1)
    others = vectors @ np.roll(centres, 1, axis=0)[list_of].T
    assert own.mean() > others.mean() + 0.3
    assert np.linalg.norm(centres, axis=1) == pytest.approx(1.0, abs=0.01)
