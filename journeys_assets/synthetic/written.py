"""Searches of people with an aim, written without sight of any embedding, in three languages.

The phrases of ``synthetic.themes`` were edited until their embeddings agreed with their meanings, so they flatter
whatever is measured on them. These were written by people who imagined what somebody with the aim would type over
weeks, and are left as they were written: most do not contain the name of the theme, and many share no word. German and
Japanese ones were not translated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Literal

Language = Literal["en", "de", "ja"]


def written_phrases(language: Language) -> Mapping[str, Sequence[str]]:
    """The searches of each theme, by its English name: 45 themes of 24 searches in English, 60 of 16 in the others."""
    text = (files("journeys_assets.synthetic") / "phrases" / f"{language}.txt").read_text(encoding="utf-8")
    themes = (line.split(" = ", 1) for line in text.splitlines())
    return {name: tuple(searches.split("; ")) for name, searches in themes}
