"""The id of a journey comes from its user's history: it stays while keywords are added, leave the window or move."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.identity import (
    founders,
    journey_id,
    journey_ids,
    side_journey_id,
    theme_centralities,
)
from journeys_assets.domain.keywords.vectors import KeywordVectors, MissingVectorsError
from journeys_assets.domain.parameters import AlgorithmParams

PARAMS = AlgorithmParams()
LEAST = PARAMS.clustering.theme_cosine
START = datetime(2026, 1, 1, 9)
DIMENSIONS = 12


def vectors_of(n: int, seed: int, *, n_centres: int = 4, spread: float = 0.35) -> KeywordVectors:
    """Keywords k000, k001 … around a few directions in turn."""
    rng = np.random.default_rng(seed)
    centres = np.linalg.qr(rng.normal(size=(DIMENSIONS, DIMENSIONS)))[0][np.arange(n) % n_centres]
    x = centres + spread * rng.normal(size=(n, DIMENSIONS)) / np.sqrt(DIMENSIONS / 4)
    return KeywordVectors(words(n), (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32))


def words(n: int) -> list[str]:
    return [f"k{i:03d}" for i in range(n)]


def past_of(keywords: list[str], *, user: str = "u", days: list[int] | None = None) -> pl.DataFrame:
    """A history with one keyword per day, unless days are given."""
    at = [START + timedelta(days=d) for d in (days or range(len(keywords)))]
    return pl.DataFrame(
        {"user_id": [user] * len(keywords), "keyword": keywords, "first_engaged_at": at},
        schema={"user_id": pl.String, "keyword": pl.String, "first_engaged_at": pl.Datetime("us")},
    )


def members_of(*clusters: list[str], user: str = "u") -> pl.DataFrame:
    rows = [(user, number, keyword) for number, keywords in enumerate(clusters) for keyword in keywords]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "cluster": pl.Int64, "keyword": pl.String}, orient="row")


def test_an_id_never_changes_between_releases() -> None:
    # A fixed value: if it changes, every stored journey of every user changes its id.
    assert journey_id("u1", "oak desk") == "jde7146795de44853"


@given(st.text(max_size=20), st.text(max_size=20))
def test_an_id_has_a_fixed_format(user: str, keyword: str) -> None:
    assert re.fullmatch(r"j[0-9a-f]{16}", journey_id(user, keyword))
    assert re.fullmatch(r"j[0-9a-f]{16}", side_journey_id(user, keyword))
    assert journey_id(user, keyword) != side_journey_id(user, keyword)


def test_the_id_separates_user_and_keyword() -> None:
    assert journey_id("ab", "c") != journey_id("a", "bc")


# ── themes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def themes_by_hand(x: NDArray[np.float32], least: float) -> list[int]:
    """The founder of each row, by the definition."""
    themes: list[list[int]] = []
    for i in range(len(x)):
        centres = [x[rows].astype(np.float64).sum(0) for rows in themes]
        cosines = [float(c @ x[i]) / float(np.linalg.norm(c)) for c in centres]
        best = int(np.argmax(cosines)) if themes else -1
        if themes and float(centres[best] @ x[i]) / len(themes[best]) >= least:
            themes[best].append(i)
        else:
            themes.append([i])
    return [next(rows[0] for rows in themes if i in rows) for i in range(len(x))]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10_000), st.floats(0.05, 0.9))
def test_themes_equal_their_definition(n: int, seed: int, least: float) -> None:
    vectors = vectors_of(n, seed, spread=0.8)
    got = founders(past_of(words(n)), vectors, least)
    assert got["founder_place"].to_list() == themes_by_hand(vectors.matrix, least)
    assert got["founder"].to_list() == [words(n)[place] for place in got["founder_place"]]
    sizes = got.group_by("founder").agg(pl.len().alias("expected"))
    assert got.join(sizes, on="founder").select((pl.col("theme_size") == pl.col("expected")).all()).item()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(0, 10_000), st.data())
def test_later_keywords_do_not_change_themes(n: int, seed: int, data: st.DataObject) -> None:
    known = data.draw(st.integers(1, n - 1))
    vectors, columns = vectors_of(n, seed, spread=0.8), ["keyword", "founder", "founder_place"]
    before = founders(past_of(words(known)), vectors, LEAST).select(columns)
    after = founders(past_of(words(n)), vectors, LEAST).select(columns)
    assert_frame_equal(after.head(known), before)


def test_themes_do_not_depend_on_other_users_or_row_order() -> None:
    vectors = vectors_of(60, 3, spread=0.8)
    rng = np.random.default_rng(0)
    parts = [past_of(sorted(rng.choice(words(60), n, replace=False)), user=f"u{n}") for n in (40, 1, 17)]
    together = founders(pl.concat(parts), vectors, LEAST)
    for seed in range(5):
        assert_frame_equal(
            founders(pl.concat(parts).sample(fraction=1, shuffle=True, seed=seed), vectors, LEAST), together
        )
    for part in parts:
        alone = founders(part, vectors, LEAST)
        among = together.filter(user_id=part["user_id"][0])
        columns = ["user_id", "keyword", "founder", "theme_size"]
        assert_frame_equal(among.select(columns), alone.select(columns))


def test_ties_are_resolved_by_text_and_then_by_the_older_theme() -> None:
    x = np.eye(DIMENSIONS, dtype=np.float32)[[0, 1, 0]]
    x[2] = (x[0] + x[1]) / np.sqrt(np.float32(2))
    vectors = KeywordVectors(["a", "b", "c"], x)
    got = founders(past_of(["c", "b", "a"], days=[1, 0, 0]), vectors, LEAST)
    assert got.select("keyword", "founder").rows() == [("a", "a"), ("b", "b"), ("c", "a")]


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(0, 10_000), st.data())
def test_ids_are_distinct_within_a_user(n: int, seed: int, data: st.DataObject) -> None:
    # Arbitrary clusters, unrelated to the themes.
    numbers = data.draw(st.lists(st.integers(0, 6), min_size=n, max_size=n))
    split = [[k for k, number in zip(words(n), numbers, strict=True) if number == wanted] for wanted in set(numbers)]
    got = journey_ids(members_of(*split), founders(past_of(words(n)), vectors_of(n, seed, spread=0.8), LEAST))
    assert got["cluster"].to_list() == list(range(len(split)))
    assert got["journey_id"].n_unique() == len(split)


def test_the_cluster_with_most_votes_gets_the_id_and_the_rest_of_a_theme_is_a_side_journey() -> None:
    vectors = vectors_of(20, 1, n_centres=2, spread=0.05)  # even keywords and odd keywords
    even, odd = words(20)[::2], words(20)[1::2]
    got = journey_ids(members_of(even[:4], even[4:], odd), founders(past_of(words(20)), vectors, LEAST))
    assert got["journey_id"].to_list() == [
        side_journey_id("u", "k000"),
        journey_id("u", "k000"),
        journey_id("u", "k001"),
    ]


def test_an_id_stays_while_keywords_move_and_leave_the_window() -> None:
    vectors = vectors_of(40, 2, n_centres=2, spread=0.05)
    even, odd = words(40)[::2], words(40)[1::2]
    expected = [journey_id("u", "k000"), journey_id("u", "k001")]
    for clusters in (
        (even, odd),
        (even[1:], odd),  # the earliest has left the window
        (even[5:], [*odd[8:], *even[:5]]),  # the earliest have moved to the other journey
        ([*even[15:], *odd[:4]], odd[4:]),
    ):
        assert (
            journey_ids(members_of(*clusters), founders(past_of(words(40)), vectors, LEAST))["journey_id"].to_list()
            == expected
        )


def test_a_journey_of_200_days_keeps_its_id_on_every_day() -> None:
    # Two new keywords a day, alternating between two journeys and never engaged with again, so most have left the
    # window at any time. An id from the earliest keyword in the window would change every day.
    vectors = vectors_of(400, 5, n_centres=2, spread=0.3)
    days = [i // 2 for i in range(400)]
    past = past_of(words(400), days=days).with_columns(
        weight=pl.lit(1.0), last_engaged_at="first_engaged_at", day=pl.Series(days)
    )
    seen: set[tuple[str, ...]] = set()
    for today in range(3, 200):
        known = past.filter(pl.col("day") <= today)
        window = known.filter(pl.col("day") > today - PARAMS.keywords.look_back_days)
        found = cluster_users(window, known, vectors, PARAMS.clustering)
        by_first = dict(found.select("keywords", "journey_id").explode("keywords").iter_rows())
        seen.add((by_first[words(400)[2 * today]], by_first[words(400)[2 * today + 1]]))
        assert found.height == 2
    assert seen == {(journey_id("u", "k000"), journey_id("u", "k001"))}


# ── theme centralities ──────────────────────────────────────────────────────────────────────────────────────────────


def test_theme_centralities_are_cosines_to_all_keywords_the_theme_has_ever_had() -> None:
    vectors = vectors_of(20, 1, n_centres=2, spread=0.05)
    even, odd = words(20)[::2], words(20)[1::2]
    themes = founders(past_of(words(20)), vectors, LEAST)
    members = members_of(
        even[:4], even[4:6], odd[7:]
    )  # the second is a side journey: its theme gives its id to the first
    got = theme_centralities(members, journey_ids(members, themes), themes, vectors)
    expected = []
    for own, of_theme in ((even[:4], even), (even[4:6], even[4:6]), (odd[7:], odd)):
        centre = vectors.rows_for(of_theme).astype(np.float64).sum(axis=0)
        expected += (vectors.rows_for(own).astype(np.float64) @ centre / np.linalg.norm(centre)).tolist()
    assert np.allclose(got, expected, atol=1e-6)


def test_theme_centralities_do_not_depend_on_other_users_or_row_order() -> None:
    vectors = vectors_of(20, 3, n_centres=2, spread=0.3)
    members = members_of(words(20)[::2], words(20)[1::2])
    past = past_of(words(20))
    alone = founders(past, vectors, LEAST)
    beside = founders(pl.concat([past.with_columns(user_id=pl.lit("a")), past]), vectors, LEAST)
    first = theme_centralities(members, journey_ids(members, alone), alone, vectors)
    again = theme_centralities(
        members, journey_ids(members, beside), beside.sample(fraction=1, shuffle=True, seed=1), vectors
    )
    assert first.tolist() == again.tolist()


# ── edges ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_no_clusters_give_no_ids() -> None:
    got = journey_ids(members_of(), founders(past_of([]), vectors_of(1, 0), LEAST))
    assert got.is_empty()
    assert got.columns == ["cluster", "journey_id", "founder_place", "theme_size"]


def test_invalid_input_raises_an_error() -> None:
    vectors, past = vectors_of(3, 0), past_of(words(3))
    with pytest.raises(ValueError, match="not in the history"):
        journey_ids(members_of(["k000", "k002"]), founders(past.head(2), vectors, LEAST))
    with pytest.raises(ValueError, match="repeated"):
        founders(pl.concat([past, past]), vectors, LEAST)
    with pytest.raises(ValueError, match="least_cosine"):
        founders(past, vectors, 0.0)
    with pytest.raises(MissingVectorsError, match="no vector"):
        founders(past_of(["k000", "other"]), vectors, LEAST)
