"""Keyword vectors as stored bytes and as matrices."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.keywords.vectors import KeywordVectors, MissingVectorsError, pack, unpack


def unit_rows(n: int, dimensions: int = 24, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(n, dimensions))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_packing_and_unpacking_keeps_directions_and_unit_length() -> None:
    rows = unit_rows(200)
    back = unpack(pack(rows))
    assert back.dtype == np.float32
    assert np.abs(np.linalg.norm(back, axis=1) - 1).max() < 1e-6
    assert (back * rows).sum(axis=1).min() > 0.999999


def test_bytes_are_little_endian_float16() -> None:
    assert pack(np.array([[1.0, -2.0]], dtype=np.float32)) == [b"\x00\x3c\x00\xc0"]


@given(st.permutations(range(12)), st.integers(1, 12))
def test_a_row_does_not_depend_on_its_neighbours(order: list[int], n: int) -> None:
    packed = pack(unit_rows(12))
    alone = [unpack([row])[0].tobytes() for row in packed]
    together = unpack([packed[i] for i in order[:n]])
    assert [row.tobytes() for row in together] == [alone[i] for i in order[:n]]


def test_packing_unpacked_vectors_gives_the_same_bytes() -> None:
    once = unpack(pack(unit_rows(50)))
    assert np.abs(unpack(pack(once)) - once).max() < 1e-3


def test_no_rows_pack_to_no_bytes() -> None:
    assert pack(np.zeros((0, 384), dtype=np.float32)) == []
    assert unpack([]).shape == (0, 0)


@pytest.mark.parametrize("bad", [np.zeros(3), np.full((1, 3), np.nan), np.full((1, 3), np.inf)])
def test_pack_raises_an_error_for_invalid_vectors(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"matrix|finite"):
        pack(bad)


@pytest.mark.parametrize("bad", [[b"\x00\x3c", b"\x00\x3c\x00\x3c"], [b"\x00"], [b""], [b"\x00\x00"], [b"\x00\x7c"]])
def test_unpack_raises_an_error_for_invalid_bytes(bad: list[bytes]) -> None:
    with pytest.raises(ValueError, match="vector"):
        unpack(bad)


def test_rows_have_the_order_of_the_requested_keywords() -> None:
    rows = unit_rows(3)
    frame = pl.DataFrame({"keyword": ["c", "a", "日本"], "embedding": pack(rows)})
    vectors = KeywordVectors.from_frame(frame)
    assert vectors.keywords == ["a", "c", "日本"]
    assert vectors.dimensions == 24
    found = vectors.rows_for(["日本", "c", "c"])
    np.testing.assert_array_equal(found, unpack(pack(rows[[2, 0, 0]])))


def test_missing_keywords_are_named() -> None:
    vectors = KeywordVectors(["a", "b"], unit_rows(2))
    with pytest.raises(MissingVectorsError, match=r"2 keyword\(s\): 'x', 'y'; materialise"):
        vectors.rows_for(["a", "y", "x", "y"])
    with pytest.raises(MissingVectorsError):
        vectors.rows_for(["x"])


def test_an_empty_set_of_keywords_is_valid() -> None:
    empty = pl.DataFrame(schema={"keyword": pl.String, "embedding": pl.Binary})
    assert KeywordVectors.from_frame(empty).rows_for([]).shape == (0, 0)
    assert KeywordVectors(["a"], unit_rows(1)).rows_for([]).shape == (0, 24)


def test_keywords_must_be_distinct_sorted_and_fit_the_matrix() -> None:
    row = pack(unit_rows(1))[0]
    with pytest.raises(ValueError, match="distinct"):
        KeywordVectors.from_frame(pl.DataFrame({"keyword": ["a", "a"], "embedding": [row, row]}))
    with pytest.raises(ValueError, match="sorted"):
        KeywordVectors(["b", "a"], unit_rows(2))
    with pytest.raises(ValueError, match="do not fit"):
        KeywordVectors(["a"], unit_rows(2))
