"""A comparison of two versions counts each kind of difference and shows examples."""

from datetime import datetime

import polars as pl
import pytest

from journeys_assets.domain.history.comparison import CHANGES, PerUser, compare_versions
from journeys_assets.domain.history.params import EvolutionParams

SCHEMA = {
    "user_id": pl.String,
    "journey_id": pl.String,
    "journey_name": pl.String,
    "keywords": pl.List(pl.String),
    "kind": pl.String,
    "stage": pl.String,
    "stage_reason": pl.String,
    "rank": pl.Int64,
    "last_engaged_at": pl.Datetime("us"),
    "area_id": pl.String,
    "area_name": pl.String,
    "n_area_journeys": pl.Int64,
}


def journeys(*rows: tuple[str, str, str, int], **changed: str) -> pl.DataFrame:
    """Journeys from user, id, keywords (one letter each) and rank; ``changed`` sets a column of all of them."""
    base = {"kind": "situational", "stage": "ongoing", "stage_reason": "recent"} | changed
    return pl.DataFrame(
        [
            {
                "user_id": user,
                "journey_id": journey,
                "journey_name": f"name of {journey}",
                "keywords": list(keywords),
                "rank": rank,
                "last_engaged_at": datetime(2026, 3, 2),
                "area_id": "a",
                "area_name": "all of it",
                "n_area_journeys": 2,
                **base,
            }
            for user, journey, keywords, rank in rows
        ],
        schema=SCHEMA,
    )


def counted(one: pl.DataFrame, other: pl.DataFrame) -> dict[str, int]:
    found = compare_versions(one, other, EvolutionParams())
    assert tuple(found.counts) == CHANGES
    shown = dict(found.examples.group_by("change").len().iter_rows())
    assert shown == {k: min(n, 3) for k, n in found.counts.items() if n and k != "unchanged"}
    return {change: n for change, n in found.counts.items() if n}


PLAIN = journeys(("u", "a", "abcd", 1), ("u", "e", "efg", 2), ("v", "x", "xyz", 1))


@pytest.mark.parametrize(
    ("other", "changes"),
    [
        (PLAIN, {"unchanged": 3}),
        (PLAIN.with_columns(pl.col("keywords").list.reverse()), {"unchanged": 3}),
        (
            journeys(("u", "a", "abch", 1), ("u", "e", "efg", 2), ("v", "x", "xyz", 1)),
            {"unchanged": 2, "changed_members": 1},
        ),
        (
            journeys(("u", "a", "ab", 1), ("u", "c", "cd", 3), ("u", "e", "efg", 2), ("v", "x", "xyz", 1)),
            {"unchanged": 2, "changed_members": 1, "split": 1},
        ),
        (
            journeys(("u", "a", "abcdefg", 1), ("v", "x", "xyz", 1)),
            {"unchanged": 1, "changed_members": 1, "merged": 1},
        ),
        (
            journeys(("u", "new", "abcd", 1), ("u", "e", "efg", 2), ("v", "x", "xyz", 1)),
            {"unchanged": 2, "reidentified": 1, "renamed": 1},
        ),
        (PLAIN.head(2), {"unchanged": 2, "gone": 1}),
        (
            pl.concat([PLAIN, journeys(("w", "p", "pqr", 1))]),
            {"unchanged": 3, "appeared": 1},
        ),
        (PLAIN.with_columns(kind=pl.lit("evergreen")), {"changed_kind": 3}),
        (PLAIN.with_columns(stage=pl.lit("ended")), {"changed_stage": 3}),
        (PLAIN.with_columns(area_id=pl.lit("b")), {"changed_area": 3}),
        (PLAIN.with_columns(area_name=pl.lit("another name of it")), {"unchanged": 3}),
        (PLAIN.with_columns(n_area_journeys=pl.col("rank") + 1), {"unchanged": 2, "changed_area": 1}),
        (
            PLAIN.with_columns(
                pl.lit(None).cast(SCHEMA[c]).alias(c) for c in ("area_id", "area_name", "n_area_journeys")
            ),
            {"changed_area": 3},
        ),
        (PLAIN.with_columns(rank=pl.Series([2, 1, 1])), {"unchanged": 3, "changed_top_journey": 1}),
    ],
)
def test_each_difference_is_counted_under_its_own_kind(other: pl.DataFrame, changes: dict[str, int]) -> None:
    assert counted(PLAIN, other) == changes


