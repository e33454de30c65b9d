"""What PostHog's batch exports hold and what goes wrong with them, one by one."""

import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.posthog import DELETED, IN_PERSONS
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox

TEN = datetime(2026, 1, 5, 10)
TYPES = pl.Schema({"timestamp": pl.Datetime("us", "UTC"), "created_at": pl.Datetime("us", "UTC")})


def event(name: str = "Product Viewed", number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "uuid": f"u{number}",
        "event": name,
        "distinct_id": "d1",
        "person_id": "p1",
        "properties": {"product_id": "a"},
        "timestamp": "2026-01-05T10:00:00Z",
        **fields,
    }


def search(text: Any, name: str = "Products Searched", **fields: Any) -> dict[str, Any]:
    return event(name, properties={"query": text}, **fields)


def person(distinct_id: str, person_id: str, version: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "team_id": 2,
        "distinct_id": distinct_id,
        "person_id": person_id,
        "properties": "{}",
        "person_distinct_id_version": version,
        "person_version": 1,
        "is_deleted": False,
        **fields,
    }


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """The rows as PostHog writes Parquet: nested values as text, times as microseconds in UTC."""
    texts = [{name: json.dumps(v) if isinstance(v, dict) else v for name, v in row.items()} for row in rows]
    table = pl.DataFrame(texts, infer_schema_length=None)
    times = [pl.col(n).str.to_datetime(time_unit="us", time_zone="UTC") for n in TYPES if n in table.columns]
    buffer = io.BytesIO()
    table.with_columns(times).write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "posthog")


def test_parquet_named_zst_and_json_lines_are_the_same_events(log: LogSandbox) -> None:
    rows = [search("shed"), event(number=2, timestamp="2026-01-05T10:00:00.123456Z")]
    log.load(log.write("a.parquet.zst", parquet(rows)))
    assert log.searches() == [("p1", "shed", TEN)]
    assert log.actions() == [("p1", "a", "closeup", TEN + timedelta(microseconds=123456))]
    report = log.load(log.write("a.jsonl", rows))
    assert {file.source: file.n_duplicate for file in report.files}["pin_engagements"] == 1
    assert {file.source: file.n_duplicate for file in report.files}["search_events"] == 1


@pytest.mark.parametrize(
    "time", ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00+00:00", "2026-01-05 10:00:00.000000", 1_767_607_200_000_000]
)
def test_times_are_iso_or_microseconds(log: LogSandbox, time: Any) -> None:
    log.write("a.jsonl", [event(timestamp=time)])
    log.load()
    assert log.actions() == [("p1", "a", "closeup", TEN)]


def test_the_manifest_is_passed_over_with_the_reason(log: LogSandbox) -> None:
    log.write("events/2026-0.jsonl", [event()])
    log.write("events/2026-01-05_manifest.json", json.dumps({"files": ["events/2026-0.jsonl"]}))
    report = log.load()
    assert [passed.reason for passed in report.passed_over] == ["it is a manifest, which lists the files of an export"]
    assert len(log.actions()) == 1
    assert recognise_format([log.folder]).name == "posthog"


def test_the_export_of_persons_gives_the_person_of_a_distinct_id(log: LogSandbox) -> None:
    """The person of ingestion time is not changed in events; several ids may be one person."""
    log.write("a/events.jsonl", [event(), event(number=2, distinct_id="d2"), event(number=3, distinct_id="d3")])
    log.write("b/persons.parquet", parquet([person("d1", "p9", 2), person("d1", "p1", 1), person("d2", "p9")]))
    report = log.load()
    assert log.actions() == [("p1", "a", "closeup", TEN), ("p9", "a", "closeup", TEN), ("p9", "a", "closeup", TEN)]
    assert report.skipped_by_reason == {IN_PERSONS: 3}


@pytest.mark.parametrize("is_first", [True, False])
def test_the_highest_version_counts_whatever_the_order(log: LogSandbox, is_first: bool) -> None:
    rows = [person("d1", "p9", 10), person("d1", "p8", 9)]
    log.write("persons.jsonl", rows if is_first else rows[::-1])
    log.write("events.jsonl", [event()])
    log.load()
    assert log.actions() == [("p9", "a", "closeup", TEN)]


def test_events_of_a_deleted_person_are_skipped_and_counted(log: LogSandbox) -> None:
    log.write("persons.jsonl", [person("d1", "p1", is_deleted=True)])
    log.write("events.jsonl", [event(), event(number=2, distinct_id="d2", person_id="p2")])
    assert log.load().skipped_by_reason == {IN_PERSONS: 1, DELETED: 1}
    assert [row[0] for row in log.actions()] == ["p2"]


