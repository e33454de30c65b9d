"""A real language model behind an OpenAI-compatible endpoint, small enough for tests and made without any download.

A Qwen3 of two layers and about 120,000 parameters with random weights, a byte-level BPE trained here, greedy decoding,
and ``response_format`` enforced by llguidance. What it writes makes no sense, and keeps to the schema.

    python -m tests.support.tiny_server --port 0     # prints the port when it is ready
"""

import argparse
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

MODEL = "tiny-qwen3"
END = "<|im_end|>"
TEXTS = ['{"names": ["wedding dress", "kitchen renovation", "learn to draw"]}', "Write each word in capitals."] * 4


class TinyModel:
    """Writes text token by token, one request at a time."""

    def __init__(self) -> None:
        import llguidance
        import llguidance.hf
        import torch
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
        from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

        torch.manual_seed(0)
        torch.set_num_threads(1)
        bpe = Tokenizer(models.BPE())
        bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        bpe.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        bpe.train_from_iterator(
            TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=[END], initial_alphabet=alphabet)
        )
        self._tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END)
        vocabulary = len(self._tokenizer)
        config = Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            max_position_embeddings=8192,
        )
        self._model = Qwen3ForCausalLM(config).eval()
        self._grammar_tokens = llguidance.hf.from_tokenizer(self._tokenizer, n_vocab=vocabulary)
        self._matcher = llguidance.LLMatcher
        self._torch = torch
        self._lock = Lock()

    def write(self, prompt: str, schema: dict[str, Any] | None, max_tokens: int) -> tuple[str, str, int, int]:
        """Text, finish reason, and the tokens of prompt and text."""
        torch, end = self._torch, self._tokenizer.eos_token_id
        tokens = self._tokenizer(prompt)["input_ids"]
        matcher = None
        if schema is not None:
            grammar = self._matcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
            matcher = self._matcher(self._grammar_tokens, grammar)
        written: list[int] = []
        with self._lock, torch.inference_mode():
            state, fed = None, torch.tensor([tokens])
            while len(written) < max_tokens:
                out = self._model(fed, past_key_values=state, use_cache=True)
                state, logits = out.past_key_values, out.logits[0, -1]
                if matcher is not None:
                    allowed = torch.frombuffer(bytearray(matcher.compute_logit_bias()), dtype=torch.uint8) > 0
                    logits = logits.masked_fill(~allowed[: len(logits)], float("-inf"))
                token = int(logits.argmax())
                if matcher is not None:
                    matcher.consume_token(token)
                if token == end:
                    return self._tokenizer.decode(written), "stop", len(tokens), len(written)
                written.append(token)
                if matcher is not None and matcher.is_stopped():
                    return self._tokenizer.decode(written), "stop", len(tokens), len(written)
                fed = torch.tensor([[token]])
        return self._tokenizer.decode(written), "length", len(tokens), len(written)


def application(model: TinyModel) -> Starlette:
    """``POST /v1/chat/completions``."""

    def chat(request: dict[str, Any]) -> dict[str, Any]:
        wanted = request.get("response_format")
        schema = wanted["json_schema"]["schema"] if wanted else None
        prompt = "".join(f"<|im_start|>{m['role']}\n{m['content']}{END}\n" for m in request["messages"])
        text, finish_reason, n_prompt, n_written = model.write(prompt, schema, request["max_tokens"])
        return {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
            ],
            "usage": {"prompt_tokens": n_prompt, "completion_tokens": n_written, "total_tokens": n_prompt + n_written},
        }

    async def endpoint(request: Request) -> JSONResponse:
        from starlette.concurrency import run_in_threadpool

        return JSONResponse(await run_in_threadpool(chat, json.loads(await request.body())))

    return Starlette(routes=[Route("/v1/chat/completions", endpoint, methods=["POST"])])


class TinyServer:
    """The endpoint in a process of its own, between ``with`` and its end.

    Attributes:
        url: Base URL of the endpoint, with ``/v1``.
    """

    url: str

    def __enter__(self) -> "TinyServer":
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.tiny_server", "--port", "0"],
            cwd=Path(__file__).parents[2],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        # Libraries print lines of their own before.
        port = next((line for line in map(str.strip, self._process.stdout) if line.isdigit()), None)
        assert port is not None, "the server did not start"
        self.url = f"http://127.0.0.1:{port}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.communicate(timeout=30)


def main() -> None:
    import uvicorn

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    wanted = parser.parse_args().port
    app = application(TinyModel())
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", wanted))
    listening.listen()
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none")).run(sockets=[listening])


if __name__ == "__main__":
    main()