def test_agreement_is_a_mean_over_users_of_the_keywords_in_both() -> None:
    one = journeys(("u", "a", "abcd", 1), ("v", "x", "xyz", 1), ("w", "p", "pqr", 1), ("z", "q", "q", 1))
    # u: four keywords split in half; v: unchanged, plus a keyword that only the second set has; w: only in the first
    # set; z: unchanged.
    other = journeys(("u", "a", "ab", 1), ("u", "c", "cd", 2), ("v", "x", "xyzk", 1), ("z", "q", "q", 1))
    found = compare_versions(one, other, EvolutionParams())
    assert (found.n_users, found.n_journeys, found.n_keywords) == ((4, 3), (4, 4), (11, 9))
    assert (found.n_users_in_both, found.n_keywords_in_both) == (3, 8)
    # B-cubed of u: precision 1, recall 1/2, so F1 2/3; adjusted Rand 0 against one single cluster.
    assert found.bcubed_f1 == pytest.approx((2 / 3 + 1 + 1) / 3)
    assert found.adjusted_rand == pytest.approx(2 / 3)


def test_users_are_counted_whose_keywords_are_grouped_in_another_way() -> None:
    one = journeys(("u", "a", "abcd", 1), ("v", "x", "xyz", 1), ("v", "k", "klm", 2), ("w", "p", "pqr", 1))
    # u is split; v's journeys have other ids, ranks and stages; w is gone, and z is new.
    other = pl.concat([
        journeys(("u", "c", "cd", 2), ("u", "a", "ab", 1), ("z", "q", "q", 1)),
        journeys(("v", "n", "klm", 1), ("v", "x", "zyx", 2), stage="ended"),
    ])  # fmt: skip
    found = compare_versions(one, other, EvolutionParams())
    assert found.n_users_changed == 3
    assert sorted(found.users.rows()) == [
        ("u", ["name of a"], ["name of a", "name of c"]),
        ("w", ["name of p"], []),
        ("z", [], ["name of q"]),
    ]
    assert found.per_user == (PerUser(4 / 3, 1.0, 2, 2 / 3), PerUser(5 / 3, 2.0, 2, 1 / 3))
    nothing = compare_versions(one, one.sample(fraction=1.0, shuffle=True, seed=1), EvolutionParams())
    assert (nothing.n_users_changed, nothing.users.height) == (0, 0)
    assert PerUser.of(one.clear()) == PerUser(0.0, 0.0, 0, 0.0)


def test_a_sample_of_ten_users_does_not_depend_on_the_order_of_the_rows() -> None:
    one = journeys(*((f"u{n}", "a", "abcd", 1) for n in range(40)))
    other = journeys(*((f"u{n}", "a", "abc", 1) for n in range(40)))
    found = compare_versions(one, other, EvolutionParams()).users
    again = compare_versions(one.reverse(), other.sample(fraction=1.0, shuffle=True, seed=3), EvolutionParams()).users
    assert found.height == 10
    assert found.equals(again)


def test_agreement_is_none_where_no_keyword_is_shared() -> None:
    found = compare_versions(PLAIN, PLAIN.clear(), EvolutionParams())
    assert (found.bcubed_f1, found.adjusted_rand) == (None, None)
    assert found.counts["gone"] == 3


def test_examples_show_the_largest_journeys_and_what_changed() -> None:
    one = journeys(("u", "a", "abcdefg", 1), ("v", "x", "xyz", 1))
    other = journeys(("u", "a", "abh", 1), ("v", "x", "xy", 1))
    found = compare_versions(one, other, EvolutionParams(), n_examples=1)
    assert found.examples.rows() == [
        ("changed_members", "u", "name of a", "3 keywords: 1 added (h), 5 removed (c, d, e, f, …)")
    ]
