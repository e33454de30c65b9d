"""An OpenAI-compatible endpoint that behaves as the data of each question says: well, or badly in a chosen way.

The data of a question is ``{"case": …, "words": [...]}``. The good answer is ``{"names": [...]}`` with each word in
capitals. A case may end in ``-once``: then only the first call with the same data goes wrong.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive, Scope, Send


class ScriptedServer:
    """An ASGI application.

    Attributes:
        calls: The body of every request so far.
        authorizations: The header of each.
        most_at_a_time: Most requests that were under way together.
    """

    def __init__(self, *, delay_seconds: float = 0.0) -> None:
        self.calls: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.most_at_a_time = 0
        self._delay_seconds = delay_seconds
        self._n_under_way = 0
        self._seen: Counter[str] = Counter()

    def clear(self) -> None:
        """Forget every call so far."""
        self.calls, self.authorizations, self.most_at_a_time = [], [], 0
        self._seen.clear()

    def data(self) -> list[dict[str, Any]]:
        """The data of every call so far."""
        return [data_of(call) for call in self.calls]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        body = bytearray()
        while (message := await receive()).get("more_body", False):
            body += message["body"]
        request = json.loads(body + message["body"])
        self.calls.append(request)
        key = dict(scope["headers"]).get(b"authorization", b"").decode()
        self.authorizations.append(key)
        self._n_under_way += 1
        self.most_at_a_time = max(self.most_at_a_time, self._n_under_way)
        try:
            await asyncio.sleep(self._delay_seconds)
            await self._answer(request, key, receive, send)
        finally:
            self._n_under_way -= 1

    async def _answer(self, request: Mapping[str, Any], key: str, receive: Receive, send: Send) -> None:
        data = data_of(request)
        case, once, _ = data.get("case", "good").partition("-once")
        self._seen[(seen := json.dumps([data.get("case"), data.get("words")]))] += 1
        if once and self._seen[seen] > 1:
            case = "good"
        names = [word.upper() for word in data.get("words", [])]
        good = json.dumps({"names": names})
        # A real endpoint may repeat the key and the data in its errors.
        error = {"error": {"message": f"wrong: {key} {json.dumps(data)}", "type": "t", "code": "c"}}
        match case:
            case "never":
                while (await receive())["type"] != "http.disconnect":
                    pass
            case "drip":
                await _start(send, 200, {})
                for _ in range(200):
                    await send({"type": "http.response.body", "body": b" ", "more_body": True})
                    await asyncio.sleep(0.05)
            case "half":
                whole = json.dumps(_completion(good)).encode()
                await _start(send, 200, {"content-length": str(len(whole))})
                await send({"type": "http.response.body", "body": whole[: len(whole) // 2]})
            case "not the protocol":
                await _json(send, 200, {"hello": key})
            case "busy":
                await _json(send, 429, error, {"retry-after": "0.2"})
            case "busy for an hour":
                await _json(send, 429, error, {"retry-after": "3600"})
            case "no quota":
                await _json(send, 429, {"error": {"message": key, "code": "insufficient_quota"}})
            case "500" | "401" | "404" | "400":
                await _json(send, int(case), error)
            case "refusal":
                await _json(send, 200, _completion(None, refusal=f"I cannot {key}"))
            case "null":
                await _json(send, 200, _completion(None))
            case "length":
                await _json(send, 200, _completion(good[:9], finish_reason="length"))
            case "no usage":
                await _json(send, 200, _completion(good) | {"usage": None})
            case _:
                await _json(send, 200, _completion(_TEXTS[case](good, names)))


_TEXTS = {
    "good": lambda good, names: good,
    "malformed": lambda good, names: good[:-1],
    "no JSON": lambda good, names: "Sure! Here are the names you asked for.",
    "other form": lambda good, names: json.dumps({"titles": names}),
    "fenced": lambda good, names: f"<think>Names, then.</think>\n```json\n{good}\n```",
    "too many": lambda good, names: json.dumps({"names": [*names, "EXTRA"]}),
    "too few": lambda good, names: json.dumps({"names": names[:-1]}),
    "white space": lambda good, names: " \n" * 20,
    "empty strings": lambda good, names: json.dumps({"names": [""] * len(names)}),
    "one empty string": lambda good, names: json.dumps({"names": [*names[:-1], ""]}),
}


def data_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """The data in the body of a request."""
    data: dict[str, Any] = json.loads(request["messages"][-1]["content"])
    return data


def _completion(content: str | None, *, finish_reason: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


async def _json(send: Send, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
    await _start(send, status, {"content-type": "application/json", **(headers or {})})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


async def _start(send: Send, status: int, headers: Mapping[str, str]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
