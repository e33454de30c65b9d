"""A recording HTTP receiver of messages, which fails as it is asked to."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from starlette.types import Receive, Scope, Send


class Receiver:
    """An ASGI application.

    Attributes:
        bodies: Body of every request that was accepted, as JSON.
        raw: The bytes of each, and its headers.
        statuses: Status of the next answers; afterwards 200.
        refuse: Keys of messages that are refused by name in an answer 200, with the reason.
        bad: User ids; a batch with one of them is refused whole (400).
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.raw: list[tuple[bytes, dict[str, str]]] = []
        self.statuses: list[int] = []
        self.refuse: dict[str, str] = {}
        self.bad: set[str] = set()
        self.n_requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.n_requests += 1
        status = self.statuses.pop(0) if self.statuses else 200
        parsed = json.loads(body)
        users = {one.get("user_id") or one.get("userId") for one in parsed.get("messages", parsed.get("batch", []))}
        if users & self.bad:
            status = 400
        if status == 200:
            self.bodies.append(parsed)
            self.raw.append((body, {key.decode(): value.decode() for key, value in scope["headers"]}))
        answer = json.dumps({"refused": self.refuse} if status == 200 else {"error": "no"}).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": answer})

    def messages(self) -> Iterator[dict[str, Any]]:
        """Every message that arrived, in order; one that came twice is there twice."""
        for body in self.bodies:
            yield from body.get("messages", body.get("batch", []))


def user_of(authorization: str) -> str:
    """The user of a header for basic authentication."""
    return base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")[0]
