"""Values that are no text where an id or a text is meant are refused, by the rule of the landing contract."""

import copy
import io
import json
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.importers.choose import formats
from journeys_assets.importers.json_values import MAX_DEPTH, parsed_text
from journeys_assets.importers.mapping import RESERVED, MappingError, make_mapping
from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.fuzz_logs import LOG, generic
from tests.support.log_files import LogSandbox
from tests.support.sample_shapes import (
    AMPLITUDE,
    CALLS,
    GA4,
    MIXPANEL,
    TABLE,
    UBI_EVENT,
    UBI_QUERY,
    VISIT,
    posthog,
    rudder,
    snowplow,
    table,
)

Place = tuple[Any, ...]
_SEARCHED = "unstruct_event_com_snowplowanalytics_snowplow_site_search_1"
_ENTITY = "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1"
PLACES: dict[str, tuple[list[Any], Place, Place, Place]] = {
    "ga4": (
        GA4,
        (0, "user_pseudo_id"),
        (0, "event_params", 1, "value", "string_value"),
        (1, "items", 0, "item_id"),
    ),
    "posthog": (posthog(), (0, "distinct_id"), (0, "properties", "query"), (1, "properties", "product_id")),
    "segment": (CALLS, (0, "anonymousId"), (0, "properties", "query"), (1, "properties", "product_id")),
    "rudderstack": (rudder(CALLS), (0, "anonymousId"), (0, "properties", "query"), (1, "properties", "product_id")),
    "amplitude": (AMPLITUDE, (0, "device_id"), (0, "event_properties", "query"), (1, "event_properties", "product_id")),
    "mixpanel": (
        MIXPANEL,
        (0, "properties", "distinct_id"),
        (0, "properties", "query"),
        (1, "properties", "product_id"),
    ),
    "snowplow": (snowplow("1"), (0, "domain_userid"), (0, _SEARCHED, "terms", 1), (1, _ENTITY, 0, "id")),
    "ubi": (
        [UBI_QUERY, UBI_EVENT],
        (0, "client_id"),
        (0, "user_query"),
        (1, "event_attributes", "object", "object_id"),
    ),
    "matomo": (
        [VISIT],
        (0, "visitorId"),
        (0, "actionDetails", 0, "siteSearchKeyword"),
        (0, "actionDetails", 1, "productViewSku"),
    ),
    "generic": (LOG[:2], (0, "user"), (0, "text"), (1, "items", 0, "id")),
}
"""Records of each format, and where they have the user, the text of a search and an item."""
BAD: tuple[Any, ...] = ({"$oid": "5f"}, True, 1.5, {"a": [1]}, [["a"]])


def with_value(records: list[Any], place: Place, value: Any) -> list[Any]:
    changed = copy.deepcopy(records)
    inner: Any = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed


def sandbox(folder: Path, format: str) -> LogSandbox:
    return LogSandbox(folder, generic(DEFAULT_ACTIONS) if format == "generic" else format)


@pytest.mark.parametrize("format", PLACES)
def test_what_is_no_text_is_no_id_and_no_query(tmp_path: Path, format: str) -> None:
    """Planted fault that it was seen to find: ``text_or_mark`` returns ``as_text``."""
    records, *places = PLACES[format]
    log = sandbox(tmp_path, format)
    for number, value in enumerate(BAD):
        for place in places:
            # Each file has other ids, so that no record is a duplicate of another file's.
            log.write(f"{place[-1]}{number}.jsonl", with_value(records, place, value))
    log.load()
    stored = {
        row[0] for row in log.rows("user_id", "search_events UNION ALL SELECT user_id FROM landing.pin_engagements")
    }
    assert stored <= {"d1", "u1"}
    assert {query for _, query, _ in log.searches()} == {"red mug"}
    assert {pin for _, pin, _, _ in log.actions()} == {"p1"}
    reasons = " ".join(reason for _, reason in log.refused())
    assert "is an object of MongoDB, not text" in reasons
    assert "is a JSON boolean, not text: 'true'" in reasons
    assert "is not a whole number, so it is not text: '1.5'" in reasons
    assert "pin_id is" in reasons
    assert "user_id is" in reasons


def test_every_format_of_events_is_tried() -> None:
    assert set(PLACES) == {*formats(), "generic"} - {"online-retail"}


def test_a_whole_number_is_an_id(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "segment")
    log.write("l.jsonl", [{**CALLS[0], "anonymousId": value, "messageId": str(value)} for value in (101, 101.0)])
    log.load()
    assert [user for user, _, _ in log.searches()] == ["101", "101"]


def test_what_a_reader_refuses_is_not_missing_for_an_importer(tmp_path: Path) -> None:
    sale = {
        "InvoiceNo": "1",
        "StockCode": "85123A",
        "Description": "MUG",
        "Quantity": 1,
        "UnitPrice": 2.5,
        "Country": "",
    }
    log = LogSandbox(tmp_path, "online-retail")
    log.write(
        "s.jsonl", [{**sale, "InvoiceDate": "2011-01-05", "CustomerID": value} for value in (7.0, {"$oid": 1}, True)]
    )
    report = log.load()
    assert report.skipped_by_reason == {}
    assert [line for line, _ in log.refused()] == [2, 3]
    assert "CustomerID is a JSON boolean, not text: 'true'" in log.refused()[1][1]


