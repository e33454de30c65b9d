"""Import of annotation sheets: judgements, empty rows, and errors that name the mistake."""

from datetime import date, datetime
from typing import Any

import polars as pl
import pytest

from journeys_assets.importers.annotation_sheet import ALREADY_STORED, JUDGED_SCHEMA, NOT_JUDGED, convert
from journeys_assets.importers.base import Converted

NOW = datetime(2026, 3, 20, 12)
ITEMS = pl.DataFrame(
    {
        "row_key": ["aaa", "bbb"],
        "user_id": ["u", "v"],
        "journey_id": ["j1", "j2"],
        "as_of_date": [date(2026, 3, 14)] * 2,
        "keywords": [["wedding dress", "venue"], ["kitchen"]],
    }
)
NOTHING = JUDGED_SCHEMA.to_frame()


def row(**values: Any) -> dict[str, Any]:
    return {
        "row_key": "aaa",
        "annotator_id": "ann",
        "relevance": "4",
        "stage": "",
        "better_name": "",
        "comment": "",
    } | values


def converted(*rows: dict[str, Any], judged: pl.DataFrame = NOTHING) -> Converted:
    names = dict.fromkeys(name for given in rows for name in given)
    columns = {name: pl.Series([given.get(name) for given in rows], dtype=pl.String) for name in names}
    return convert(pl.DataFrame({"line": range(2, 2 + len(rows)), **columns}), NOW, items=ITEMS, judged=judged)


def good(found: Converted) -> pl.DataFrame:
    return found.good["journey_annotations"]


def reasons(found: Converted) -> list[tuple[int, str]]:
    return found.refused["journey_annotations"].select("line", "reason").rows()


def test_a_judgement_gets_the_journey_and_day_of_its_row_key() -> None:
    found = converted(row(relevance=" 4.0 ", stage="Ended", better_name="Big day", comment="sure", row_key=" AAA "))
    assert not reasons(found)
    assert good(found).row(0, named=True) == {
        "line": 2,
        "user_id": "u",
        "journey_id": "j1",
        "keywords": ["wedding dress", "venue"],
        "relevance": 4,
        "stage": "ended",
        "better_name": "Big day",
        "annotator_id": "ann",
        "annotated_at": NOW,
        "as_of_date": date(2026, 3, 14),
        "comment": "sure",
    }


def test_two_refused_judgements_of_one_row_are_refused_for_what_is_wrong_with_each() -> None:
    found = converted(row(stage="x"), row(stage="y"))
    assert [(line, reason.split(";")[0]) for line, reason in reasons(found)] == [
        (2, "stage is neither ongoing nor ended: 'x'"),
        (3, "stage is neither ongoing nor ended: 'y'"),
    ]


def test_the_time_of_a_judgement_is_kept_if_the_sheet_has_one() -> None:
    found = converted(row(annotated_at="2026-03-19T10:00:00.250Z"), row(row_key="bbb", annotated_at=""))
    assert good(found)["annotated_at"].to_list() == [datetime(2026, 3, 19, 10, 0, 0, 250_000), NOW]


