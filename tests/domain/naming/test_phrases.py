"""Phrases that keywords share: which count, how they are spelled, and when they name a journey."""

from collections.abc import Sequence
from datetime import datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.naming.features import candidate_features
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.naming.params import NamingParams

PARAMS = NamingParams()
BOTTLES = (
    "grey heart hot water bottle",
    "scottie dog hot water bottle",
    "hot water bottle tea and sympathy",
    "hot water bottles for children",
)


def journeys(*members: Sequence[str]) -> pl.DataFrame:
    """Journeys of one user, whose members are equally central."""
    return pl.DataFrame(
        {
            "user_id": ["u"] * len(members),
            "journey_id": [f"j{number}" for number in range(len(members))],
            "keywords": [list(own) for own in members],
            "keyword_theme_centralities": [[0.8] * len(own) for own in members],
        },
        schema_overrides={"keywords": pl.List(pl.String)},
    )


def facts(rows: pl.DataFrame, forms: dict[str, str] | None = None, days: dict[str, int] | None = None) -> pl.DataFrame:
    known = rows.select("user_id", keyword="keywords").explode("keyword").unique().sort("keyword")
    keywords = known["keyword"].to_list()
    times = [datetime(2026, 1, 1 + days[keyword]) if days else None for keyword in keywords]
    return known.with_columns(
        pl.Series("display_form", [(forms or {}).get(keyword, keyword) for keyword in keywords]),
        pl.Series("first_engaged_at", times, dtype=pl.Datetime("us")),
        n_queries=pl.lit(0, dtype=pl.Int64),
        commonness=pl.lit(0.0),
    )


def phrases(*members: str) -> set[str]:
    """The phrases that the members of one journey share."""
    rows = journeys(members)
    return set(candidate_features(rows, facts(rows), PARAMS).filter(~pl.col("is_member"))["keyword"])


def name(*members: str, **known: dict[str, object]) -> str:
    rows = journeys(members)
    return str(name_journeys(rows, facts(rows, **known), PARAMS)["journey_name"][0])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        (BOTTLES, {"hot water bottle"}),
        (("red hot water bottle", "water bottle"), set()),  # the member itself is the candidate
        (("lunch bag spaceboy", "lunch bags suki"), {"lunch bag"}),
        (("lunch bag", "lunch bags"), set()),
        (("glass of water", "glass of wine"), set()),  # neither ends with a function word nor is a single word
        (("how to bake bread", "how to bake cake"), set()),
        (("set of 6 spoons", "set of 6 forks"), set()),
        (("small red dress", "small red shoes"), set()),
        (("oak table, small", "oak table: large"), {"oak table"}),
        (("oak, table", "oak, table legs"), set()),  # a phrase does not cross punctuation
        (("ma jolie robe bleue", "ma jolie robe rouge"), {"jolie robe"}),
        (("結婚式準備", "結婚式招待状", "結婚式 ドレス"), {"結婚式"}),
        (("準備中", "準備完了"), set()),  # two characters are too few
        (("เที่ยวเชียงใหม่", "เที่ยวเชียงราย"), {"เที่ยวเชียง"}),
        (("주방 리모델링 비용", "주방 리모델링 사진"), {"주방 리모델링"}),
        (("plumber ann@mail.example now", "plumber ann@mail.example today"), set()),
        (("t-light holder red", "t-light holder blue"), {"t-light holder"}),
        (("oak table", "elm chair", "oak table legs", "ash", "ivy", "fir"), set()),  # two of six are too few
    ],
)
def test_the_phrases_that_keywords_share(members: Sequence[str], expected: set[str]) -> None:
    assert phrases(*members) == expected


def test_a_phrase_that_most_keywords_share_names_the_journey() -> None:
    rows = journeys(BOTTLES)
    row = name_journeys(rows, facts(rows), PARAMS).row(0, named=True)
    assert row["journey_name"] == row["name_keyword"] == "hot water bottle"
    assert sorted(row["keywords"]) == sorted(BOTTLES)
    assert 0 < row["naming_score"] <= 1


