"""Events as each vendor writes them: ``NAME(n, again)`` is the ``n``-th event as a first or a later delivery has it.

Even events are searches for ``shed N``, odd ones are actions on the item ``pN``.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from journeys_assets.importers.snowplow import FIELDS
from tests.support.log_files import json_lines

Record = Mapping[str, Any]
START = datetime(2026, 1, 5, 10)


def iso(n: int, seconds: float = 0) -> str:
    return (START + timedelta(hours=n, seconds=seconds)).isoformat(sep=" ", timespec="milliseconds")


def zulu(n: int, seconds: float = 0) -> str:
    return iso(n, seconds).replace(" ", "T") + "Z"


def segment(n: int, again: int) -> list[Record]:
    """A message that is sent again is received later; its time is corrected by another delay."""
    search = n % 2 == 0
    return [
        {
            "messageId": f"m{n}",
            "type": "track",
            "userId": f"u{n % 3}",
            "event": "Products Searched" if search else "Product Viewed",
            "properties": {"query": f"shed {n}"} if search else {"product_id": f"p{n}"},
            "originalTimestamp": zulu(n),
            "sentAt": zulu(n, 60 * again + 1),
            "receivedAt": zulu(n, 60 * again + 1.5 + 0.25 * again),
        }
    ]


def rudderstack(n: int, again: int) -> list[Record]:
    return [{**record, "rudderId": "r", "request_ip": "1.2.3.4"} for record in segment(n, again)]


def amplitude(n: int, again: int) -> list[Record]:
    """A backfill repeats an event with another time of upload, and with a time that is corrected anew."""
    return [
        {
            "$insert_id": f"i{n}",
            "uuid": f"uuid {n} {again}",
            "event_type": "Search" if n % 2 == 0 else "Product Viewed",
            "event_time": iso(n, 0.5 * again),
            "server_upload_time": iso(n, 3600 * again),
            "user_id": f"u{n % 3}",
            "device_id": "d",
            "amplitude_id": 7,
            "event_properties": {"query": f"shed {n}"} if n % 2 == 0 else {"product_id": f"p{n}"},
        }
    ]


def mixpanel(n: int, again: int) -> list[Record]:
    """The second export of a day repeats events; they are processed later."""
    properties = {"query": f"shed {n}"} if n % 2 == 0 else {"product_id": f"p{n}"}
    fixed = {"time": int((START + timedelta(hours=n)).timestamp()), "distinct_id": f"u{n % 3}", "$insert_id": f"i{n}"}
    return [
        {
            "event": "Search" if n % 2 == 0 else "Product Viewed",
            "properties": {**fixed, **properties, "mp_processing_time_ms": 1_767_607_200_000 + again},
        }
    ]


def posthog(n: int, again: int) -> list[Record]:
    """Each export comes with the persons of its time; a later one has merged two of them."""
    search = n % 2 == 0
    event = {
        "uuid": f"e{n}",
        "event": "Products Searched" if search else "Product Viewed",
        "distinct_id": f"d{n % 3}",
        "person_id": "old",
        "properties": {"query": f"shed {n}"} if search else {"product_id": f"p{n}"},
        "timestamp": zulu(n),
    }
    person = {
        "team_id": 1,
        "distinct_id": f"d{n % 3}",
        "person_id": f"person {n % 3}" if again == 0 else "merged",
        "person_distinct_id_version": again,
        "person_version": again,
        "is_deleted": False,
    }
    return [event, person]


def ubi(n: int, again: int) -> list[Record]:
    """A search comes as a query, and again as an event."""
    if n % 2:
        attributes = {"object": {"object_id": f"p{n}", "object_id_field": "sku"}}
        return [{"action_name": "view", "user_id": f"u{n % 3}", "timestamp": zulu(n), "event_attributes": attributes}]
    both = {"query_id": f"q{n}", "user_id": f"u{n % 3}"}
    query = {**both, "user_query": f"shed {n}", "timestamp": zulu(n)}
    event = {**both, "action_name": "on_search", "message": f"Shed {n}", "timestamp": zulu(n, 0.25)}
    return [event] if again else [query]


def snowplow(n: int, again: int) -> list[Record]:
    """A search comes as a page view, and again as site_search; an event is collected twice."""
    page = f"https://shop.example/search?q=shed+{n}"
    common = {
        "collector_tstamp": iso(n, 5 * again),
        "derived_tstamp": iso(n, 0.5 * again),
        "etl_tstamp": iso(n, 3600 * again),
        "domain_userid": f"u{n % 3}",
        "event_fingerprint": f"f{n}",
    }
    if n % 2:
        added = {"event": "transaction_item", "event_name": "transaction_item", "ti_sku": f"p{n}"}
        return [{**common, **added, "event_id": f"e{n}"}]
    if not again:
        view = {"event": "page_view", "event_name": "page_view", "page_urlquery": f"q=shed+{n}", "page_url": page}
        return [{**common, **view, "event_id": f"v{n}"}]
    schema = "iglu:com.snowplowanalytics.snowplow/site_search/jsonschema/1-0-0"
    sent = f'{{"schema": "x", "data": {{"schema": "{schema}", "data": {{"terms": ["shed", "{n}"]}}}}}}'
    search = {"event": "unstruct", "event_name": "site_search", "unstruct_event": sent, "page_url": page}
    return [{**common, **search, "event_id": f"s{n}"}]


FORMATS = (segment, rudderstack, amplitude, mixpanel, posthog, ubi, snowplow)


def as_text(name: str, records: Sequence[Record]) -> str:
    if name != "snowplow":
        return json_lines(records)
    return "".join("\t".join(str(record.get(field, "")) for field in FIELDS) + "\n" for record in records)
