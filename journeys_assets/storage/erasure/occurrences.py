"""Finds texts in other texts and in the bytes of files.

A text counts where it stands by itself. Within a longer word or number it is another one: ``user-12`` is not in
``user-123``. In JSON, an escape such as ``\\n`` or ``\\u00a0`` ends a word although it ends with a letter or digit.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def _edges(word: str) -> tuple[str, str]:
    """Expressions for the places before and after a text, where no ``word`` (characters of a class) goes on."""
    return rf"(?:(?<![{word}])|(?<=\\[bfnrt])|(?<=\\u[0-9a-fA-F]{{4}}))", rf"(?![{word}])"


_BEFORE, _AFTER = _edges(r"\w")
_BYTES_BEFORE, _BYTES_AFTER = (re.compile(edge.encode()) for edge in _edges(r"\w\x80-\xff"))


def pattern_of(texts: Collection[str]) -> re.Pattern[str] | None:
    """Matches each text where it stands by itself, as JSON and as plain text write it; None without texts."""
    spellings = {form for text in texts for form in (text, json_form(text), json_form(json_form(text)))} - {""}
    if not spellings:
        return None
    listed = "|".join(re.escape(text) for text in sorted(spellings, key=lambda text: (-len(text), text)))
    return re.compile(f"{_BEFORE}(?:{listed}){_AFTER}")


def mentions(text: str, ids: Collection[str]) -> bool:
    """Whether any of ``ids`` stands by itself in ``text``."""
    pattern = pattern_of(ids)
    return pattern is not None and pattern.search(text) is not None


def holds(path: Path, texts: Iterable[str]) -> bool:
    """Whether any of ``texts`` stands by itself in the bytes of a file, as UTF-8 or as JSON writes it."""
    with _content(path) as content:
        return any(
            _BYTES_BEFORE.match(content, at) and _BYTES_AFTER.match(content, at + len(form))
            for form in _forms(texts)
            for at in _places(content, form)
        )


def database_holds(path: Path, texts: Iterable[str], longer: Iterable[str]) -> bool:
    """Whether a database has any of ``texts`` in its bytes, other than within one of ``longer``.

    What stands beside a text there is no part of it: DuckDB writes the texts of a column one after the other.
    """
    others = _forms(longer)
    with _content(path) as content:
        for form in _forms(texts):
            around: dict[tuple[int, int], set[bytes]] = {}  # by begin of the form in it, and length
            for other in others:
                for begin in _places(other, form):
                    around.setdefault((begin, len(other)), set()).add(other)
            for at in _places(content, form):
                if not any(content[at - begin : at - begin + n] in same for (begin, n), same in around.items()):
                    return True
    return False


def json_form(text: str) -> str:
    """A text as JSON writes it, without the quotation marks around it."""
    return json.dumps(text)[1:-1]


@contextmanager
def _content(path: Path) -> Iterator[mmap.mmap | bytes]:
    with path.open("rb") as file:
        if not path.stat().st_size:
            yield b""  # nothing can be mapped
        else:
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                yield content


def _forms(texts: Iterable[str]) -> set[bytes]:
    return {form for text in texts for form in (text.encode("utf-8", "surrogatepass"), json_form(text).encode())}


def _places(content: mmap.mmap | bytes, form: bytes) -> Iterator[int]:
    at = content.find(form)
    while at >= 0:
        yield at
        at = content.find(form, at + 1)
