"""Answers of a causal language model, token by token, held to a JSON schema (constrained decoding by llguidance)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from journeys_assets.models.llm.messages import RULES

_AS_IN_TEXT: Any = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}
"""JSON as it stands in the texts that models were trained on. Without the spaces, small models write nonsense."""


@dataclass(frozen=True, slots=True)
class Generated:
    """An answer.

    Attributes:
        finish_reason: ``stop``, or ``length`` if it was cut off.
    """

    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int


class Generator:
    """Greedy decoding: the same messages always give the same answer. One answer at a time."""

    def __init__(self, model: Any, tokenizer: Any) -> None:
        """
        Args:
            model: A causal language model of transformers, in evaluation mode.
            tokenizer: Its fast tokenizer.
        """
        import llguidance.hf

        self._model = model
        self._tokenizer = tokenizer
        # A model may have more output units than there are tokens.
        self._guide = llguidance.hf.from_tokenizer(tokenizer, n_vocab=model.config.vocab_size)
        self._lock = Lock()

    def generate(
        self, messages: Sequence[Mapping[str, str]], schema: Mapping[str, Any] | None, max_tokens: int
    ) -> Generated:
        """
        Args:
            messages: Each with role and content.
            schema: JSON schema of the answer; None: any text.

        Raises:
            ValueError: the schema is not supported.
        """
        with self._lock:
            return self._generate(prompt_of(self._tokenizer, messages), schema, max_tokens)

    def _generate(self, prompt: str, schema: Mapping[str, Any] | None, max_tokens: int) -> Generated:
        import torch

        matcher = None if schema is None else self._matcher(schema)
        tokens = self._tokenizer(prompt)["input_ids"]
        written: list[int] = []
        finish_reason = "length"
        device = self._model.device
        past, step = None, torch.tensor([tokens], device=device)
        with torch.inference_mode():
            while len(written) < max_tokens:
                result = self._model(input_ids=step, past_key_values=past, use_cache=True)
                past, logits = result.past_key_values, result.logits[0, -1]
                if matcher is not None:
                    allowed = torch.frombuffer(bytearray(matcher.compute_logit_bias()), dtype=torch.uint8) > 0
                    logits = logits.masked_fill(~allowed[: len(logits)].to(device), float("-inf"))
                token = int(logits.argmax())
                if token == self._tokenizer.eos_token_id:
                    finish_reason = "stop"
                    break
                written.append(token)
                if matcher is not None:
                    matcher.consume_token(token)
                    if matcher.is_stopped():
                        finish_reason = "stop"
                        break
                step = torch.tensor([[token]], device=device)
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        return Generated(text, finish_reason, len(tokens), len(written))

    def _matcher(self, schema: Mapping[str, Any]) -> Any:
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(json.dumps(schema), overrides=_AS_IN_TEXT)
        matcher = LLMatcher(self._guide, grammar)
        if matcher.is_error():
            raise ValueError(f"the schema cannot be kept to: {matcher.get_error()}")
        return matcher


def prompt_of(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> str:
    """The text that a model continues: by its chat template or, for a model without one, as labelled paragraphs.

    A model without one continues what it sees last, so it does not see the rules and the schema, which come after the
    examples of a prompt; it is held to the schema nevertheless.
    """
    if getattr(tokenizer, "chat_template", None):
        return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    parts = [
        f"Input: {message['content']}" if message["role"] == "user" else message["content"].partition(RULES)[0].strip()
        for message in messages
    ]
    return "\n\n".join([*parts, "Output: "])
