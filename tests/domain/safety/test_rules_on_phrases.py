"""The rules on the list of phrases that was written without sight of them. Bounds are well below what was measured."""

from pathlib import Path

import polars as pl
import pytest

from journeys_assets.models.safety.judge import SafetyJudge

PHRASES = Path(__file__).with_name("phrases.csv")


@pytest.fixture(scope="module")
def judged() -> pl.DataFrame:
    rows = pl.read_csv(PHRASES).with_columns(pl.col("category").fill_null(""))
    found = SafetyJudge().judge(rows["text"].to_list())
    return rows.with_columns(is_held_back=found["decision"].cast(pl.String) != "allow")


@pytest.mark.parametrize("split", ["dev", "test"])
def test_most_sensitive_texts_are_held_back_in_every_category(judged: pl.DataFrame, split: str) -> None:
    sensitive = judged.filter(pl.col("split") == split, pl.col("category") != "")
    assert sensitive["is_held_back"].mean() > 0.83
    assert sensitive.group_by("category").agg(pl.col("is_held_back").mean())["is_held_back"].min() > 0.65


@pytest.mark.parametrize("split", ["dev", "test"])
def test_few_ordinary_texts_are_held_back(judged: pl.DataFrame, split: str) -> None:
    ordinary = judged.filter(pl.col("split") == split, pl.col("category") == "")
    assert ordinary["is_held_back"].mean() < 0.08
