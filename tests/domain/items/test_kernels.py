"""The compiled loops of item ranking do what plain ones do, ties included."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from journeys_assets.domain.items import kernels

FEW = st.integers(-2, 3)
"""Few values, so that many are equal."""


@given(values=arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 12)), elements=FEW), n=st.integers(0, 14))
def test_the_largest_positive_values_are_marked_and_of_equals_the_first(values: np.ndarray, n: int) -> None:
    flags = np.ones(values.shape, dtype=np.uint8)
    kernels.mark_largest(values, np.arange(len(values)), n, 4, flags)
    for row, marked in zip(values, flags, strict=True):
        best = sorted((i for i in range(len(row)) if row[i] > 0), key=lambda i: (-row[i], i))[:n]
        assert set(np.flatnonzero(marked & 4)) == set(best)
        assert (marked & 1).all(), "other bits stay"


@given(
    vectors=arrays(np.int16, (5, 3), elements=st.integers(-3, 3)),
    said=st.lists(st.integers(1, 3), min_size=1, max_size=5),
)
def test_a_medoid_has_the_largest_weighted_sum_of_cosines_and_is_the_first_of_equals(
    vectors: np.ndarray, said: list[int]
) -> None:
    items, weights = np.arange(len(said)), np.array(said)
    own = vectors[items].astype(np.int64)
    found = kernels.medoids(vectors, items, weights, np.array([0]), np.array([len(said)]))
    assert found.tolist() == [int(np.argmax((own @ own.T) @ weights))]


@settings(max_examples=60)
@given(
    vectors=arrays(np.int16, (6, 2), elements=st.integers(0, 2)),
    scores=st.lists(st.sampled_from([0.1, 0.4, 0.5, 0.9]), min_size=1, max_size=6),
    n=st.integers(0, 7),
)
def test_places_go_to_the_best_that_is_left_after_the_penalty(vectors: np.ndarray, scores: list[float], n: int) -> None:
    items = np.arange(len(scores))
    found = kernels.places(
        vectors, items, np.array(scores), np.array([0]), np.array([len(scores)]), n, 4.0, 0.5
    ).tolist()
    left = dict(enumerate(scores))
    expected = [-1] * len(scores)
    for place in range(min(n, len(scores))):
        pick = max(left, key=lambda i: (left[i], -i))
        expected[pick] = place
        del left[pick]
        left = {i: one * (0.5 if int(vectors[i] @ vectors[pick]) >= 4 else 1.0) for i, one in left.items()}
    assert found == expected
