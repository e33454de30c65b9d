"""What Mixpanel's raw export holds and what goes wrong with it, one by one."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.storage.ingest.recognition import recognise_format
from tests.support.log_files import LogSandbox

TEN = datetime(2026, 1, 5, 10)
SECONDS = 1_767_607_200


def event(name: str, /, **properties: Any) -> dict[str, Any]:
    standard = {
        "time": SECONDS,
        "distinct_id": "ann",
        "$insert_id": "i1",
        "mp_processing_time_ms": SECONDS * 1000 + 5,
    }
    return {"event": name, "properties": {**standard, **properties}}


def search(query: str = "shed", **properties: Any) -> dict[str, Any]:
    return event("Search", query=query, **properties)


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "mixpanel")


def test_time_is_in_seconds(log: LogSandbox) -> None:
    path = log.write("a.json", [search("a"), search("b", time=SECONDS + 0.25), search("c", time=str(SECONDS))])
    assert recognise_format([path]).name == "mixpanel"
    log.load()
    assert [row[2] for row in log.searches()] == [TEN, TEN + timedelta(milliseconds=250), TEN]


def test_time_in_the_other_unit_is_refused_and_a_setting_reads_it(log: LogSandbox) -> None:
    log.write("a.json", [search(time=SECONDS * 1000 + 7)])
    log.load()
    ((_, reason),) = log.refused()
    assert "is a number beyond the year 9999 in the unit s; set time_unit" in reason
    log.load(options=FormatOptions(time_unit="ms"))
    assert log.searches() == [("ann", "shed", TEN + timedelta(milliseconds=7))]
    log.load(log.write("b.json", [search("in seconds")]), options=FormatOptions(time_unit="ms"))
    assert len(log.searches()) == 1
    assert "is in 1970 if it is in ms; set time_unit" in sorted(reason for _, reason in log.refused())[-1]


@pytest.mark.parametrize(("unit", "factor"), [("s", 1), ("ms", 1000)])
def test_a_project_with_the_local_clock_is_read_by_a_setting(log: LogSandbox, unit: Any, factor: int) -> None:
    """Ten o'clock in Los Angeles, in winter and in summer, is 18:00 and 17:00 UTC."""
    summer = datetime(2025, 7, 5, 10)
    rows = [search("a"), search("b", time=SECONDS + (summer - TEN) // timedelta(seconds=1))]
    for row in rows:
        row["properties"]["time"] *= factor
    log.write("a.json", rows)
    log.load(options=FormatOptions(time_zone="America/Los_Angeles", time_unit=unit))
    assert log.searches() == [
        ("ann", "a", TEN + timedelta(hours=8)),
        ("ann", "b", summer + timedelta(hours=7)),
    ]


def test_a_time_that_cannot_be_read_is_refused_with_its_value(log: LogSandbox) -> None:
    log.write("a.json", [search(time="soon"), search(time=None)])
    for zone in (None, "America/Los_Angeles"):
        log.load(options=FormatOptions(time_zone=zone))
        assert {reason for _, reason in log.refused()} == {
            "searched_at is missing or blank",
            "searched_at is not a time such as 2026-01-31T12:00:00Z: 'soon'",
        }


def test_midnight_comes_twice_and_counts_once(log: LogSandbox) -> None:
    last = search(time=SECONDS + 14 * 3600 - 1)
    again = {"event": "Search", "properties": {**last["properties"], "mp_processing_time_ms": 1}}
    log.write("2026-01-05.json", [last, last])
    log.write("2026-01-06.json", [again, search(**{"$insert_id": "i2", "time": SECONDS + 14 * 3600 - 1})])
    log.load()
    assert len(log.searches()) == 2


def test_events_without_an_insert_id_are_told_apart_by_their_properties(log: LogSandbox) -> None:
    none: dict[str, Any] = {"$insert_id": None}
    rows = [
        search(**none, page=1),
        search(**none, page=1, mp_processing_time_ms=5, **{"$mp_api_timestamp_ms": 4}),
        search(**none, page=2),
        search(**{"$insert_id": ""}, page=2),
    ]
    log.write("a.json", rows)
    log.load()
    assert len(log.searches()) == 3


def test_the_user_is_that_of_the_application_else_any_id_of_the_person(log: LogSandbox) -> None:
    rows = [
        search("a", **{"$user_id": "ann", "distinct_id": "cluster-member", "$device_id": "d"}),
        search("b", **{"distinct_id": "$device:d", "$device_id": "d", "$insert_id": "i2"}),
        search("c", **{"distinct_id": None, "$device_id": "d", "$insert_id": "i3"}),
        search("d", **{"distinct_id": "", "$insert_id": "i4"}),
    ]
    log.write("a.json", rows)
    assert log.load().skipped_by_reason == {"no user": 1}
    assert [row[:2] for row in log.searches()] == [("$device:d", "b"), ("ann", "a"), ("d", "c")]


@pytest.mark.parametrize("insert_id", ["i1", None])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_an_event_that_was_merged_in_between_counts_once(
    log: LogSandbox, insert_id: str | None, is_reversed: bool
) -> None:
    """After a merge of ids, ``distinct_id`` of an event is another one in the next export. No export says which is it.

    With ``$user_id``, it is that; else an id that is not the device's; and of several such, the first.
    """
    device = {"$device_id": "d", "$insert_id": insert_id}
    exports = [
        search("a", distinct_id="$device:d", **device),
        search("a", distinct_id="member-2", **device),
        search("a", distinct_id="member-1", **device),
    ]
    for number, row in enumerate(exports[::-1] if is_reversed else exports):
        log.load(log.write(f"{number}.json", [row]))
    assert [row[0] for row in log.searches()] == ["member-1"]
    if insert_id:
        log.load(log.write("known.json", [search("a", distinct_id="another", **device, **{"$user_id": "zoe"})]))
        assert [row[0] for row in log.searches()] == ["zoe"]


def test_events_of_two_people_with_one_insert_id_are_two(log: LogSandbox) -> None:
    rows = [search("a", distinct_id="ann"), search("a", distinct_id="bob", time=SECONDS + 1)]
    log.write("a.json", rows)
    log.load()
    assert [row[0] for row in log.searches()] == ["ann", "bob"]


def test_actions_on_items(log: LogSandbox) -> None:
    rows = [
        event("Product Viewed", product_id="p1", name="Lamp", category="Home"),
        event("Add to Cart", **{"Item ID": 5}),
        event("Items purchased", item_id="p2", item_name="charger"),
        event("Purchase", items=[{"id": "p3"}, {"sku": "p4"}]),
        event("$create_alias", alias="ann"),
        event("Product Viewed"),
    ]
    log.write("a.json", rows)
    report = log.load()
    assert [row[1:3] for row in log.actions()] == [
        ("5", "save"),
        ("p1", "closeup"),
        ("p2", "clickthrough"),
        ("p3", "clickthrough"),
        ("p4", "clickthrough"),
    ]
    assert report.skipped_by_reason == {"no item": 1, "no rule for the event": 1}
    assert log.rows("pin_id, title, interests", "pins") == [("p1", "Lamp", ["Home"]), ("p2", "charger", None)]


def test_properties_may_be_json_as_text(log: LogSandbox) -> None:
    log.write("a.csv", 'event,properties\nSearch,"{""time"":1767607200,""distinct_id"":""ann"",""query"":""shed""}"\n')
    assert recognise_format([log.folder]).name == "mixpanel"
    log.load()
    assert log.searches() == [("ann", "shed", TEN)]


def test_events_of_other_formats_with_properties_are_not_taken_for_it(log: LogSandbox) -> None:
    row = search()
    log.write("a.json", [{**row, "uuid": "u", "timestamp": "2026-01-05", "distinct_id": "ann"}])
    assert recognise_format([log.folder]).name == "posthog"


def test_decisions_of_the_deployment(log: LogSandbox) -> None:
    options = FormatOptions(
        searches=("recipeLookup",), actions={"Recipe Saved": "keep"}, user=("properties.distinct_id",)
    )
    rows = [
        event("Recipe Lookup", q="soup", **{"$user_id": "no"}),
        search("no search any more"),
        event("Recipe Saved", content_id="r1"),
    ]
    log.write("a.json", rows)
    log.load(options=options)
    assert log.searches() == [("ann", "soup", TEN)]
    assert log.actions() == [("ann", "r1", "save", TEN)]
