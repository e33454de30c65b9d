"""What UBI dumps hold and what goes wrong with them, one by one."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.landing.log_options import FormatOptions
from tests.support.log_files import LogSandbox, json_lines

TEN = datetime(2026, 1, 5, 10)
AT = "2026-01-05T10:00:00Z"


def query(query_id: str | None = "q1", **fields: Any) -> dict[str, Any]:
    return {"query_id": query_id, "client_id": "c1", "user_query": "shed", "timestamp": AT, **fields}


def event(action: str = "click", object_id: Any = "a", **fields: Any) -> dict[str, Any]:
    attributes = {"object": {"object_id": object_id, "object_id_field": "id"}, "position": {"ordinal": 1}}
    return {
        "action_name": action, "query_id": "q1", "client_id": "c1", "timestamp": AT, "event_attributes": attributes
    } | fields  # fmt: skip


def on_search(query_id: str | None, **fields: Any) -> dict[str, Any]:
    query_event = {"message_type": "QUERY", "message": "shed", "event_attributes": {}, "query_id": query_id}
    return event("on_search", **query_event | fields)


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "ubi")


def test_a_search_in_both_indices_counts_once(log: LogSandbox) -> None:
    log.write("ubi_queries.json", [query("q1"), query("q2", timestamp="2026-01-05T10:05:00Z")])
    log.write("ubi_events.json", [on_search("q1", timestamp="2026-01-05T10:00:01Z"), on_search("q2")])
    report = log.load()
    assert len(log.searches()) == 2
    assert report.skipped_by_reason == {"a search event whose query is in ubi_queries": 2}


def test_a_search_event_whose_query_is_not_there_is_a_search(log: LogSandbox) -> None:
    log.write("ubi_queries.json", [query("q1")])
    log.write("ubi_events.json", [on_search("q9", message="hat"), on_search(None, message="cap")])
    log.load()
    assert sorted(row[1] for row in log.searches()) == ["cap", "hat", "shed"]


def test_a_message_is_a_query_if_its_type_says_so(log: LogSandbox) -> None:
    rows = [event("submit", message_type="QUERY", message="hat", event_attributes={}), event(message="clicked a")]
    log.write("a.json", rows)
    log.load()
    assert [row[1] for row in log.searches()] == ["hat"]
    assert len(log.actions()) == 1


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        (AT, TEN),
        ("2026-01-05T11:00:00+01:00", TEN),
        ("2026-01-05T10:00:00", TEN),
        ("2026-01-05T10:00:00.123456", TEN.replace(microsecond=123456)),
        (1767607200000, TEN),
        ("1767607200000", TEN),
    ],
)
def test_times_have_a_zone_or_none_or_are_milliseconds(log: LogSandbox, time: Any, expected: datetime) -> None:
    log.write("a.json", [event(timestamp=time)])
    log.load()
    assert log.actions() == [("c1", "a", "closeup", expected)]


def test_ids_of_objects_are_text_or_numbers(log: LogSandbox) -> None:
    log.write("a.json", [event(object_id=5), event(object_id="5", timestamp="2026-01-05T10:00:01Z")])
    log.load()
    assert [row[1] for row in log.actions()] == ["5", "5"]


def test_the_user_may_be_in_the_attributes_or_is_the_client(log: LogSandbox) -> None:
    inside = event("purchase", "b", query_id="q3")
    inside["event_attributes"]["user_id"] = "bob"
    log.write("a.json", [event(user_id="ann", query_id="q2"), inside, event(object_id="c", query_id=None)])
    log.load()
    assert [row[:2] for row in log.actions()] == [("ann", "a"), ("bob", "b"), ("c1", "c")]


def test_a_query_has_the_user_of_an_event_with_its_id_in_another_file(log: LogSandbox) -> None:
    log.write("a_queries.json", [query("q1"), {"user_query": "hat", "query_id": "q2"}])
    log.write("b_events.json", [event(user_id="ann"), event(query_id="q2", client_id="c2")])
    log.load()
    assert log.searches() == [("ann", "shed", TEN), ("c2", "hat", TEN)]


def test_a_client_is_linked_to_its_user(log: LogSandbox) -> None:
    """The user may be that of another record with the same query; two users of one client are two links."""
    later = "2026-01-05T11:00:00Z"
    events = [event(user_id="ann"), event(client_id="c3", query_id="q3"), event(user_id="bob", timestamp=later)]
    log.write("a.json", [query("q1"), {**query("q2", timestamp=later), "client_id": "c2"}, *events])
    log.load()
    assert log.rows("other_id, user_id, linked_at", "identities") == [
        ("c1", "ann", TEN),
        ("c1", "bob", TEN.replace(hour=11)),
    ]


def test_no_link_where_the_client_is_the_user(log: LogSandbox) -> None:
    log.write("a.json", [event(user_id="ann")])
    log.load(options=FormatOptions(user=("client_id",)))
    assert log.rows("*", "identities") == []


@pytest.mark.parametrize("is_alone_first", [True, False])
def test_a_record_counts_once_when_its_user_comes_with_another_file(log: LogSandbox, is_alone_first: bool) -> None:
    """Loaded by themselves, records of a client are the client's; with the user's event in the call, the user's."""
    alone = log.write("a.json", [query("q1"), event("purchase", "p1")])
    both = [alone, log.write("b.json", [event(user_id="ann")])]
    for paths in ([alone], both) if is_alone_first else (both, [alone]):
        log.load(*paths)
    assert log.searches() == [("ann", "shed", TEN)]
    assert [row[:2] for row in log.actions()] == [("ann", "a"), ("ann", "p1")]