def test_rows_without_answers_are_skipped_as_not_judged_yet() -> None:
    found = converted(row(relevance=""), row(row_key="bbb", relevance=" ", annotated_at="2026-03-19T10:00:00Z"), row())
    assert good(found)["line"].to_list() == [4]
    assert found.skipped == {NOT_JUDGED: 2}
    assert not reasons(found)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"row_key": ""}, "row_key is missing"),
        ({"row_key": "zzz"}, "row_key is of no sheet that this deployment exported: 'zzz'"),
        ({"annotator_id": " "}, "annotator_id is missing"),
        ({"relevance": "", "stage": "ended"}, "relevance is missing where other answers are given"),
        ({"relevance": "six"}, "relevance is not a whole number from 1 to 5: 'six'"),
        ({"relevance": "0"}, "relevance is not a whole number from 1 to 5: '0'"),
        ({"relevance": "6"}, "relevance is not a whole number from 1 to 5: '6'"),
        ({"relevance": "3.5"}, "relevance is not a whole number from 1 to 5: '3.5'"),
        ({"relevance": "nan"}, "relevance is not a whole number from 1 to 5: 'nan'"),
        ({"relevance": "inf"}, "relevance is not a whole number from 1 to 5: 'inf'"),
        ({"stage": "over"}, "stage is neither ongoing nor ended: 'over'"),
        ({"annotated_at": "yesterday"}, "annotated_at is not a time such as"),
        ({"annotated_at": "2027-01-01"}, "annotated_at is not between"),
        ({"better_name": "x" * 10_001}, "better_name is longer than 10,000 characters"),
    ],
)
def test_a_row_with_a_mistake_is_refused_with_a_reason_and_other_rows_are_accepted(
    change: dict[str, str], reason: str
) -> None:
    found = converted(row(**change), row(row_key="bbb"))
    assert [line for line, _ in reasons(found)] == [2]
    assert reasons(found)[0][1].startswith(reason)
    assert good(found)["line"].to_list() == [3]
    assert found.refused["journey_annotations"]["row_json"].str.contains("row_key").all()


def test_no_reason_says_that_a_part_of_a_refused_row_was_kept() -> None:
    found = converted(row(better_name="x" * 10_001), row(row_key="bbb", annotated_at="never"))
    assert [line for line, _ in reasons(found)] == [2, 3]
    assert good(found).is_empty()
    assert not [reason for _, reason in reasons(found) if "kept" in reason]


def test_the_reason_names_every_mistake_of_a_row() -> None:
    ((_, reason),) = reasons(converted(row(relevance="9", stage="x", annotator_id="")))
    assert "annotator_id is missing" in reason
    assert "'9'" in reason
    assert "'x'" in reason


def test_stored_judgements_are_skipped_and_changed_ones_are_accepted() -> None:
    before = pl.DataFrame(
        [("aaa", "ann", 4, None, None, None), ("bbb", "ann", 4, "ended", None, None)],
        schema=JUDGED_SCHEMA,
        orient="row",
    )
    found = converted(row(), row(row_key="bbb"), row(annotator_id="ben"), judged=before)
    assert good(found)["line"].to_list() == [3, 4]
    assert found.skipped == {ALREADY_STORED: 1}


def test_a_second_judgement_is_refused_unless_it_is_equal_or_has_a_time() -> None:
    found = converted(row(), row(relevance="2"), row(annotator_id="ben"), row())
    assert reasons(found) == [
        (3, "row_key is judged in line 2 already, and differently: 'aaa'; keep one of the two"),
    ]
    timed = converted(row(annotated_at="2026-03-19T10:00:00Z"), row(relevance="2", annotated_at="2026-03-19T11:00:00Z"))
    assert not reasons(timed)
    assert good(timed)["relevance"].to_list() == [4, 2]


def test_a_sheet_without_the_optional_columns_is_accepted() -> None:
    found = converted({"row_key": "aaa", "annotator_id": "ann", "relevance": "1"})
    assert good(found)["relevance"].to_list() == [1]


def test_every_row_is_accepted_refused_or_skipped() -> None:
    rows = [row(), row(relevance=""), row(relevance="x"), row(row_key="bbb", annotator_id="ben"), row(row_key="?")]
    found = converted(*rows)
    assert good(found).height + len(reasons(found)) + sum(found.skipped.values()) == len(rows)


def test_a_judgement_is_compared_in_the_spelling_that_is_stored() -> None:
    given = row(annotator_id="Jose\u0301 \u200b", better_name="Big\u00a0 day\ufeff", comment="n/a", stage=" Ended\r")
    first = good(converted(given)).with_columns(row_key=pl.lit("aaa")).select(JUDGED_SCHEMA.names())
    assert first.row(0) == ("aaa", "José", 4, "ended", "Big day", None)
    again = converted(given, judged=first)
    assert (good(again).height, again.skipped) == (0, {ALREADY_STORED: 1})