def test_a_phrase_is_shown_as_most_keywords_spell_it() -> None:
    forms = {keyword: keyword.replace("hot water", "Hot Water") for keyword in BOTTLES[:3]}
    assert name(*BOTTLES, forms=forms) == "Hot Water bottle"
    assert name("lunch bags suki", "lunch bags spaceboy", "lunch bag red spots") == "lunch bags"
    assert name(*BOTTLES, forms={keyword: keyword.upper() for keyword in BOTTLES}) == "Hot water bottle"
    # a display form with other words than the keyword is not used
    assert name(*BOTTLES, forms=dict.fromkeys(BOTTLES, "x")) == "hot water bottle"


def test_a_generic_phrase_does_not_name_a_journey_that_has_another_name() -> None:
    rows = journeys(("home decor ideas", "home decor shop", "cheap home decor"))
    known = facts(rows)
    assert name_journeys(rows, known, PARAMS)["journey_name"].to_list() == ["home decor"]
    generic = known.head(1).with_columns(keyword=pl.lit("home decor"), commonness=pl.lit(PARAMS.generic_share))
    assert name_journeys(rows, pl.concat([known, generic]), PARAMS)["journey_name"].to_list() != ["home decor"]


def test_journeys_with_the_same_phrase_have_different_names() -> None:
    rows = journeys(BOTTLES, [keyword.replace("heart", "cat") + " large" for keyword in BOTTLES])
    names = name_journeys(rows, facts(rows), PARAMS)
    assert names["journey_name"].n_unique() == 2
    assert "hot water bottle" in names["journey_name"].to_list()


def test_a_phrase_is_as_old_as_the_second_keyword_that_contains_it() -> None:
    rows = journeys(BOTTLES)
    known = facts(rows, days={keyword: number for number, keyword in enumerate(BOTTLES)})
    features = candidate_features(rows, known, PARAMS).filter(~pl.col("is_member"))
    assert features["first_engaged_at"].to_list() == [datetime(2026, 1, 2)]


def test_another_user_never_changes_a_phrase() -> None:
    rows = journeys(BOTTLES)
    others = pl.concat(
        [rows, journeys([*BOTTLES[:2], "heart hot water", "a heart hot dog"]).with_columns(user_id=pl.lit("v"))]
    )
    alone, beside = (name_journeys(own, facts(own), PARAMS).filter(user_id="u") for own in (rows, others))
    assert_frame_equal(alone, beside)


WORDS = st.sampled_from(["hot", "water", "bottle", "bottles", "of", "red", "7", "x", "결혼식", "結婚", "式"])
KEYWORDS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)


@given(st.lists(st.lists(KEYWORDS, min_size=1, max_size=6, unique=True), min_size=1, max_size=3), st.randoms())
def test_phrases_are_runs_of_enough_keywords_whatever_the_order(members: list[list[str]], random: object) -> None:
    rows = journeys(*members)
    known = facts(rows)
    found = candidate_features(rows, known, PARAMS).sort("journey_id", "keyword")
    shuffled = [random.sample(own, len(own)) for own in members]  # type: ignore[attr-defined]
    again = candidate_features(journeys(*shuffled), known.reverse(), PARAMS).sort("journey_id", "keyword")
    assert_frame_equal(found, again, check_exact=True)
    assert not found.select("journey_id", "keyword").is_duplicated().any()
    own_words = {f"j{number}": [f" {text} " for text in own] for number, own in enumerate(members)}
    for journey, phrase, sharing in (
        found.filter(~pl.col("is_member")).select("journey_id", "keyword", "sharing").iter_rows()
    ):
        # as spelled, by one at least; singular and plural count as the same
        assert any(f" {phrase} " in text or phrase in text.strip() for text in own_words[journey])
        assert 0 < sharing <= 1
        assert phrase.split()[0] != "of" != phrase.split()[-1]
