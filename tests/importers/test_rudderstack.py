"""What is of RudderStack alone. What it shares with Segment is in ``test_track_calls``."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox
from tests.support.track_calls import call, csv, parquet, row

OWN: dict[str, Any] = {"context_request_ip": "::1", "context_destination_type": "POSTGRES", "channel": "web"}


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "rudderstack")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("1.json", [call(rudderId="r1")]),
        ("2.json", [call(context={"library": {"name": "com.rudderstack.android.sdk.core"}})]),
        ("tracks.csv", csv(row(**OWN))),
        ("old.csv", csv(row(context_library_name="RudderLabs JavaScript SDK"))),
        ("T.parquet", parquet({name.upper(): value for name, value in row(**OWN).items()})),
    ],
    ids=["id of a line", "library of a line", "columns of a table", "library of a table", "upper case"],
)
def test_it_is_recognised(log: LogSandbox, name: str, content: object) -> None:
    recognised = recognise_format([log.write(name, content)])  # type: ignore[arg-type]
    assert recognised.name == "rudderstack"
    assert "that RudderStack collected" in recognised.why


def test_a_column_whose_name_is_reserved_has_an_underscore(log: LogSandbox) -> None:
    """Which names are reserved differs by warehouse: ``timestamp`` is in a data lake."""
    names = {"timestamp": "_timestamp", "name": "_name", "query": "_query"}
    searched = row("Products Searched", query="shed")
    viewed = row(number=2, product_id="a", name="Shed")
    for number, one in enumerate((searched, viewed)):
        log.write(f"{number}.parquet", parquet({names.get(key, key): value for key, value in one.items()}))
    log.load()
    assert log.searches() == [("ann", "shed", datetime(2026, 1, 5, 10))]
    assert log.rows("pin_id, title", "pins") == [("a", "Shed")]


def test_the_time_may_have_an_offset(log: LogSandbox) -> None:
    log.write("1.json", [call(timestamp="2026-01-05T15:30:00.000+05:30", rudderId="r1")])
    log.load()
    assert log.actions() == [("ann", "a", "closeup", datetime(2026, 1, 5, 10))]
