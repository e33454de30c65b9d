"""The structure of a journey theme of the synthetic world. The themes themselves are in ``themes_*``."""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("situational", "evergreen", "seasonal")


@dataclass(frozen=True, slots=True)
class Theme:
    """One thing that people try to do, with the words that they use for it.

    Attributes:
        name: A good name of the journey in English; what the theme is known by in any language.
        kind: situational (ends), evergreen (continues for ever) or seasonal (returns each year).
        phrases: At least 16 searches of somebody with this aim; varied, without a word common to all.
        interests: Two to four broader interests of such items; shared between themes.
        boards: One to three typical board names.
        translations: (language, search) pairs for the same aim, language as in a locale; may be empty.
        months: For seasonal themes, the active months (1-12), in order; they may span New Year.
        language: Of everything but ``name`` and ``translations``.
        native_name: A good name of the journey in that language; empty for English.
    """

    name: str
    kind: str
    phrases: tuple[str, ...]
    interests: tuple[str, ...]
    boards: tuple[str, ...]
    translations: tuple[tuple[str, str], ...] = ()
    months: tuple[int, ...] = ()
    language: str = "en"
    native_name: str = ""

    @property
    def good_name(self) -> str:
        """A good name of the journey in the language of the theme."""
        return self.native_name or self.name


def theme(
    name: str, kind: str, *, phrases: str, interests: str, boards: str, abroad: str = "", months: tuple[int, ...] = ()
) -> Theme:
    """A theme from lists with items separated by ``;``. Items of ``abroad`` have the form ``language=search``.

    Raises:
        ValueError: The kind is unknown, a phrase is repeated, a seasonal theme has no months (or another theme has
            some), or an item of ``abroad`` has no language.
    """
    texts = _listed(phrases)
    pairs = [tuple(item.split("=", 1)) for item in _listed(abroad)]
    if kind not in KINDS:
        raise ValueError(f"theme {name!r}: unknown kind {kind!r}; known: {', '.join(KINDS)}")
    if len(set(texts)) != len(texts):
        raise ValueError(f"theme {name!r} repeats a phrase")
    if (kind == "seasonal") != bool(months):
        raise ValueError(f"theme {name!r}: seasonal themes must have months, other themes must not")
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"theme {name!r}: each translation must have the form language=search")
    translations = tuple((pair[0], pair[1]) for pair in pairs)
    return Theme(name, kind, texts, _listed(interests), _listed(boards), translations, months)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(item.split()) for item in text.split(";") if item.strip())
