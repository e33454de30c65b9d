"""A journey's id comes from its user and its earliest keyword, and from nothing else."""

from __future__ import annotations

import re
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.identity import earliest_keywords, journey_id, journey_ids


def test_an_id_never_changes_between_releases() -> None:
    # Fixed by hand: if this changes, every stored journey of every user changes its id.
    assert journey_id("u1", "oak desk") == "jde7146795de44853"


@given(st.text(max_size=20), st.text(max_size=20))
def test_shape_of_an_id(user: str, keyword: str) -> None:
    assert re.fullmatch(r"j[0-9a-f]{16}", journey_id(user, keyword))


def test_user_and_keyword_do_not_run_into_each_other() -> None:
    assert journey_id("ab", "c") != journey_id("a", "bc")


def test_series_of_ids() -> None:
    got = journey_ids(pl.Series(["a", "b"]), pl.Series(["x", "y"]))
    assert (got.name, got.to_list()) == ("journey_id", [journey_id("a", "x"), journey_id("b", "y")])
    with pytest.raises(ValueError, match="zip"):
        journey_ids(pl.Series(["a", "b"]), pl.Series(["x"]))


@given(st.permutations(range(5)))
def test_earliest_keyword_whatever_the_order_of_rows(order: list[int]) -> None:
    members = pl.DataFrame(
        {
            "user_id": ["a", "a", "a", "b", "b"],
            "cluster": [0, 0, 0, 1, 1],
            "keyword": ["zinc", "oak", "elm", "fir", "ash"],
            "identity_first_engaged_at": [datetime(2026, 1, d) for d in (2, 2, 3, 1, 9)],
        }
    )[order]
    got = earliest_keywords(members, by=["user_id", "cluster"])
    assert got.rows() == [("a", 0, "oak"), ("b", 1, "fir")]
