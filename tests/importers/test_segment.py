"""What is of Segment alone. What it shares with RudderStack is in ``test_track_calls``."""

from pathlib import Path

import pytest

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox
from tests.support.track_calls import call, csv, parquet, row

USER = {"id": "ann", "received_at": "2026-01-05 10:00:00", "email": "a@example.com", "uuid_ts": "2026-01-05 10:00:00"}
IDENTIFY = {"id": "m1", "anonymous_id": "d", "user_id": "ann", "received_at": "2026-01-05 10:00:00", "plan": "pro"}


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "segment")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1.json", [call(context={"library": {"name": "analytics.js"}})]),
        ("2", [call()]),
        ("tracks.csv", csv(row())),
        ("T.parquet", parquet({name.upper(): value for name, value in row().items()})),
        ("users.csv", csv(USER)),
        ("identifies.csv", csv(IDENTIFY)),
    ],
    ids=["line", "line without ending", "table", "upper case", "users", "identifies"],
)
def test_it_is_recognised(log: LogSandbox, name: str, content: object) -> None:
    assert recognise_format([log.write(name, content)]).name == "segment"  # type: ignore[arg-type]


def test_all_tables_of_a_folder_are_of_one_format(log: LogSandbox) -> None:
    log.write("users.csv", csv(USER))
    log.write("tracks.csv", csv(row()))
    log.write("logs/1.json", [call()])
    assert recognise_format([log.folder]).name == "segment"


def test_events_of_your_own_are_settings_as_raw_lines_or_tables_spell_them(log: LogSandbox) -> None:
    options = FormatOptions(searches=("site_search",), actions={"Recipe Saved": "keep"})
    log.write("site_search.csv", csv(row("Site Search", query="soup")))
    log.write("recipe_saved.csv", csv(row("Recipe Saved", 2, product_id="r1")))
    log.write("1.json", [call("Products Searched", 3, properties={"query": "no search any more"})])
    log.load(options=options)
    assert [search[1] for search in log.searches()] == ["soup"]
    assert [action[1:3] for action in log.actions()] == [("r1", "save")]
