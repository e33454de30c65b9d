"""The pages in a real Chromium: keys, the map, both colours, narrow screens, and nothing that the policy refuses."""

import json
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from journeys_assets.explorer.app import explorer_app
from journeys_assets.explorer.feedback import SOURCE
from journeys_assets.explorer.sources import Sources
from tests.support.serving import Serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("no chromium on this machine; .ci/run installs it", allow_module_level=True)


@pytest.fixture(scope="module")
def address(sources: Sources) -> Iterator[str]:
    sources.published.current()
    with Serving(explorer_app(sources, token=None)) as serving:
        yield serving.url.removesuffix("/v1")


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_a_person_finds_a_theme_and_a_user_and_takes_a_word_back(
    browser: "Browser", address: str, sources: Sources
) -> None:
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))

    page.goto(address)
    page.keyboard.press("g")
    page.keyboard.press("t")
    page.wait_for_url("**/themes")
    page.select_option("select[name=kind]", "evergreen")
    page.wait_for_url("**/themes?kind=evergreen*")
    shown = page.get_attribute(".map a >> nth=0", "aria-label")
    page.click(".map a >> nth=0", force=True)
    page.wait_for_url("**/theme?*")
    assert shown is not None
    assert shown.startswith(page.inner_text("h1"))
    page.wait_for_selector(".words li")

    page.keyboard.press("/")
    page.keyboard.type("u000004")
    page.keyboard.press("Enter")
    page.wait_for_url("**/user?id=u000004")
    page.wait_for_selector("#details >> text=no actions of this user")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "j000004-1"
    page.click("#j000004-2 >> button:has-text('mute')")
    page.wait_for_selector("#j000004-2 >> text=Said: mute")
    assert page.url.endswith("#j000004-2")
    page.click("#j000004-2 >> button:has-text('take back')")
    page.wait_for_selector("#j000004-2 >> text=Taken back")
    rows = [json.loads(file.read_text()) for file in (sources.feedback.landing / SOURCE).glob("explorer-*.jsonl")]
    mine = [row["verdict"] for row in rows if row["user_id"] == "u000004"]
    assert sorted(mine) == ["mute", "withdrawn"]

    background = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(background)
    page.keyboard.press("d")
    assert page.evaluate(background) != before
    page.reload()
    assert page.evaluate(background) != before, "the choice is kept"
    page.keyboard.press("?")
    assert page.is_visible("dialog >> text=Keys")
    assert problems == []
    page.close()


def test_a_person_renames_joins_splits_and_undoes_by_keyboard(
    browser: "Browser", address: str, sources: Sources
) -> None:
    # Seen to fail without the script's part that loads the list of edits.
    page = browser.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.goto(f"{address}/user?id=u000006")

    page.focus("#j000006-1 >> summary")
    page.keyboard.press("Enter")
    page.focus("#j000006-1 >> input[name=name]")
    page.keyboard.press("Control+a")
    page.keyboard.type("Our plan")
    page.keyboard.press("Enter")
    page.wait_for_selector("#edits >> text=Our plan")

    page.click("#j000006-2 >> summary")
    page.select_option("#j000006-2 >> select[name=other]", "j000006-3")
    page.focus("#j000006-2 >> button:has-text('These two are one')")
    page.keyboard.press("Enter")
    page.wait_for_selector("#edits >> text=These two are one")

    page.click("#j000006-4 >> summary")
    page.click("#j000006-4 >> text=This is two")
    page.wait_for_url("**/user/split?*")
    moved = page.get_attribute("tr:nth-child(2) >> input[value='1']", "name")
    assert moved is not None
    assert page.locator("input[value='2']:checked").count() >= 1
    page.focus("tr:nth-child(2) >> input:checked")
    page.keyboard.press("ArrowRight")
    page.focus("button[value=split]")
    page.keyboard.press("Enter")
    page.wait_for_selector("#edits >> text=This is two")
    page.focus("#edits >> button >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_selector("#edits >> text=Taken back")

    rename, merge, split, undo = sources.feedback.edits("u000006")
    assert (rename.new_name, merge.verdict, merge.journey_id) == ("Our plan", "merge", "j000006-2")
    assert moved.removeprefix("half:") in (split.other_keywords or ())
    assert (undo.verdict, undo.edit_id) == ("undo", split.edit_id)
    assert problems == []
    page.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/themes",
        "/user?id=u000004",
        "/user/split?id=u000004&journey=j000004-2",
        "/quality",
        "/erasures",
        "/user?id=hostile+[link=javascript:alert(1)]x[/link]",
    ],
)
def test_no_page_is_wider_than_a_narrow_screen_in_the_dark(browser: "Browser", address: str, path: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 700}, color_scheme="dark")
    page = context.new_page()
    page.goto(address + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert red + green + blue < 120
    context.close()
