"""The world as the enriched events of a Snowplow pipeline: TSV without a header, in 131 fields.

The fields and the JSON in them are those of the vendor's schemas, with what makes it awkward: the words of a search
apart, searches that only the address of a page has, page views that repeat a search, products as entities, events that
were delivered twice, and anonymous tracking. Boards, annotations and microseconds are not kept: an item has
its name and its categories.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

import polars as pl

from journeys_assets.synthetic.exports.events import events_by_time

EVENTS = {"closeup": "product_view", "save": "add_to_cart", "clickthrough": "transaction"}
"""The type of the e-commerce action by the action of the landing contract."""
N_FIELDS = 131
"""How many fields an enriched event has."""
POSITIONS = {
    **{"app_id": 0, "platform": 1, "etl_tstamp": 2, "collector_tstamp": 3, "dvce_created_tstamp": 4, "event": 5},
    **{"event_id": 6, "v_collector": 10, "v_etl": 11, "user_id": 12, "domain_userid": 15, "network_userid": 17},
    **{"page_url": 29, "page_urlquery": 36, "contexts": 52, "unstruct_event": 58, "useragent": 77},
    **{"derived_tstamp": 124, "event_vendor": 125, "event_name": 126, "event_format": 127, "event_version": 128},
}
"""The positions of the fields that are used, first = 0."""
_SCHEMAS = "iglu:com.snowplowanalytics.snowplow"
_PAGE = {"schema": f"{_SCHEMAS}/web_page/jsonschema/1-0-0", "data": {"id": "5b1e8f0c-0000-4000-8000-000000000000"}}


def snowplow_events(landing: Mapping[str, pl.DataFrame]) -> Iterator[tuple[datetime, list[str]]]:
    """The fields of every event with its time, in the order of time.

    Args:
        landing: ``World.landing``.
    """
    pins = {row["pin_id"]: row for row in landing["pins"].iter_rows(named=True)}
    rows = events_by_time(landing)
    for number, row in enumerate(rows.iter_rows(named=True)):
        for index, event in enumerate(_events(row, pins, number)):
            for _ in range(1 + (number % 17 == 0)):
                yield row["at"], _fields({**_common(row, 10 * number + index), **event})


def _fields(event: Mapping[str, str]) -> list[str]:
    fields = [""] * N_FIELDS
    for name, text in event.items():
        fields[POSITIONS[name]] = text
    return fields


def _events(row: Mapping[str, Any], pins: Mapping[str, Mapping[str, Any]], number: int) -> Iterator[dict[str, str]]:
    text = row["text"]
    if text is None:
        pin = pins[row["pin_id"]]
        action = {"type": EVENTS[row["action"]]}
        product = {"id": pin["pin_id"], "name": pin["title"], "category": "/".join(pin["interests"] or [])}
        schemas = f"{_SCHEMAS}.ecommerce"
        entity = {"schema": f"{schemas}/product/jsonschema/1-0-0", "data": product | {"price": 5, "currency": "EUR"}}
        yield _self_describing(f"{schemas}/snowplow_ecommerce_action/jsonschema/1-0-2", action, [_PAGE, entity])
        yield {"event": "page_ping", "event_name": "page_ping", "contexts": _contexts([_PAGE])}
        return
    query = f"q={quote_plus(text)}&page=1&n={number}"
    address = {"page_url": f"https://shop.example/search?{query}", "page_urlquery": query}
    words = text.split(" ")
    yield {"event": "page_view", "event_name": "page_view", "contexts": _contexts([_PAGE]), **address}
    if number % 3:
        data = {"terms": words, "filters": {"category": "all"}, "totalResults": 14, "pageResults": 8}
        yield _self_describing(f"{_SCHEMAS}/site_search/jsonschema/1-0-0", data, [_PAGE]) | address


def _self_describing(schema: str, data: dict[str, Any], entities: list[dict[str, Any]]) -> dict[str, str]:
    vendor, name, form, version = schema.removeprefix("iglu:").split("/")
    wrapped = {"schema": f"{_SCHEMAS}/unstruct_event/jsonschema/1-0-0", "data": {"schema": schema, "data": data}}
    named = {"event_vendor": vendor, "event_name": name, "event_format": form, "event_version": version}
    return {"event": "unstruct", "unstruct_event": _json(wrapped), "contexts": _contexts(entities), **named}


def _contexts(entities: list[dict[str, Any]]) -> str:
    return _json({"schema": f"{_SCHEMAS}/contexts/jsonschema/1-0-1", "data": entities})


def _common(row: Mapping[str, Any], number: int) -> dict[str, str]:
    at: datetime = row["at"]
    anonymous = "00000000-0000-0000-0000-000000000000"
    return {
        "app_id": "shop",
        "platform": "web",
        "etl_tstamp": _time(at + timedelta(minutes=5)),
        "collector_tstamp": _time(at + timedelta(milliseconds=300)),
        "dvce_created_tstamp": _time(at),
        "event_id": f"00000000-0000-4000-8000-{number:012d}",
        "v_collector": "ssc-3.1.0-kinesis",
        "v_etl": "enrich-kinesis-5.0.0",
        "user_id": row["user_id"],
        "domain_userid": f"d-{row['user_id']}",
        "network_userid": anonymous if number % 5 == 0 else f"n-{row['user_id']}",
        "useragent": "Mozilla/5.0 (X11; Linux x86_64)",
        "derived_tstamp": _time(at),
    }


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
