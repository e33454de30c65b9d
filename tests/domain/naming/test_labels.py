"""Labels for naming: the name that each judgement gives or accepts, and the grade of each keyword."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from journeys_assets.domain.naming.labels import (
    ROW_SCHEMA,
    graded_members,
    name_grades,
    wanted_names,
    weighted_by_journey,
    word_f1,
)
from journeys_assets.domain.naming.params import NamingParams

DAY = date(2026, 3, 2)
JUDGED = {"relevance": 5, "better_name": None, "shown_name": "sofa", "is_blind": False}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("sofa", 0.5)),  # accepted
        ({"relevance": 3}, None),  # not a journey for this annotator, so no name is needed
        ({"better_name": " Oak  TABLE "}, ("oak table", 1.0)),
        ({"better_name": "oak table", "relevance": 2}, ("oak table", 1.0)),
        ({"better_name": "  "}, ("sofa", 0.5)),
        ({"shown_name": None}, None),
        ({"is_blind": True}, None),  # not shown, so not accepted
        ({"is_blind": True, "better_name": "Oak table"}, ("oak table", 1.0)),
    ],
)
def test_a_judgement_gives_a_better_name_or_accepts_the_shown_one(
    changes: dict[str, object], expected: tuple[str, float] | None
) -> None:
    row = {"day": DAY, "user_id": "u", "journey_id": "j", "judged_on": DAY, **JUDGED, **changes}
    types = {"better_name": pl.String, "shown_name": pl.String}
    found = wanted_names(pl.DataFrame([row], schema_overrides=types), positive_from=4.0, accepted_grade=0.5)
    assert found.select("wanted", "worth").rows() == ([expected] if expected else [])
    assert found["is_blind"].to_list() == ([row["is_blind"]] if expected else [])


def test_a_keyword_is_graded_by_shared_words_and_the_value_of_the_name() -> None:
    members = pl.DataFrame(
        {"user_id": "u", "journey_id": ["a", "a", "a", "b"], "keyword": ["oak table", "table", "sofa", "lamp"]}
    )
    wanted = pl.DataFrame(
        {
            "user_id": "u",
            "journey_id": ["a", "a", "c"],
            "wanted": ["oak table", "tables", "x"],
            "worth": [1.0, 1.0, 1.0],
        }
    )
    expected = {"oak table": 0.5, "sofa": 0.0, "table": 1 / 3}
    assert dict(name_grades(members, wanted).select("keyword", "grade").iter_rows()) == pytest.approx(expected)
    accepted = wanted.with_columns(worth=pl.Series([1.0, 0.5, 1.0]), wanted=pl.Series(["sofa", "sofa", "x"]))
    assert dict(name_grades(members, accepted).select("keyword", "grade").iter_rows())["sofa"] == 0.75


WORDS = st.lists(st.sampled_from(["oak", "table", "sofa", "red", "机"]), min_size=1, max_size=4, unique=True)


@given(WORDS, WORDS)
def test_word_f1_is_symmetric_and_one_only_for_the_same_words(one: list[str], other: list[str]) -> None:
    f1 = word_f1(" ".join(one), " ".join(other))
    assert f1 == word_f1(" ".join(other), " ".join(one))
    assert (f1 == 1.0) == (set(one) == set(other))
    assert (f1 == 0.0) == (not set(one) & set(other))


def test_grades_come_from_all_annotators_and_blind_grades_from_those_shown_no_name() -> None:
    clusters = pl.DataFrame(
        {
            "user_id": ["u", "u"],
            "journey_id": ["a", "b"],
            "keywords": [["oak table", "sofa"], ["lamp"]],
            "keyword_theme_centralities": [[0.9, 0.8], [1.0]],
        }
    )
    facts = pl.DataFrame(
        schema={
            "user_id": pl.String, "keyword": pl.String, "display_form": pl.String, "n_queries": pl.Int64,
            "first_engaged_at": pl.Datetime("us"), "commonness": pl.Float64,
        }
    )  # fmt: skip
    wanted = pl.DataFrame(
        [
            (DAY, "u", "a", "sofa", 1.0, True, DAY),
            (DAY, "u", "a", "oak table", 0.5, False, DAY),
            (DAY, "u", "b", "lamp", 0.5, False, DAY),
            (DAY, "u", "gone", "x", 1.0, True, DAY),
        ],
        schema=["day", "user_id", "journey_id", "wanted", "worth", "is_blind", "known_on"],
        orient="row",
    )
    rows = graded_members(wanted, clusters, facts, DAY, NamingParams()).sort("journey_id", "keyword")
    assert rows.schema == ROW_SCHEMA
    assert rows.select("journey_id", "keyword", "grade", "blind_grade").rows() == [
        ("a", "oak table", 0.25, 0.0),
        ("a", "sofa", 0.5, 1.0),
        ("b", "lamp", 0.5, None),
    ]
    later = rows.with_columns(day=pl.lit(date(2026, 3, 9)), user_id=pl.lit("u 2026-03-09")).filter(journey_id="a")
    together = weighted_by_journey(pl.concat([later, rows]))
    by_day = together.unique(["user_id", "journey_id"]).sort("journey_id", "user_id")
    assert by_day.select("journey_id", "journey_weight").rows() == [("a", 0.5), ("a", 0.5), ("b", 1.0)]
    assert_frame_equal(weighted_by_journey(pl.concat([rows.reverse(), later])), together)
