"""One id has one spelling, and words for missing values are none."""

import time
import unicodedata

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from journeys_assets.domain.landing.ids import NULL_WORDS, are_broken, are_null_words, clean_id, clean_ids

TRICKY = (
    "aB7é é\u0301\u0323\u00a0\u3000\u2800\t\r\n\x1b\x7f\x85"
    "\u200b\u200c\u200d\ufeff\u00ad\u202e\ufe0f👩💻\u0645\u094d\u2028-"
)
TEXTS = st.text(st.sampled_from(TRICKY), max_size=12) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@settings(max_examples=1_000)
@given(TEXTS)
@example("a\u0301\u200c\u094d\u200d")
@example("a\u00a0\u200d")
def test_cleaning_is_idempotent_and_the_same_for_equivalent_spellings(text: str) -> None:
    once = clean_id(text)
    assert clean_id(once) == once
    assert clean_id(unicodedata.normalize("NFD", text)) == once == clean_id(unicodedata.normalize("NFC", text))


@given(TEXTS, st.text("\u00a0 \t\r\n\u200b\ufeff\x00\x1b\u200e\u2060", max_size=4))
def test_what_surrounds_an_id_makes_no_difference(text: str, around: str) -> None:
    inner = clean_id(text)
    assert clean_id(f"{around}{inner}{around}") == inner


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_letters_and_digits_are_never_lost_or_changed(text: str) -> None:
    visible = "".join(c for c in unicodedata.normalize("NFC", text) if c not in "\u115f\u1160\u3164\uffa0")
    assert clean_id(text) == unicodedata.normalize("NFC", visible)


def test_time_is_proportional_to_the_length() -> None:
    start = time.perf_counter()
    clean_id("a\u0301\u200c" + "\u094d\u200d" * 5_000)  # each joiner loses its meaning once the one before is gone
    assert time.perf_counter() - start < 2


@given(st.lists(st.none() | TEXTS))
def test_a_series_is_cleaned_value_by_value(texts: list[str | None]) -> None:
    expected = [None if text is None else clean_id(text) or None for text in texts]
    assert clean_ids(pl.Series("u", texts, dtype=pl.String)).to_list() == expected


@pytest.mark.parametrize(
    "word", [*sorted(NULL_WORDS), "NULL", "Null", "NaN", "None", "N/A", "NA", "-", "...", "?", "<NA>"]
)
def test_words_for_missing_values(word: str) -> None:
    assert are_null_words(pl.Series([word])).to_list() == [True]


def test_other_words_are_ids() -> None:
    ids = pl.Series(["0", "-1", "nancy", "nullable", "na", "unknown", "anonymous", "guest", "+", "☕", None])
    assert not are_null_words(ids).any()


def test_only_a_control_character_inside_breaks_an_id() -> None:
    given = pl.Series(["a\tb", "a\nb", "a\u2028b", "a\x07b", "a b", "\ta\n", "é", None])
    assert are_broken(clean_ids(given)).to_list() == [True] * 4 + [False] * 4


def test_a_byte_that_is_no_text_becomes_a_character_that_no_log_has() -> None:
    assert clean_id("bad\udcffname") == "bad\ufffd\ufffd\ufffdname"
    assert clean_id("\udcff") == "\ufffd\ufffd\ufffd"
