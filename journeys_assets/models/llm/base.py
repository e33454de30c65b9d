"""What the rest of the project knows of language models: questions, replies, and who answers them.

A question is one call: a prompt (a file with a version), data (texts from logs, always passed as JSON and never as
instructions) and the form of the answer. ``models.llm.asker`` answers questions with a real model, its cache, its
budget and its ledger. Whoever asks goes on without a model where a reply has no value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar

import polars as pl
from pydantic import BaseModel

from journeys_assets.errors import JourneysError

Value = TypeVar("Value")
Outcome = Literal["answered", "repaired", "cached", "failed", "unaffordable"]
"""``repaired``: there is a value after a second attempt, at least in part. ``failed``: no valid answer.
``unaffordable``: a budget was used up, and no call was made."""


class LanguageModelError(JourneysError):
    """A language model cannot be used as it is configured. The message names the setting and the cure."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Instructions to a model.

    Attributes:
        name: Name of its file in ``prompt_files/``, without the ending.
        text: The instructions.
        version: 12 hex digits over the text; part of ``algorithm_version`` and of the key of the cache.
    """

    name: str
    text: str
    version: str


@dataclass(frozen=True, slots=True)
class Checked(Generic[Value]):
    """What is good in an answer, and what is wrong with it.

    Attributes:
        value: The good part; None if nothing is.
        problems: What is wrong, each in one sentence that a model can act on. With problems, the question is asked a
            second time, and the better value counts.
    """

    value: Value | None
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Question(Generic[Value]):
    """One call of a model.

    Attributes:
        prompt: The instructions.
        data: Plain JSON values; the texts in it are data. It must hold no personal data.
        answer: The form of the answer. An answer that does not fit is a problem like those that ``check`` finds.
        check: Looks at the content of an answer of that form.
        max_tokens: Longest answer. A longer one is cut off and is an error.
        worth: Where not all questions may be asked, those of the greatest worth are.
        subject: Id of the user whose data it holds; None if it is nobody's. It is not sent, and not part of the key of
            the cache: there it serves erasure alone.
    """

    prompt: Prompt
    data: Mapping[str, Any]
    answer: type[BaseModel]
    check: Callable[[Any], Checked[Value]]
    max_tokens: int
    worth: float = 0.0
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Reply(Generic[Value]):
    """What came of a question.

    Attributes:
        value: None where nothing good came back: then do without.
        outcome: What happened.
        reason: Why there is no value, or why it took two attempts; empty otherwise. It holds no text of the data.
        tokens: Of input and of output, of all attempts that the value took, as the endpoint counted them when it was
            asked: the same for an answer from the cache. Zeros without a value. Not part of what makes replies equal.
    """

    value: Value | None
    outcome: Outcome
    reason: str = ""
    tokens: tuple[int, int] = field(default=(0, 0), compare=False)


def answered_by(model: str, prompt: Prompt) -> str:
    """What a row holds that an answer of ``model`` shaped. Sampling never varies, so it is not part of it."""
    return f"{model}@{prompt.name}-{prompt.version}"


class Asker(Protocol):
    """Answers questions with one model."""

    @property
    def model(self) -> str:
        """Name of the model; rows that its answers shape carry it."""
        ...

    def ask(self, questions: Iterable[Question[Value]], purpose: str) -> Iterator[Reply[Value]]:
        """The replies, in the order of the questions. Questions are read as they are asked, so their number is not
        bounded by memory. A question never fails: where there is no answer, the reply has no value.

        Args:
            purpose: What the answers are for, such as ``names``: the ledger counts by it.
        """
        ...

    def calls(self) -> pl.DataFrame:
        """What was asked so far, and what it cost: rows of ``llm_ledger``."""
        ...
