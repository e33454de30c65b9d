"""Questions for the tests of language models: names for words, with what is wrong with an answer."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from journeys_assets.models.llm.asker import ModelAsker
from journeys_assets.models.llm.base import Checked, Prompt, Question
from journeys_assets.models.llm.budget import Budget, Limits, Prices, Spent
from journeys_assets.models.llm.cache import AnswerCache
from journeys_assets.models.llm.chat import ChatModel
from journeys_assets.models.llm.ledger import Ledger
from journeys_assets.models.llm.openai_compatible import OpenAICompatible

PROMPT = Prompt("names", "Write each word in capitals.", "0123456789ab")
NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


class Names(BaseModel):
    """The form of the answers."""

    names: list[str]


def question(
    words: Sequence[str], case: str = "good", *, max_tokens: int = 50, subject: str | None = None
) -> Question[list[str]]:
    """A question for ``scripted_server``: as many names as words are good, none of them empty."""

    def check(answer: Names) -> Checked[list[str]]:
        if len(answer.names) != len(words):
            return Checked(None, [f"There must be {len(words)} names, and there are {len(answer.names)}."])
        empty = [f"Name {n} is empty." for n, name in enumerate(answer.names) if not name]
        return Checked(None if len(empty) == len(words) else answer.names, empty)

    return Question(PROMPT, {"case": case, "words": list(words)}, Names, check, max_tokens, subject=subject)


def http_model(
    url: str,
    *,
    key: str | None = None,
    timeout_seconds: float = 10.0,
    model: str = "scripted",
    structured_output: bool = True,
) -> OpenAICompatible:
    api_key = SecretStr(key) if key else None
    return OpenAICompatible(
        model, url, api_key=api_key, timeout_seconds=timeout_seconds, structured_output=structured_output
    )


def asker_of(
    chat: ChatModel,
    folder: Path | None = None,
    *,
    limits: Limits | None = None,
    prices: Prices | None = None,
    spent_today: Spent | None = None,
    now: datetime = NOON,
    **options: Any,
) -> ModelAsker:
    """An asker with short waits, and a cache where ``folder`` is given."""
    defaults = {"max_concurrency": 4, "requests_per_minute": None, "max_retries": 2, "sleep": short_sleep}
    return ModelAsker(
        chat,
        cache=AnswerCache(folder) if folder else None,
        ledger=Ledger("run-1", now=lambda: now),
        budget=Budget(limits or Limits(), spent_today, now=lambda: now),
        prices=prices or Prices(),
        **(defaults | options),
    )


def short_sleep(seconds: float) -> None:
    """Waits that are part of no test take a hundredth of their time."""
    time.sleep(seconds / 100)
