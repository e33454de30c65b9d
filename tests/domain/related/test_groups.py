"""Topics by leader clustering: the same for any order of names, every name near its leader, leaders apart."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from journeys_assets.domain.related.groups import nearest, nearest_few, on_grid, topics_of


def unit_vectors(n: int, seed: int, dimensions: int = 8) -> NDArray[np.float32]:
    """Vectors in a few loose groups."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, dimensions))
    rows = centres[rng.integers(0, 4, n)] + 0.5 * rng.normal(size=(n, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([0.3, 0.75, 0.95]), st.randoms())
def test_topics_are_the_same_for_any_order(n: int, seed: int, threshold: float, chance) -> None:  # type: ignore[no-untyped-def]
    vectors, names = unit_vectors(n, seed), [f"name {i}" for i in range(n)]
    users = [chance.randrange(1, 5) for _ in names]
    leaders = topics_of(names, users, vectors, threshold)
    order = list(range(n))
    chance.shuffle(order)
    shuffled = topics_of([names[i] for i in order], [users[i] for i in order], vectors[order], threshold)
    assert [names[leaders[i]] for i in order] == [names[order[leader]] for leader in shuffled]


@given(st.integers(1, 60), st.integers(0, 10_000), st.sampled_from([0.3, 0.75, 0.95]))
def test_names_are_near_their_leader_and_leaders_are_apart(n: int, seed: int, threshold: float) -> None:
    vectors, names = on_grid(unit_vectors(n, seed)), [f"name {i}" for i in range(n)]
    users = [1 + i % 3 for i in range(n)]
    leaders = topics_of(names, users, vectors, threshold)
    for name, leader in enumerate(leaders):
        assert name == leader or vectors[name] @ vectors[leader] >= threshold
        assert leaders[leader] == leader
        assert (-users[leader], names[leader]) <= (-users[name], names[name]), "the label is the most shared name"
    own = sorted(set(leaders.tolist()))
    cosines = vectors[own] @ vectors[own].T - 2 * np.eye(len(own))
    assert (cosines < threshold).all()


def test_more_names_than_a_block_give_what_a_plain_loop_gives() -> None:
    vectors, n = on_grid(unit_vectors(3_000, 7, 16)), 3_000
    names = [f"{i:05}" for i in range(n)]
    leaders: list[int] = []
    expected = []
    for i in range(n):
        cosines = vectors[leaders] @ vectors[i]
        if not leaders or cosines.max() < 0.8:
            leaders.append(i)
            expected.append(i)
        else:
            expected.append(leaders[int(np.argmax(cosines))])
    assert len(leaders) > 50
    assert topics_of(names, [1] * n, vectors, 0.8).tolist() == expected


@given(st.integers(1, 40), st.integers(0, 1_000))
def test_products_on_the_grid_are_exact(n: int, seed: int) -> None:
    """Whatever the order of the sum: float32 gives what float64 gives."""
    vectors = on_grid(unit_vectors(n, seed, 384))
    exact = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    assert ((vectors @ vectors.T).astype(np.float64) == exact).all()
    assert ((vectors[:, ::-1] @ vectors[:, ::-1].T).astype(np.float64) == exact).all()


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 1_000), st.integers(1, 5))
def test_nearest_few_is_what_sorting_gives(n: int, m: int, seed: int, few: int) -> None:
    both = on_grid(unit_vectors(n + m, seed)) if n + m else np.zeros((0, 8), dtype=np.float32)
    one, other = both[:n], both[n:]
    found = nearest_few(one, other, few, 0.2, 0.9)
    for row, mine in enumerate(found):
        cosines = (other @ one[row]).tolist()
        allowed = [column for column in range(m) if np.float32(0.2) <= cosines[column] < np.float32(0.9)]
        best = sorted(allowed, key=lambda column: (-cosines[column], column))[:few]
        assert [column for column, _ in mine] == best
        assert [value for _, value in mine] == pytest.approx([cosines[column] for column in best])
    best_cosine, at = nearest(one, other)
    if m and n:
        assert at.tolist() == (one @ other.T).argmax(axis=1).tolist()
        assert (best_cosine == (one @ other.T).max(axis=1)).all()
