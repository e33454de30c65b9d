"""The documentation: links and pictures exist, the README is short, and the words are plain."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README_LINES = 200
AVOIDED = re.compile(
    r"\b(told|heard|vouch(?:es|ed)?|house|books that runs keep|taken again|way to it|be they)\b", re.IGNORECASE
)
"""Words that a reader of the field would have to decode, or that stand for something else here."""

_FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:)([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(prose(page))}


def broken_links(page: Path) -> list[str]:
    """Relative links and pictures whose file, or whose heading in a page, does not exist."""
    broken = []
    for link in _LINK.findall(prose(page)):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_and_pictures_exist(page: Path) -> None:
    assert broken_links(page) == []


def test_contributing_names_paths_that_exist() -> None:
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Where is")[1]
    paths = re.findall(r"`([\w./*]+/[\w./*]+)`", section.split("|---|---|")[1])
    assert len(paths) >= 20
    assert [path for path in paths if not any([*ROOT.glob(path), *(ROOT / "journeys_assets").glob(path)])] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_words_are_plain(page: Path) -> None:
    assert AVOIDED.findall(page.read_text(encoding="utf-8")) == []


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= README_LINES


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title\n\n[a](missing.md) [b](page.md#a-title) [c](#no-title) [d](https://example.org)\n")
    assert broken_links(page) == ["missing.md", "#no-title"]


@pytest.mark.parametrize("text", ["it is told", "the House", "be they few"])
def test_an_avoided_word_is_found(text: str) -> None:
    assert AVOIDED.search(text)
    assert not AVOIDED.search("warehouse, household, unfolded")
