"""What a journey theme of the synthetic world is made of.

What belongs here: the shape of a theme, and how its texts are written down. What does not: the themes themselves
(``themes_*``) and how users behave.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("situational", "evergreen", "seasonal")


@dataclass(frozen=True, slots=True)
class Theme:
    """One thing that people try to do, in the words that they use for it.

    Attributes:
        name: What a good journey name would say.
        kind: situational (concludes), evergreen (goes on for ever) or seasonal (returns each year).
        phrases: At least 18 searches that somebody with this aim types; varied, not all sharing one word.
        interests: Two to four broader words that catalogues file such items under; shared between themes.
        boards: One to three names that people give a board for it.
        translations: (language, search) pairs of the same aim, language as in a locale; may be empty.
        months: For seasonal themes, the months (1-12) in which it is active, in order; they may run over New Year.
    """

    name: str
    kind: str
    phrases: tuple[str, ...]
    interests: tuple[str, ...]
    boards: tuple[str, ...]
    translations: tuple[tuple[str, str], ...] = ()
    months: tuple[int, ...] = ()


def theme(
    name: str, kind: str, *, phrases: str, interests: str, boards: str, abroad: str = "", months: tuple[int, ...] = ()
) -> Theme:
    """A theme from lists written with ``;`` between their items; ``abroad`` holds ``language=search`` items.

    Raises:
        ValueError: an unknown kind, a repeated phrase, a seasonal theme without months (or the reverse), or an item of
            ``abroad`` without a language.
    """
    texts = _listed(phrases)
    pairs = [tuple(item.split("=", 1)) for item in _listed(abroad)]
    if kind not in KINDS:
        raise ValueError(f"theme {name!r}: unknown kind {kind!r}; known: {', '.join(KINDS)}")
    if len(set(texts)) != len(texts):
        raise ValueError(f"theme {name!r} says a phrase twice")
    if (kind == "seasonal") != bool(months):
        raise ValueError(f"theme {name!r}: months belong to seasonal themes, and only to them")
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"theme {name!r}: each translation must be written as language=search")
    translations = tuple((pair[0], pair[1]) for pair in pairs)
    return Theme(name, kind, texts, _listed(interests), _listed(boards), translations, months)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(item.split()) for item in text.split(";") if item.strip())
