"""Related journeys of topics: merged, capped, and free of what fewer than k users share."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.related.candidates import (
    Suggestion,
    Topics,
    content_of,
    find_topics,
    is_broader,
    merged_suggestions,
    name_value,
)
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.reading import related_to, vector_of
from journeys_assets.models.embedding.hashing import HashingEmbedder

DAY = date(2026, 3, 1)
PARAMS = RelatedParams(min_users=3)


def topics_of_log(rows: list[tuple[str, str, int | None]], params: RelatedParams = PARAMS, **more: object) -> Topics:
    """Topics of (user, name, day or None)."""
    dated = [(user, name, None if day is None else DAY + timedelta(days=day)) for user, name, day in rows]
    schema = {"user_id": pl.String(), "name": pl.String(), "started_on": pl.Date()}
    frame = pl.DataFrame(dated, schema=schema, orient="row")
    names = frame["name"].unique().sort().to_list()
    matrix = HashingEmbedder().embed(names)
    own = {name: row for row, name in enumerate(names)}
    return find_topics(frame, own, matrix, DAY + timedelta(days=60), params, **more)  # type: ignore[arg-type]


def content_with(
    topics: Topics, params: RelatedParams = PARAMS, forbidden: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Everything that an expansion of the topics holds."""
    return dict(content_of(topics, topics.stored_names(params.min_users, forbidden), params))


def wedding_log() -> list[tuple[str, str, int | None]]:
    rows: list[tuple[str, str, int | None]] = [(f"u{i}", f"hobby {i % 7}", i % 40) for i in range(60)]
    for i in range(12):
        rows += [(f"u{i}", "wedding planning", i), (f"u{i}", "honeymoon trip", i + 20)]
    rows += [("u0", "secret of u0 alone", 3), ("u1", "honeymoon trip to bali with bob", 40)]
    return rows


def test_what_follows_is_the_first_next_step() -> None:
    topics = topics_of_log(wedding_log())
    content = content_with(topics)
    best = content["n:wedding planning"]["related"][0]
    assert (best["name"], best["relation"], best["lag_days"]) == ("honeymoon trip", "next_step", 20.0)
    assert content["n:honeymoon trip"]["related"][0]["relation"] == "complement"


def test_nothing_that_fewer_users_share_is_in_the_content() -> None:
    topics = topics_of_log(wedding_log())
    text = json.dumps(content_with(topics), default=bytes.hex)
    assert "wedding planning" in text
    assert "secret" not in text
    assert "bob" not in text
    everybody = topics_of_log(wedding_log(), RelatedParams(min_users=1))
    assert "secret" in json.dumps(content_with(everybody, RelatedParams(min_users=1)), default=bytes.hex)


def test_forbidden_names_are_neither_keys_nor_suggestions() -> None:
    topics = topics_of_log(wedding_log(), forbidden=frozenset({"honeymoon trip"}))
    content = content_with(topics, forbidden=frozenset({"honeymoon trip"}))
    assert "honeymoon" not in json.dumps(content, default=bytes.hex)


def test_a_rare_name_is_answered_by_its_neighbours() -> None:
    topics = topics_of_log(wedding_log())
    content = content_with(topics)
    rare = ["wedding planning checklist", "zzz qqq"]
    found = related_to(rare, lambda keys: [content.get(key) for key in keys], HashingEmbedder().embed, PARAMS)
    near, far = (found[name] for name in rare)
    assert near.topics[0] == "wedding planning"
    assert not near.is_stored
    own = content["n:wedding planning"]["related"][0]
    assert near.related[0]["name"] == own["name"]
    assert 0 < near.related[0]["strength"] < own["strength"]
    assert (list(far.topics), list(far.related)) == ([], [])


def test_what_users_started_lately_is_popular_most_first() -> None:
    topics = topics_of_log(wedding_log(), RelatedParams(min_users=3, recent_days=55))
    known = {row["label"]: (-row["n_recent"], -row["n_users"], row["label"]) for row in topics.labels.to_dicts()}
    popular = content_with(topics)["popular"]
    assert popular == sorted((label for label, key in known.items() if key[0] < 0), key=known.__getitem__)
    assert len(popular) > 3
    assert content_with(topics, RelatedParams(min_users=3, n_popular=2))["popular"] == popular[:2]
    assert content_with(topics_of_log([]))["popular"] == []


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["x y", "y z", "q", "w v"]), st.integers(0, 9))),
    st.randoms(),
)
def test_the_order_of_rows_makes_no_difference(rows: list[tuple[str, str, int]], chance) -> None:  # type: ignore[no-untyped-def]
    loose = RelatedParams(min_users=1, min_log_likelihood=0.0)
    shuffled = rows.copy()
    chance.shuffle(shuffled)
    one, other = (topics_of_log(list(order), loose) for order in (rows, shuffled))
    assert list(content_with(one, loose).items()) == list(content_with(other, loose).items())


@pytest.mark.parametrize(
    ("name", "other", "expected"),
    [
        ("wedding dress lace", "wedding dress", True),
        ("wedding dress", "wedding dress lace", False),
        ("wedding dress", "dress wedding", False),
        ("wedding dress", "shoes", False),
        ("weddings", "wedding", False),
        ("手作り結婚式", "結婚式", True),
        ("結婚式", "結婚式", False),
    ],
)
def test_broader_is_what_a_name_contains(name: str, other: str, expected: bool) -> None:
    assert is_broader(name, other) is expected


def test_the_label_that_a_name_contains_is_broader() -> None:
    value = name_value("wedding dress lace", "wedding dress", 9, [Suggestion("veil", "sibling", 0.3, "neighbours")])
    assert [(one["name"], one["relation"]) for one in value["related"]] == [
        ("wedding dress", "broader"),
        ("veil", "sibling"),
    ]


suggestions = st.lists(
    st.builds(
        Suggestion,
        st.sampled_from(["a", "b", "c", "d"]),
        st.just("sibling"),
        st.floats(0, 1),
        st.sampled_from(["cooccurrence", "neighbours", "m@1"]),
    ),
    max_size=10,
)


@given(suggestions, st.integers(1, 4))
def test_merging_keeps_each_name_once_and_evidence_only_adds(few: list[Suggestion], n: int) -> None:
    merged = merged_suggestions(few, n)
    names = [one.name for one in merged]
    assert len(set(names)) == len(names) <= n
    assert [one.strength for one in merged] == sorted((one.strength for one in merged), reverse=True)
    for one in merged:
        first = next(other for other in few if other.name == one.name)
        assert first.strength <= one.strength <= 1.0
        assert len(set(one.made_by.split("+"))) == len(one.made_by.split("+"))


def test_the_vector_of_a_suggestion_is_that_of_its_name() -> None:
    topics = topics_of_log(wedding_log())
    content = content_with(topics)
    vector = vector_of(content["c:honeymoon trip"])
    assert float(vector @ HashingEmbedder().embed(["honeymoon trip"])[0]) > 0.999
    assert np.linalg.norm(vector) == pytest.approx(1, abs=2e-3)
