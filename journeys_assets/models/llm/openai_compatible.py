"""Any OpenAI-compatible endpoint: vLLM, Ollama, llama.cpp, OpenAI."""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from pydantic import SecretStr

from journeys_assets.errors import require_extra
from journeys_assets.models.llm.chat import (
    BrokenOff,
    Busy,
    ChatError,
    Completion,
    Message,
    NotFound,
    Refused,
    Rejected,
    Schema,
    ServerFailed,
    TimedOut,
    Unauthorised,
    Unreachable,
)

SEED = 0
TEMPERATURE = 0
NO_KEY = "none"
"""What is sent where there is no key: local servers ask for none."""
LARGEST_BODY = 8 << 20
"""Bytes. A larger answer is none: ``max_tokens`` bounds what a model writes."""


class OpenAICompatible:
    """A model behind an OpenAI-compatible endpoint. The key is in no text that it makes."""

    def __init__(
        self, model: str, base_url: str, *, api_key: SecretStr | None, timeout_seconds: float, structured_output: bool
    ) -> None:
        """Connects to nothing yet.

        Args:
            timeout_seconds: Longest wait for one whole answer.
            structured_output: Whether the endpoint is asked to keep to a JSON schema.

        Raises:
            MissingExtra: the SDK is not installed.
        """
        require_extra("llm", "a language model (the setting llm.model)")
        from openai import OpenAI

        self._model = model
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._structured_output = structured_output
        key = api_key.get_secret_value() if api_key else ""
        # Its own retries are off: the asker counts, paces and bounds attempts.
        self._client = OpenAI(api_key=key or NO_KEY, base_url=base_url, timeout=timeout_seconds, max_retries=0)
        weakref.finalize(self, self._client.close)

    def __repr__(self) -> str:
        return f"OpenAICompatible({self._model!r}, {self._base_url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        raise TypeError("a client of an endpoint holds its key and is never written down: make it where it is used")

    @property
    def name(self) -> str:
        return self._model

    @property
    def sampling(self) -> Mapping[str, Any]:
        return {"temperature": TEMPERATURE, "seed": SEED, "structured_output": self._structured_output}

    def complete(self, messages: Sequence[Message], schema: Schema | None, max_tokens: int) -> Completion:
        """See ``ChatModel``."""
        error, body = self._post(
            model=self._model,
            messages=[asdict(message) for message in messages],
            temperature=TEMPERATURE,
            seed=SEED,
            max_tokens=max_tokens,
            **(_response_format(schema) if schema is not None and self._structured_output else {}),
        )
        # Raised here and not in a handler, so that no error of the SDK, with headers and bodies, hangs on it.
        if error is not None:
            raise error
        return _completion(body, f"{self._model} at {self._base_url}", messages)

    def _post(self, **request: Any) -> tuple[ChatError | None, bytes]:
        import httpx2  # comes with the SDK
        import openai

        create = self._client.chat.completions.with_streaming_response.create
        try:
            return None, _read(lambda: create(**request), time.monotonic() + self._timeout_seconds)
        except openai.APIStatusError as error:
            return self._error_of_status(error), b""
        except (openai.APITimeoutError, httpx2.TimeoutException, TimeoutError):
            return TimedOut(
                f"{self._where}: no whole answer within {self._timeout_seconds:g} s; see whether it is overloaded, or "
                "raise llm.timeout_seconds (JOURNEYS_LLM__TIMEOUT_SECONDS)"
            ), b""
        except openai.APIConnectionError as error:
            if isinstance(error.__cause__, httpx2.ConnectError):
                return Unreachable(
                    f"{self._where}: nothing answers there; start the server, or correct llm.base_url "
                    "(JOURNEYS_LLM__BASE_URL)"
                ), b""
            return self._broken_off(), b""
        except (openai.OpenAIError, httpx2.HTTPError):
            return self._broken_off(), b""

    @property
    def _where(self) -> str:
        return f"the model {self._model} at {self._base_url}"

    def _broken_off(self) -> BrokenOff:
        return BrokenOff(f"{self._where}: the connection broke off before the answer was whole; see the server's log")

    def _error_of_status(self, error: Any) -> ChatError:
        status: int = error.status_code
        where = f"{self._where}: status {status}"
        if status == 429 and error.code == "insufficient_quota":
            return Unauthorised(f"{where}: the account has nothing left; top it up, or use another key")
        if status in (429, 503, 529):
            return Busy(f"{where}: too many calls; lower llm.requests_per_minute", _retry_after(error.response.headers))
        if status >= 500:
            return ServerFailed(f"{where}: the server failed; see its log")
        if status in (401, 402, 403):
            return Unauthorised(f"{where}: the key is missing or not accepted; set JOURNEYS_LLM__API_KEY")
        if status == 404:
            return NotFound(f"{where}: there is no such model or path; correct llm.model or llm.base_url")
        if status == 408:
            return TimedOut(f"{where}: the server gave up waiting")
        return Rejected(
            f"{where}: the request is not accepted; if the endpoint does not know response_format, set "
            "llm.structured_output to false (JOURNEYS_LLM__STRUCTURED_OUTPUT)"
        )


class _Streamed(Protocol):
    """A response whose body is read bit by bit."""

    def iter_bytes(self, chunk_size: int | None = None) -> Any: ...


def _read(send: Callable[[], AbstractContextManager[_Streamed]], deadline: float) -> bytes:
    """The body of the response. The time-out of the SDK is one between two bytes; this one is for the whole.

    Raises:
        TimeoutError: the deadline, in the terms of ``time.monotonic``, has passed.
    """
    body = bytearray()
    with send() as response:
        for piece in response.iter_bytes():
            body += piece
            if time.monotonic() > deadline:
                raise TimeoutError
            if len(body) > LARGEST_BODY:
                break
    return bytes(body)


def _response_format(schema: Schema) -> dict[str, Any]:
    return {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": dict(schema), "strict": True},
        }
    }


def _completion(body: bytes, where: str, messages: Sequence[Message]) -> Completion:
    """What a body says.

    Raises:
        BrokenOff: it is not a whole answer of the protocol.
        Refused: it is a refusal.
    """
    broken = BrokenOff(f"{where}: what came is not an answer of the chat completions API; see whether it is one")
    try:
        answer = json.loads(body)
        choice = answer["choices"][0]
        message, finish_reason = choice["message"], choice.get("finish_reason")
        content, refusal = message.get("content"), message.get("refusal")
        usage = answer.get("usage") or {}
        counts = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        malformed = True
    else:
        malformed = not isinstance(content, str | None) or not isinstance(finish_reason, str | None)
    if malformed:
        raise broken
    if refusal or content is None or finish_reason == "content_filter":
        raise Refused(f"{where}: the model refused to answer")
    # Without counts of the endpoint: no token is shorter than a byte.
    known = [count if isinstance(count, int) and count >= 0 else None for count in counts]
    n_sent = sum(len(message.content.encode()) for message in messages)
    return Completion(
        content,
        finish_reason or "stop",
        n_sent if known[0] is None else known[0],
        len(content.encode("utf-8", "replace")) if known[1] is None else known[1],
    )


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the header ``Retry-After`` asks to wait; None without one that can be read."""
    value = headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None
