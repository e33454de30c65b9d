"""The shapes in which people have samples of each format: other writers, warehouses, tools and flattened tables.

Every file of ``CASES`` has the same two events: somebody searched for *red mug* at ten o'clock, and then looked at
``p1``, a *Mug*.
"""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from tests.support.log_files import json_lines

Row = Mapping[str, Any]
TEN = datetime(2026, 1, 5, 10)
ISO = "2026-01-05T10:00:00.000Z"
SQL = "2026-01-05 10:00:00.000"
SECONDS = 1_767_607_200
USER = "d1"


def lines(rows: Sequence[Row]) -> bytes:
    return json_lines(rows).encode()


def array(rows: Sequence[Row]) -> bytes:
    return json.dumps(rows, indent=1).encode()


def table(rows: Sequence[Row], nested: Callable[[Any], str] = json.dumps) -> bytes:
    """CSV with a header; nested values as JSON, or as Python writes them (``nested=repr``)."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    for row in rows:
        writer.writerow({name: nested(v) if isinstance(v, dict | list) else v for name, v in row.items()})
    return text.getvalue().encode()


def as_python(rows: Sequence[Row]) -> bytes:
    return table(rows, repr)


def parquet(rows: Sequence[Row]) -> bytes:
    content = io.BytesIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    pl.DataFrame([{name: row.get(name) for name in columns} for row in rows], infer_schema_length=None).write_parquet(
        content
    )
    return content.getvalue()


def upper(rows: Sequence[Row]) -> list[Row]:
    """As Snowflake has it: upper case, and nested values as JSON text."""
    texts = [{n: json.dumps(v) if isinstance(v, dict | list) else v for n, v in row.items()} for row in rows]
    return [{name.upper(): value for name, value in row.items()} for row in texts]


# ── Google Analytics 4 ──────────────────────────────────────────────────────────────────────────────────────────────

VALUES = ("string_value", "int_value", "float_value", "double_value")


def parameter(key: str, **value: Any) -> Row:
    return {"key": key, "value": {**dict.fromkeys(VALUES), **value}}


GA4_COMMON = {"event_date": "20260105", "event_timestamp": SECONDS * 10**6, "user_id": None, "user_pseudo_id": USER}
GA4_ITEM = {"item_id": "p1", "item_name": "Mug", "item_category": "Home"}
GA4: list[Row] = [
    {**GA4_COMMON, "event_name": "view_search_results",
     "event_params": [parameter("ga_session_id", int_value=5), parameter("search_term", string_value="red mug")],
     "items": []},
    {**GA4_COMMON, "event_name": "view_item",
     "event_params": [parameter("ga_session_id", int_value=5), parameter("page_title", string_value="Mug")],
     "items": [GA4_ITEM]},
]  # fmt: skip


def ga4_flat(separator: str) -> list[Row]:
    """A row for each parameter and item, as ``SELECT *`` over both lists gives it."""
    return [
        {
            **{name: row[name] for name in (*GA4_COMMON, "event_name")},
            f"event_params{separator}key": one["key"],
            **{f"event_params{separator}value{separator}{name}": one["value"][name] for name in VALUES},
            **{f"items{separator}{name}": value for name, value in item.items()},
        }
        for row in GA4
        for one in row["event_params"]
        for item in (row["items"] or [dict.fromkeys(GA4_ITEM)])
    ]


GA4_BY_SQL = [
    {**GA4_COMMON, "event_name": "view_search_results", "ga_session_id": 5, "search_term": "red mug"},
    {**GA4_COMMON, "event_name": "view_item", "ga_session_id": 5, **GA4_ITEM},
]

# ── Snowplow ────────────────────────────────────────────────────────────────────────────────────────────────────────

SNOWPLOW = {"app_id": "shop", "platform": "web", "collector_tstamp": SQL, "derived_tstamp": SQL, "event": "unstruct"}
VENDOR = "com_snowplowanalytics_snowplow"
SEARCHED = {"terms": ["red", "mug"], "filters": None, "total_results": 14}
PRODUCT = {"id": "p1", "name": "Mug", "category": "Home", "price": 5.0, "currency": "EUR"}


def snowplow(version: str, older: str | None = None) -> list[Row]:
    """The columns of a warehouse; those of older loaders end with the whole version."""
    common = {**SNOWPLOW, "domain_userid": USER}
    ecommerce = f"{VENDOR}_ecommerce"
    return [
        {**common, "event_id": "e1", "event_name": "site_search",
         f"unstruct_event_{VENDOR}_site_search_{version}": SEARCHED},
        {**common, "event_id": "e2", "event_name": "snowplow_ecommerce_action",
         f"unstruct_event_{ecommerce}_snowplow_ecommerce_action_{older or version}": {"type": "product_view"},
         f"contexts_{ecommerce}_product_{version}": [PRODUCT]},
    ]  # fmt: skip


def snowplow_micro() -> list[Row]:
    iglu = "iglu:com.snowplowanalytics.snowplow"

    def event(name: str, data: Row, entities: list[Row]) -> Row:
        wrapped = {"schema": f"{iglu}/unstruct_event/jsonschema/1-0-0", "data": {"schema": name, "data": data}}
        own = {"event_name": name.split("/")[1], "unstruct_event": wrapped, "contexts": {"data": entities}}
        common = {**SNOWPLOW, "domain_userid": USER, "event_id": name}
        return {"rawEvent": {"api": {}}, "eventType": "unstruct", "schema": name, "contexts": [], "event": common | own}

    product = {"schema": f"{iglu}.ecommerce/product/jsonschema/1-0-0", "data": PRODUCT}
    return [
        event(f"{iglu}/site_search/jsonschema/1-0-0", SEARCHED, []),
        event(f"{iglu}.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2", {"type": "product_view"}, [product]),
    ]


# ── Segment, RudderStack, PostHog ───────────────────────────────────────────────────────────────────────────────────

CALL = {"anonymousId": USER, "channel": "server", "context": {"library": {"name": "analytics-node", "version": "1"}},
        "integrations": {}, "originalTimestamp": ISO, "receivedAt": ISO, "sentAt": ISO, "timestamp": ISO,
        "type": "track", "version": 2}  # fmt: skip
CALLS = [
    {**CALL, "messageId": "m1", "event": "Products Searched", "properties": {"query": "red mug"}},
    {**CALL, "messageId": "m2", "event": "Product Viewed",
     "properties": {"product_id": "p1", "name": "Mug", "category": "Home"}},
]  # fmt: skip
TABLE = {"anonymous_id": USER, "user_id": None, "received_at": f"{SQL[:19]} UTC", "sent_at": f"{SQL[:19]} UTC",
         "timestamp": f"{SQL[:19]} UTC", "uuid_ts": f"{SQL[:19]}+00", "loaded_at": f"{SQL[:19]} UTC"}  # fmt: skip
TABLES = {
    "products_searched": {**TABLE, "id": "m1", "event": "products_searched", "event_text": "Products Searched",
                          "query": "red mug"},
    "product_viewed": {**TABLE, "id": "m2", "event": "product_viewed", "event_text": "Product Viewed",
                       "product_id": "p1", "name": "Mug", "category": "Home"},
}  # fmt: skip


def rudder(rows: Sequence[Row]) -> list[Row]:
    return [{**row, "rudderId": "r", "channel": "web", "request_ip": "0.0.0.0"} for row in rows]


def posthog(key: str = "uuid", **columns: Any) -> list[Row]:
    names = {call["messageId"]: (call["event"], call["properties"]) for call in CALLS}
    return [
        {key: number, "event": event, "distinct_id": USER, "properties": properties, "timestamp": ISO, **columns}
        for number, (event, properties) in names.items()
    ]


def posthog_flat() -> list[Row]:
    return [
        {**{name: row[name] for name in row if name != "properties"},
         **{f"properties.{name}": value for name, value in row["properties"].items()}}
        for row in posthog()
    ]  # fmt: skip


# ── Amplitude, Mixpanel ─────────────────────────────────────────────────────────────────────────────────────────────

AMPLITUDE = [
    {"amplitude_id": 7, "device_id": USER, "user_id": None, "event_type": call["event"], "event_time": SQL,
     "client_event_time": SQL, "event_properties": call["properties"], "session_id": -1, "uuid": call["messageId"]}
    for call in CALLS
]  # fmt: skip


def zipped(rows: Sequence[Row]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number, row in enumerate(rows):
            archive.writestr(f"1/1_2026-01-05_10#{number}.json.gz", gzip.compress(lines([row])))
    return content.getvalue()


def mixpanel_pipeline(time: str | int) -> list[Row]:
    return [
        {"event_name": call["event"], "time": time, "distinct_id": USER, "device_id": None, "user_id": None,
         "insert_id": call["messageId"], "mp_processing_time_ms": SECONDS * 1000, "properties": call["properties"]}
        for call in CALLS
    ]  # fmt: skip


MIXPANEL = [
    {"event": call["event"],
     "properties": {"time": SECONDS, "distinct_id": USER, "$insert_id": call["messageId"], **call["properties"]}}
    for call in CALLS
]  # fmt: skip

# ── Matomo, UBI ─────────────────────────────────────────────────────────────────────────────────────────────────────

VISIT = {
    "idSite": "1", "idVisit": "5", "visitorId": USER, "userId": None, "serverTimestamp": SECONDS + 60,
    "actionDetails": [
        {"type": "search", "siteSearchKeyword": "red mug", "url": None, "timestamp": SECONDS, "pageId": "11"},
        {"type": "action", "url": "https://shop.example/p1", "pageTitle": "Shop", "timestamp": SECONDS, "pageId": "12",
         "productViewSku": "p1", "productViewName": "Mug", "productViewCategories": ["Home"]},
        {"type": "outlink", "url": "https://other.example/", "timestamp": SECONDS, "pageId": "13"},
    ],
}  # fmt: skip
UBI_QUERY = {"application": "Chorus", "query_id": "q1", "client_id": USER, "user_query": "red mug", "timestamp": ISO,
             "query_attributes": {}, "query_response_id": "r", "query_response_hit_ids": ["p1"]}  # fmt: skip
UBI_OBJECT = {"object": {"object_id": "p1", "object_id_field": "id", "name": "Mug", "category": "Home"}}
UBI_EVENT = {"application": "Chorus", "action_name": "click", "query_id": "q1", "client_id": USER, "timestamp": ISO,
             "message_type": "CLICK_THROUGH", "message": "p1", "event_attributes": UBI_OBJECT}  # fmt: skip
UBI_FLAT = [
    {**{name: value for name, value in UBI_EVENT.items() if name != "event_attributes"},
     **{f"event_attributes.object.{name}": value for name, value in UBI_OBJECT["object"].items()}}
]  # fmt: skip
SHOWN = "Jan 5, 2026 @ 10:00:00.000"


def elasticdump() -> list[Row]:
    rows = (("ubi_queries", UBI_QUERY), ("ubi_events", UBI_EVENT))
    return [{"_index": index, "_id": "1", "_score": 1, "_source": row} for index, row in rows]


def bulk() -> list[Row]:
    return [
        {"index": {"_index": "ubi_queries", "_id": "1"}},
        UBI_QUERY,
        {"create": {"_index": "ubi_events"}},
        UBI_EVENT,
    ]


CASES: dict[str, tuple[str, dict[str, bytes]]] = {
    "GA4, Parquet": ("ga4", {"events_20260105.parquet": parquet(GA4)}),
    "GA4, download of the console": ("ga4", {"bquxjob_1.json": array(GA4)}),
    "GA4, CSV with JSON": ("ga4", {"ga4.csv": table(GA4)}),
    "GA4, CSV of a data frame": ("ga4", {"ga4.csv": as_python(GA4)}),
    "GA4, a row for each parameter": ("ga4", {"ga4.csv": table(ga4_flat("."))}),
    "GA4, the same with underscores": ("ga4", {"ga4.csv": table(ga4_flat("_"))}),
    "GA4, flattened by a query": ("ga4", {"ga4.csv": table(GA4_BY_SQL)}),
    "GA4, the same as Parquet": ("ga4", {"ga4.parquet": parquet(GA4_BY_SQL)}),
    "Snowplow, SDK or Athena": ("snowplow", {"part-0.json": lines(snowplow("1"))}),
    "Snowplow, BigQuery of older loaders": ("snowplow", {"events.json": lines(snowplow("1_0_0", "1_0_2"))}),
    "Snowplow, Parquet of a lake": ("snowplow", {"part-0.parquet": parquet(snowplow("1"))}),
    "Snowplow, Snowflake": ("snowplow", {"events.parquet": parquet(upper(snowplow("1")))}),
    "Snowplow, Snowflake, JSON": ("snowplow", {"events.json": lines(upper(snowplow("1")))}),
    "Snowplow, CSV with a header": ("snowplow", {"events.csv": table(snowplow("1"))}),
    "Snowplow Micro": ("snowplow", {"good.json": array(snowplow_micro())}),
    "Segment, S3": ("segment", {"1767607200.gz": gzip.compress(lines(CALLS))}),
    "Segment, tables": ("segment", {f"{name}.csv": table([row]) for name, row in TABLES.items()}),
    "Segment, Snowflake": ("segment", {f"{name}.parquet": parquet(upper([row])) for name, row in TABLES.items()}),
    "RudderStack, S3": ("rudderstack", {"r.json.gz": gzip.compress(lines(rudder(CALLS)))}),
    "RudderStack, tables": (
        "rudderstack",
        {f"{name}.csv": table([{**row, "context_passed_ip": "0.0.0.0"}]) for name, row in TABLES.items()},
    ),
    "PostHog, JSON lines": ("posthog", {"e.jsonl": lines(posthog(person_id=USER))}),
    "PostHog, Snowflake": ("posthog", {"e.parquet": parquet(upper(posthog(person_id=USER)))}),
    "PostHog, older S3": ("posthog", {"e.jsonl": lines(posthog(elements=[], team_id=2, inserted_at="x"))}),
    "PostHog, CSV": ("posthog", {"export.csv": table(posthog(team_id=2))}),
    "PostHog, JSON as text again": (
        "posthog",
        {"export.csv": table([{**row, "properties": json.dumps(json.dumps(row["properties"]))} for row in posthog()])},
    ),
    "PostHog, flattened": ("posthog", {"export.csv": table(posthog_flat())}),
    "PostHog, answer of the API": (
        "posthog",
        {"a.json": json.dumps({"next": None, "results": posthog("id")}).encode()},
    ),
    "Amplitude, export": ("amplitude", {"export.zip": zipped(AMPLITUDE)}),
    "Amplitude, Snowflake": ("amplitude", {"events.parquet": parquet(upper(AMPLITUDE))}),
    "Amplitude, array": ("amplitude", {"events.json": array(AMPLITUDE)}),
    "Mixpanel, export": ("mixpanel", {"export.jsonl": lines(MIXPANEL)}),
    "Mixpanel, pipeline": ("mixpanel", {"mp_master_event.json": lines(mixpanel_pipeline(ISO))}),
    "Mixpanel, pipeline in seconds": ("mixpanel", {"mp_master_event.parquet": parquet(mixpanel_pipeline(SECONDS))}),
    "Mixpanel, pipeline as CSV": ("mixpanel", {"mp_master_event.csv": table(mixpanel_pipeline(f"{SQL[:19]} UTC"))}),
    "Matomo, visits of the API": ("matomo", {"live.json": array([VISIT])}),
    "Matomo, visits as lines": ("matomo", {"live.jsonl": lines([VISIT])}),
    "UBI, elasticdump": ("ubi", {"ubi.json": lines(elasticdump())}),
    "UBI, bulk": ("ubi", {"ubi.ndjson": lines(bulk())}),
    "UBI, answer of _search": ("ubi", {"a.json": json.dumps({"hits": {"hits": elasticdump()}}, indent=1).encode()}),
    "UBI, flattened CSV": ("ubi", {"q.csv": table([UBI_QUERY]), "e.csv": table(UBI_FLAT)}),
    "UBI, CSV with JSON": ("ubi", {"q.csv": table([UBI_QUERY]), "e.csv": table([UBI_EVENT])}),
    "UBI, CSV of a data frame": ("ubi", {"q.csv": as_python([UBI_QUERY]), "e.csv": as_python([UBI_EVENT])}),
    "UBI, CSV of a dashboard": (
        "ubi",
        {"q.csv": table([{**UBI_QUERY, "timestamp": SHOWN}]), "e.csv": table([{**UBI_FLAT[0], "timestamp": SHOWN}])},
    ),
}
