"""The asker that settings describe, and whether its endpoint works."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pydantic import BaseModel, SecretStr

from journeys_assets.models.llm.answers import schema_of
from journeys_assets.models.llm.asker import ModelAsker
from journeys_assets.models.llm.budget import Budget, Limits, Now, Prices, Spent
from journeys_assets.models.llm.cache import AnswerCache
from journeys_assets.models.llm.chat import ChatError, ChatModel, Message
from journeys_assets.models.llm.ledger import Ledger
from journeys_assets.models.llm.openai_compatible import OpenAICompatible

Where = Callable[[ChatModel, Callable[[], ChatModel]], ChatModel]
"""Gets a model, and what makes it on another machine; returns the model whose calls are made where they should be."""


@dataclass(frozen=True, slots=True)
class AskerParams:
    """What a deployment says of its language model. See ``settings.LanguageModelSettings`` for the meaning."""

    model: str | None
    base_url: str
    api_key: SecretStr | None = None
    max_concurrency: int = 8
    requests_per_minute: float | None = None
    timeout_seconds: float = 60.0
    max_retries: int = 3
    structured_output: bool = True
    limits: Limits = field(default_factory=Limits)
    prices: Prices = field(default_factory=Prices)


def key_of(api_key: SecretStr | None) -> SecretStr | None:
    """The key of an endpoint: ``api_key``, or that of the environment variable OPENAI_API_KEY; None without any."""
    from_environment = os.environ.get("OPENAI_API_KEY")
    return api_key or (SecretStr(from_environment) if from_environment else None)


def make_chat(params: AskerParams) -> ChatModel | None:
    """The model of a deployment; None if it has none. Connects to nothing.

    Without a key the environment variable OPENAI_API_KEY counts.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    if params.model is None:
        return None
    return OpenAICompatible(
        params.model,
        params.base_url,
        api_key=key_of(params.api_key),
        timeout_seconds=params.timeout_seconds,
        structured_output=params.structured_output,
    )


def make_chat_of_machine(params: AskerParams) -> ChatModel:
    """The model of a deployment on another of its machines, with the key of that machine's environment.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    key = os.environ.get("JOURNEYS_LLM__API_KEY")
    chat = make_chat(replace(params, api_key=SecretStr(key) if key else None))
    assert chat is not None
    return chat


def make_asker(
    params: AskerParams,
    folder: Path,
    *,
    run_id: str,
    spent_today: Spent | None,
    where: Where = lambda chat, _: chat,
    now: Now = lambda: datetime.now(UTC),
) -> ModelAsker | None:
    """The asker of one run; None if the deployment has no model. Connects to nothing.

    Args:
        folder: Of the cache of answers; made when first used.
        run_id: What the ledger calls the run.
        spent_today: What the ledger of earlier runs says of today, UTC; None: nothing was spent.
        where: Decides where the calls are made; by default in this process.

    Raises:
        MissingExtra: the SDK is not installed.
    """
    chat = make_chat(params)
    if chat is None:
        return None
    return ModelAsker(
        where(chat, partial(make_chat_of_machine, replace(params, api_key=None))),
        cache=AnswerCache(folder),
        ledger=Ledger(run_id, now=now),
        budget=Budget(params.limits, spent_today, now=now),
        prices=params.prices,
        max_concurrency=params.max_concurrency,
        requests_per_minute=params.requests_per_minute,
        max_retries=params.max_retries,
    )


def asker_of_chat(chat: ChatModel, folder: Path, *, run_id: str, now: Now = lambda: datetime.now(UTC)) -> ModelAsker:
    """The asker of a model in this process: one question at a time, without a budget.

    Args:
        folder: Of the cache of answers; made when first used.
        run_id: What the ledger calls the run.
    """
    return ModelAsker(
        chat,
        cache=AnswerCache(folder),
        ledger=Ledger(run_id, now=now),
        budget=Budget(Limits(), None, now=now),
        prices=Prices(),
        max_concurrency=1,
        requests_per_minute=None,
        max_retries=0,
    )


class _Probe(BaseModel):
    works: bool


def check_endpoint(chat: ChatModel) -> str | None:
    """Ask one tiny question. What is wrong, and the cure; None if the endpoint answers."""
    question = Message("user", 'Answer with the JSON object {"works": true} and nothing else.')
    try:
        completion = chat.complete([question], schema_of(_Probe), max_tokens=200)
    except ChatError as error:
        return str(error)
    if not completion.text.strip():
        return (
            f"the model {chat.name} answers with white space only; set llm.structured_output to false "
            "(JOURNEYS_LLM__STRUCTURED_OUTPUT), or use another model"
        )
    return None
