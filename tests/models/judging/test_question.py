"""Questions for relevance: the form of an answer, and what counts of a hostile one."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.annotation.sampling import LEVELS, QUESTION
from journeys_assets.domain.judging.shown import Shown
from journeys_assets.models.judging.question import LONGEST_REASON, Opinion, prompt, question
from journeys_assets.models.llm.answers import judged_text, schema_of

SHOWN = Shown("ann", 1, ("j9", "j4"), {"journeys": {"journey_1": {}, "journey_2": {}}})
GOOD = {"journey_1": {"why": "a", "level": 4}, "journey_2": {"why": "b", "level": None}}


def test_the_prompt_has_the_scale_and_the_question_of_annotators() -> None:
    text = prompt().text
    for level, (name, when) in LEVELS.items():
        assert f"{level} {name}: {when}" in text
    assert QUESTION.replace("the user", "the person").replace("the day shown", "today") in text


def test_the_endpoint_is_told_the_levels_and_how_many_there_are() -> None:
    schema = schema_of(question(SHOWN).answer)
    assert schema["required"] == ["journey_1", "journey_2"]
    assert schema["additionalProperties"] is False
    one = schema["properties"]["journey_1"]
    assert sorted(one["required"]) == ["level", "why"]
    assert one["properties"]["level"]["anyOf"][0]["enum"] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("answer", "levels", "n_problems"),
    [
        (GOOD, {"j9": 4, "j4": None}, 0),
        (GOOD | {"journey_3": {"why": "", "level": 5}}, {"j9": 4, "j4": None}, 1),
        (GOOD | {f"journey_{n}": {"why": "", "level": 5} for n in range(3, 16)}, {"j9": 4, "j4": None}, 10),
        (GOOD | {"j4": {"why": "", "level": 1}}, {"j9": 4, "j4": None}, 1),
        (GOOD | {"journey_2": {"why": "", "level": 9}}, {"j9": 4}, 1),
        (GOOD | {"journey_2": {"why": "", "level": 0}}, {"j9": 4}, 1),
        (GOOD | {"journey_2": {"why": "", "level": True}}, {"j9": 4}, 1),
        (GOOD | {"journey_2": {"why": "", "level": "5"}}, {"j9": 4}, 1),
        (GOOD | {"journey_2": {"why": "", "level": 4.5}}, {"j9": 4}, 1),
        (GOOD | {"journey_2": {"why": ""}}, {"j9": 4}, 1),
        (GOOD | {"journey_2": [5]}, {"j9": 4}, 1),
        ({"journey_1": {"level": 2}}, {"j9": 2}, 1),
        ({"journey_1": 5, "journey_2": 5}, None, 2),
        ({}, None, 2),
        ([4, 5], None, 1),
    ],
)
def test_the_good_levels_of_an_answer_count(
    answer: object, levels: dict[str, int | None] | None, n_problems: int
) -> None:
    found = judged_text(json.dumps(answer), question(SHOWN))
    assert (found.value and {journey: one.level for journey, one in found.value.items()}) == levels
    assert len(found.problems) == n_problems


@pytest.mark.parametrize("text", ["", "   \n ", "level 5", '{"journey_1": {"why": "a", "level": 4}'])
def test_what_is_no_answer_has_no_value(text: str) -> None:
    assert judged_text(text, question(SHOWN)).value is None


def test_an_explanation_is_one_short_line_without_personal_data() -> None:
    long = {"why": "so \u202e\n  good " * 99, "level": 5}
    found = judged_text(
        json.dumps({"journey_1": long, "journey_2": {"why": "call 0171 555 0134", "level": 1}}), question(SHOWN)
    )
    assert found.value is not None
    assert len(found.value["j9"].why) <= LONGEST_REASON
    assert "\n" not in found.value["j9"].why
    assert found.value["j4"] == Opinion(1, "")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
answers = (
    st.dictionaries(st.sampled_from(["journey_1", "journey_2", "journey_3", "why", "j9"]), json_values) | json_values
)


@given(answers)
def test_no_answer_gives_a_level_off_the_scale_or_of_another_journey(answer: object) -> None:
    found = judged_text(json.dumps(answer), question(SHOWN)).value or {}
    assert set(found) <= {"j9", "j4"}
    assert all(one.level is None or (type(one.level) is int and 1 <= one.level <= 5) for one in found.values())
