"""Moderation against a real server on loopback: good answers, wrong answers, failures and no server."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from journeys_assets.models.safety.moderation import Moderation

NAMES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
    "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def result(*flagged: str) -> dict[str, object]:
    return {
        "flagged": bool(flagged),
        "categories": {name: name in flagged for name in NAMES},
        "category_scores": {name: float(name in flagged) for name in NAMES},
        "category_applied_input_types": {name: ["text"] for name in NAMES},
    }


async def moderations(request: Request) -> Response:
    """A text names the categories that it gets; ``fail`` and ``short`` are faults of the server."""
    body = await request.json()
    if "fail" in body["input"]:
        return JSONResponse({"error": {"message": "broken"}}, status_code=500)
    if "nonsense" in body["input"]:
        return JSONResponse({"results": None})
    results = [result(*(word for word in text.split() if word in NAMES)) for text in body["input"]]
    return JSONResponse(
        {"id": "1", "model": body["model"], "results": results[: -1 if "short" in body["input"] else None]}
    )


@contextmanager
def serving() -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        app = Starlette(routes=[Route("/v1/moderations", moderations, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as address:
        yield address


def moderation(url: str) -> Moderation:
    return Moderation(url, "guard", None, timeout_s=5)


def test_categories_are_mapped_and_the_gravest_counts(url: str) -> None:
    guard = moderation(url)
    texts = [
        "garden",
        "a hate",
        "b sexual sexual/minors",
        "c violence self-harm/intent",
        *(f"n {i}" for i in range(60)),
    ]
    assert guard(texts) == {
        "a hate": "hate",
        "b sexual sexual/minors": "minors",
        "c violence self-harm/intent": "self_harm",
    }
    assert (guard.counts.n_texts, guard.counts.n_flagged, guard.counts.n_failed_calls) == (64, 3, 0)


@pytest.mark.parametrize("fault", ["fail", "short", "nonsense"])
def test_a_faulty_answer_is_counted_and_costs_nothing(url: str, fault: str) -> None:
    guard = moderation(url)
    assert guard(["a hate", fault]) == {}
    assert (guard.counts.n_failed_calls, guard.counts.n_failed_texts) == (1, 2)
    assert guard.counts.last_failure


def test_no_server_is_counted() -> None:
    guard = moderation("http://127.0.0.1:9/v1")
    assert guard(["a hate"]) == {}
    assert guard.counts.n_failed_calls == 1
