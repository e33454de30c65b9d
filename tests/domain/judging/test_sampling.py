"""The daily sample: drawn by the user alone, in the shares of the strata, and a random order within."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.judging.sampling import USERS_SCHEMA, drawn_users

DAY = date(2026, 3, 2)
PARAMS = JudgingParams(share_of_users=0.3)

rows = st.lists(
    st.tuples(
        st.text(min_size=1, max_size=6),
        st.integers(1, 12),
        st.sampled_from(["situational", "evergreen", "seasonal"]),
        st.integers(0, 80),
    ),
    max_size=25,
    unique_by=lambda row: row[0],
)


def users(rows: list[tuple[str, int, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=USERS_SCHEMA, orient="row")


@given(rows, st.randoms(use_true_random=False))
def test_a_user_is_drawn_whoever_else_is_there_and_in_whatever_order(
    rows: list[tuple[str, int, str, int]], random: object
) -> None:
    every = drawn_users(users(rows), DAY, PARAMS)
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert drawn_users(users(shuffled), DAY, PARAMS).equals(every)
    alone = pl.concat([every.clear(), *(drawn_users(users([row]), DAY, PARAMS) for row in rows)])
    assert alone.sort("priority", "user_id").equals(every)


@pytest.mark.parametrize(
    ("n_journeys", "kind", "silence", "share"),
    [
        (2, "situational", 0, 0.1),
        (5, "situational", 3, 0.2),
        (2, "evergreen", 28, 0.05),
        (9, "seasonal", 0, 0.4),
    ],
)
def test_a_stratum_has_its_share_and_its_weight(n_journeys: int, kind: str, silence: int, share: float) -> None:
    n = 20_000
    found = drawn_users(
        users([(f"u{i}", n_journeys, kind, silence) for i in range(n)]), DAY, replace(PARAMS, share_of_users=0.1)
    )
    assert found.height / n == pytest.approx(share, abs=4 * (share * (1 - share) / n) ** 0.5)
    assert found["sampling_weight"].unique().to_list() == [pytest.approx(1 / share)]
    assert found["priority"].mean() == pytest.approx(0.5, abs=0.03)
    assert found["stratum"].n_unique() == 1


def test_days_and_seeds_draw_other_users_and_a_share_of_0_nobody() -> None:
    everybody = users([(f"u{i}", 2, "evergreen", 0) for i in range(500)])
    one, other = (drawn_users(everybody, day, PARAMS)["user_id"].to_list() for day in (DAY, date(2026, 3, 3)))
    assert set(one) != set(other)
    assert set(one) != set(drawn_users(everybody, DAY, replace(PARAMS, seed=2))["user_id"])
    assert drawn_users(everybody, DAY, replace(PARAMS, share_of_users=0.0)).is_empty()
    assert drawn_users(everybody, DAY, replace(PARAMS, share_of_users=5.0)).height == 500
