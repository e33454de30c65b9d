"""The form of answers: the JSON schema that is asked for, and the check of what came back."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic

from pydantic import BaseModel, ValidationError

from journeys_assets.models.llm.base import Checked, Question, Value
from journeys_assets.models.llm.chat import Completion

EMPTY = "white space only"
TOO_LONG = "too long"
WRONG_FORM = "not of the form"
CONTENT = "content"
"""Why an answer is not good; reasons of replies, and of the ledger."""

MOST_PROBLEMS = 10
"""Problems of one answer that the model is shown."""

_THOUGHTS = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Judged(Generic[Value]):
    """An answer, and what is good in it.

    Attributes:
        text: The JSON in the answer.
        value: What is good; None if nothing is.
        problems: What is wrong, in sentences for the model.
        reason: One of the reasons above; empty without problems.
        tokens: Of input and of output that it took; zeros where nobody counted.
    """

    text: str
    value: Value | None
    problems: tuple[str, ...] = ()
    reason: str = ""
    tokens: tuple[int, int] = (0, 0)

    @property
    def goodness(self) -> tuple[bool, int]:
        """Greater is better: any value before none, then fewer problems."""
        return self.value is not None, -len(self.problems)


@cache
def schema_of(answer: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of an answer, strict: every property is required, and there are no others.

    Descriptions in code shape no answer: what a model is to do stands in its prompt, which has a version.
    """
    schema: dict[str, Any] = _strict(answer.model_json_schema())
    return schema


def judged(completion: Completion, question: Question[Value]) -> Judged[Value]:
    """Check the form and the content of an answer."""
    if not completion.text.strip():
        return Judged("", None, ("The answer was white space only. Answer with the JSON object.",), EMPTY)
    if completion.finish_reason == "length":
        problem = f"The answer was longer than {question.max_tokens} tokens and was cut off. Answer more briefly."
        return Judged(completion.text, None, (problem,), TOO_LONG)
    return judged_text(_json_in(completion.text), question)


def judged_text(text: str, question: Question[Value]) -> Judged[Value]:
    """Check the form and the content of the JSON in an answer."""
    try:
        parsed = question.answer.model_validate_json(text)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        broken = [f"{'.'.join(map(str, one['loc'])) or 'The answer'}: {one['msg']}." for one in found]
        return Judged(text, None, tuple(broken[:MOST_PROBLEMS]), WRONG_FORM)
    checked: Checked[Value] = question.check(parsed)
    problems = tuple(checked.problems)[:MOST_PROBLEMS]
    if checked.value is None and not problems:
        problems = ("Nothing in the answer can be used.",)
    return Judged(text, checked.value, problems, CONTENT if problems else "")


def _json_in(text: str) -> str:
    """``text`` without what models put around JSON where the endpoint does not keep them to a schema."""
    text = _THOUGHTS.sub("", text)
    fenced = _FENCE.match(text)
    return (fenced[1] if fenced else text).strip()


def _strict(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    strict: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):  # their keys are names of fields and types
            strict[key] = {name: _strict(of_name) for name, of_name in value.items()}
        elif key not in ("default", "title", "description"):
            strict[key] = _strict(value)
    if "properties" in strict:
        strict["required"] = list(strict["properties"])
        strict["additionalProperties"] = False
    return strict
