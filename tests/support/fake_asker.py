"""An asker that answers from a function, counts what it is asked, and can be interrupted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.models.llm.base import Question, Reply, Value


class Interrupted(Exception):
    """The asker was asked more often than it may be."""


class FakeAsker:
    """Answers each question with what ``answer`` makes of its data; None: no valid answer.

    Attributes:
        asked: How often each name was asked about.
        purposes: What the questions were asked for.
    """

    model = "fake"

    def __init__(self, answer: Callable[[Mapping[str, Any]], Any | None], *, questions: int | None = None) -> None:
        self._answer = answer
        self._left = questions
        self.asked: Counter[str] = Counter()
        self.purposes: set[str] = set()

    def calls(self) -> pl.DataFrame:
        return LLM_LEDGER.empty()

    def ask(self, questions: Iterable[Question[Value]], purpose: str) -> Iterator[Reply[Value]]:
        self.purposes.add(purpose)
        for question in questions:
            if self._left == 0:
                raise Interrupted
            self._left = None if self._left is None else self._left - 1
            self.asked.update(question.data["names"])
            answer = self._answer(question.data)
            if answer is None:
                yield Reply(None, "failed", "no answer")
                continue
            checked = question.check(question.answer.model_validate(answer))
            yield Reply(checked.value, "answered", " ".join(checked.problems))


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
