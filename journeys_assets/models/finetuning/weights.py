"""Weights on disk: the model to tune, as plain files of transformers, and the tuned one with its chat template."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from journeys_assets.errors import JourneysError
from journeys_assets.models.llm.local.weights import NAME, load_gemma

LABELLED = (
    "{% for message in messages %}{% if message['role'] == 'system' %}{{ message['content'].split('.')[0] }}.\n\n"
    "{% elif message['role'] == 'user' %}Input: {{ message['content'] }}\n\nOutput: {% endif %}{% endfor %}"
)
"""Chat template of a model that is shown the first sentence of its instructions: what is asked for."""


class FinetuningError(JourneysError):
    """A step of the recipe cannot be done. The message says what is missing or wrong, and the cure."""


def base_folder(name: str, folder: Path) -> Path:
    """Where the weights of the model to tune lie, as files that transformers reads.

    Args:
        name: ``NAME``, the packaged model, which is unpacked once into ``folder``; or a folder.

    Raises:
        FinetuningError: there is no such folder.
        MissingExtra: the packaged model is not installed.
    """
    if name != NAME:
        given = Path(name).expanduser()
        if not (given / "config.json").is_file():
            raise FinetuningError(
                f"base = {name!r}: {given / 'config.json'} does not exist; name the folder of a causal language model "
                f"as transformers saves it, or {NAME!r} for the packaged one"
            )
        return given
    target = folder / NAME
    if not (target / "config.json").is_file():
        model, tokenizer = load_gemma(folder / f"{NAME}-gguf")
        # The weights are plain numbers by now; only marks of the packed form keep them from being saved.
        model.hf_quantizer, model.is_quantized = None, False
        vars(model.config).pop("quantization_config", None)
        save(model, tokenizer, target)
    return target


def load(folder: Path) -> tuple[Any, Any]:
    """The model in evaluation mode in single precision, on a GPU where there is one, and its tokenizer.

    Nothing is downloaded.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    _without_bars()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=torch.float32)
    return model.to("cuda" if torch.cuda.is_available() else "cpu").eval(), tokenizer


def save(model: Any, tokenizer: Any, folder: Path) -> None:
    """Write both into ``folder`` in one step; what it held is replaced."""
    _without_bars()
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.with_name(f".draft-{folder.name}")
    shutil.rmtree(draft, ignore_errors=True)
    model.save_pretrained(draft)
    tokenizer.save_pretrained(draft)
    shutil.rmtree(folder, ignore_errors=True)
    draft.rename(folder)


def with_instructions(tokenizer: Any, instructions: str) -> Any:
    """``tokenizer`` with the chat template by which a tuned model is asked; see ``TrainingParams.instructions``."""
    if instructions == "first_sentence":
        tokenizer.chat_template = LABELLED
    return tokenizer


def _without_bars() -> None:
    """Reading and writing takes seconds; the steps show their own progress."""
    from transformers.utils import logging

    bars: Any = logging
    bars.disable_progress_bar()
