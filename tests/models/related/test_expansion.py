"""Answers of a language model about related journeys: what is good is kept, what is wrong is named."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.related.params import RelatedParams
from journeys_assets.domain.vocabulary import RELATIONS
from journeys_assets.models.llm.base import Checked
from journeys_assets.models.llm.prompts import load_prompt
from journeys_assets.models.related.expansion import PROMPT, RelatedAnswer, Suggestions, checked, questions_of

NAMES = ["wedding planning", "learn guitar"]


def all_safe(texts: Sequence[str]) -> list[bool]:
    return [True] * len(texts)


def check(*items: tuple[str, list[tuple[str, str]]], is_safe=all_safe, n: int = 3) -> Checked[Suggestions]:  # type: ignore[no-untyped-def]
    listed = [{"name": name, "related": [{"name": n, "type": t} for n, t in related]} for name, related in items]
    answer = RelatedAnswer.model_validate({"items": listed})
    return checked(answer, names=NAMES, n=n, made_by="m@1", is_safe=is_safe)


GOOD = ("Wedding  planning", [("Honeymoon", "next_step"), ("Bridal shower", "complement")])
ALSO_GOOD = ("learn guitar", [("learn piano", "sibling")])


def test_a_good_answer_is_taken_in_its_order() -> None:
    found = check(GOOD, ALSO_GOOD)
    assert found.problems == ()
    assert found.value is not None
    assert [(s.name, s.relation, s.strength) for s in found.value["wedding planning"]] == [
        ("honeymoon", "next_step", 0.5),
        ("bridal shower", "complement", pytest.approx(1 / 3)),
    ]
    assert {s.made_by for few in found.value.values() for s in few} == {"m@1"}


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (("Honeymoon", "friend"), "type is not one of"),
        (("x", "sibling"), "not 2 to 60 characters"),
        (("y" * 61, "sibling"), "not 2 to 60 characters"),
        (("  \u200b ", "sibling"), "not 2 to 60 characters"),
        (("LEARN GUITAR", "sibling"), "related to itself"),
        (("Learn Piano", "next_step"), "given twice"),
        (("call me at ann@example.com", "sibling"), "personal data"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_is_kept(wrong: tuple[str, str], problem: str) -> None:
    found = check(GOOD, ("learn guitar", [("learn piano", "sibling"), wrong]))
    assert any(problem in text for text in found.problems)
    assert found.value is not None
    assert [s.name for s in found.value["learn guitar"]] == ["learn piano"]
    assert len(found.value["wedding planning"]) == 2


@pytest.mark.parametrize(
    ("items", "problem", "n_named"),
    [
        ((GOOD,), "1 of the names have no item", 1),
        ((GOOD, GOOD, ALSO_GOOD), "two items", 2),
        ((GOOD, ALSO_GOOD, ("cooking", [("baking", "sibling")])), "not in `names`", 2),
        ((GOOD, ("learn guitar", [(f"thing {i}", "sibling") for i in range(5)])), "more than 3", 2),
    ],
)
def test_counts_are_checked(items: tuple[tuple[str, list[tuple[str, str]]], ...], problem: str, n_named: int) -> None:
    found = check(*items)
    assert any(problem in text for text in found.problems)
    assert found.value is not None
    assert len(found.value) == n_named
    assert max(map(len, found.value.values())) <= 3


def test_what_is_not_safe_is_left_out() -> None:
    found = check(GOOD, ALSO_GOOD, is_safe=lambda texts: [text != "honeymoon" for text in texts])
    assert found.value is not None
    assert [s.name for s in found.value["wedding planning"]] == ["bridal shower"]
    assert any("1 related journeys are not allowed" in text for text in found.problems)


def test_nothing_good_is_no_value() -> None:
    assert check().value is None
    assert check(("wedding planning", [])).value is None


names = st.sampled_from([*NAMES, "other"]) | st.text(max_size=70)
items = st.lists(
    st.tuples(names, st.lists(st.tuples(names, st.sampled_from([*RELATIONS, "none"])), max_size=6)), max_size=4
)


@given(items)
def test_whatever_a_model_says_what_is_kept_keeps_the_rules(answer: list[tuple[str, list[tuple[str, str]]]]) -> None:
    found = check(*answer)
    for name, few in (found.value or {}).items():
        assert name in NAMES
        assert 0 < len(few) <= 3
        texts = [one.name for one in few]
        assert len(set(texts)) == len(texts)
        for one in few:
            assert 2 <= len(one.name) <= 60
            assert one.name == normalise(one.name) != name
            assert one.relation in RELATIONS
            assert not holds_personal_data(one.name)
            assert 0 < one.strength <= 0.5


def test_questions_hold_ten_names_each_and_nothing_else() -> None:
    names = [f"name {i}" for i in range(23)]
    prompt = load_prompt(PROMPT)
    questions = list(questions_of(names, prompt, "m@1", RelatedParams(), all_safe, dict.fromkeys(names, 2.0)))
    assert [len(question.data["names"]) for question in questions] == [10, 10, 3]
    assert [name for question in questions for name in question.data["names"]] == names
    assert {frozenset(question.data) for question in questions} == {frozenset({"names", "max_related"})}
    assert questions[0].worth == 20.0
    assert all(kind in prompt.text for kind in RELATIONS)
