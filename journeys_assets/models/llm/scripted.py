"""A model that gives answers written beforehand: for tests, and to run offline what would ask a model."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock
from typing import Any

from journeys_assets.models.llm.chat import ChatError, Completion, Message, Rejected, Schema

Scripted = str | Completion | ChatError
"""What one call comes to: the text of an answer, a completion, or an error to raise."""


class ScriptedModel:
    """Gives answers in turn, or those of a function.

    Attributes:
        calls: The messages of every call so far, in the order in which the calls began.
        schemas: The schema of each.
    """

    def __init__(self, answers: Iterable[Scripted] | Callable[[Sequence[Message]], Scripted], *, name: str) -> None:
        self._next = answers if callable(answers) else _in_turn(answers)
        self._name = name
        self._lock = Lock()
        self.calls: list[Sequence[Message]] = []
        self.schemas: list[Schema | None] = []

    @property
    def name(self) -> str:
        return self._name

    @property
    def sampling(self) -> Mapping[str, Any]:
        return {}

    def complete(self, messages: Sequence[Message], schema: Schema | None, max_tokens: int) -> Completion:
        """See ``ChatModel``. A text counts one token per word and ends with ``stop``."""
        with self._lock:
            self.calls.append(messages)
            self.schemas.append(schema)
            answer = self._next(messages)
        if isinstance(answer, ChatError):
            raise answer
        if isinstance(answer, Completion):
            return answer
        n_words = sum(len(message.content.split()) for message in messages)
        return Completion(answer, "stop", n_words, len(answer.split()))


def _in_turn(answers: Iterable[Scripted]) -> Callable[[Sequence[Message]], Scripted]:
    left = iter(answers)
    return lambda _: next(left, Rejected("the script has no further answer: write one for each call"))
