"""A real language model behind an OpenAI-compatible endpoint, small enough for tests and made without any download.

A Qwen3 of two layers and about 120,000 parameters with random weights and a byte-level BPE trained here, served as
``models.llm.local`` serves a model. What it writes makes no sense, and keeps to the schema.

    python -m tests.support.tiny_server --port 0     # prints the port when it is ready
"""

import argparse
import os
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from journeys_assets.models.llm.local.app import make_app
from journeys_assets.models.llm.local.generation import Generator

MODEL = "tiny-qwen3"
END = "<|im_end|>"
TEXTS = ['{"names": ["wedding dress", "kitchen renovation", "learn to draw"]}', "Write each word in capitals."] * 4


def tiny_model(spread: float = 0.02) -> tuple[Any, Any]:
    """The model in evaluation mode, and its tokenizer.

    Args:
        spread: Standard deviation of the weights. With the usual one no output is ever far from the others, whatever
            the layers before it learn.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    torch.set_num_threads(1)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=8192,
        initializer_range=spread,
    )
    return Qwen3ForCausalLM(config).eval(), tokenizer


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
    app = make_app(Generator(*tiny_model()), MODEL)
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", wanted))
    listening.listen()
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none")).run(sockets=[listening])


if __name__ == "__main__":
    main()
