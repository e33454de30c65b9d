import sys
import time
import unicodedata

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.text import VIRAMAS, cleaned, cleaned_series, normalise, normalise_series

FLAG = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
PERSIAN, CHILLU, RAPHA = "می\u200cخواهم", "അവന\u0d4d\u200d", "অর\u200d\u09cdয"
TRICKY = (
    "a b"
    "Iiı\u0130\u0307\u0345\u0301\u0323\u0338Σς1# \t\u00a0\u200b\u200c\u200d\u034f\u00ad\ufeff\u200e\ufe0e\ufe0f\u180b"
    "❤👩💻\U0001f3fb\u20e3\U0001f3f4\U000e0067\U000e007f\u0627\u0645\u0640\u0915\u094d\u09b0\u09cd\u1100\u1160\u11a8ﬁŉẞ\x1b"
)
TEXTS = st.text(st.sampled_from(TRICKY), max_size=12) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def test_spelling_variants_are_one_keyword() -> None:
    assert normalise("  Garden\tSHED\u00a0 ideas ") == "garden shed ideas"
    assert normalise("Straße") == normalise("STRASSE") == normalise("STRAẞE")
    assert normalise("ｶﾌｪ") == "カフェ"
    assert normalise("e\u0301tude") == normalise("Étude")
    assert normalise("\u0390\u03b4\u03b7") == "\u0390\u03b4\u03b7"  # casefolding decomposes the first letter
    assert normalise("日本語　入力") == "日本語 入力"
    assert normalise("🎉") == "🎉"
    assert normalise("ﬁne") == "fine"
    assert normalise("ΟΔΟΣ") == normalise("οδος") == normalise("οδοσ")
    assert normalise("❤️") == normalise("❤")
    assert normalise(" \u3000\x1c ") == ""


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffwedding dress",
        "wed\u00adding dress",
        "wedding\u200b dress",
        "wedding \u200bdress\u200e",
        "\u202awedding\u202c \u2066dress\u2069",
        "wed\u200dding\u200c dress",
        "wedding dress\u200d",
        "wedding dress\ufe0f",
        "wedding\U000e0061 dress",
        "wedding\x1b[31m dress\x07",
        "wedding\u2028dress",
        "wedding\u2800dress",
    ],
)
def test_invisible_characters_make_no_difference(text: str) -> None:
    assert normalise(text) == cleaned(text) == "wedding dress"


@pytest.mark.parametrize(
    "text", ["👩‍💻", "👨‍👩‍👧‍👦", "❤️‍🔥", FLAG, PERSIAN, CHILLU, RAPHA, "1️⃣", "葛\U000e0100城", "🏴‍☠️"]
)
def test_joiners_selectors_and_tags_stay_where_they_carry_meaning(text: str) -> None:
    assert cleaned(text) == text
    assert cleaned(f"\u200d{text}\u200c \ufe0f") == text
    joiners = [c for c in text if c in "\u200c\u200d"]
    assert [c for c in normalise(text) if c in "\u200c\u200d"] == joiners


def test_joiners_go_where_they_change_nothing() -> None:
    assert normalise("کار\u200cها") == normalise("کارها")  # ر never joins the next letter
    assert normalise("کتاب\u200c") == "کتاب"
    assert normalise("می\u200c\u200cخواهم") == normalise(PERSIAN)
    assert normalise(PERSIAN) != normalise(PERSIAN.replace("\u200c", ""))
    assert normalise("👩 ‍💻") == "👩 💻"


@pytest.mark.parametrize("text", ["İSTANBUL", "I\u0307STANBUL", "istanbul", "i\u0307stanbul", "ISTANBUL", "İstanbul"])
def test_a_dot_above_a_dotted_letter_makes_no_difference(text: str) -> None:
    assert normalise(text) == "istanbul"


def test_other_dots_and_the_dotless_i_are_letters_of_their_own() -> None:
    assert normalise("Ż") == "ż"
    assert normalise("ılık") != normalise("ilik")
    assert cleaned("I\u0307stanbul") == "İstanbul"


@pytest.mark.parametrize("text", ["c++", "c#", "☕", "7", "日本", "½", "⭐", "𝄞", "⠓⠑", "#️⃣", "\U0001fae8", "a?", "°c"])
def test_a_keyword_has_a_letter_a_digit_or_a_symbol_that_means_something(text: str) -> None:
    assert normalise(text) != ""


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u200b",
        "?",
        "...",
        "_",
        "---",
        "€",
        "→",
        "───",
        "■",
        "©",
        "\ufffd",
        "\u0301",
        "ˈ",
        "\ue000",
        "\u3164",
        "+1"[:1],
    ],
)
def test_text_without_any_is_no_keyword(text: str) -> None:
    assert normalise(text) == ""


def test_every_character_is_normalised_once_and_for_all() -> None:
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF:
            text = chr(code)
            once = normalise(text)
            assert normalise(once) == once == normalise(cleaned(text)) == normalise(unicodedata.normalize("NFD", text))
            assert cleaned(cleaned(text)) == cleaned(text), hex(code)


def test_every_format_and_control_character_is_invisible_or_known_to_be_visible() -> None:
    visible = "ARABIC|SYRIAC ABBREVIATION|KAITHI|EGYPTIAN HIEROGLYPH"
    for code in range(sys.maxunicode + 1):
        text = chr(code)
        if unicodedata.category(text) in ("Cf", "Cc") and cleaned(f"a{text}b") not in ("ab", "a b"):
            assert any(unicodedata.name(text).startswith(name) for name in visible.split("|")), hex(code)


def test_the_viramas_are_those_of_unicode() -> None:
    known = {chr(code) for code in range(sys.maxunicode + 1) if unicodedata.combining(chr(code)) == 9}
    assert {"\u094d", "\u0d4d", "\u0dca"} <= known
    assert known <= set(VIRAMAS)


@settings(max_examples=1_000)
@given(TEXTS)
@example("\u0645\u0345\U000e007f\u0301")  # a tag between marks that casefolding and NFC treat differently
@example("\u0301\u200c\u094d\u200d")  # without the first joiner the marks change places, and the second means nothing
def test_both_forms_are_idempotent_and_the_same_for_equivalent_spellings(text: str) -> None:
    for form in (normalise, cleaned):
        once = form(text)
        assert form(once) == once == once.strip()
        assert form(unicodedata.normalize("NFC", text)) == once == form(unicodedata.normalize("NFD", text))
    assert normalise(cleaned(text)) == normalise(text)


def test_time_is_proportional_to_the_length() -> None:
    text = "\u0301\u200c" + "\u094d\u200d" * 5_000  # each joiner loses its meaning once the one before it is gone
    start = time.perf_counter()
    assert normalise(text) == ""
    assert time.perf_counter() - start < 2


@given(st.lists(st.none() | TEXTS))
def test_a_series_is_normalised_value_by_value(texts: list[str | None]) -> None:
    given_texts = pl.Series("q", texts, dtype=pl.String)
    for series, form in ((normalise_series(given_texts), normalise), (cleaned_series(given_texts), cleaned)):
        assert series.to_list() == [None if text is None else form(text) for text in texts]
        assert (series.name, series.dtype) == ("q", pl.String)


def test_lists_keep_their_length() -> None:
    lists = pl.Series("a", [["A", "a "], [], None, ["B"]], dtype=pl.List(pl.String))
    assert normalise_series(lists).to_list() == [["a", "a"], [], None, ["b"]]
