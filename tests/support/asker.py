"""A language model whose answers are a function, for tests of what is done with answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import polars as pl

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.models.llm.base import Question, Reply

Value = TypeVar("Value")


@dataclass
class FunctionAsker:
    """Answers with what ``answer`` makes of the data of a question; None stands for an endpoint that gives no answer.

    Attributes:
        asked: The data of all questions so far.
    """

    answer: Callable[[Mapping[str, Any]], Any]
    model: str = "function"
    asked: list[Mapping[str, Any]] = field(default_factory=list)

    def calls(self) -> pl.DataFrame:
        return LLM_LEDGER.empty()

    def ask(self, questions: Iterable[Question[Value]], purpose: str) -> Iterator[Reply[Value]]:
        for question in questions:
            self.asked.append(question.data)
            answer = self.answer(question.data)
            if answer is None:
                yield Reply(None, "failed", "no answer")
                continue
            checked = question.check(question.answer.model_validate(answer))
            yield Reply(checked.value, "failed" if checked.value is None else "answered")
