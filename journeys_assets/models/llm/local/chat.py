"""A model in this process as a ``ChatModel``: the same questions and checks as over HTTP, without a server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from journeys_assets.models.llm.chat import Completion, Message, Rejected, Schema
from journeys_assets.models.llm.local.generation import Generator


class LocalChat:
    """A ``ChatModel`` (``models.llm.chat``) over a generator. One answer at a time."""

    def __init__(self, make: Callable[[], Generator], name: str) -> None:
        """
        Args:
            make: Loads the model; called with the first question.
            name: Must differ between models whose answers are kept in one cache.
        """
        self._make = make
        self._name = name

    @cached_property
    def _generator(self) -> Generator:
        return self._make()

    @property
    def name(self) -> str:
        return self._name

    @property
    def sampling(self) -> Mapping[str, Any]:
        return {"greedy": True}

    def complete(self, messages: Sequence[Message], schema: Schema | None, max_tokens: int) -> Completion:
        """See ``ChatModel``."""
        try:
            answer = self._generator.generate([asdict(message) for message in messages], schema, max_tokens)
        except ValueError as error:
            raise Rejected(f"the model {self._name} cannot answer: {error}") from error
        return Completion(answer.text, answer.finish_reason, answer.input_tokens, answer.output_tokens)
