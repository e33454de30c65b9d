"""Edits of one user's clusters: what a person said holds, the latest counts, and nothing else changes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.clustering.edits import (
    EDITS_SCHEMA,
    Edit,
    edit_pairs,
    edited_groups,
    edits_by_user,
    with_edited_themes,
)
from journeys_assets.domain.clustering.identity import founders
from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.domain.keywords.vectors import KeywordVectors

WORDS = [f"w{n:02d}" for n in range(12)]
AT = datetime(2026, 3, 2, 9)


def vectors_of(words: Sequence[str], seed: int = 3) -> KeywordVectors:
    matrix = np.random.default_rng(seed).normal(size=(len(words), 6))
    return KeywordVectors(list(words), (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32))


VECTORS = vectors_of(WORDS)
KNOWN = frozenset(WORDS)
sides = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True)
edit_rows = st.tuples(st.sampled_from(["merge", "split"]), sides, sides, st.integers(0, 3)).filter(
    lambda row: row[0] == "merge" or not set(row[1]) & set(row[2])
)
labels_of = st.lists(st.integers(0, 3), min_size=12, max_size=12).map(np.array)


def frame(rows: Sequence[tuple[str, list[str], list[str], int]], user: str = "ann") -> pl.DataFrame:
    given = [
        (user, AT + timedelta(hours=hour), verdict, "j", f"e{n}", one, other, None)
        for n, (verdict, one, other, hour) in enumerate(rows)
    ]
    return pl.DataFrame(given, schema=EDITS_SCHEMA, orient="row")


def groups_of(labels: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}


def applied(labels: np.ndarray, edits: Sequence[Edit]) -> np.ndarray:
    return edited_groups(WORDS, labels, edits, VECTORS, KNOWN).labels


@settings(deadline=None)
@given(labels=labels_of, rows=st.lists(edit_rows, min_size=1, max_size=5))
def test_the_latest_edit_holds_and_what_it_does_not_touch_stays(
    labels: np.ndarray, rows: list[tuple[str, list[str], list[str], int]]
) -> None:
    # Seen to fail with a split of the first of several clusters alone.
    (edits,) = edits_by_user(frame(rows)).values()
    before, after = applied(labels, edits[:-1]), applied(labels, edits)
    last = edits[-1]
    places = [[WORDS.index(word) for word in side] for side in last.sides]
    if last.verdict == "split":
        assert not set(after[places[0]]) & set(after[places[1]])
        touched = set(before[places[0]]) & set(before[places[1]])
    else:
        # Of sides of at most three keywords, each cluster with one holds a third.
        assert len(set(after[places[0]]) | set(after[places[1]])) == 1
        touched = set(before[places[0]]) | set(before[places[1]])
    untouched = {group for group in groups_of(before) if before[min(group)] not in touched}
    assert untouched <= groups_of(after)
    # A split makes finer, a merge makes coarser.
    fine, coarse = (after, before) if last.verdict == "split" else (before, after)
    assert all(any(group <= whole for whole in groups_of(coarse)) for group in groups_of(fine))


@settings(deadline=None)
@given(labels=labels_of, rows=st.lists(edit_rows, min_size=1, max_size=5), order=st.permutations(range(5)))
def test_the_order_of_rows_of_keywords_and_of_the_numbers_of_clusters_makes_no_difference(
    labels: np.ndarray, rows: list[tuple[str, list[str], list[str], int]], order: list[int]
) -> None:
    # Seen to fail with edits in the order of their rows.
    shuffled = [rows[n] for n in order if n < len(rows)]
    turned = [(verdict, list(reversed(one)), other, hour) for verdict, one, other, hour in shuffled]
    (edits,), (again,) = edits_by_user(frame(rows)).values(), edits_by_user(frame(turned)).values()
    assert edits == again
    renumbered = np.array([3, 0, 2, 1])[labels]
    assert groups_of(applied(labels, edits)) == groups_of(applied(renumbered, edits))


@given(labels=labels_of, side=sides)
def test_the_other_keywords_go_to_the_nearer_side(labels: np.ndarray, side: list[str]) -> None:
    # Seen to fail with the farther side.
    labels = np.zeros_like(labels)
    others = [word for word in WORDS if word not in side][:2]
    (edits,) = edits_by_user(frame([("split", side, others, 0)])).values()
    after = applied(labels, edits)
    means = [VECTORS.rows_for(words).astype(float).mean(axis=0) for words in (side, others)]
    for word in set(WORDS) - set(side) - set(others):
        near = [float(VECTORS.rows_for([word])[0] @ mean) for mean in means]
        nearest = side if near[0] > near[1] else others
        assert after[WORDS.index(word)] == after[WORDS.index(nearest[0])]


def test_one_stray_keyword_draws_in_no_other_journey() -> None:
    # Seen to fail with a merge of every cluster that has a keyword of a side.
    labels = np.array([0] * 5 + [1] * 4 + [2] * 3)
    stray = ("merge", [*WORDS[:4], WORDS[11]], WORDS[5:9], 0)
    (edits,) = edits_by_user(frame([stray])).values()
    found = edited_groups(WORDS, labels, edits, VECTORS, KNOWN)
    assert groups_of(found.labels) == {frozenset(range(9)), frozenset(range(9, 12))}
    assert found.as_said == {int(found.labels[0])}
    assert found.labels[9] == 2, "a group that no edit changed keeps its number"


def log(users: Sequence[str], n: int = 12) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [
        (user, word, 1.0 + place % 3, AT + timedelta(minutes=place), AT + timedelta(hours=place))
        for user in users
        for place, word in enumerate(WORDS[:n])
    ]
    names = ["user_id", "keyword", "weight", "first_engaged_at", "last_engaged_at"]
    keywords = pl.DataFrame(rows, schema=names, orient="row")
    return keywords, keywords.select("user_id", "keyword", "first_engaged_at")


def test_an_edit_changes_its_user_alone_and_makes_a_journey_that_may_be_small_and_loose() -> None:
    # Seen to fail where the threshold of cohesion counts for what a user said, and with edits in the reverse order.
    params = ClusteringParams(min_journey_cohesion=0.99)
    keywords, history = log(["ann", "bob"])
    before = cluster_users(keywords, history, VECTORS, params)
    said = frame([("merge", WORDS[:6], WORDS[6:], 0), ("split", WORDS[:11], WORDS[11:], 1)])
    after = cluster_users(keywords, history, VECTORS, params, said)
    bob = pl.col("user_id") == "bob"
    assert_frame_equal(after.filter(bob), before.filter(bob), check_exact=True)
    ann = after.filter(~bob)
    assert sorted(ann["n_keywords"]) == [1, 11]
    assert ann["is_journey"].all()
    assert ann["cut_probability"].null_count() == 2
    assert not before["is_journey"].any()


def test_themes_follow_edits_so_the_older_id_lives_on_and_each_half_has_one_of_its_own() -> None:
    # Seen to fail with founders as they were.
    _, history = log(["ann"])
    themes = founders(history, VECTORS, 0.99)
    assert themes["founder_place"].to_list() == list(range(12))
    (merged,) = edits_by_user(frame([("merge", WORDS[4:6], WORDS[2:4], 0)])).values()
    after = with_edited_themes(themes, {"ann": merged}, VECTORS)
    # A side is its main theme, of equal ones the oldest: w04 with w02.
    assert after.filter(keyword="w04").select("founder", "founder_place", "theme_size").row(0) == ("w02", 2, 2)
    assert_frame_equal(after.filter(theme_size=1), themes.filter(~pl.col("keyword").is_in(["w02", "w04"])))
    one = themes.with_columns(
        founder=pl.lit("w00"), founder_place=pl.lit(0, pl.Int64), theme_size=pl.lit(12, pl.UInt32)
    )
    (halved,) = edits_by_user(frame([("split", ["w00", "w05"], ["w03", "w07"], 0)])).values()
    halves = with_edited_themes(one, {"ann": halved}, VECTORS)
    founded = dict(halves.select("keyword", "founder").iter_rows())
    assert founded["w00"] == founded["w05"] == "w00"
    assert founded["w03"] == founded["w07"] != "w00"
    assert halves.group_by("founder").len().select(pl.col("len").sum()).item() == 12


def test_pairs_stand_for_edits_whose_sides_are_still_there() -> None:
    # Seen to fail where the first edit of a pair counts, not the latest.
    rows, _ = log(["ann"], n=9)
    said = frame([("merge", WORDS[:2], WORDS[2:4], 0), ("split", WORDS[4:6], WORDS[6:8], 1)])
    gone = frame([("merge", WORDS[:2], WORDS[10:], 2)])
    pairs = edit_pairs(pl.concat([said, gone, frame([("merge", ["w00"], ["w01"], 0)], user="bob")]), rows, VECTORS)
    assert pairs["same"].to_list() == [True, False]
    assert pairs["user_id"].unique().to_list() == ["ann"]
    later = frame([("merge", WORDS[4:6], WORDS[6:8], 2)])
    assert edit_pairs(pl.concat([said, later]), rows, VECTORS)["same"].to_list() == [True, True]
