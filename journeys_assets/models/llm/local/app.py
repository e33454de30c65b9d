"""The endpoint: the part of OpenAI's protocol that this project uses, over one model."""

from __future__ import annotations

import time
import uuid
from typing import Any

from journeys_assets.models.llm.local.generation import Generator


def make_app(generator: Generator, name: str) -> Any:
    """An ASGI application with ``POST /v1/chat/completions`` and ``GET /v1/models``.

    Args:
        name: What the model is called. Requests that name another get 404.
    """
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    def refused(status: int, message: str) -> JSONResponse:
        return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status_code=status)

    async def chat(request: Request) -> JSONResponse:
        body = await request.json()
        if body.get("model") != name:
            return refused(404, f"there is no model but {name}")
        form = body.get("response_format") or {}
        schema = form.get("json_schema", {}).get("schema") if form.get("type") == "json_schema" else None
        try:
            answer = await run_in_threadpool(
                generator.generate, body["messages"], schema, int(body.get("max_tokens") or 256)
            )
        except (KeyError, TypeError, ValueError) as error:
            return refused(400, str(error))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": answer.text},
            "finish_reason": answer.finish_reason,
        }
        usage = {
            "prompt_tokens": answer.input_tokens,
            "completion_tokens": answer.output_tokens,
            "total_tokens": answer.input_tokens + answer.output_tokens,
        }
        return JSONResponse(
            {
                "id": f"chatcmpl-{uuid.uuid4().hex}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": name,
                "choices": [choice],
                "usage": usage,
            }
        )

    async def models(request: Request) -> JSONResponse:
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"}]})

    return Starlette(
        routes=[
            Route("/v1/chat/completions", chat, methods=["POST"]),
            Route("/v1/models", models, methods=["GET"]),
        ]
    )
