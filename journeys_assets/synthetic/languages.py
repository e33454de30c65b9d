"""The languages of a world: its themes in each of them, and where its users live.

``en`` has the edited phrases of ``synthetic.themes``. All others have the phrases of ``synthetic.written`` only, with
names, interests and boards by the same writers. In ``mixed``, each theme is known in German and in English; a user
searches mostly in their own language, and the rest in the other one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Literal, get_args

from journeys_assets.synthetic.theme import Theme
from journeys_assets.synthetic.themes import THEME_BY_NAME, THEMES
from journeys_assets.synthetic.written import Language, written_phrases

WorldLanguage = Literal["en", "written-en", "de", "ja", "mixed"]
WORLD_LANGUAGES: tuple[WorldLanguage, ...] = get_args(WorldLanguage)
Home = tuple[str, str, str, float]
"""Locale, country, time zone, weight."""

ENGLISH_HOMES: tuple[Home, ...] = (
    ("en-US", "US", "America/New_York", 24),
    ("en-US", "US", "America/Chicago", 14),
    ("en-US", "US", "America/Los_Angeles", 16),
    ("en-GB", "GB", "Europe/London", 10),
    ("en-IN", "IN", "Asia/Kolkata", 4),
    ("en-AU", "AU", "Australia/Sydney", 5),
    ("es-MX", "MX", "America/Mexico_City", 6),
    ("es-ES", "ES", "Europe/Madrid", 4),
    ("de-DE", "DE", "Europe/Berlin", 6),
    ("fr-FR", "FR", "Europe/Paris", 4),
    ("pt-BR", "BR", "America/Sao_Paulo", 4),
    ("ja-JP", "JP", "Asia/Tokyo", 3),
)
GERMAN_HOMES: tuple[Home, ...] = (
    ("de-DE", "DE", "Europe/Berlin", 8),
    ("de-AT", "AT", "Europe/Vienna", 1),
    ("de-CH", "CH", "Europe/Zurich", 1),
)
JAPANESE_HOMES: tuple[Home, ...] = (("ja-JP", "JP", "Asia/Tokyo", 1),)
MIXED_HOMES: tuple[Home, ...] = (
    *GERMAN_HOMES,
    ("en-GB", "GB", "Europe/London", 5),
    ("en-US", "US", "America/New_York", 5),
)
HOMES: Mapping[WorldLanguage, tuple[Home, ...]] = {
    "en": ENGLISH_HOMES,
    "written-en": ENGLISH_HOMES,
    "de": GERMAN_HOMES,
    "ja": JAPANESE_HOMES,
    "mixed": MIXED_HOMES,
}

BROAD_INTEREST_THEMES = 3
"""An interest of this many themes of a language or more does not identify the theme that a user pursues: noise."""


@cache
def themes_by_language(world: WorldLanguage) -> Mapping[str, tuple[Theme, ...]]:
    """The themes of a world in each of its languages, the same ones in the same order; its first language first."""
    if world == "en":
        return {"en": THEMES}
    if world == "written-en":
        return {"en": tuple(_written_english().values())}
    if world == "mixed":
        german, english = _native("de"), _written_english()
        both = [name for name in german if name in english]
        return {"de": tuple(german[name] for name in both), "en": tuple(english[name] for name in both)}
    return {world: tuple(_native(world).values())}


def language_of(world: WorldLanguage, locale: str) -> str:
    """The language that a user with ``locale`` searches in, mostly: their own, or the first one of the world."""
    known = themes_by_language(world)
    own = locale.split("-")[0]
    return own if own in known else next(iter(known))


@cache
def themes_of_kind(world: WorldLanguage, language: str, kind: str) -> tuple[Theme, ...]:
    """The themes of one kind in one language of a world."""
    return tuple(theme for theme in themes_by_language(world)[language] if theme.kind == kind)


@cache
def in_language(world: WorldLanguage, language: str, name: str) -> Theme:
    """The theme called ``name`` in one language of a world."""
    return {theme.name: theme for theme in themes_by_language(world)[language]}[name]


@cache
def broad_interests(world: WorldLanguage) -> frozenset[str]:
    """Interests that are noise, because ``BROAD_INTEREST_THEMES`` themes or more have them."""
    return frozenset(
        interest
        for themes in themes_by_language(world).values()
        for interest, count in Counter(interest for theme in themes for interest in theme.interests).items()
        if count >= BROAD_INTEREST_THEMES
    )


def _written_english() -> dict[str, Theme]:
    """The themes that have written searches, with those instead of the edited phrases."""
    return {
        name: replace(THEME_BY_NAME[name], phrases=tuple(phrases), translations=())
        for name, phrases in written_phrases("en").items()
    }


def _native(language: Language) -> dict[str, Theme]:
    """Themes by their English name, from the writers' names, interests and boards and their searches."""
    phrases = written_phrases(language)
    text = (files("journeys_assets.synthetic") / "phrases" / f"themes_{language}.txt").read_text(encoding="utf-8")
    themes = {}
    for line in text.splitlines():
        name, kind, months, native_name, interests, boards = line.split(" | ")
        themes[name] = Theme(
            name,
            kind,
            tuple(phrases[name]),
            tuple(interests.split("; ")),
            tuple(boards.split("; ")),
            months=tuple(int(month) for month in months.split(",") if month.strip()),
            language=language,
            native_name=native_name,
        )
    return themes
