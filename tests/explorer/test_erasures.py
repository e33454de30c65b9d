"""The pages of the receipts of erasures: every number is the receipt's, text never acts, and nothing is an error."""

import html
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from journeys_assets.explorer.app import explorer_app
from journeys_assets.explorer.sources import Sources
from journeys_assets.operations.erasure_receipts import Place, Receipt, write_receipt
from tests.support.hostile import ACTING, HOSTILE
from tests.support.pages import elements_of

AT = datetime(2026, 6, 1, 7, 30)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "erasures"


@pytest.fixture
def page(sources: Sources, folder: Path) -> TestClient:
    return TestClient(explorer_app(replace(sources, erasures=folder), token=None), base_url="http://127.0.0.1")


def receipt(**values: object) -> Receipt:
    removed = [Place("warehouse.duckdb: landing.search_events", 1200, "rows"), Place("landing/a.csv", 34, "records")]
    places = ["warehouse.duckdb", "landing/a.csv", "landing/b.csv"]
    return replace(Receipt(AT, ["ab12cd34" * 8, "ff" * 32], places, removed), **values)  # type: ignore[arg-type]


def test_without_receipts_the_page_says_how_to_erase(page: TestClient, folder: Path) -> None:
    for _ in range(2):
        answer = page.get("/erasures")
        assert answer.status_code == 200
        assert "Nobody was erased yet" in answer.text
        folder.mkdir(exist_ok=True)  # an empty folder is as good as none


def test_numbers_and_places_are_those_of_the_receipt(page: TestClient, folder: Path) -> None:
    write_receipt(receipt(outside=["/data/log.csv"], destinations=["segment"], n_shared_ids=3), folder, ["anna"])
    left = {"landing/x.png": "cannot be rewritten"}
    write_receipt(receipt(left=left, erased_at=AT.replace(day=2)), folder, ["anna"])
    listed = page.get("/erasures").text
    assert listed.index("2 Jun 2026, 07:30") < listed.index("1 Jun 2026, 07:30"), "newest first"
    assert listed.count('<td class="n">1,234</td><td class="n">3</td>') == 2
    assert "1 file left" in listed
    assert "complete, something lies outside" in listed
    one = page.get("/erasure?receipt=2026-06-01T073000-ab12cd34").text
    for number in (
        'data-number="removed">1,234<',
        'data-number="looked_at">3<',
        'data-number="ids">2<',
        "3 more shared with others",
        '<td class="n">1,200</td><td>rows</td>',
        '<td class="n">34</td><td>records</td>',
    ):
        assert number in one
    assert all(place in one for place in ("landing/b.csv", "/data/log.csv", "segment", "ff" * 32))
    assert "Complete" in one
    assert "cannot be rewritten" in page.get("/erasure?receipt=2026-06-02T073000-ab12cd34").text


def test_an_id_in_a_path_is_in_no_receipt_and_on_no_page(page: TestClient, folder: Path) -> None:
    held = receipt(looked_at=["landing/user=zoë b/a.csv", "x/zo%C3%AB%20b.csv"], left={"zoë b.png": "'zoë b' is left"})
    written = write_receipt(held, folder, ["zoë b"])
    assert written.left == {"[erased].png": "'[erased]' is left"}
    (file,) = folder.iterdir()
    for text in (file.read_text(), page.get(f"/erasure?receipt={written.name}").text):
        assert not [form for form in ("zoë", "zo\\u00eb", "zo%C3%AB") if form in text]


def test_text_of_a_receipt_never_acts(page: TestClient, folder: Path) -> None:
    texts = [text for text in HOSTILE if "\udcff" not in text]
    written = write_receipt(
        receipt(
            looked_at=texts,
            left=dict.fromkeys(texts, texts[0]),
            outside=texts,
            removed=[Place(text, 1, text) for text in texts],
            shared_files=texts,
            destinations=texts,
            releases=texts,
        ),
        folder,
        ["anna"],
    )
    answer = page.get(f"/erasure?receipt={written.name}").text
    found = elements_of(answer)
    assert found.tags.count("script") == 1
    assert not {"img", "iframe", "b", "i"} & set(found.tags)
    assert not {name for name in found.attributes if name.startswith("on")}
    assert not {c for c in answer if c in ACTING and c not in "\n\t"}
    assert answer.count(html.escape("<script>")) >= 7


def test_a_damaged_or_missing_receipt_is_named(page: TestClient, folder: Path) -> None:
    assert page.get("/erasure?receipt=../../etc/passwd").status_code == 404
    folder.mkdir()
    (folder / "2026-broken.json").write_text("{}")
    assert "2026-broken.json is no receipt" in page.get("/erasures").text
    assert page.get("/erasure?receipt=2026-broken").status_code == 500
    (folder / "2026-broken.json").write_text(json.dumps({"erased_at": "2026-01-01 00:00:00", "user_digests": ["a"]}))
    assert page.get("/erasure?receipt=2026-broken").status_code == 200, "a receipt of an older version"
