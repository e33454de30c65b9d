"""What enriched events of Snowplow hold and what goes wrong with them, one by one."""

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.snowplow import FIELDS, JSON_FIELDS
from journeys_assets.storage.ingest.recognition import recognise_format
from journeys_assets.synthetic.exports.snowplow import POSITIONS
from tests.support.log_files import LogSandbox

TEN = datetime(2026, 1, 5, 10)
SCHEMAS = "iglu:com.snowplowanalytics.snowplow"
COMMON = {
    "app_id": "shop",
    "platform": "web",
    "collector_tstamp": "2026-01-05 10:00:03.000",
    "dvce_created_tstamp": "2026-01-05 09:59:58.000",
    "derived_tstamp": "2026-01-05 10:00:00.000",
    "event_id": "e1",
    "user_id": "ann",
    "domain_userid": "d",
    "network_userid": "n",
    "page_url": "https://shop.example/",
}


def line(fields: tuple[str, ...] = FIELDS, **values: Any) -> str:
    texts = {key: json.dumps(value) if isinstance(value, dict) else value or "" for key, value in values.items()}
    return "\t".join({**COMMON, **texts}.get(name, "") for name in fields) + "\n"


def event(schema: str, data: dict[str, Any], *entities: tuple[str, dict[str, Any]], **values: Any) -> str:
    """A self-describing event with entities: (schema, data)."""
    attached = [{"schema": f"{SCHEMAS}{name}/jsonschema/1-0-0", "data": one} for name, one in entities]
    wrapped = {"schema": f"{SCHEMAS}{schema}/jsonschema/1-0-0", "data": data}
    return line(
        event="unstruct",
        event_name=schema.rpartition("/")[2],
        unstruct_event={"schema": f"{SCHEMAS}/unstruct_event/jsonschema/1-0-0", "data": wrapped},
        contexts={"schema": f"{SCHEMAS}/contexts/jsonschema/1-0-0", "data": attached},
        **values,
    )


def search(*terms: str, **values: Any) -> str:
    return event("/site_search", {"terms": terms, "filters": {}, "totalResults": 5}, **values)


def ecommerce(kind: str, *products: dict[str, Any], **values: Any) -> str:
    entities = [(".ecommerce/product", one) for one in products]
    page = ("/web_page", {"id": "no item"})
    return event(".ecommerce/snowplow_ecommerce_action", {"type": kind}, page, *entities, **values)


def page(query: str | None, **values: Any) -> str:
    url = f"https://shop.example/search?{query}"
    return line(**{"event": "page_view", "event_name": "page_view", "page_urlquery": query, "page_url": url} | values)


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, "snowplow")


def test_there_are_131_fields_and_128_without_those_of_json() -> None:
    assert (len(FIELDS), len(set(FIELDS) - set(JSON_FIELDS))) == (131, 128)
    assert all(FIELDS[at] == name for name, at in POSITIONS.items())
    assert FIELDS[:7] == (
        *("app_id", "platform", "etl_tstamp", "collector_tstamp", "dvce_created_tstamp", "event", "event_id"),
    )


@pytest.mark.parametrize("name", ["a.tsv", "part-00000", "2026-01-05-0000.txt"])
def test_a_file_has_no_header_and_needs_no_ending(log: LogSandbox, name: str) -> None:
    path = log.write(name, search("garden", "shed"))
    recognised = recognise_format([path])
    assert (recognised.name, "the 131 fields of an enriched event" in recognised.why) == ("snowplow", True)
    log.load(path)
    assert log.searches() == [("ann", "garden shed", TEN)]


def test_a_compressed_file_may_hold_many_events(log: LogSandbox) -> None:
    path = log.write("part-0.gz", gzip.compress((search("a") + search("b", event_id="e2")).encode()))
    assert recognise_format([path]).name == "snowplow"
    log.load()
    assert [row[1] for row in log.searches()] == ["a", "b"]