@pytest.mark.parametrize(
    "content",
    [
        json_lines([{"_index": "ubi_events", "_id": "1", "_source": event()}]),
        "ubi_events\t" + json.dumps(event()) + "\n",
        json.dumps([event()]),
        json.dumps({"took": 1, "hits": {"total": {"value": 1}, "hits": [{"_id": "1", "_source": event()}]}}),
        json.dumps({"took": 1, "hits": {"total": {"value": 1}, "hits": [{"_id": "1", "_source": event()}]}}, indent=1),
    ],
    ids=["elasticdump", "name and tab", "array", "_search", "_search, pretty"],
)
def test_dumps_are_wrapped(log: LogSandbox, content: str) -> None:
    """However it is wrapped, and whatever id the index gave it, it is the same event."""
    log.load(log.write("plain.json", [event()]))
    report = log.load(log.write("dump.json", content))
    assert log.actions() == [("c1", "a", "closeup", TEN)]
    assert sum(file.n_duplicate for file in report.files) == 1


def test_queries_and_events_may_be_in_one_file_without_an_ending(log: LogSandbox) -> None:
    lines = "ubi_queries\t" + json.dumps(query()) + "\nubi_events\t" + json.dumps(event()) + "\n"
    log.write("dump", lines)
    log.load()
    assert len(log.searches()) == len(log.actions()) == 1


def test_actions(log: LogSandbox) -> None:
    names = ("click_through", "view", "watch", "add_to_cart", "purchase", "impression", "product_hover", "login")
    log.write("a.json", [event(name, object_id=name) for name in names])
    report = log.load()
    assert {row[1]: row[2] for row in log.actions()} == {
        "click_through": "closeup",
        "view": "closeup",
        "watch": "closeup",
        "add_to_cart": "save",
        "purchase": "clickthrough",
    }
    assert report.skipped_by_reason == {"no rule for the event": 1, "no sign of interest": 2}


def test_events_that_differ_in_any_field_are_two_and_the_same_one_is_one(log: LogSandbox) -> None:
    other = event()
    other["event_attributes"]["position"]["ordinal"] = 2
    log.write("a.json", [event(), event(), other, event(session_id="s2")])
    log.load()
    log.load()
    assert len(log.actions()) == 3


def test_decisions_of_the_deployment(log: LogSandbox) -> None:
    options = FormatOptions(searches=("typed",), time_zone="Europe/Berlin", actions={"click": "act"})
    typed = event("typed", message="hat", event_attributes={}, query_id="q2")
    log.write("a.json", [query(), typed, on_search("q3"), event(timestamp="2026-01-05T11:00:00")])
    report = log.load(options=options)
    assert [row[1] for row in log.searches()] == ["hat", "shed"]
    assert log.actions() == [("c1", "a", "clickthrough", TEN)]
    assert report.skipped_by_reason == {"no rule for the event": 1}


def test_older_writers_name_the_hits_otherwise(log: LogSandbox) -> None:
    log.write("a.json", [query(query_response_object_ids=["1"])])
    assert log.load().ignored_columns()["search_events"] == ("query_response_object_ids",)
    assert len(log.searches()) == 1
