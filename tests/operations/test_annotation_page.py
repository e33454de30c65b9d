"""An annotation page has text from outside as data, and no text leaves its script element."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import polars as pl
import pytest

from journeys_assets.operations.annotation_sheets import PAGE, page, table
from tests.support.hostile import HOSTILE


class Elements(HTMLParser):
    """The elements of a page, and the text of its data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.data = ""
        self._in_data = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_data = ("id", "data") in attrs

    def handle_data(self, data: str) -> None:
        if self._in_data:
            self.data += data


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\udcff" not in text], ids=ascii)
def test_hostile_text_is_data_of_the_page(text: str) -> None:
    rows = pl.DataFrame(
        [{"row_key": "k", "annotator_id": text, "name": text, "keywords": [text], "days_ago": 1, "searches": [text],
          "items": [text], "weeks": [1], "as_of": "2026-03-01", "position": 1}]
    )  # fmt: skip
    found = Elements(page(rows, text, text))
    assert found.tags == Elements(PAGE.read_text(encoding="utf-8")).tags
    record = json.loads(found.data)
    (row,) = record["rows"]
    assert [record["annotator"], record["sheet"], row["name"], *row["keywords"], *row["searches"]] == [text] * 5
    assert table(rows).startswith("\ufeff")
