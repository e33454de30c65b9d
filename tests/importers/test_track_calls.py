"""What logs of Segment and RudderStack hold and what goes wrong with them: what both have in common, one by one."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.importers.commerce import ACTIONS, event_key, read_products
from journeys_assets.importers.track_calls import NO_PROPERTIES, call_times
from tests.support.log_files import LogSandbox, json_lines
from tests.support.track_calls import TABLE_TIME, TIME, call, csv, parquet, row

TEN = datetime(2026, 1, 5, 10)


@pytest.fixture(params=["segment", "rudderstack"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, request.param)


# ── raw lines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_have_nested_properties_in_camel_case(log: LogSandbox) -> None:
    product = {"product_id": "a", "name": "Garden shed", "category": "Garden"}
    log.write("1.json", [call("Products Searched", properties={"query": "shed"}), call(number=2, properties=product)])
    log.load()
    assert log.searches() == [("ann", "shed", TEN)]
    assert log.actions() == [("ann", "a", "closeup", TEN)]
    assert log.rows("pin_id, title, annotations, interests", "pins") == [
        ("a", "Garden shed", ["Garden shed"], ["Garden"])
    ]


def test_the_message_id_is_the_identity(log: LogSandbox) -> None:
    log.write("1.json", [call(), call(), call(number=2)])
    log.write("2.json", [call(receivedAt="2026-01-06T10:00:00Z", context={"ip": "::1"})])
    log.load()
    log.load()
    assert log.actions() == [("ann", "a", "closeup", TEN)] * 2


def test_the_user_is_known_or_anonymous(log: LogSandbox) -> None:
    rows = [call(userId=None), call(number=2, userId="null", anonymousId=""), call(number=3)]
    log.write("1.json", rows)
    assert log.load().skipped_by_reason == {"no user": 1}
    assert [action[0] for action in log.actions()] == ["ann", "device"]


def test_without_timestamp_the_time_follows_from_three_others(log: LogSandbox) -> None:
    """The clock of the device is seven minutes late, and the call waited forty seconds."""
    times = {
        "originalTimestamp": "2026-01-05T09:53:00Z",
        "sentAt": "2026-01-05T09:53:40Z",
        "receivedAt": "2026-01-05T10:00:40Z",
    }
    log.write("1.json", [call(timestamp=None, **times), call(number=2, timestamp="2026-01-05T15:30:00+05:30", **times)])
    log.load()
    assert [action[3] for action in log.actions()] == [TEN, TEN]


@pytest.mark.parametrize("given_time", ["originalTimestamp", "receivedAt", "sentAt"])
def test_without_the_three_times_the_one_that_is_there_is_taken(log: LogSandbox, given_time: str) -> None:
    log.write("1.json", [call(timestamp=None, **{given_time: TIME})])
    log.load()
    assert log.actions() == [("ann", "a", "closeup", TEN)]


def test_a_time_that_cannot_be_read_is_refused_with_its_value(log: LogSandbox) -> None:
    log.write("1.json", [call(timestamp="soon", receivedAt=TIME), call(number=2, timestamp=None)])
    log.load()
    assert [reason for _, reason in log.refused()] == [
        "engaged_at is not a time such as 2026-01-31T12:00:00Z: 'soon'",
        "engaged_at is missing or blank",
    ]


@given(
    at=st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    skew=st.timedeltas(timedelta(days=-2), timedelta(days=2)),
    delay=st.timedeltas(timedelta(0), timedelta(days=3)),
)
def test_any_error_of_the_clock_is_taken_out(at: datetime, skew: timedelta, delay: timedelta) -> None:
    names = ("timestamp", "_timestamp", "originalTimestamp", "original_timestamp")
    names += ("sentAt", "sent_at", "receivedAt", "received_at")
    texts: dict[str, str | None] = dict.fromkeys(names)
    texts |= {
        "originalTimestamp": (at + skew).isoformat() + "Z",
        "sentAt": (at + skew + delay).isoformat() + "Z",
        "receivedAt": (at + delay).isoformat() + "Z",
    }
    raw = pl.DataFrame({name: [text] for name, text in texts.items()}, schema=dict.fromkeys(names, pl.String))
    assert call_times(raw, "UTC").to_list() == [at.isoformat(timespec="microseconds") + "Z"]


def test_calls_that_are_no_events_are_skipped_by_type(log: LogSandbox) -> None:
    types = ("page", "screen", "identify", "group", "alias")
    log.write("1.json", [call(None, number, type=name, name="Search") for number, name in enumerate(types)])
    report = log.load()
    assert report.events == {(f"({name})", "skipped: no rule for the event"): 1 for name in sorted(types)}


def test_one_broken_line_is_refused_alone(log: LogSandbox) -> None:
    log.write("1.json", json_lines([call()]) + '{"messageId": \n' + json_lines([call(number=2)]))
    report = log.load()
    assert len(log.actions()) == 2
    assert [line for line, _ in log.refused()] == [2]
    assert sum(report.events.values()) == report.n_lines().n_records == 3


def test_events_of_the_first_version_of_the_specification(log: LogSandbox) -> None:
    names = ("Viewed Product", "Added Product", "Completed Order", "Removed Product")
    log.write("1.json", [call(name, number) for number, name in enumerate(names)])
    log.load()
    assert sorted(action[2] for action in log.actions()) == ["clickthrough", "closeup", "save"]


# ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_tables_have_one_event_each_and_tracks_has_no_properties(log: LogSandbox) -> None:
    log.write("tracks.csv", csv(row("Products Searched"), row(number=2), row("Signed Up", 3)))
    log.write("products_searched.csv", csv(row("Products Searched", query="shed")))
    log.write("product_viewed.csv", csv(row(number=2, product_id="a", name="Shed", category="Garden")))
    report = log.load()
    assert log.searches() == [("ann", "shed", TEN)]
    assert log.actions() == [("ann", "a", "closeup", TEN)]
    assert report.skipped_by_reason == {NO_PROPERTIES: 2, "no rule for the event": 1}


def test_an_event_with_properties_and_without_an_item_has_no_item(log: LogSandbox) -> None:
    log.write("product_viewed.csv", csv(row(name="Shed")))
    log.write("1.json", [call(number=2, properties={}), call("Products Searched", 3, properties={})])
    assert log.load().skipped_by_reason == {"a search without text": 1, "no item": 2}


def test_a_row_and_a_line_of_one_message_are_one_event(log: LogSandbox) -> None:
    log.load(log.write("product_viewed.csv", csv(row(product_id="a"))))
    report = log.load(log.write("1.json", [call()]))
    assert [file.n_duplicate for file in report.files if file.source == "pin_engagements"] == [1]
    assert len(log.actions()) == 1


def test_a_table_without_event_text_has_the_event_in_snake_case(log: LogSandbox) -> None:
    given_row = row("Product Added to Wishlist", product_id="a")
    log.write("product_added_to_wishlist.csv", csv({k: v for k, v in given_row.items() if k != "event_text"}))
    log.load()
    assert [action[2] for action in log.actions()] == ["save"]


@pytest.mark.parametrize(
    ("products", "expected"),
    [
        ('[{"product_id": "a", "name": "Lamp"}, {"product_id": 5}]', ["5", "a"]),
        ("[{'product_id': 'a', 'name': None, 'price': 1.5, 'on_sale': True}]", ["a"]),
        ("[507f1, 505bd]", ["505bd", "507f1"]),
        ('["507f1"]', ["507f1"]),
        ('{"product_id": "a"}', ["a"]),
    ],
    ids=["JSON", "Python", "ids", "JSON of ids", "one object"],
)
def test_lists_are_text_and_not_always_json(log: LogSandbox, products: str, expected: list[str]) -> None:
    log.write("order_completed.csv", csv(row("Order Completed", products=products)))
    log.load()
    assert [action[1] for action in log.actions()] == expected


def test_a_list_of_ids_may_be_in_product_id(log: LogSandbox) -> None:
    log.write("order_completed.csv", csv(row("Order Completed", product_id="[507f1, 505bd]")))
    log.load()
    assert [action[1] for action in log.actions()] == ["505bd", "507f1"]


def test_a_list_that_cannot_be_read_is_skipped_and_counted(log: LogSandbox) -> None:
    broken = "[{product_id: a, name: Lamp"
    rows = [row("Order Completed", products=broken), row("Signed Up", 2, products=broken)]
    log.write("order_completed.csv", csv(*rows))
    assert log.load().skipped_by_reason == {
        "a list of products that cannot be read": 1,
        "no rule for the event": 1,
    }


def test_a_column_may_be_missing_or_be_new(log: LogSandbox) -> None:
    log.write("1/product_viewed.parquet", parquet(row(product_id="a")))
    log.write("2/product_viewed.parquet", parquet(row(number=2, sku="b", context_new="x")))
    log.load()
    assert [action[1] for action in log.actions()] == ["a", "b"]


def test_columns_may_be_in_upper_case(log: LogSandbox) -> None:
    log.write("T.parquet", parquet({name.upper(): value for name, value in row(product_id="a").items()}))
    log.load()
    assert log.actions() == [("ann", "a", "closeup", TEN)]


def test_users_and_pages_are_no_events_and_may_have_duplicates(log: LogSandbox) -> None:
    user = {"id": "ann", "received_at": TABLE_TIME, "email": "ann@example.com", "uuid_ts": TABLE_TIME}
    page = {key: value for key, value in row().items() if not key.startswith("event")} | {"name": "Home"}
    log.write("users.csv", csv(user, user))
    log.write("pages.csv", csv(page))
    log.write("product_viewed.csv", csv(row(product_id="a")))
    report = log.load()
    assert report.events == {
        ("(no type)", "skipped: no rule for the event"): 3,
        ("Product Viewed", "pin_engagements as closeup"): 1,
    }


def test_a_query_that_is_an_object_is_skipped(log: LogSandbox) -> None:
    """Both specifications allow it, and there is no text that a user typed."""
    log.write("1.json", [call("Products Searched", properties={"query": {"text": "shed"}})])
    assert log.load().skipped_by_reason == {"a search whose query is an object": 1}


def test_impressions_are_no_interest(log: LogSandbox) -> None:
    listed = {"products": [{"product_id": "a"}, {"product_id": "b"}]}
    log.write("1.json", [call("Product List Viewed", properties=listed), call("Product Removed", 2)])
    assert log.load().skipped_by_reason == {"no sign of interest": 2}


# ── names and lists ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_event_has_a_name_of_its_own() -> None:
    assert len({event_key(name) for name in ACTIONS}) == len(ACTIONS)


@pytest.mark.parametrize("name", ["検索", "поиск", "$pageview"])
def test_names_in_any_script_stay_apart(name: str) -> None:
    assert event_key(name) == name


Product = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text(), min_size=1)


@given(st.lists(Product, min_size=1))
def test_what_is_written_is_read(products: list[dict[str, Any]]) -> None:
    assert read_products(json.dumps(products)) == products
    assert read_products(str(products)) == products


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    found = read_products(text)
    assert found is None or all(isinstance(one, dict) for one in found)
