"""The phrase list has every category in several languages, no phrase twice, and two halves of the same make-up."""

from __future__ import annotations

import itertools
from pathlib import Path

import polars as pl
import pytest

CATEGORIES = {
    "health",
    "pregnancy_and_loss",
    "grief",
    "relationships",
    "money",
    "identity_and_belief",
    "sexual",
    "minors",
    "self_harm",
    "violence_and_weapons",
    "drugs",
    "alcohol",
    "gambling",
    "hate",
    "immigration",
    "crime",
}
LANGUAGES = {"ar", "de", "en", "es", "fr", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh"}


@pytest.fixture(scope="module")
def phrases() -> pl.DataFrame:
    """One row per phrase: `text`, `language`, `category` (empty: ordinary) and `split`, all strings."""
    return pl.read_csv(Path(__file__).parent / "phrases.csv", infer_schema=False).fill_null("")


def test_columns_and_values_are_those_documented(phrases: pl.DataFrame) -> None:
    assert phrases.columns == ["text", "language", "category", "split"]
    assert phrases.height >= 1000
    assert set(phrases["category"]) == {*CATEGORIES, ""}
    assert set(phrases["language"]) == LANGUAGES
    assert set(phrases["split"]) == {"dev", "test"}


def test_texts_are_trimmed_and_have_one_to_eight_words(phrases: pl.DataFrame) -> None:
    text = phrases["text"]
    assert (text == text.str.strip_chars()).all()
    assert text.str.split(" ").list.len().is_between(1, 8).all()
    assert not text.str.contains(r"\p{C}| {2}").any()


def test_no_phrase_occurs_twice_whatever_its_case(phrases: pl.DataFrame) -> None:
    folded = [text.casefold() for text in phrases["text"]]
    assert len(set(folded)) == len(folded)


def test_every_category_has_thirty_phrases_and_there_are_five_hundred_ordinary_ones(phrases: pl.DataFrame) -> None:
    counts = dict(phrases.group_by("category").len().iter_rows())
    assert counts.pop("") >= 500
    assert min(counts.values()) >= 30


def test_a_fifth_of_each_kind_is_not_english_and_every_category_has_japanese(phrases: pl.DataFrame) -> None:
    sensitive = phrases.filter(pl.col("category") != "")
    ordinary = phrases.filter(pl.col("category") == "")
    for part in (sensitive, ordinary):
        assert (part["language"] != "en").mean() >= 0.2  # type: ignore[operator]
    japanese = sensitive.filter(pl.col("language") == "ja")
    assert japanese.height >= 30
    assert set(japanese["category"]) == CATEGORIES


def test_the_split_alternates_within_each_category_and_language(phrases: pl.DataFrame) -> None:
    for _, rows in phrases.group_by("category", "language", maintain_order=True):
        splits = rows["split"].to_list()
        assert all(first != second for first, second in itertools.pairwise(splits))
    for _, rows in phrases.group_by("category"):
        assert abs((rows["split"] == "dev").sum() - (rows["split"] == "test").sum()) <= 1
