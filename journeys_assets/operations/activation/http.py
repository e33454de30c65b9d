"""Destinations over HTTP: a webhook of one's own, and Segment."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx

from journeys_assets.domain.activation.messages import Message
from journeys_assets.operations.activation.base import ActivationError

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
TIMEOUT_S = 30.0
WEBHOOK_BATCH = 100
SEGMENT_BATCH = 100
SEGMENT_URL = "https://api.segment.io/v1/batch"
SEGMENT_MESSAGE_BYTES = 32_000
"""Segment refuses a batch with a longer message, so it is refused here, alone."""


@dataclass(frozen=True)
class Poster:
    """Posts JSON, and tries again where the receiver is busy or does not answer.

    Attributes:
        pause: Waits for a number of seconds.
    """

    url: str
    pause: Callable[[float], None] = time.sleep

    def post(self, body: bytes, headers: Mapping[str, str], auth: tuple[str, str] | None = None) -> httpx.Response:
        """The answer: accepted (2xx), or refused for good (any other but 408, 429 and 5xx).

        Raises:
            ActivationError: no such answer after ``ATTEMPTS`` attempts.
        """
        problem = ""
        for attempt in range(ATTEMPTS):
            wait = min(FIRST_PAUSE_S * 2**attempt, LONGEST_PAUSE_S)
            try:
                response = httpx.post(
                    self.url,
                    content=body,
                    headers={"Content-Type": "application/json", **headers},
                    auth=auth,
                    timeout=TIMEOUT_S,
                )
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if response.status_code not in (408, 429) and response.status_code < 500:
                    return response
                problem = f"status {response.status_code}"
                asked = response.headers.get("Retry-After", "")
                wait = min(float(asked), LONGEST_PAUSE_S) if asked.isdigit() else wait
            if attempt + 1 < ATTEMPTS:
                self.pause(wait)
        raise ActivationError(
            f"{self.url} did not take messages in {ATTEMPTS} attempts ({problem}); see whether it is up, and call "
            "again: what it has already is recognised by its key"
        )


@dataclass(frozen=True)
class Webhook:
    """A receiver of one's own: POST ``{"messages": [...]}``, signed.

    ``X-Journeys-Signature`` is ``t=<unix seconds>,v1=<hex>``: HMAC-SHA-256 with the secret over ``<seconds>.<body>``.
    Each message has its key; the receiver must take a key once. An answer 2xx accepts all of them, unless its JSON body
    has ``{"refused": {key: reason}}``. Another answer refuses the batch; then each message is sent alone, so that one
    that is bad costs no other.
    """

    poster: Poster
    secret: str
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    batch_size: int = WEBHOOK_BATCH

    @property
    def name(self) -> str:
        return self.poster.url.partition("?")[0]

    def hand_over(self, messages: Sequence[Message]) -> Mapping[str, str | None]:
        body = json.dumps({"messages": [as_record(message) for message in messages]}, ensure_ascii=False).encode()
        response = self.poster.post(body, {"X-Journeys-Signature": self.signature(body)})
        if response.is_success:
            refused = _refused_in(response)
            return {message.key: refused.get(message.key) for message in messages}
        if len(messages) == 1:
            return {messages[0].key: f"status {response.status_code}: {response.text[:200]}"}
        return {key: why for message in messages for key, why in self.hand_over([message]).items()}

    def signature(self, body: bytes) -> str:
        """The header of a body, as of now."""
        seconds = str(int(self.now().timestamp()))
        digest = hmac.new(self.secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        return f"t={seconds},v1={digest}"


def as_record(message: Message) -> dict[str, Any]:
    """A message as JSON: key, kind, user_id, and the content."""
    date = {} if message.send_date is None else {"send_date": message.send_date.isoformat()}
    return {"key": message.key, "kind": message.kind, "user_id": message.user_id, **date, **message.content}


def _refused_in(response: httpx.Response) -> Mapping[str, str]:
    try:
        found = response.json()
    except ValueError:
        return {}
    refused = found.get("refused") if isinstance(found, dict) else None
    return {str(key): str(why) for key, why in refused.items()} if isinstance(refused, dict) else {}


@dataclass(frozen=True)
class Segment:
    """Segment's batch API (https://segment.com/docs/connections/sources/catalog/libraries/server/http-api/#batch).

    Traits are ``identify``, with one trait for each audience; each audience that the user is in is a ``group``. Sends
    and cancellations are ``track``. The key is the ``messageId``, by which Segment drops what it has already.
    """

    poster: Poster
    write_key: str
    batch_size: int = SEGMENT_BATCH

    @property
    def name(self) -> str:
        return "segment" if self.poster.url == SEGMENT_URL else f"segment:{self.poster.url}"

    def hand_over(self, messages: Sequence[Message]) -> Mapping[str, str | None]:
        calls = {message.key: segment_calls(message) for message in messages}
        too_long = f"longer than Segment takes ({SEGMENT_MESSAGE_BYTES:,} bytes)"
        outcome: dict[str, str | None] = {
            key: too_long if any(len(json.dumps(call)) > SEGMENT_MESSAGE_BYTES for call in calls[key]) else None
            for key in calls
        }
        fitting = [message for message in messages if outcome[message.key] is None]
        if not fitting:
            return outcome
        batch = [call for message in fitting for call in calls[message.key]]
        response = self.poster.post(json.dumps({"batch": batch}).encode(), {}, auth=(self.write_key, ""))
        if response.status_code in (401, 403):
            raise ActivationError(
                f"Segment refused the write key (status {response.status_code}); see SEGMENT_WRITE_KEY"
            )
        if not response.is_success and len(fitting) > 1:
            for message in fitting:
                outcome |= self.hand_over([message])
        elif not response.is_success:
            outcome[fitting[0].key] = f"status {response.status_code}: {response.text[:200]}"
        return outcome


def segment_calls(message: Message) -> list[dict[str, Any]]:
    """A message as calls of Segment's API."""
    common = {"userId": message.user_id, "context": {"library": {"name": "user-journeys"}}}
    if message.kind == "traits":
        audiences: Mapping[str, bool] = message.content["audiences"]
        traits = {"journeys": message.content["journeys"], **{f"in_{name}": found for name, found in audiences.items()}}
        groups = [
            {"type": "group", "messageId": f"{message.key}-{name}", "groupId": name, "traits": {"name": name}, **common}
            for name, found in audiences.items()
            if found
        ]
        return [{"type": "identify", "messageId": message.key, "traits": traits, **common}, *groups]
    event = "Journey Notification Planned" if message.kind == "notification" else "Journey Notification Cancelled"
    properties = {key: value for key, value in as_record(message).items() if key not in ("kind", "user_id")}
    return [{"type": "track", "event": event, "messageId": message.key, "properties": properties, **common}]
