"""Co-occurrence: lift against chance, order with its significance, privacy of small counts."""

import itertools
import random
from datetime import date, timedelta

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.related.cooccurrence import related_topics
from journeys_assets.domain.related.params import RelatedParams

DAY = date(2026, 3, 1)
PARAMS = RelatedParams()
SCHEMA = {"user_id": pl.String(), "topic": pl.Int64(), "started_on": pl.Date()}


def starts(rows: list[tuple[str, int, int | None]]) -> pl.DataFrame:
    """Rows of (user, topic, day or None)."""
    dated = [(user, topic, None if day is None else DAY + timedelta(days=day)) for user, topic, day in rows]
    return pl.DataFrame(dated, schema=SCHEMA, orient="row")


def planted(n: int, lag: int) -> list[tuple[str, int, int | None]]:
    """``n`` users of topic 1 who start topic 2 after ``lag`` days, among 200 users with one of topics 3 to 6."""
    rows: list[tuple[str, int, int | None]] = [(f"u{i:03}", 3 + i % 4, i % 50) for i in range(200)]
    rows += [(f"u{i:03}", topic, i % 20 + lag * (topic - 1)) for i in range(n) for topic in (1, 2)]
    return rows


def test_what_follows_is_found_with_its_order_and_lag() -> None:
    found = related_topics(starts(planted(20, 14)), 200, PARAMS)
    pairs = {(row["topic"], row["other"]): row for row in found.iter_rows(named=True)}
    assert set(pairs) == {(1, 2), (2, 1)}
    forward, backward = pairs[1, 2], pairs[2, 1]
    assert (forward["is_after"], backward["is_after"]) == (True, False)
    assert (forward["share_after"], forward["lag_days"]) == (1.0, 14.0)
    assert (backward["share_after"], backward["lag_days"]) == (0.0, None)
    assert forward["lift"] == backward["lift"] == (20 + 5) / (20 * 20 / 200 + 5)


def test_the_same_day_says_nothing_about_the_order() -> None:
    found = related_topics(starts(planted(20, 0)), 200, PARAMS)
    assert found["n_both"].to_list() == [20, 20]
    assert found["share_after"].to_list() == [None, None]
    assert not found["is_after"].any()


def test_a_few_in_one_order_are_not_significant() -> None:
    rows = [row for row in planted(20, 14) if row[1] > 2]
    rows += [(f"u{i:03}", topic, None if i > 2 else i + 14 * (topic - 1)) for i in range(20) for topic in (1, 2)]
    found = related_topics(starts(rows), 200, PARAMS).filter(topic=1)
    assert (found["share_after"].item(), found["is_after"].item()) == (1.0, False)


def test_starts_far_apart_say_nothing_about_the_order() -> None:
    found = related_topics(starts(planted(20, PARAMS.max_lag_days + 1)), 200, PARAMS)
    assert found["share_after"].to_list() == [None, None]


def test_pairs_of_fewer_users_than_allowed_are_never_given() -> None:
    assert related_topics(starts(planted(PARAMS.min_users - 1, 14)), 5_000, PARAMS).is_empty()
    assert related_topics(starts(planted(PARAMS.min_users, 14)), 5_000, PARAMS).height == 2


def test_independent_topics_are_seldom_related() -> None:
    chance = random.Random(5)
    rows = [
        (f"u{u}", topic, chance.randrange(90)) for u in range(2_000) for topic in range(20) if chance.random() < 0.2
    ]
    found = related_topics(starts(rows), 2_000, PARAMS)
    n_pairs = len(list(itertools.permutations(range(20), 2)))
    # Of pairs without any relation, 1 % pass the bound of G2, half of them with a lift below 1.
    assert found.height <= 0.03 * n_pairs


def test_no_rows_give_no_pairs() -> None:
    assert related_topics(starts([]), 0, PARAMS).is_empty()


user_rows = st.lists(
    st.tuples(st.sampled_from([f"u{i}" for i in range(12)]), st.integers(0, 4), st.none() | st.integers(0, 300)),
    max_size=60,
    unique_by=lambda row: (row[0], row[1]),
)
LOOSE = RelatedParams(min_users=1, min_log_likelihood=0.0)


@given(user_rows, st.randoms())
def test_the_order_of_rows_makes_no_difference_and_both_directions_agree(  # type: ignore[no-untyped-def]
    rows: list[tuple[str, int, int | None]], chance
) -> None:
    shuffled = rows.copy()
    chance.shuffle(shuffled)
    found = related_topics(starts(rows), 12, LOOSE)
    assert_frame_equal(found, related_topics(starts(shuffled), 12, LOOSE), check_exact=True)
    mirrored = found.join(found, left_on=["topic", "other"], right_on=["other", "topic"])
    assert mirrored.height == found.height
    assert mirrored.filter(pl.col("n_both") != pl.col("n_both_right")).is_empty()
    known = mirrored.filter(pl.col("share_after").is_not_null())
    assert ((known["share_after"] + known["share_after_right"]) - 1.0).abs().max() in (None, 0.0)
    assert mirrored.filter(pl.col("is_after") & pl.col("is_after_right")).is_empty()
    assert (found["lift"] > 1).all()
