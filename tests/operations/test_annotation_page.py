"""A page for people has text from outside as data, and no text leaves its script element."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.operations.annotation_sheets import page, table
from journeys_assets.operations.judged_pairs import pairs_page
from journeys_assets.operations.sheet_pages import plain_cell, without_apostrophe
from tests.support.hostile import HOSTILE
from tests.support.pages import elements_of

TEXTS = [text for text in HOSTILE if "\udcff" not in text] + ["<!--PAGE--> /*DATA*/ /*TITLE*/", "long " * 500]


def annotation_page(text: str) -> str:
    return page(annotation_rows(text), text, text)


def annotation_rows(text: str) -> pl.DataFrame:
    return pl.DataFrame(
        [{"row_key": "k", "annotator_id": text, "name": text, "keywords": [text], "days_ago": 1, "searches": [text],
          "items": [text], "weeks": [1], "as_of": "2026-03-01", "position": 1}]
    )  # fmt: skip


def page_of_pairs(text: str) -> str:
    row = {"user_key": "k", "keyword_a": text, "keyword_b": text, "near_a": [text], "near_b": [text]}
    return pairs_page(pl.DataFrame([row]), text)


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:40]))
def test_hostile_text_is_data_of_the_page(text: str) -> None:
    found = elements_of(annotation_page(text))
    assert found.tags == elements_of(annotation_page("x")).tags
    record = json.loads(found.data)
    (row,) = record["rows"]
    assert [record["annotator"], record["sheet"], row["name"], *row["keywords"], *row["searches"]] == [text] * 5
    assert table(annotation_rows(text)).startswith("\ufeff")


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: ascii(text[:40]))
def test_hostile_text_is_data_of_a_page_of_pairs(text: str) -> None:
    found = elements_of(page_of_pairs(text))
    assert found.tags == elements_of(page_of_pairs("x")).tags
    record = json.loads(found.data)
    (row,) = record["rows"]
    assert [record["sheet"], row["keyword_a"], row["keyword_b"], *row["near_a"], *row["near_b"]] == [text] * 5


@pytest.mark.parametrize("make", [annotation_page, page_of_pairs])
def test_a_page_loads_nothing_and_has_each_element_that_its_script_names(make: Callable[[str], str]) -> None:
    text = make("x")
    assert not re.findall(r"(?:src|href)\s*=\s*[\"']", text)
    assert "default-src 'none'" in text
    assert not re.findall(r"/\*[A-Z]+\*/|<!--", text)
    named = set(re.findall(r"""(?:byId|chips|press)\("([^"]+)\"""", text))
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert named - {"data"} <= set(ids)


CELLS = [
    "=1",
    "'=1",
    "''-2",
    "a;=1",
    "a; =1; -2",
    ";@x",
    "a;;+1",
    "a; '=1",
    "\t=1",
    "=1;=2",
    "it's; x",
    "a;b",
    "x=1",
    "",
]


@given(st.sampled_from(CELLS) | st.text(st.sampled_from("=+-@;' \t\ra"), max_size=8))
def test_no_cell_is_a_formula_whatever_separates_the_cells_and_the_text_comes_back(text: str) -> None:
    shown = plain_cell(text)
    assert not re.search(r"(?:^|;) *[=+\-@\t\r]", shown)
    assert pl.select(pl.lit(shown).alias("a")).select(without_apostrophe("a"))["a"][0] == text


def test_the_page_writes_cells_by_the_same_rule() -> None:
    script = annotation_page("x")
    (rule,) = re.findall(r"text\.replace\(/(.+)/g, \"\$1'\"\)", script)
    assert [re.sub(rule, r"\1'", cell) for cell in CELLS] == [plain_cell(cell) for cell in CELLS]
