"""Related journeys of users: what is left out, isolation of users, and the score."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.related.candidates import fact_value
from journeys_assets.domain.related.groups import on_grid
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.related.ranking import FEATURES, rank_related, suggested, with_outcomes
from journeys_assets.models.embedding.hashing import HashingEmbedder

DAY = date(2026, 6, 15)
PARAMS = RelatedParams(n_related=3)
NAMES = ("wedding", "honeymoon", "new home", "baby room", "garden", "guitar", "piano lessons")
SCHEMA = {
    "user_id": pl.String(),
    "journey_id": pl.String(),
    "name": pl.String(),
    "confidence": pl.Float64(),
    "is_source": pl.Boolean(),
}


def record(name: str, relation: str = "next_step", strength: float = 0.6) -> dict[str, object]:
    return {"name": name, "relation": relation, "strength": strength, "made_by": "cooccurrence"}


def vector(name: str):  # type: ignore[no-untyped-def]
    return on_grid(HashingEmbedder().embed([name]))[0]


MONTHS = [0.05] * 12
MONTHS[5] = 0.45
CONTENT = {
    "n:wedding": {"topic": "wedding", "users": 50, "related": [record("honeymoon"), record("new home", strength=0.3)]},
    "n:honeymoon": {"topic": "honeymoon", "users": 40, "related": [record("baby room"), record("new home")]},
    "n:guitar": {"topic": "guitar", "users": 30, "related": [record("piano lessons", "sibling", 0.2)]},
    **{f"c:{name}": fact_value(vector(name), 20, 5, MONTHS) for name in NAMES},
    **{f"c:{name}": fact_value(vector(name), 90, n, MONTHS) for name, n in (("world cup", 60), ("tax return", 30))},
}
POPULAR = {**CONTENT, "popular": ["world cup", "tax return"]}


def related_rows(
    journeys: list[tuple[str, str, float, bool]],
    params: RelatedParams = PARAMS,
    content: Mapping[str, Any] = CONTENT,
) -> pl.DataFrame:
    """Ranked rows for (user, name, confidence, is_source)."""
    rows = [(user, f"j-{user}-{name}", name, confidence, source) for user, name, confidence, source in journeys]
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    names = frame["name"].unique().sort().to_list()
    matrix = on_grid(HashingEmbedder().embed(names))
    own = {name: row for row, name in enumerate(names)}
    found = suggested(frame, own, matrix, lambda keys: [content.get(key) for key in keys], None, DAY, params)
    return rank_related(found.candidates, found.vectors, params.prior_weights, params)


def names_of(rows: pl.DataFrame, user: str) -> list[str]:
    return rows.filter(user_id=user).sort("rank")["related_name"].to_list()


def test_the_strongest_relation_comes_first_with_the_journey_that_it_comes_from() -> None:
    rows = related_rows([("ann", "wedding", 0.9, True), ("ann", "guitar", 0.9, True)])
    assert names_of(rows, "ann") == ["honeymoon", "new home", "piano lessons"]
    assert rows["from_journey_id"].to_list() == ["j-ann-wedding", "j-ann-wedding", "j-ann-guitar"]
    assert rows["rank"].to_list() == [1, 2, 3]


def test_what_the_user_has_or_has_ended_or_rejected_is_left_out() -> None:
    for confidence, is_source in ((0.9, True), (0.2, False), (0.0, False)):
        rows = related_rows([("ann", "wedding", 0.9, True), ("ann", "honeymoon", confidence, is_source)])
        assert "honeymoon" not in names_of(rows, "ann")


def test_what_the_user_has_in_other_words_is_left_out() -> None:
    assert "baby room" in names_of(related_rows([("ann", "honeymoon", 0.9, True)]), "ann")
    rows = related_rows([("ann", "honeymoon", 0.9, True), ("ann", "baby rooms", 0.5, False)])
    assert "baby room" not in names_of(rows, "ann")


def test_only_ongoing_journeys_suggest() -> None:
    assert related_rows([("ann", "wedding", 0.9, False)]).is_empty()
    assert related_rows([]).is_empty()


def test_two_journeys_that_agree_raise_a_candidate() -> None:
    alone = related_rows([("ann", "honeymoon", 0.9, True)]).filter(related_name="new home")["score"].item()
    both = related_rows([("ann", "honeymoon", 0.9, True), ("ann", "wedding", 0.9, True)])
    assert both.filter(related_name="new home")["score"].item() > alone


def test_what_is_popular_fills_up_and_comes_from_no_journey() -> None:
    rows = related_rows([("ann", "guitar", 0.9, True), ("ben", "guitar", 0.9, False)], content=POPULAR)
    assert names_of(rows, "ann") == ["world cup", "tax return", "piano lessons"]
    assert names_of(rows, "ben") == ["world cup", "tax return"]
    assert rows.filter(user_id="ann")["relation"].to_list() == ["popular", "popular", "sibling"]
    assert rows.filter(user_id="ann")["from_journey_id"].to_list() == [None, None, "j-ann-guitar"]
    assert set(rows.filter(relation="popular")["made_by"]) == {"popularity"}


def test_without_an_ongoing_journey_similarity_says_nothing() -> None:
    mine = [("ann", "guitar", 0.9, False)]
    similar = RelatedParams(prior_similarity_weight=5.0, prior_mean_similarity_weight=5.0)
    assert_frame_equal(related_rows(mine, similar, POPULAR), related_rows(mine, RelatedParams(), POPULAR))


def test_what_is_popular_and_related_is_related() -> None:
    content = {**CONTENT, "popular": ["honeymoon", "tax return"]}
    rows = related_rows([("ann", "wedding", 0.9, True)], RelatedParams(n_related=10), content)
    assert set(rows["related_name"]) == {"honeymoon", "new home", "tax return"}
    assert rows.filter(related_name="honeymoon").select("relation", "from_journey_id").row(0) == (
        "next_step",
        "j-ann-wedding",
    )
    assert rows["related_name"].n_unique() == rows.height


def test_what_is_popular_is_left_out_where_the_user_has_it() -> None:
    for name in ("world cup", "the world cup"):
        assert names_of(related_rows([("ann", name, 0.3, False)], content=POPULAR), "ann") == ["tax return"]


journeys = st.lists(
    st.tuples(
        st.sampled_from(["ann", "ben", "chi", "dot"]),
        st.sampled_from([*NAMES, "world cup", "unknown thing"]),
        st.floats(0, 1),
        st.booleans(),
    ),
    max_size=16,
    unique_by=lambda row: row[:2],
)


@given(journeys, st.sampled_from([CONTENT, POPULAR]), st.randoms())
@settings(max_examples=60)
def test_users_are_isolated_and_rows_need_no_order(  # type: ignore[no-untyped-def]
    rows: list[tuple[str, str, float, bool]], content: Mapping[str, Any], chance
) -> None:
    together = related_rows(rows, content=content)
    shuffled = rows.copy()
    chance.shuffle(shuffled)
    assert_frame_equal(together, related_rows(shuffled, content=content), check_exact=True)
    for user in {row[0] for row in rows}:
        mine = related_rows([row for row in rows if row[0] == user], content=content)
        assert_frame_equal(together.filter(user_id=user), mine, check_exact=True)
        own = {row[1] for row in rows if row[0] == user}
        assert not own & set(mine["related_name"])
        assert mine.height <= PARAMS.n_related
        assert mine["related_name"].n_unique() == mine.height
        assert mine["rank"].to_list() == list(range(1, mine.height + 1))


def test_outcomes_count_by_meaning() -> None:
    candidates = pl.DataFrame({"user_id": ["ann", "ann", "ben"], "related_name": ["baby room", "garden", "baby room"]})
    vectors = {name: vector(name) for name in ("baby room", "garden")}
    found = with_outcomes(candidates, vectors, {"ann": [vector("baby rooms")]}, PARAMS.same_cosine)
    assert found["started"].to_list() == [True, False, False]


def test_every_feature_has_a_prior_weight() -> None:
    assert PARAMS.prior_weights.keys() == {*FEATURES, "intercept"}