def test_a_dump_of_redshift_has_128_fields_and_a_word_for_missing_values(log: LogSandbox) -> None:
    fields = tuple(name for name in FIELDS if name not in JSON_FIELDS)
    rows = [
        line(fields, event="page_view", event_name="page_view", page_urlquery="q=shed", user_id="\\N", page_url="x"),
        line(fields, event="unstruct", event_name="site_search", page_urlquery="q=lamp&p=2", event_id="e2"),
        line(fields, event="transaction_item", ti_sku="p1", ti_name="Lamp", ti_category="Home", event_id="e3"),
    ]
    path = log.write("events.tsv", "".join(rows))
    assert "the 128 fields" in recognise_format([path]).why
    log.load()
    assert [row[:2] for row in log.searches()] == [("ann", "lamp"), ("d", "shed")]
    assert log.actions() == [("ann", "p1", "clickthrough", TEN)]


def test_a_line_of_another_width_is_refused_alone(log: LogSandbox) -> None:
    log.write("a.tsv", search("a") + "x\ty\n" + "\t".join(FIELDS) + "\n")
    report = log.load()
    assert log.refused() == [(2, "has 2 fields, not 128 or 131")]
    assert report.skipped_by_reason == {"the header of a file": 1}
    assert len(log.searches()) == 1


def test_the_terms_of_a_search_are_words_to_be_joined(log: LogSandbox) -> None:
    rows = [search("a", "b c"), search(event_id="e2"), search(event_id="e3", page_urlquery="q=d+e")]
    log.write("a.tsv", "".join(rows))
    report = log.load()
    assert [row[1] for row in log.searches()] == ["a b c", "d e"]
    assert report.events["site_search", "skipped: a search without text"] == 1


def test_a_page_with_q_is_a_search(log: LogSandbox) -> None:
    queries = ["q=garden+shed%C3%A9&page=2", "page=2&q=lamp", "?q=desk", "q=", "x=q", None]
    log.write("a.tsv", "".join(page(query, event_id=str(n)) for n, query in enumerate(queries)))
    report = log.load()
    assert [row[1] for row in log.searches()] == ["desk", "garden shedé", "lamp"]
    assert report.events == {
        ("page_view with q", "search_events"): 3,
        ("page_view", "skipped: no rule for the event"): 3,
    }


def test_a_search_that_a_page_has_and_sends_counts_once(log: LogSandbox) -> None:
    url = "https://shop.example/search?q=shed"
    log.write("a.tsv", page("q=shed") + page("q=lamp", event_id="e3"))
    log.write("b.tsv", search("shed", event_id="e2", page_url=url) + page("q=shed", domain_userid="x", event_id="e4"))
    report = log.load()
    assert [row[1] for row in log.searches()] == ["lamp", "shed", "shed"]
    assert report.skipped_by_reason == {"a page view whose search was sent as site_search": 1}
    again = log.load(options=FormatOptions(searches=("site_search",)))
    assert again.events["page_view with q", "skipped: no rule for the event"] == 3


def test_the_time_is_the_derived_one_else_that_of_the_collector(log: LogSandbox) -> None:
    log.write("a.tsv", search("a") + search("b", derived_tstamp="", event_id="e2"))
    log.load()
    assert [row[2] for row in log.searches()] == [TEN, TEN + timedelta(seconds=3)]


def test_an_event_is_its_id_and_the_time_of_the_collector(log: LogSandbox) -> None:
    rows = [
        search("a"),
        search("a", etl_tstamp="2026-01-07 10:00:00.000"),
        search("a", collector_tstamp="2026-01-05 11:00:00.000"),
        search("a", event_id="e2"),
    ]
    log.write("a.tsv", "".join(rows))
    for _ in range(2):
        log.load()
        assert len(log.searches()) == 3


def test_the_user_is_user_id_else_that_of_the_domain_else_of_the_network(log: LogSandbox) -> None:
    nobody = "00000000-0000-0000-0000-000000000000"
    users = [("ann", "d", "n"), ("", "d", "n"), ("", "", "n"), ("", "", nobody), ("", "", "")]
    rows = [
        search(str(number), event_id=str(number), user_id=user, domain_userid=domain, network_userid=network)
        for number, (user, domain, network) in enumerate(users)
    ]
    log.write("a.tsv", "".join(rows))
    assert log.load().skipped_by_reason == {"no user": 2}
    assert [row[:2] for row in log.searches()] == [("ann", "0"), ("d", "1"), ("n", "2")]


