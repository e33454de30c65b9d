"""What GA4's export to BigQuery holds and what goes wrong with it, one by one."""

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.mapping import MappingError
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox, json_lines

TEN = datetime(2026, 1, 5, 10)
MICROSECONDS = 1_767_607_200_000_000


def value(**given: Any) -> dict[str, Any]:
    return {"string_value": None, "int_value": None, "float_value": None, "double_value": None, **given}


def event(name: str, parameters: dict[str, dict[str, Any]] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "event_date": "20260105",
        "event_timestamp": MICROSECONDS,
        "event_name": name,
        "event_params": [{"key": key, "value": value(**one)} for key, one in (parameters or {}).items()],
        "user_id": None,
        "user_pseudo_id": "p.1",
        "event_bundle_sequence_id": 5,
        "stream_id": "1",
        "batch_page_id": 1,
        "batch_ordering_id": 1,
        "batch_event_index": 1,
        "items": [],
        **fields,
    }


def search(**term: Any) -> dict[str, Any]:
    return event("view_search_results", {"search_term": term})


def thing(item_id: str | None, **fields: Any) -> dict[str, Any]:
    return {"item_id": item_id, "item_name": None, "item_category": None, **fields}


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "ga4")


def test_the_search_term_may_be_a_number(log: LogSandbox) -> None:
    log.write("a.json", [search(string_value="garden shed"), search(int_value=501), search(double_value=2.5)])
    log.load()
    assert log.searches() == [("p.1", "2.5", TEN), ("p.1", "501", TEN), ("p.1", "garden shed", TEN)]


def test_int64_may_be_text(log: LogSandbox) -> None:
    """BigQuery writes INT64 as text in JSON, and as numbers in Parquet: both are the same event."""
    row = event("view_item", {"n": {"int_value": 5}}, items=[thing("a")])
    as_text = event(
        "view_item",
        {"n": {"int_value": "5"}},
        items=[thing("a")],
        event_timestamp=str(MICROSECONDS),
        **{name: str(row[name]) for name in ("event_bundle_sequence_id", "batch_page_id", "batch_ordering_id")},
        batch_event_index="1",
    )
    log.write("a.json", [row, as_text])
    assert sum(file.n_duplicate for file in log.load().files) == 1
    assert log.actions() == [("p.1", "a", "closeup", TEN)]


def test_json_and_parquet_are_the_same_events(log: LogSandbox) -> None:
    rows = [
        search(string_value="shed"),
        event("purchase", {"x": {"double_value": 5.0}}, items=[thing("a"), thing("b")]),
    ]
    path = log.write("a.json", rows)
    log.load(path)
    buffer = io.BytesIO()
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(buffer)
    report = log.load(log.write("b.parquet", buffer.getvalue()))
    counts = {file.source: (file.n_accepted, file.n_duplicate) for file in report.files}
    assert counts["search_events"] == (0, 1)
    assert counts["pin_engagements"] == (0, 2)


def test_the_user_is_user_id_else_the_pseudo_id_and_an_event_with_neither_is_skipped(log: LogSandbox) -> None:
    rows = [
        search(string_value="a") | {"user_id": "ann"},
        search(string_value="b"),
        search(string_value="c") | {"user_id": "", "user_pseudo_id": None},
    ]
    log.write("a.json", rows)
    assert log.load().skipped_by_reason == {"no user": 1}
    assert [row[:2] for row in log.searches()] == [("ann", "a"), ("p.1", "b")]


def test_clicks_that_differ_only_in_a_parameter_are_different_clicks(log: LogSandbox) -> None:
    rows = [event("view_item", {"engagement_time_msec": {"int_value": n}}, items=[thing("a")]) for n in range(13)]
    log.write("a.json", [*rows, rows[0]])
    log.load()
    log.load()
    assert log.actions() == [("p.1", "a", "closeup", TEN)] * 13


@pytest.mark.parametrize(
    "part", ["batch_page_id", "batch_ordering_id", "batch_event_index", "event_bundle_sequence_id"]
)
def test_batch_ids_tell_events_apart(log: LogSandbox, part: str) -> None:
    log.write("a.json", [event("view_item", items=[thing("a")], **{part: n}) for n in (1, 2)])
    log.load()
    assert len(log.actions()) == 2


def test_a_missing_part_of_the_identity_does_not_make_events_the_same(log: LogSandbox) -> None:
    session = {"ga_session_id": {"int_value": None}}
    rows = [event("view_item", session, items=[thing("a")], batch_event_index=n, batch_page_id=None) for n in (1, 2)]
    log.write("a.json", rows)
    log.load()
    assert len(log.actions()) == 2


def test_an_older_table_without_batch_ids_and_item_params_is_read(log: LogSandbox) -> None:
    row = event("view_item", items=[thing("a")])
    log.write("a.json", [{key: one for key, one in row.items() if not key.startswith("batch_")}])
    log.load()
    assert len(log.actions()) == 1


def test_each_item_of_an_event_is_a_row(log: LogSandbox) -> None:
    log.write("a.json", [event("purchase", items=[thing("a"), thing(None, item_name="B"), thing(None)])])
    report = log.load()
    assert [row[1] for row in log.actions()] == ["B", "a"]
    assert log.refused() == [(1, "pin_id is missing or blank")]
    assert report.events == {("purchase", "pin_engagements as clickthrough"): 1}


def test_an_item_may_be_a_parameter_of_the_event(log: LogSandbox) -> None:
    log.write("a.json", [event("view_item", {"item_id": {"string_value": "a"}}, items=items) for items in ([], None)])
    log.load()
    assert [row[1] for row in log.actions()] == ["a"]


