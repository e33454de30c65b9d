"""Text from outside is shown as text: on a console, in Markdown, in JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from journeys_assets.domain.display import Markdown, json_text, markdown_table, markdown_text, one_line, visible
from tests.support.hostile import ACTING, HOSTILE, acts

ANY_TEXT = st.text(
    st.characters() | st.sampled_from(sorted(ACTING | set("[]|`*_<>&\\~:/!@\udc80\n")))
) | st.sampled_from(HOSTILE)
GFM = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@given(ANY_TEXT)
def test_what_is_visible_acts_no_more_and_keeps_its_length(text: str) -> None:
    shown = visible(text)
    assert acts(shown, allowed="\n\t") == []
    assert len(shown) == len(text)
    assert visible(shown) == shown
    assert acts(one_line(text), allowed="\t") == []


def test_text_of_every_script_stays_as_it_is() -> None:
    text = "مرحبا שלום 結婚式 👩‍👩‍👧 न्‍य می‌خواهم e\u0301"
    assert one_line(text) == visible(text) == text


def inline(tokens: list[Any]) -> list[Any]:
    return [child for token in tokens for child in (token.children or ())]


@given(st.lists(ANY_TEXT, min_size=1, max_size=4))
def test_a_cell_of_markdown_is_text_and_nothing_else(cells: list[str]) -> None:
    tokens = GFM.parse(markdown_table(["h"] * len(cells), [cells]))
    assert tokens[0].type == "table_open"
    assert sum(token.type == "td_open" for token in tokens) == len(cells)
    kinds = {child.type for child in inline(tokens)}
    assert kinds <= {"text", "text_special"}
    body = [token for token in tokens if token.type == "inline"][len(cells) :]
    shown = ["".join(child.content for child in token.children) for token in body]
    assert shown == [" ".join(visible(cell).split()) for cell in cells]


@pytest.mark.parametrize("address", ["http://example.org", "https://example.org", "www.example.org", "a@example.org"])
def test_an_address_is_no_link_where_bare_ones_are(address: str) -> None:
    assert GFM.renderInline(markdown_text(address)) == address
    assert address not in markdown_text(address), "a dialect that links bare addresses finds none"


def test_markdown_of_our_own_stays() -> None:
    assert markdown_table(["a"], [[Markdown("**x**")]]) == "| a |\n|---|\n| **x** |"


@given(
    st.recursive(
        ANY_TEXT | st.floats() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner),
    )
)
def test_json_is_read_back_as_it_was_and_acts_nowhere(record: Any) -> None:
    printed = json_text(record)
    assert acts(printed) == []

    def finite(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: finite(item) for key, item in value.items()}
        if isinstance(value, list):
            return [finite(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    assert json.loads(printed, parse_constant=pytest.fail) == finite(record)


def test_days_and_paths_become_text() -> None:
    assert json.loads(json_text({"day": date(2026, 3, 1), "file": Path("a/b"), "pair": (1, 2)})) == {
        "day": "2026-03-01", "file": "a/b", "pair": [1, 2]
    }  # fmt: skip


def test_a_data_class_with_counts_is_an_object_of_them() -> None:
    @dataclass
    class Done:
        counts: Counter[str]
        day: date

    assert json.loads(json_text([Done(Counter("aab"), date(2026, 3, 1))])) == [
        {"counts": {"a": 2, "b": 1}, "day": "2026-03-01"}
    ]
