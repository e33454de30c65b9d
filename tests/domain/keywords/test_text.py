import sys

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.text import normalise, normalise_series


def test_spelling_variants_are_one_keyword() -> None:
    assert normalise("  Garden\tSHED\u00a0 ideas ") == "garden shed ideas"
    assert normalise("Straße") == normalise("STRASSE")
    assert normalise("ｶﾌｪ") == "カフェ"
    assert normalise("e\u0301tude") == normalise("Étude")
    assert normalise("\u0390\u03b4\u03b7") == "\u0390\u03b4\u03b7"  # casefolding decomposes the first letter
    assert normalise("日本語　入力") == "日本語 入力"
    assert normalise("🎉") == "🎉"
    assert normalise(" \u3000\x1c ") == ""


def test_normalising_any_single_character_twice_changes_nothing_more() -> None:
    for code in range(sys.maxunicode + 1):
        if not 0xD800 <= code <= 0xDFFF:
            once = normalise(chr(code))
            assert normalise(once) == once, hex(code)


@settings(max_examples=500)
@given(st.text())
def test_normalising_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert once == once.strip()


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))))
def test_a_series_is_normalised_value_by_value(texts: list[str | None]) -> None:
    series = normalise_series(pl.Series("q", texts, dtype=pl.String))
    assert series.to_list() == [None if text is None else normalise(text) for text in texts]
    assert (series.name, series.dtype) == ("q", pl.String)


def test_lists_keep_their_length() -> None:
    lists = pl.Series("a", [["A", "a "], [], None, ["B"]], dtype=pl.List(pl.String))
    assert normalise_series(lists).to_list() == [["a", "a"], [], None, ["b"]]
