"""The packaged lexicons: one YAML file for each language, read once.

A file has three keys. ``strong`` and ``weak`` map each category to its entries, ``ordinary`` has phrases that protect.
The English file also has ``words``: those of ordinary texts, so that foreign entries do not match them.
Entries are separated by ``;``. ``domain.safety.lexicon`` says how they are written.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from journeys_assets.domain.safety.lexicon import Entry, Lexicon
from journeys_assets.errors import JourneysError

_FOLDER = "lexicons"


class LexiconError(JourneysError):
    """A lexicon file is not what it should be. The message names the file and the cure."""


@cache
def packaged_lexicon() -> Lexicon:
    """The lexicon of all languages.

    Raises:
        LexiconError: a file is damaged.
    """
    entries = [entry for name, text in _texts().items() for entry in entries_of(name, text)]
    try:
        return Lexicon(entries, _parsed(_texts()["en"])["words"].split())
    except ValueError as error:
        raise LexiconError(f"the packaged lexicon cannot be used: {error}; install the package again") from error


@cache
def lexicon_digest() -> str:
    """12 hex digits over all lexicon files."""
    digest = hashlib.sha256()
    for name, text in _texts().items():
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:12]


def entries_of(language: str, text: str) -> list[Entry]:
    """The entries of one file.

    Raises:
        LexiconError: the text is not of the form that is described above.
    """
    try:
        content: dict[str, Any] = _parsed(text)
        groups = [(strength, content.get(strength) or {}) for strength in ("strong", "weak")]
        found = [
            Entry(pattern, strength, category, language)  # type: ignore[arg-type]
            for strength, categories in groups
            for category, listed in categories.items()
            for pattern in _listed(listed)
        ]
        return found + [Entry(pattern, "ordinary", None, language) for pattern in _listed(content.get("ordinary"))]
    except (yaml.YAMLError, AttributeError, TypeError) as error:
        why = " ".join(str(error).split())
        raise LexiconError(f"the lexicon {language}.yml cannot be read: {why}; install the package again") from error


@cache
def _parsed(text: str) -> Any:
    # libyaml is ten times as fast, and every wheel of PyYAML has it.
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _listed(text: str | None) -> list[str]:
    return [" ".join(item.split()) for item in (text or "").split(";") if item.strip()]


@cache
def _texts() -> dict[str, str]:
    folder = files(__package__) / _FOLDER
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yml"))
    return {name.removesuffix(".yml"): (folder / name).read_text(encoding="utf-8") for name in names}
