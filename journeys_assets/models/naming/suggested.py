"""Asking a language model for names: question and answer. ``domain.naming.suggestions`` decides which are accepted."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.config import JsonDict

from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.naming.suggestions import MAX_CHARACTERS, MIN_CHARACTERS, Shown
from journeys_assets.models.llm.base import Checked, Prompt, Question
from journeys_assets.models.llm.prompts import load_prompt

PROMPT = PURPOSE = "names"
_TOKENS_OF_A_NAME, _OTHER_TOKENS = 40, 40


class NamesAnswer(BaseModel):
    """The form of an answer: a name under the number of each journey, ``journey_1``, ``journey_2``, …

    The endpoint is told that there is a name for each number, and nothing else. An answer that lacks one, or has more,
    has the form nevertheless, so that the good ones among its names count.
    """

    model_config = ConfigDict(extra="allow")


@cache
def answer_about(n_journeys: int) -> type[NamesAnswer]:
    """The form of an answer about ``n_journeys``."""
    length: JsonDict = {"minLength": MIN_CHARACTERS, "maxLength": MAX_CHARACTERS}
    fields: dict[str, Any] = {
        f"journey_{number}": (str, Field(default="", json_schema_extra=length)) for number in range(1, n_journeys + 1)
    }
    form: type[NamesAnswer] = create_model("NamesAnswer", __base__=NamesAnswer, **fields)
    return form


def prompt() -> Prompt:
    """The prompt that asks for names."""
    return load_prompt(PROMPT)


def question(shown: Shown) -> Question[dict[str, str]]:
    """The question about some journeys of a user. The value of its reply has a name by journey_id.

    A number that was not asked for is a problem, and so is a missing or empty name. The other names count.
    """

    def check(answer: NamesAnswer) -> Checked[dict[str, str]]:
        given = answer.model_dump()
        names = {}
        problems = [f"There is no {key}." for key in sorted(answer.model_extra or {})]
        for number, journey_id in enumerate(shown.journey_ids, 1):
            name = cleaned(given[f"journey_{number}"]).strip("\"'“”„«».")
            if any(map(str.isalpha, name)):
                names[journey_id] = name
            else:
                problems.append(f"journey_{number} has no name.")
        return Checked(names or None, problems)

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
