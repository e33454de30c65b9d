"""Serving of one model on 127.0.0.1, until the process is stopped."""

from __future__ import annotations

from typing import Any

from journeys_assets.models.llm.local.app import make_app
from journeys_assets.models.llm.local.generation import Generator


def serve(model: Any, tokenizer: Any, name: str, port: int) -> None:
    """Serve a causal language model of transformers, with its tokenizer, as ``name``."""
    import uvicorn

    app = make_app(Generator(model, tokenizer), name)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
