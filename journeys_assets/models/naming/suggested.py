"""Asking a language model for names: question and answer. ``domain.naming.suggestions`` decides which are accepted."""

from __future__ import annotations

from functools import cache
from typing import Annotated

from pydantic import BaseModel, Field, create_model
from pydantic.config import JsonDict

from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.naming.suggestions import MAX_CHARACTERS, Shown
from journeys_assets.models.llm.base import Checked, Prompt, Question
from journeys_assets.models.llm.prompts import load_prompt

PROMPT = PURPOSE = "names"
_TOKENS_OF_A_NAME, _OTHER_TOKENS = 40, 40


class NumberedName(BaseModel):
    """The name of one journey, by its number in the question."""

    number: int
    name: Annotated[str, Field(max_length=2 * MAX_CHARACTERS)]


class NamesAnswer(BaseModel):
    """The form of an answer."""

    names: list[NumberedName]


@cache
def answer_about(n_journeys: int) -> type[NamesAnswer]:
    """The form of an answer about ``n_journeys``. The endpoint is told how many names there must be.

    An answer with another number of names has the form nevertheless, so that the good ones among them count.
    """
    bounds: JsonDict = {"minItems": n_journeys, "maxItems": n_journeys}
    names = (list[NumberedName], Field(json_schema_extra=bounds))
    return create_model("NamesAnswer", __base__=NamesAnswer, names=names)


def prompt() -> Prompt:
    """The prompt that asks for names."""
    return load_prompt(PROMPT)


def question(shown: Shown) -> Question[dict[str, str]]:
    """The question about the journeys of one user. The value of its reply has a name by journey_id.

    A number that was not asked for, or is there twice, is a problem, and so is a missing or empty name. The other names
    count.
    """

    def check(answer: NamesAnswer) -> Checked[dict[str, str]]:
        names: dict[int, str] = {}
        problems = []
        for one in answer.names:
            name = cleaned(one.name).strip("\"'“”„«».")
            if not 1 <= one.number <= len(shown.journey_ids):
                problems.append(f"there is no journey with the number {one.number}")
            elif one.number in names:
                problems.append(f"journey {one.number} has more than one name")
            elif not any(map(str.isalpha, name)):
                problems.append(f"the name of journey {one.number} is empty")
            else:
                names[one.number] = name
        missing = [n for n in range(1, len(shown.journey_ids) + 1) if n not in names]
        if missing:
            problems.append(f"the names of these journeys are missing: {', '.join(map(str, missing))}")
        found = {shown.journey_ids[number - 1]: name for number, name in sorted(names.items())}
        return Checked(found or None, problems)

    n = len(shown.journey_ids)
    return Question(
        prompt(),
        shown.data,
        answer_about(n),
        check,
        _TOKENS_OF_A_NAME * n + _OTHER_TOKENS,
        worth=shown.worth,
        subject=shown.user_id,
    )