@pytest.mark.parametrize(
    "value", [time(1), timedelta(1), date(2026, 1, 5), datetime(2026, 1, 5), datetime(2026, 1, 5, tzinfo=UTC)]
)
def test_a_time_of_parquet_is_no_id(tmp_path: Path, value: Any) -> None:
    log = LogSandbox(tmp_path, "segment")
    row = {**TABLE, "id": "m", "event": "products_searched", "query": "oak", "anonymous_id": value}
    content = io.BytesIO()
    pq.write_table(pa.table({name: [one] for name, one in row.items()}), content)
    log.write("t.parquet", content.getvalue())
    log.load()
    assert log.searches() == []
    assert "user_id is a time, not text" in log.refused()[0][1]


def test_times_beyond_the_calendar_are_refused(tmp_path: Path) -> None:
    """polars panics where it writes them."""
    row = {name: [value] for name, value in {**TABLE, "id": "m", "event": "products_searched", "query": "oak"}.items()}
    log = LogSandbox(tmp_path, "segment")
    for number, (raw, dtype) in enumerate([(2**62, pa.timestamp("us")), (2**31 - 1, pa.date32())]):
        integers = pa.array([raw], pa.int64() if pa.types.is_timestamp(dtype) else pa.int32())
        content = io.BytesIO()
        pq.write_table(pa.table({**row, "timestamp": integers.cast(dtype)}), content)
        log.write(f"{number}.parquet", content.getvalue())
    log.load()
    assert [reason[:27] for _, reason in log.refused()] == ["searched_at is not a time s"] * 2


def test_records_in_an_answer_that_are_no_objects_are_refused(tmp_path: Path) -> None:
    answers = {
        "posthog": {"results": [*posthog("id"), 1, None]},
        "ubi": {"hits": {"hits": [{"_source": UBI_QUERY}, "x", 2]}},
        "matomo": {**VISIT, "actionDetails": [*VISIT["actionDetails"], 1, {"type": ["search"]}, "x"]},
    }
    for format, answer in answers.items():
        log = LogSandbox(tmp_path / format, format)
        log.write("a.jsonl", [answer])
        report = log.load()
        assert report.events["(unreadable)", "refused"] == 2
        assert log.searches() != []
    orders = {"type": "ecommerceOrder", "orderId": "o", "timestamp": 1_767_607_200}
    for items in (7, "x", [1]):
        log = LogSandbox(tmp_path / f"order {items}", "matomo")
        log.write("a.jsonl", [{**VISIT, "actionDetails": [{**orders, "itemDetails": items}]}])
        assert log.load().events == {("(unreadable)", "refused"): 1}


def test_a_record_nested_too_deeply_is_refused_alone(tmp_path: Path) -> None:
    deep = "[" * 600 + "]" * 600
    log = LogSandbox(tmp_path, "segment")
    line = json.dumps({**CALLS[0], "messageId": "deep"})
    log.write("l.jsonl", line.replace('"red mug"', deep) + "\n" + json.dumps(CALLS[0]) + "\n")
    log.load()
    assert len(log.searches()) == 1
    assert log.refused() == [(1, f"the line is not a record: it is nested more than {MAX_DEPTH} levels deep")]


@pytest.mark.parametrize("text", ["{'a': b'x'}", "{1: 2, 'a': ''}", "[{'a'}]", "{'a': 1j}", "['a', ...]"])
def test_what_python_writes_and_json_has_not_is_no_object(text: str) -> None:
    assert parsed_text(text) is None


def test_what_python_writes_may_have_backslashes() -> None:
    assert parsed_text(r"{'query': 'a\d', 'b': (1, None)}") == {"query": r"a\d", "b": [1, None]}


@pytest.mark.parametrize("name", RESERVED)
def test_a_column_that_rows_have_already_is_refused_by_name(name: str) -> None:
    with pytest.raises(MappingError, match=f"'{name}' cannot be read"):
        make_mapping({"user": "u", "time": "t", "searches": [{"query": name}]}, "m.toml")


def test_keys_of_json_follow_the_rule_for_columns(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "segment")
    names = {"anonymousId": "\ufeffAnonymous ID", "timestamp": " TimeStamp\u00a0", "messageId": "message_id"}
    log.write("l.jsonl", [{names.get(name, name): value for name, value in CALLS[0].items()}])
    log.load()
    assert len(log.searches()) == 1


def test_a_blank_first_line_is_no_header(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "posthog")
    with pytest.raises(IngestError, match="the first line is blank"):
        log.load(log.write("e.csv", b"\r\n\r\n"))


def test_a_table_with_a_column_line_is_recognised(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "segment")
    log.write("t.csv", table([{**TABLE, "id": "m", "event": "products_searched", "query": "oak", "line": "7"}]))
    assert recognise_format([log.folder]).name == "segment"
    log.load()
    assert len(log.searches()) == 1
