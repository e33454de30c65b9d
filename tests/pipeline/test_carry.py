"""Carrying unchanged users over gives the frames that making everything anew would give."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.pipeline.carry import Carried, Frames, carry_over

FIRST = date(2026, 3, 2)
USERS = ["ann", "ben", "chi", "dan"]


def states_of(inferred: dict[str, int]) -> pl.DataFrame:
    rows = [(user, FIRST + timedelta(days=n)) for user, n in sorted(inferred.items())]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "partition_date": pl.Date}, orient="row")


def frames_of(states: pl.DataFrame, basis: int) -> Frames:
    """Two rows per user that depend on the user's inference and on the basis, and on nothing else."""
    marked = states.with_columns(mark=pl.format("{} {}", "partition_date", pl.lit(basis)))
    return {"rows": pl.concat([marked, marked]), "users": states.select("user_id")}


@given(st.lists(st.tuples(st.dictionaries(st.sampled_from(USERS), st.integers(0, 3)), st.integers(0, 1)), max_size=6))
def test_any_history_ends_as_if_nothing_had_been_carried(days: list[tuple[dict[str, int], int]]) -> None:
    carried: Carried | None = None
    for inferred, basis in days:
        states = states_of(inferred)
        carried = carry_over(carried, states, lambda changed, basis=basis: frames_of(changed, basis), basis=basis)
        for name, expected in frames_of(states, basis).items():
            assert_frame_equal(carried.frames[name].sort(pl.all()), expected.sort(pl.all()))


def test_only_changed_users_are_made() -> None:
    made: list[list[str]] = []

    def make(states: pl.DataFrame) -> Frames:
        made.append(states["user_id"].to_list())
        return {"users": states.select("user_id")}

    carried = carry_over(None, states_of({"ann": 0, "ben": 0}), make)
    carried = carry_over(carried, states_of({"ann": 0, "ben": 1, "chi": 1}), make)
    carry_over(carried, states_of({"ann": 0}), make)
    assert made == [["ann", "ben"], ["ben", "chi"], []]
