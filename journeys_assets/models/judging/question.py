"""Asking a language model how relevant the journeys of a user are: question and answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.config import JsonDict

from journeys_assets.domain.annotation.agreement import LEVELS
from journeys_assets.domain.judging.shown import Shown
from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.models.llm.base import Asker, Checked, Prompt, Question
from journeys_assets.models.llm.prompts import load_prompt

PROMPT = PURPOSE = "relevance"
LONGEST_REASON = 100
_TOKENS_OF_A_JOURNEY, _OTHER_TOKENS = 320, 40
"""A character may be three tokens: scripts that the vocabulary of a model lacks are written byte by byte."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a model says of one journey.

    Attributes:
        level: 1 to 5; None where it abstains.
        why: Its explanation; empty where it held personal data.
    """

    level: int | None
    why: str


class RelevanceAnswer(BaseModel):
    """The form of an answer: an object with why and level under the number of each journey.

    The endpoint is told that there is one for each number, and nothing else. An answer that lacks one, has more, or has
    a wrong level has the form nevertheless, so that the good ones among its levels count.
    """

    model_config = ConfigDict(extra="allow")


@cache
def answer_about(n_journeys: int) -> type[RelevanceAnswer]:
    """The form of an answer about ``n_journeys``."""
    of_one: JsonDict = {
        "type": "object",
        "properties": {
            "why": {"type": "string", "maxLength": LONGEST_REASON},
            "level": {"anyOf": [{"type": "integer", "enum": list(LEVELS)}, {"type": "null"}]},
        },
    }
    fields: dict[str, Any] = {
        f"journey_{number}": (Any, Field(default=None, json_schema_extra=of_one)) for number in range(1, n_journeys + 1)
    }
    form: type[RelevanceAnswer] = create_model("RelevanceAnswer", __base__=RelevanceAnswer, **fields)
    return form


def prompt() -> Prompt:
    """The prompt that asks for levels."""
    return load_prompt(PROMPT)


def question(shown: Shown) -> Question[dict[str, Opinion]]:
    """The question about some journeys of a user. The value of its reply has an opinion by journey_id.

    A number that was not asked for is a problem, and so is a missing or wrong level. The other levels count.
    """

    def check(answer: RelevanceAnswer) -> Checked[dict[str, Opinion]]:
        given = answer.model_dump()
        opinions = {}
        problems = [f"There is no {cleaned(key)[:40]}." for key in sorted(answer.model_extra or {})]
        for number, journey_id in enumerate(shown.journey_ids, 1):
            opinion = _opinion(given[f"journey_{number}"])
            if opinion is None:
                problems.append(f"journey_{number} has no level from 1 to 5, and no null in its place.")
            else:
                opinions[journey_id] = opinion
        return Checked(opinions or None, problems)

    n = len(shown.journey_ids)
    return Question(
        prompt(),
        shown.data,
        answer_about(n),
        check,
        _TOKENS_OF_A_JOURNEY * n + _OTHER_TOKENS,
        worth=shown.worth,
        subject=shown.user_id,
    )


def opinions_of(shown: Iterable[Shown], asker: Asker) -> Iterator[dict[str, Opinion]]:
    """The opinions on each question, by journey_id, in order; empty where there is no valid answer."""
    for reply in asker.ask(map(question, shown), PURPOSE):
        yield reply.value or {}


def _opinion(given: object) -> Opinion | None:
    """The opinion in one part of an answer; None if it has neither a level nor a null in its place."""
    if not isinstance(given, dict) or "level" not in given:
        return None
    level, why = given["level"], given.get("why")
    # True is an int in Python, and a level in no scale.
    if level is not None and (isinstance(level, bool) or level not in LEVELS or not isinstance(level, int)):
        return None
    text = cleaned(why)[:LONGEST_REASON].strip() if isinstance(why, str) else ""
    return Opinion(level, "" if holds_personal_data(text) else text)
