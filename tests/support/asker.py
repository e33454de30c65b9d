"""A language model whose answers are a function, for tests of what is done with answers."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.models.llm.base import Question, Reply, Value


class Interrupted(Exception):
    """The asker was asked more often than it may be."""


@dataclass
class FunctionAsker:
    """Answers with what ``answer`` makes of the data of a question; None stands for an endpoint that gives no answer.

    Attributes:
        at_most: Questions that may be asked before it is interrupted; None: any number.
        asked: The data of all questions so far.
        purposes: What the questions were asked for.
    """

    answer: Callable[[Mapping[str, Any]], Any]
    model: str = "function"
    at_most: int | None = None
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    purposes: set[str] = field(default_factory=set)

    def calls(self) -> pl.DataFrame:
        return LLM_LEDGER.empty()

    def ask(self, questions: Iterable[Question[Value]], purpose: str) -> Iterator[Reply[Value]]:
        self.purposes.add(purpose)
        for question in questions:
            if len(self.asked) == self.at_most:
                raise Interrupted
            self.asked.append(question.data)
            answer = self.answer(question.data)
            if answer is None:
                yield Reply(None, "failed", "no answer")
                continue
            checked = question.check(question.answer.model_validate(answer))
            outcome = "failed" if checked.value is None else "answered"
            yield Reply(checked.value, outcome, " ".join(checked.problems))


def names_asked(asker: FunctionAsker) -> Counter[str]:
    """How often each name was asked about, of questions about related journeys."""
    return Counter(name for data in asker.asked for name in data["names"])


def related_answer(data: Mapping[str, Any]) -> dict[str, Any]:
    """Two related journeys for each name."""
    return {
        "items": [
            {
                "name": name,
                "related": [
                    {"name": f"{name} afterwards", "type": "next_step"},
                    {"name": f"more than {name}", "type": "broader"},
                ],
            }
            for name in data["names"]
        ]
    }
