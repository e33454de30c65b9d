"""The prompts: files of ``prompt_files/``, each with a version: a hash of its text and of what is said with each."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from journeys_assets.models.llm.base import Prompt
from journeys_assets.models.llm.messages import RULES

_FOLDER = "prompt_files"


@cache
def load_prompt(name: str) -> Prompt:
    """The prompt of a name.

    Raises:
        FileNotFoundError: there is none.
    """
    text = (files(__package__) / _FOLDER / f"{name}.md").read_text(encoding="utf-8").strip()
    return Prompt(name, text, hashlib.sha256(f"{text}\n{RULES}".encode()).hexdigest()[:12])
