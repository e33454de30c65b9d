"""The README says what the code says."""

import re
from pathlib import Path

import pytest

from docs import tables

README = Path(__file__).parents[1] / "README.md"


def test_its_tables_are_those_of_the_code() -> None:
    text = README.read_text()
    assert text == tables.rewritten(text), "run `python docs/tables.py`"


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text()))))
def test_what_it_links_to_is_there(path: str) -> None:
    assert (README.parent / path).exists()
