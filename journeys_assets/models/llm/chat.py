"""One call of a language model, and what can go wrong with it. One module per kind of endpoint implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from journeys_assets.models.llm.base import LanguageModelError

Schema = Mapping[str, Any]
"""A JSON schema."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer of a model.

    Attributes:
        text: May be empty, or not what was asked for.
        finish_reason: ``stop``; ``length`` if the answer was cut off at ``max_tokens``; or a word of the endpoint.
        input_tokens: Tokens of the messages, as the endpoint counts them.
        output_tokens: Tokens of the answer, as the endpoint counts them.
    """

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


class ChatModel(Protocol):
    """A language model. Several threads may use it at a time."""

    @property
    def name(self) -> str:
        """Name of the model at the endpoint."""
        ...

    @property
    def sampling(self) -> Mapping[str, Any]:
        """What shapes an answer beside messages, schema and ``max_tokens``; plain JSON values."""
        ...

    def complete(self, messages: Sequence[Message], schema: Schema | None, max_tokens: int) -> Completion:
        """Ask once.

        Args:
            schema: What the answer must keep to, where the endpoint can see to that; None: any text.
            max_tokens: Longest answer.

        Raises:
            ChatError: there is no answer.
        """
        ...


class ChatError(LanguageModelError):
    """A call came to nothing. The message holds no text of the endpoint: that may repeat data or the key.

    Attributes:
        reason: A few words for the ledger.
        may_pass: Whether another attempt is worth it.
        is_of_endpoint: Whether it says that other questions will meet the same.
        may_cost: Whether the endpoint may have worked, and charge for it.
        is_of_machine: Whether the machine that made the call is gone: another one makes it again, and it does not count
            among the attempts.
    """

    reason: ClassVar[str]
    may_pass: ClassVar[bool] = False
    is_of_endpoint: ClassVar[bool] = False
    may_cost: ClassVar[bool] = False
    is_of_machine: ClassVar[bool] = False


class Busy(ChatError):
    """Too many calls (429), or overloaded (503).

    Attributes:
        retry_after: How long the endpoint asks to wait, seconds; None if it does not say.
    """

    reason = "busy"
    may_pass = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServerFailed(ChatError):
    """An error of the server (5xx)."""

    reason = "server error"
    may_pass = True
    is_of_endpoint = True


class TimedOut(ChatError):
    """No complete answer in time."""

    reason = "time-out"
    may_pass = True
    is_of_endpoint = True
    may_cost = True


class BrokenOff(ChatError):
    """The connection broke off, or what came is no answer of the protocol."""

    reason = "broken off"
    may_pass = True
    is_of_endpoint = True
    may_cost = True


class MachineLost(ChatError):
    """The machine that made the call is gone, or its process is."""

    reason = "machine lost"
    may_pass = True
    may_cost = True
    is_of_machine = True


class Unreachable(ChatError):
    """Nothing listens there."""

    reason = "unreachable"
    may_pass = True
    is_of_endpoint = True


class Unauthorised(ChatError):
    """The key is missing, wrong, or has nothing left (401, 402, 403)."""

    reason = "not authorised"
    is_of_endpoint = True


class NotFound(ChatError):
    """The endpoint does not know the model or the path (404)."""

    reason = "not found"
    is_of_endpoint = True


class Rejected(ChatError):
    """The endpoint does not accept the request (another 4xx): too long, or a field that it does not know."""

    reason = "rejected"


class Refused(ChatError):
    """The model does not want to answer, or a filter of the endpoint held the answer back."""

    reason = "refused"
    may_cost = True
