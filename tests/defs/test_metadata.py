"""What the UI shows of text from outside is text: in every Markdown that is made of it."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from markdown_it import MarkdownIt

from journeys_assets.defs.metadata import examples, table, trends
from journeys_assets.domain.display import visible
from tests.support.hostile import HOSTILE

GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def shown(markdown: str | None) -> list[str]:
    """The texts of the cells. Fails on anything but one table of text."""
    tokens = GFM.parse(markdown or "")
    assert [token.type for token in (tokens[0], tokens[-1])] == ["table_open", "table_close"]
    cells = [token for token in tokens if token.type == "inline"]
    kinds = {child.type for cell in cells for child in cell.children or ()}
    assert kinds <= {"text", "text_special", "code_inline", "strong_open", "strong_close"}
    return ["".join(child.content for child in cell.children or ()) for cell in cells]


@pytest.mark.parametrize("text", [text for text in HOSTILE if "\udcff" not in text], ids=ascii)
def test_hostile_text_is_text_in_the_ui(text: str) -> None:
    expected = " ".join(visible(text).split())
    frame = pl.DataFrame({text: [text], "list": [[text, text]]})
    assert shown(examples(frame).value) == [expected, "list", expected, " ".join(f"{expected}, {expected}".split())]
    assert shown(table(["file", "reason"], [(text, text)]).value)[2:] == [expected, expected]
    measured = pl.DataFrame(
        {
            "partition_date": [date(2026, 3, 1)], "monitor": [text], "value": [1.0], "lower": [0.0], "upper": [2.0],
            "bound": [text], "passed": [False],
        }
    )  # fmt: skip
    cells = shown(trends(measured).value)
    assert (cells[5], cells[8], cells[9]) == (expected, expected, "fired")