def test_events_without_an_item_and_of_no_interest_are_counted(log: LogSandbox) -> None:
    rows = [event("view_item"), event("view_item_list", items=[thing("a")]), event("scroll"), search(string_value=" ")]
    log.write("a.json", rows)
    report = log.load()
    assert report.events == {
        ("scroll", "skipped: no rule for the event"): 1,
        ("view_item", "skipped: no item"): 1,
        ("view_item_list", "skipped: no sign of interest"): 1,
        ("view_search_results", "skipped: a search without text"): 1,
    }
    assert sum(report.skipped_by_reason.values()) == 4


def test_the_text_of_items_comes_from_the_events(log: LogSandbox) -> None:
    full = thing("a", item_name="Lamp", item_category="Home", item_category2="(not set)", item_category3="Light")
    later = {"event_timestamp": MICROSECONDS + 1_000_000}
    rows = [
        event("view_item", items=[full]),
        event("add_to_cart", items=[thing("a", item_name="Lamp", item_category="(not set)")], **later),
    ]
    log.write("a.json", rows)
    log.load()
    assert log.rows("pin_id, title, annotations, interests, updated_at", "pins") == [
        ("a", "Lamp", ["Lamp"], ["Home", "Light"], TEN)
    ]


def test_items_keep_the_text_of_a_catalogue_if_the_deployment_says_so(log: LogSandbox) -> None:
    log.write("a.json", [event("view_item", items=[thing("a", item_name="Lamp")])])
    log.load(options=FormatOptions(items_from_events=False))
    assert log.actions()
    assert log.rows("*", "pins") == []


def test_tables_of_users_beside_the_events_are_passed_over(log: LogSandbox) -> None:
    for name in ("users", "pseudonymous_users"):
        log.write(f"{name}_20260105.json", [{"pseudo_user_id": "1.2", "stream_id": "1", "audiences": []}])
    log.write("events_20260105.json", [search(string_value="lamp")])
    assert recognise_format([log.folder]).name == "ga4"
    report = log.load()
    assert [one.reason for one in report.passed_over] == ["it is a table of users, which has no events"] * 2
    assert len(log.searches()) == 1


def test_the_most_final_table_of_a_day_is_read(log: LogSandbox) -> None:
    """The name of the folder counts where that of the file says nothing."""
    log.write("events_20260105.json", [search(string_value="daily")])
    log.write("events_fresh_20260105.json", [search(string_value="fresh")])
    log.write("events_intraday_20260105.json", [search(string_value="intraday")])
    log.write("events_intraday_20260106/000.json", [search(string_value="today")])
    log.write("events_fresh_20260107.json", [search(string_value="fresh")])
    log.write("events_intraday_20260107/000.json", [search(string_value="early")])
    report = log.load()
    assert [row[1] for row in log.searches()] == ["daily", "fresh", "today"]
    reasons = sorted(one.reason for one in report.passed_over)
    assert reasons[0] == "it is the table events_fresh_20260105, and the more final events_20260105 is read"
    assert len(reasons) == 3


def test_one_broken_line_is_refused_alone(log: LogSandbox) -> None:
    good = json_lines([search(string_value="shed")])
    log.write("a.json", good.encode() + b'{"event_name": "\xd8"}\n{"event_name": "\\ud800"}\n[1]\nno\n' + good.encode())
    report = log.load()
    assert len(log.searches()) == 1
    assert [line for line, _ in log.refused()] == [2, 3, 4, 5]
    assert sum(report.events.values()) == report.n_lines().n_records == 6


def test_a_time_that_cannot_be_read_refuses_the_event_with_its_value(log: LogSandbox) -> None:
    late = MICROSECONDS + 10**6 * 86_400 * 365
    log.write("a.json", [search(string_value="a") | {"event_timestamp": at} for at in ("soon", late, None)])
    log.load()
    (_, missing), (_, unread), (_, later) = sorted(log.refused(), key=lambda one: one[1])
    assert unread == "searched_at is not a time such as 2026-01-31T12:00:00Z: 'soon'"
    assert later.startswith("searched_at is not between")
    assert missing == "searched_at is missing or blank"


def test_an_action_of_the_registry_with_the_name_of_the_event_is_taken(log: LogSandbox) -> None:
    registry = (*DEFAULT_ACTIONS, Action("purchase", strength="act"))
    log.write("a.json", [event("purchase", items=[thing("a")]), event("add_to_cart", items=[thing("a")])])
    log.load(actions=registry)
    assert [row[2] for row in log.actions()] == ["purchase", "save"]


def test_decisions_of_the_deployment(log: LogSandbox) -> None:
    options = FormatOptions(
        searches=("site_search",), actions={"view_item": "ignore", "favourite": "keep"}, user=("user_pseudo_id",)
    )
    rows = [
        event("site_search", {"search_term": {"string_value": "shed"}}, user_id="ann"),
        search(string_value="no search any more"),
        event("view_item", items=[thing("a")]),
        event("favourite", items=[thing("a")], event_timestamp=MICROSECONDS + 1),
    ]
    log.write("a.json", rows)
    log.load(options=options)
    assert log.searches() == [("p.1", "shed", TEN)]
    assert log.actions() == [("p.1", "a", "save", TEN + timedelta(microseconds=1))]


def test_an_unknown_action_is_an_error_with_the_lines_that_add_it(log: LogSandbox) -> None:
    log.write("a.json", [event("view_item", items=[thing("a")])])
    with pytest.raises(MappingError, match=r'\[\[actions\]\]\nname = "rent"\nstrength = "act"'):
        log.load(options=FormatOptions(actions={"view_item": "rent"}))
