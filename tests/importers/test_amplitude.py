"""What Amplitude's export holds and what goes wrong with it, one by one."""

import gzip
import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox, json_lines

TEN = datetime(2026, 1, 5, 10)
MERGE = {"scope": 1, "merge_time": 1, "merge_server_time": 1, "amplitude_id": 7, "merged_amplitude_id": 8}


def event(event_type: str, properties: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "$insert_id": "i1",
        "uuid": "u1",
        "event_type": event_type,
        "event_time": "2026-01-05 10:00:00.000000",
        "client_event_time": "2026-01-05 09:59:58.000000",
        "server_upload_time": "2026-01-05 12:00:00.000000",
        "user_id": "ann",
        "device_id": "d",
        "amplitude_id": 7,
        "session_id": 1,
        "event_properties": properties or {},
        "user_properties": {},
        "groups": {},
        **fields,
    }


def search(query: str = "shed", **fields: Any) -> dict[str, Any]:
    return event("Search", {"query": query}, **fields)


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "amplitude")


def test_an_export_is_a_zip_of_gzipped_json_lines(log: LogSandbox) -> None:
    hours = {
        f"1/1_2026-01-05_{hour}#0.json.gz": gzip.compress(json_lines([search(f"query {hour}", uuid=hour)]).encode())
        for hour in (9, 10)
    }
    path = log.write("export.zip", zipped(hours))
    assert recognise_format([path]).name == "amplitude"
    log.load()
    assert log.searches() == [("ann", "query 10", TEN), ("ann", "query 9", TEN)]


def test_times_without_a_zone_are_utc(log: LogSandbox) -> None:
    rows = [
        search("a"),
        search("b", event_time="2026-01-05T11:00:00+01:00"),
        search("c", event_time=None, client_event_time="2026-01-05 10:00:00.000000"),
        search("d", event_time="2026-01-05 11:00:00.000000"),
    ]
    log.write("a.json", rows[:3])
    log.load()
    assert [row[2] for row in log.searches()] == [TEN] * 3
    log.load(log.write("b.json", rows[3:]), options=FormatOptions(time_zone="Europe/Berlin"))
    assert log.searches()[-1] == ("ann", "d", TEN)


def test_a_backfill_repeats_rows(log: LogSandbox) -> None:
    log.write("a.json", [search()])
    log.write("b.json", [search(server_upload_time="2026-01-06 12:00:00.000000"), search(**{"$insert_id": "i2"})])
    report = log.load()
    assert sum(file.n_duplicate for file in report.files if file.source == "search_events") == 1
    assert len(log.searches()) == 2
    log.load()
    assert len(log.searches()) == 2


def test_an_event_without_an_insert_id_has_its_uuid_and_with_neither_what_the_client_sent(log: LogSandbox) -> None:
    neither: dict[str, Any] = {"$insert_id": None, "uuid": None}
    rows = [
        search(**{"$insert_id": None}),
        search(**{"$insert_id": ""}),
        search(**{"$insert_id": None, "uuid": "u2"}),
        search(**neither, session_id=5),
        search(**neither, session_id=5, server_upload_time="2026-01-09 12:00:00.000000"),
        search(**neither, session_id=6),
    ]
    log.write("a.json", rows)
    log.load()
    assert len(log.searches()) == 4


def test_the_user_is_user_id_else_the_device_else_the_amplitude_id(log: LogSandbox) -> None:
    rows = [
        search("a"),
        search("b", user_id=None),
        search("c", user_id="", device_id=None),
        search("d", user_id=None, device_id=None, amplitude_id=None),
    ]
    log.write("a.json", [row | {"$insert_id": f"i{n}"} for n, row in enumerate(rows)])
    assert log.load().skipped_by_reason == {"no user": 1}
    assert [row[:2] for row in log.searches()] == [("7", "c"), ("ann", "a"), ("d", "b")]


def test_a_session_of_minus_one_is_no_session_and_makes_no_difference(log: LogSandbox) -> None:
    log.write("a.json", [search(session_id=-1)])
    log.load()
    assert log.searches() == [("ann", "shed", TEN)]


def test_merges_are_recognised_skipped_and_counted(log: LogSandbox) -> None:
    path = log.write("-1_2026-01-05_17.json", [MERGE])
    assert recognise_format([path]).name == "amplitude"
    log.write("events.json", [search()])
    report = log.load()
    assert report.skipped_by_reason == {"a merge of two ids": 1}
    assert log.refused() == []


@pytest.mark.parametrize("name", ["Search", "search", "Product Searched", "productSearched", "Search Performed"])
@pytest.mark.parametrize("key", ["query", "Search Term", "searchTerm", "search_query", "Keyword"])
def test_names_may_be_written_in_any_way(log: LogSandbox, name: str, key: str) -> None:
    log.write("a.json", [event(name, {key: "shed"})])
    log.load()
    assert log.searches() == [("ann", "shed", TEN)]


def test_actions_on_products(log: LogSandbox) -> None:
    product = {"product_id": "p1", "name": "Lamp", "category": ["Home", "Light"]}
    rows = [
        event("Product Viewed", product),
        event("productAdded", {"Product ID": 2, "Product Name": "Desk"}),
        event("Order Completed", {"products": [product, {"sku": "p3"}]}),
        event("revenue_amount", {"$productId": "p4"}),
        event("Product List Viewed", product),
        event("Product Viewed", {}),
        event("Page Viewed", product),
    ]
    log.write("a.json", rows)
    report = log.load()
    assert [row[1:3] for row in log.actions()] == [
        ("2", "save"),
        ("p1", "clickthrough"),
        ("p1", "closeup"),
        ("p3", "clickthrough"),
        ("p4", "clickthrough"),
    ]
    assert log.rows("pin_id, title, annotations, interests", "pins") == [
        ("2", "Desk", ["Desk"], None),
        ("p1", "Lamp", ["Lamp"], ["Home", "Light"]),
    ]
    assert report.skipped_by_reason == {"no item": 1, "no rule for the event": 1, "no sign of interest": 1}


def test_properties_may_be_json_as_text(log: LogSandbox) -> None:
    log.write("a.json", [search() | {"event_properties": '{"query": "shed"}'}])
    log.load()
    assert log.searches() == [("ann", "shed", TEN)]


def test_decisions_of_the_deployment(log: LogSandbox) -> None:
    options = FormatOptions(searches=("Recipe Looked Up",), actions={"Recipe Saved": "keep"}, user=("amplitude_id",))
    rows = [
        event("recipe looked up", {"query": "soup"}),
        search("no search any more"),
        event("Recipe Saved", {"content_id": "r1"}),
    ]
    log.write("a.json", rows)
    log.load(options=options)
    assert log.searches() == [("7", "soup", TEN)]
    assert log.actions() == [("7", "r1", "save", TEN)]
