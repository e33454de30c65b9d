"""Worlds in other languages: every text is in a language of the world, and the truth is known as in the English one."""

from __future__ import annotations

from collections import Counter
from datetime import date
from functools import cache

import polars as pl
import pytest

from journeys_assets.domain.keywords.text import normalise
from journeys_assets.domain.tables.landing import LANDING
from journeys_assets.domain.tables.table import violations
from journeys_assets.synthetic.languages import (
    HOMES,
    WORLD_LANGUAGES,
    WorldLanguage,
    language_of,
    themes_by_language,
)
from journeys_assets.synthetic.noise_by_language import NOISE
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.streams import stream
from journeys_assets.synthetic.theme import KINDS
from journeys_assets.synthetic.themes import THEMES
from journeys_assets.synthetic.wording import TEMPLATES, vocabulary
from journeys_assets.synthetic.world import World, generate_world

OTHERS: tuple[WorldLanguage, ...] = ("written-en", "de", "ja", "mixed")


@cache
def world_in(language: WorldLanguage) -> World:
    return generate_world(WorldParams(n_users=40, n_days=20, first_day=date(2026, 10, 1), language=language))


def is_japanese(text: str) -> bool:
    return any(ord(letter) > 0x3000 for letter in text)


@pytest.mark.parametrize("language", WORLD_LANGUAGES)
def test_themes_are_the_same_ones_in_each_language_of_a_world(language: WorldLanguage) -> None:
    by_language = themes_by_language(language)
    (first, *others) = ([(own.name, own.kind, own.months) for own in themes] for themes in by_language.values())
    assert all(other == first for other in others)
    assert {kind for _, kind, _ in first} == set(KINDS)
    for spoken, themes in by_language.items():
        assert len({own.name for own in themes}) == len({own.good_name for own in themes}) == len(themes)
        for own in themes:
            assert own.language == spoken
            assert bool(own.native_name) == (spoken != "en")
            assert (own.kind == "seasonal") == bool(own.months)
            assert len({normalise(phrase) for phrase in own.phrases}) == len(own.phrases) >= 16
            assert own.boards
            assert 2 <= len(own.interests) <= 4


def test_the_english_world_has_the_themes_that_it_always_had() -> None:
    assert themes_by_language("en") == {"en": THEMES}
    assert {len(themes) for themes in themes_by_language("mixed").values()} == {23}
    assert [len(themes_by_language(language)[language]) for language in ("de", "ja")] == [60, 60]


def test_a_user_searches_in_their_own_language_or_in_the_world_s() -> None:
    assert [language_of("en", locale) for locale in ("de-DE", "en-GB")] == ["en", "en"]
    assert [language_of("mixed", locale) for locale in ("de-AT", "en-GB", "fr-FR")] == ["de", "en", "de"]
    for language in WORLD_LANGUAGES:
        spoken = {language_of(language, locale) for locale, *_ in HOMES[language]}
        assert spoken == set(themes_by_language(language))


@pytest.mark.parametrize("language", OTHERS)
def test_landing_frames_keep_the_contract(language: WorldLanguage) -> None:
    for source, frame in world_in(language).landing.items():
        assert violations(LANDING[source], frame) == []
        assert frame.height or source in ("journey_feedback", "identities")


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_of_the_log_is_known_to_the_truth(language: WorldLanguage) -> None:
    made = world_in(language)
    known = made.truth["truth_keywords"].select("user_id", "normalised_keyword", "theme")
    searched = made.landing["search_events"].select(
        "user_id", normalised_keyword=pl.col("query").map_elements(normalise, return_dtype=pl.String)
    )
    assert searched.join(known, on=["user_id", "normalised_keyword"], how="anti").is_empty()
    names = {own.name for own in next(iter(themes_by_language(language).values()))}
    assert set(known["theme"].drop_nulls()) <= names
    assert known["theme"].n_unique() > 15
    assert set(made.truth["truth_journeys"]["theme"]) <= names


def test_a_japanese_world_is_in_japanese() -> None:
    made = world_in("ja")
    themed = made.truth["truth_keywords"].filter(pl.col("theme").is_not_null())["keyword"]
    assert sum(map(is_japanese, themed)) > 0.9 * len(themed)
    for texts in (made.truth["truth_journeys"]["name"], made.landing["board_pins"]["board_name"]):
        assert sum(map(is_japanese, texts)) > 0.95 * len(texts)
    assert set(made.landing["users"]["locale"]) == {"ja-JP"}
    assert 1 <= sum(not is_japanese(text) for text in NOISE["ja"].one_off) < 10, "numbers, brands, an emoji"


def test_a_german_world_is_in_german() -> None:
    made = world_in("de")
    english = {normalise(text) for own in THEMES for text in (*own.phrases, *own.interests, *own.boards)}
    themed = made.truth["truth_keywords"].filter(pl.col("theme").is_not_null())["normalised_keyword"]
    assert len(set(themed) & english) < 0.02 * len(themed)
    assert set(made.landing["users"]["country"]) == {"DE", "AT", "CH"}
    assert "Italienurlaub" in {own.good_name for own in themes_by_language("de")["de"]}


def test_a_user_of_the_mixed_world_writes_mostly_in_one_language_and_the_rest_in_the_other() -> None:
    made = world_in("mixed")
    texts = {
        spoken: {normalise(phrase) for own in themes for phrase in own.phrases}
        for spoken, themes in themes_by_language("mixed").items()
    }
    locales = dict(made.landing["users"].select("user_id", "locale").iter_rows())
    searched = made.landing["search_events"].select("user_id", "query").iter_rows()
    counts: Counter[tuple[str, str]] = Counter()
    for user, query in searched:
        for spoken, own in texts.items():
            counts[language_of("mixed", locales[user]), spoken] += normalise(query) in own
    for own, other in (("de", "en"), ("en", "de")):
        share = counts[own, other] / (counts[own, own] + counts[own, other])
        assert 0.08 < share < 0.4, (own, share)
    both = made.truth["truth_keywords"].filter(pl.col("theme").is_not_null()).group_by("user_id", "theme").agg(
        german=pl.col("normalised_keyword").is_in(list(texts["de"])).any(),
        english=pl.col("normalised_keyword").is_in(list(texts["en"])).any(),
        n=pl.len(),
    )  # fmt: skip
    assert both.filter(pl.col("n") >= 12).select((pl.col("german") & pl.col("english")).mean()).item() > 0.9


@pytest.mark.parametrize("language", ["de", "ja"])
def test_variations_are_in_the_language_of_the_theme(language: WorldLanguage) -> None:
    own = themes_by_language(language)[language][0]
    words = vocabulary(stream(1, "words"), own, 60)
    assert len(set(words)) == 60
    assert all(any(phrase in word for phrase in own.phrases) for word in words)
    assert len(set(TEMPLATES[language]) & set(TEMPLATES["en"])) <= 2


def test_a_world_is_the_same_again_and_another_with_another_language() -> None:
    for language in OTHERS:
        params = WorldParams(n_users=5, n_days=5, language=language)
        assert generate_world(params).landing["search_events"].equals(generate_world(params).landing["search_events"])
    assert not world_in("de").landing["search_events"].equals(world_in("mixed").landing["search_events"])


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(ValueError, match="language is 'fr'; it must be one of en, written-en, de, ja, mixed"):
        WorldParams(language="fr")  # type: ignore[arg-type]
