"""Titles: a language for every locale, never too long, cut between characters as people see them."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.personal import holds_personal_data
from journeys_assets.domain.notifications.arms import experiment_arm, title_variant
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.title_templates import OCCASIONS, TEMPLATES
from journeys_assets.domain.notifications.titles import (
    DEFAULT_LANGUAGE,
    MAX_CHARACTERS,
    N_VARIANTS,
    cut,
    language_of,
    titles_of,
)
from journeys_assets.domain.vocabulary import INTENTS

WANTED = pl.Schema({"occasion": pl.String, "language": pl.String, "variant": pl.Int64, "name": pl.String})
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
FLAG = "\U0001f1e9\U0001f1ea"
THUMB = "\U0001f44d\U0001f3fd"
HANGUL = "\u1112\u1161\u11ab"


def titles(*rows: tuple[str, str, int, str | None]) -> list[tuple[str, str]]:
    found = titles_of(pl.DataFrame(list(rows), schema=WANTED, orient="row"))
    return found.select("title_text", "title_template").rows()


def test_every_language_has_every_occasion_and_variant_with_room_for_a_name() -> None:
    assert set(INTENTS) < set(OCCASIONS)
    for language, occasions in TEMPLATES.items():
        assert language == language.casefold()
        assert tuple(occasions) == OCCASIONS, language
        for occasion, texts in occasions.items():
            assert len(set(texts)) == len(texts) == N_VARIANTS, (language, occasion)
            for text in texts:
                assert text.count("{name}") == (occasion != "generic"), text
                assert len(text) <= MAX_CHARACTERS // 2 + len("{name}"), text
                assert not holds_personal_data(text)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        *[("de-AT", "de"), ("pt_BR.UTF-8", "pt"), ("PT", "pt"), ("ja-JP-u-ca-japanese", "ja")],
        *[("xx-YY", DEFAULT_LANGUAGE), ("", DEFAULT_LANGUAGE), (None, DEFAULT_LANGUAGE)],
    ],
)
def test_the_locale_falls_back_to_its_language_and_to_the_default(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


def test_a_whole_locale_comes_before_its_language() -> None:
    assert language_of("pt-BR-x", {"pt": 1, "pt-br": 1}) == "pt-br"


def test_occasion_variant_and_name_make_the_title() -> None:
    (first, second) = TEMPLATES["en"]["deciding"]
    assert titles(("deciding", "en", 0, "Lamps"), ("deciding", "en", N_VARIANTS + 1, " Lamps\n")) == [
        (first.replace("{name}", "Lamps"), "deciding-1"),
        (second.replace("{name}", "Lamps"), "deciding-2"),
    ]


def test_a_name_stands_for_itself_and_is_no_template() -> None:
    ((title, _),) = titles(("exploring", "en", 0, "{name} {0} %s \\1"))
    assert title.endswith("{name} {0} %s \\1")


@pytest.mark.parametrize("whole", [FAMILY, FLAG, THUMB, HANGUL, "e\u0301", "\u0915\u093f", "\u2764\ufe0f"])
def test_no_character_is_cut_in_half(whole: str) -> None:
    for most in range(2, 24):
        short = cut(whole * 20, most)
        assert len(short) <= most
        assert short.endswith("…")
        assert short[:-1] == whole * (len(short[:-1]) // len(whole))


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120), st.sampled_from(sorted(TEMPLATES)), st.sampled_from(OCCASIONS), st.integers(0, 5))
def test_no_title_is_too_long(name: str, language: str, occasion: str, variant: int) -> None:
    ((title, template),) = titles((occasion, language, variant, name))
    assert 0 < len(title) <= MAX_CHARACTERS
    assert template.rpartition("-")[0] in (occasion, "generic")
    assert "\n" not in title
    last = title.removesuffix("…")[-1:]
    assert not title.endswith("…") or unicodedata.category(last or "x") != "Cs"


def test_a_long_name_fills_the_title_and_no_more() -> None:
    for language in TEMPLATES:
        for occasion in OCCASIONS[:-1]:
            ((title, _),) = titles((occasion, language, 0, "x" * 500))
            assert len(title) == MAX_CHARACTERS, (language, occasion)
            assert title.endswith("x…")


def test_variants_are_spread_over_users_whatever_their_arm() -> None:
    params = NotificationParams(journey_arm_share=0.5, interest_arm_share=0.5)
    users = [(experiment_arm(f"u{n}", params), title_variant(f"u{n}", params) % N_VARIANTS) for n in range(2_000)]
    for arm in ("journey", "interest"):
        of_arm = [variant for one, variant in users if one == arm]
        assert 0.4 < sum(of_arm) / len(of_arm) < 0.6