def test_every_id_of_a_deleted_person_is_deleted(log: LogSandbox) -> None:
    """An export of persons has only the ids that changed. An id that somebody else has by now is that person's."""
    rows = [person("d1", "p1", is_deleted=True), person("d3", "p1", 1, is_deleted=True), person("d3", "p3", 2)]
    log.write("persons.jsonl", rows)
    log.write("events.jsonl", [event(distinct_id="d2"), event(number=2, distinct_id="d3")])
    assert log.load().skipped_by_reason == {IN_PERSONS: 3, DELETED: 1}
    assert [row[0] for row in log.actions()] == ["p3"]


def test_an_event_without_a_person_has_its_distinct_id(log: LogSandbox) -> None:
    nobody = event(number=2, person_id="", distinct_id=None)
    log.write("a.jsonl", [event(person_id=None), nobody])
    assert log.load().skipped_by_reason == {"no user": 1}
    assert log.actions() == [("d1", "a", "closeup", TEN)]


def test_the_deployment_may_take_its_own_id_of_the_user(log: LogSandbox) -> None:
    log.write("persons.jsonl", [person("d1", "p9")])
    log.write("events.jsonl", [event()])
    log.load(options=FormatOptions(user=("distinct_id",)))
    assert log.actions() == [("d1", "a", "closeup", TEN)]


def test_columns_come_and_go(log: LogSandbox) -> None:
    log.write("1.parquet", parquet([event()]))
    log.write("2.parquet", parquet([event(number=2, new_column="x", person_mode="full")]))
    report = log.load()
    assert len(log.actions()) == 2
    assert "new_column" in report.ignored_columns()["search_events"]


def test_events_of_posthog_itself_are_no_searches(log: LogSandbox) -> None:
    rows = [search("shed", name) for name in ("$pageview", "$autocapture", "$search", "$products_searched")]
    log.write("a.jsonl", rows)
    report = log.load()
    assert log.searches() == []
    assert report.events == {(row["event"], "skipped: no rule for the event"): 1 for row in rows}


def test_which_events_are_searches_is_a_setting(log: LogSandbox) -> None:
    log.write("a.jsonl", [search("shed", "$pageview"), search("hat", "looked for", number=2), search("cap", number=3)])
    log.load(options=FormatOptions(searches=("$pageview", "Looked For")))
    assert [row[1] for row in log.searches()] == ["hat", "shed"]


@pytest.mark.parametrize("name", ["Product Added", "product_added", "product added", "productAdded", "PRODUCT-ADDED"])
def test_an_event_may_be_written_in_any_way(log: LogSandbox, name: str) -> None:
    log.write("a.jsonl", [event(name)])
    report = log.load()
    assert [row[2] for row in log.actions()] == ["save"]
    assert report.events == {("Product Added", "pin_engagements as save"): 1}


def test_own_events_and_actions_are_settings_in_any_spelling(log: LogSandbox) -> None:
    registry = (*DEFAULT_ACTIONS, Action("order_completed", strength="act"))
    log.write("a.jsonl", [event("order_completed"), event("Lead Sent", 2), event("Product Viewed", 3)])
    log.load(actions=registry, options=FormatOptions(actions={"lead_sent": "act", "product_viewed": "ignore"}))
    assert sorted(row[2] for row in log.actions()) == ["clickthrough", "order_completed"]


def test_items_are_in_products_or_in_the_event(log: LogSandbox) -> None:
    products = [{"product_id": 1, "name": "Lamp"}, {"sku": "b"}]
    log.write("a.jsonl", [event("Order Completed", properties={"products": products, "name": "an order"})])
    log.load()
    assert log.actions() == [("p1", "1", "clickthrough", TEN), ("p1", "b", "clickthrough", TEN)]
    assert log.rows("pin_id, title", "pins") == [("1", "Lamp")]


def test_a_query_that_is_no_text_is_skipped(log: LogSandbox) -> None:
    log.write("a.jsonl", [search({"text": "shed"}), search(501, number=2), search("{shed}", number=3), search(" ")])
    report = log.load()
    assert [row[1] for row in log.searches()] == ["501", "{shed}"]
    assert report.skipped_by_reason == {"a search whose query is an object": 1, "a search without text": 1}


def test_the_uuid_is_the_identity_of_an_event(log: LogSandbox) -> None:
    log.write("a.jsonl", [event(), event(), event(number=2)])
    log.load()
    log.load()
    assert log.actions() == [("p1", "a", "closeup", TEN)] * 2


def test_exports_of_events_and_persons_are_recognised(log: LogSandbox) -> None:
    for name, content in {"e.jsonl": [event()], "p.jsonl": [person("d1", "p1")]}.items():
        assert recognise_format([log.write(name, content)]).name == "posthog"
    assert recognise_format([log.write("e.parquet.zst", parquet([event()]))]).name == "posthog"
