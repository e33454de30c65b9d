"""What is said of a journey becomes rows of journey_feedback, and can be taken back."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from journeys_assets.explorer.app import explorer_app
from journeys_assets.explorer.feedback import SOURCE, FeedbackError, FeedbackFolder, Said
from journeys_assets.explorer.people import read_person
from journeys_assets.explorer.sources import Sources
from journeys_assets.pipeline.run import execute
from journeys_assets.pipeline.stage import Run
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.queries.notifications import feedback_as_of
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.sandbox import Sandbox

AT = datetime(2026, 5, 3, 10, 0, 0, 250)


def posted(client: TestClient, **fields: str) -> tuple[int, str]:
    """Status and text of the answer to a form of the page of a user."""
    found = re.search(r'name="proof" value="(\w+)"', client.get(f"/user?id={fields['user']}").text)
    assert found
    answer = client.post("/user/feedback", data={"proof": found.group(1), **fields})
    return answer.status_code, answer.text


def test_a_button_writes_a_row_and_the_page_shows_it_until_the_next_run(sources: Sources) -> None:
    client = TestClient(explorer_app(sources, token=None), base_url="http://127.0.0.1")
    user, journey = "u000011", "j000011-2"
    found = re.search(r'name="proof" value="(\w+)"', client.get(f"/user?id={user}").text)
    assert found
    form = {"user": user, "journey": journey, "verdict": "not_mine", "proof": found.group(1)}
    page = client.post("/user/feedback", data=form).text
    assert "Said: not mine" in page
    assert page.count("take back") == page.count("the user said:") + 1
    assert "Taken back" in client.post("/user/feedback", data=form | {"verdict": "withdrawn"}).text
    files = sorted((sources.feedback.landing / SOURCE).glob("explorer-*.jsonl"))
    rows = [row for file in files for row in map(json.loads, file.read_text().splitlines()) if row["user_id"] == user]
    assert sorted(row["verdict"] for row in rows) == ["not_mine", "withdrawn"]
    assert {row["journey_id"] for row in rows} == {journey}


def test_nothing_half_written_is_ever_in_the_folder(tmp_path: Path) -> None:
    folder = FeedbackFolder(tmp_path)
    path = folder.add(Said("u1 <b>/..", "j1", "mute", AT))
    assert [file.name for file in (tmp_path / SOURCE).iterdir()] == [path.name]
    assert path.parent == tmp_path / SOURCE
    assert folder.since("u1 <b>/..", AT - timedelta(seconds=1)) == [Said("u1 <b>/..", "j1", "mute", AT)]
    assert folder.since("u1 <b>/..", AT) == folder.since("u2", AT - timedelta(days=1)) == []
    with pytest.raises(FeedbackError, match="withdrawn"):
        folder.add(Said("u1", "j1", "hate", AT))


def test_the_rows_are_loaded_as_feedback_and_a_word_is_taken_back_from_its_day_on(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "home")
    folder = FeedbackFolder(sandbox.settings.landing_path)
    folder.add(Said("u1", "j1", "mute", AT))
    folder.add(Said("u1", "j1", "finished", AT + timedelta(hours=1)))
    folder.add(Said("u1", "j2", "more", AT))
    folder.add(Said("u1", "j1", "withdrawn", AT + timedelta(days=1)))
    folder.add(Said("u1", "j1", "more", AT + timedelta(days=2)))
    sandbox.pipeline.prepare()
    warehouse: Warehouse = sandbox.deployment.warehouse
    report = ingest(
        warehouse,
        [sandbox.settings.landing_path],
        actions=sandbox.settings.algorithm.actions,
        now=datetime(2026, 6, 1),
        scratch_dir=tmp_path / "scratch",
    )
    assert [(file.source, file.n_accepted) for file in report.files] == [(SOURCE, 1)] * 5
    list(execute(sandbox.pipeline, ["stg_journey_feedback"], Run((AT.date(),), "views")))
    seen = []
    with warehouse.reading() as con:
        for days in range(3):
            rows = feedback_as_of(con, (AT + timedelta(days=days)).date()).to_dicts()
            seen.append({row["journey_id"]: (row["wish"], row["finished_at"] is not None) for row in rows})
    assert seen == [
        {"j1": ("mute", True), "j2": ("more", False)},
        {"j2": ("more", False)},
        {"j1": ("more", False), "j2": ("more", False)},
    ]


def test_an_edit_records_the_keywords_that_are_meant_and_is_listed_until_it_is_undone(sources: Sources) -> None:
    # Seen to fail with an undo of another edit.
    client = TestClient(explorer_app(sources, token=None), base_url="http://127.0.0.1")
    user, one, other = "u000020", "j000020-1", "j000020-2"
    posted(client, user=user, journey=one, verdict="merge", other=other, keywords="forged")
    posted(client, user=user, journey=one, verdict="rename", name="  Ours  &  <b>only</b> ")
    keywords = {row["journey_id"]: tuple(row["keywords"]) for row in rows_of(sources, user)}
    half = {f"half:{word}": str(1 + n % 2) for n, word in enumerate(keywords[other])}
    posted(client, user=user, journey=other, verdict="split", **half, **{"half:not of it": "1"})
    merge, rename, split = sources.feedback.edits(user)
    assert (merge.keywords, merge.other_keywords, merge.journey_id) == (keywords[one], keywords[other], one)
    assert (rename.new_name, rename.keywords) == ("Ours & <b>only</b>", keywords[one])
    assert (split.keywords, split.other_keywords) == (keywords[other][::2], keywords[other][1::2])
    part = client.get(f"/user/edits?id={user}").text
    assert part.count('value="undo"') == 3
    assert "Ours &amp; &lt;b&gt;only&lt;/b&gt;" in part
    assert merge.edit_id
    posted(client, user=user, journey=one, verdict="undo", edit=merge.edit_id)
    part = client.get(f"/user/edits?id={user}").text
    assert part.count('value="undo"') == 2
    assert part.count("Taken back") == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"verdict": "rename", "name": "me@example.org"}, "no personal data"),
        ({"verdict": "rename", "name": "?"}, "has a letter"),
        ({"verdict": "rename", "name": "bankruptcy and suicide"}, "safety policy"),
        ({"verdict": "merge", "other": "j000021-1"}, "hoose the other journey"),
        ({"verdict": "split", "half:x": "1"}, "at least one keyword into each half"),
        ({"verdict": "undo"}, "names no edit"),
    ],
)
def test_an_edit_that_cannot_count_is_refused_with_the_reason(
    sources: Sources, fields: dict[str, str], why: str
) -> None:
    client = TestClient(explorer_app(sources, token=None), base_url="http://127.0.0.1")
    status, text = posted(client, user="u000021", journey="j000021-1", **fields)
    assert status == 400
    assert why in text
    assert sources.feedback.edits("u000021") == []


def rows_of(sources: Sources, user: str) -> list[dict[str, Any]]:
    snapshot = sources.published.current()
    return read_person(snapshot.cursor(), user, snapshot.day, snapshot.tables).journeys
