"""The written phrases: as many as documented, no two alike within a language, most without the name of their theme."""

from __future__ import annotations

import pytest

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.synthetic.themes import THEMES
from journeys_assets.synthetic.written import Language, written_phrases

SIZES: dict[Language, tuple[int, int]] = {"en": (45, 24), "de": (60, 16), "ja": (60, 16)}


@pytest.mark.parametrize("language", SIZES)
def test_every_theme_has_its_searches_and_none_is_there_twice(language: Language) -> None:
    phrases = written_phrases(language)
    n_themes, n_each = SIZES[language]
    assert len(phrases) == n_themes
    assert {len(own) for own in phrases.values()} == {n_each}
    keywords = [normalise(text) for own in phrases.values() for text in own]
    assert all(keywords)
    assert len(set(keywords)) == len(keywords)


def test_they_are_independent_of_the_edited_phrases() -> None:
    edited = {theme.name: set(map(normalise, theme.phrases)) for theme in THEMES}
    phrases = written_phrases("en")
    assert phrases.keys() <= edited.keys()
    same = [text for name, own in phrases.items() for text in own if normalise(text) in edited[name]]
    assert len(same) < 0.05 * sum(map(len, phrases.values()))
    named = [text for name, own in phrases.items() for text in own if set(name.split()) & set(text.casefold().split())]
    assert len(named) < 0.25 * sum(map(len, phrases.values()))


def test_german_and_japanese_are_in_their_own_language() -> None:
    japanese = [text for own in written_phrases("ja").values() for text in own]
    assert sum(any(ord(letter) > 0x3000 for letter in text) for text in japanese) > 0.95 * len(japanese)
    english, german = ({text for own in written_phrases(of).values() for text in own} for of in ("en", "de"))
    assert len(english & german) < 5, "some loan words are spelt alike"