def test_actions_on_products(log: LogSandbox) -> None:
    lamp = {"id": "p1", "name": "Lamp", "category": "Home/Light", "price": 5, "currency": "EUR"}
    rows = [
        ecommerce("product_view", lamp, event_id="1"),
        ecommerce("add_to_cart", {"id": 2, "category": "Home"}, event_id="2"),
        ecommerce("transaction", lamp, {"id": "p3"}, event_id="3"),
        ecommerce("list_view", lamp, event_id="4"),
        ecommerce("product_view", event_id="5"),
        event("/add_to_cart", {"sku": "p4", "name": "Desk", "quantity": 1}, event_id="6"),
        line(event="struct", event_name="event", se_action="play", se_label="p5", event_id="7"),
    ]
    log.write("a.tsv", "".join(rows))
    report = log.load()
    assert [row[1:3] for row in log.actions()] == [
        ("2", "save"),
        ("p1", "clickthrough"),
        ("p1", "closeup"),
        ("p3", "clickthrough"),
        ("p4", "save"),
    ]
    assert report.skipped_by_reason == {"no item": 1, "no rule for the event": 1, "no sign of interest": 1}
    assert log.rows("pin_id, title, annotations, interests", "pins") == [
        ("2", None, None, ["Home"]),
        ("p1", "Lamp", ["Lamp"], ["Home", "Light"]),
        ("p4", "Desk", ["Desk"], None),
    ]
    log.load(options=FormatOptions(actions={"struct play": "look"}))
    assert ("ann", "p5", "closeup", TEN) in log.actions()


def test_events_of_enhanced_ecommerce(log: LogSandbox) -> None:
    vendor = "iglu:com.google.analytics.enhanced-ecommerce"
    data = {"schema": f"{vendor}/action/jsonschema/1-0-0", "data": {"action": "detail"}}
    product = {"schema": f"{vendor}/productFieldObject/jsonschema/1-0-0", "data": {"id": "p1", "name": "Lamp"}}
    log.write(
        "a.tsv",
        line(event="unstruct", event_name="action", unstruct_event={"data": data}, contexts={"data": [product]}),
    )
    log.load()
    assert log.actions() == [("ann", "p1", "closeup", TEN)]


def test_broken_json_is_no_item_and_no_error(log: LogSandbox) -> None:
    rows = [
        line(event="unstruct", event_name="add_to_cart", contexts="{/product/", unstruct_event='{"sku"'),
        line(event="unstruct", event_name="add_to_cart", contexts='{"data": [5, "/product/"]}', event_id="2"),
    ]
    log.write("a.tsv", "".join(rows))
    assert log.load().skipped_by_reason == {"no item": 2}


def test_the_same_events_of_a_warehouse_as_json(log: LogSandbox) -> None:
    """BigQuery, Snowflake and the SDKs have one column for each schema, and times with a zone."""
    log.write("a.tsv", search("garden", "shed") + ecommerce("product_view", {"id": "p1"}, event_id="e2"))
    log.load()
    column = "unstruct_event_com_snowplowanalytics_snowplow"
    times = {"derived_tstamp": "2026-01-05T10:00:00Z", "collector_tstamp": "2026-01-05T10:00:03Z"}
    rows = [
        {**COMMON, **times, "event_name": "site_search", f"{column}_site_search_1": {"terms": ["garden", "shed"]}},
        {
            **COMMON,
            **times,
            "event_id": "e2",
            "event_name": "snowplow_ecommerce_action",
            f"{column}_ecommerce_snowplow_ecommerce_action_1": {"type": "product_view"},
            "contexts_com_snowplowanalytics_snowplow_ecommerce_product_1": [{"id": "p1"}],
        },
    ]
    path = log.write("b.json", rows)
    assert recognise_format([path]).name == "snowplow"
    report = log.load(path)
    assert sum(file.n_duplicate for file in report.files if file.source != "identities") == 2
    assert sum(file.n_accepted for file in report.files) == 0
