"""Asking a language model for all journeys of a user: question and answer.

``domain.inference`` decides what the model is shown and what of its answer counts.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from pydantic.config import JsonDict

from journeys_assets.domain.inference.answers import Answer, Claim, validated
from journeys_assets.domain.inference.history import History
from journeys_assets.domain.naming.suggestions import MAX_CHARACTERS, MIN_CHARACTERS
from journeys_assets.domain.vocabulary import INTENTS, KINDS, STAGES
from journeys_assets.models.llm.base import Checked, Prompt, Question
from journeys_assets.models.llm.prompts import load_prompt

PROMPT = PURPOSE = "journeys"
_CONFIDENCES = [step / 10 for step in range(11)]
"""What the schema allows: a model that is held to "a number" may write digits without end."""
_TOKENS_OF_A_JOURNEY, _TOKENS_OF_A_KEYWORD, _OTHER_TOKENS = 90, 6, 60


class AnswerJourney(BaseModel):
    """One journey of an answer. ``domain.inference.answers`` looks at the values, so they may be anything here."""

    model_config = ConfigDict(extra="ignore")

    name: Any = None
    keywords: list[Any] = Field(default_factory=list)
    kind: Any = None
    stage: Any = None
    intent: Any = None
    confidence: Any = None


class JourneysAnswer(BaseModel):
    """The form of an answer."""

    journeys: list[AnswerJourney]


@cache
def answer_about(n_keywords: int, most_journeys: int) -> type[JourneysAnswer]:
    """The form of an answer about ``n_keywords`` keywords.

    The endpoint is told which numbers there are and which values are allowed. An answer that has others has the form
    nevertheless, so that the good part of it counts.
    """
    number = Annotated[Any, WithJsonSchema({"type": "integer", "enum": list(range(1, n_keywords + 1))})]
    name = {"type": "string", "minLength": MIN_CHARACTERS, "maxLength": MAX_CHARACTERS}
    numbers: JsonDict = {"minItems": 1, "maxItems": n_keywords}
    fields: dict[str, Any] = {
        "name": (Annotated[Any, WithJsonSchema(name)], None),
        "keywords": (list[number], Field(default_factory=list, json_schema_extra=numbers)),
        "kind": (Annotated[Any, WithJsonSchema({"type": "string", "enum": list(KINDS)})], None),
        "stage": (Annotated[Any, WithJsonSchema({"type": "string", "enum": list(STAGES)})], None),
        "intent": (Annotated[Any, WithJsonSchema({"type": "string", "enum": list(INTENTS)})], None),
        "confidence": (Annotated[Any, WithJsonSchema({"type": "number", "enum": _CONFIDENCES})], None),
    }
    journey = create_model("AnswerJourney", __base__=AnswerJourney, **fields)
    most = Field(json_schema_extra={"maxItems": most_journeys})
    form: type[JourneysAnswer] = create_model(
        "JourneysAnswer",
        __base__=JourneysAnswer,
        journeys=(list[journey], most),  # type: ignore[valid-type]
    )
    return form


def prompt() -> Prompt:
    """The prompt that asks for journeys."""
    return load_prompt(PROMPT)


def question(history: History, most_journeys: int) -> Question[Answer]:
    """The question about one user. The value of its reply is what counts of the answer.

    An answer without any journey is an answer: the user keeps the clusters of the pipeline. One whose journeys have no
    keyword that was shown is a problem.
    """
    n = len(history.items)

    def check(given: JourneysAnswer) -> Checked[Answer]:
        answer = validated((Claim(**journey.model_dump()) for journey in given.journeys), n)
        if given.journeys and not answer.journeys:
            return Checked(None, [f"No journey has a keyword; the keywords have the numbers 1 to {n}."])
        return Checked(answer)

    n_journeys = min(most_journeys, n)
    return Question(
        prompt(),
        history.data,
        answer_about(n, most_journeys),
        check,
        _TOKENS_OF_A_JOURNEY * n_journeys + _TOKENS_OF_A_KEYWORD * n + _OTHER_TOKENS,
        worth=history.weight,
        subject=history.user_id,
    )
