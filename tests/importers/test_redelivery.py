"""Vendors deliver a log again, in parts and in any order: the rows are those of loading it once."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.importers.snowplow import FIELDS
from tests.support.log_files import LogSandbox, json_lines

Record = Mapping[str, Any]
START = datetime(2026, 1, 5, 10)
N_EVENTS = 8
ROWS = {
    "search_events": "user_id, query, searched_at, event_id, noise",
    "pin_engagements": "user_id, pin_id, action, engaged_at, event_id, noise",
}


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


def stored(log: LogSandbox) -> dict[str, list[tuple[Any, ...]]]:
    return {table: log.rows(columns, table) for table, columns in ROWS.items()}


@pytest.mark.parametrize("make", FORMATS, ids=lambda make: make.__name__)
def test_a_log_in_parts_and_again_is_the_log_once(tmp_path: Path, make: Any) -> None:
    """Planted fault that it was seen to find: no row of a part replaces another (``replace_parts`` finds none)."""
    chance = random.Random(make.__name__)
    name = make.__name__
    ending = "tsv" if name == "snowplow" else "jsonl"
    deliveries = [make(n, again) for n in range(N_EVENTS) for again in range(2)]
    once, parts = LogSandbox(tmp_path / "once", name), LogSandbox(tmp_path / "parts", name)
    once.write(f"all.{ending}", as_text(name, [record for delivery in deliveries for record in delivery]))
    once.load()
    shuffled = [*deliveries, *chance.sample(deliveries, len(deliveries) // 2)]
    chance.shuffle(shuffled)
    for number in range(3):
        records = [record for delivery in shuffled[number::3] for record in delivery]
        parts.load(parts.write(f"{number}.{ending}", as_text(name, records)))
    assert stored(parts) == stored(once)
    assert [len(rows) for rows in stored(once).values()] == [N_EVENTS // 2, N_EVENTS // 2]


def ga4(day: int, n: int, term: str) -> Record:
    at = datetime(2026, 1, day, n)
    return {
        "event_date": f"{at:%Y%m%d}",
        "event_timestamp": str(int(at.timestamp()) * 1_000_000),
        "event_name": "view_search_results",
        "event_params": [{"key": "search_term", "value": {"string_value": term}}],
        "user_pseudo_id": f"u{n}",
        "stream_id": "1",
    }


def tables_of(day: int) -> list[tuple[str, list[Record]]]:
    """The tables of a day, in the order in which they come: in the last one, a row has vanished and one is new."""
    early = [ga4(day, 1, "shed"), ga4(day, 2, "bench")]
    late = [*early, ga4(day, 3, "pond")]
    final = [ga4(day, 2, "bench"), ga4(day, 3, "pond"), ga4(day, 4, "lawn")]
    name = f"2026010{day}"
    return [
        (f"events_intraday_{name}.json", early),
        (f"events_{name}.json", late),
        (f"events_{name}.json", final),
    ]


@pytest.mark.parametrize("seed", range(2))
def test_tables_of_ga4_replace_themselves(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    once, parts = LogSandbox(tmp_path / "once", "ga4"), LogSandbox(tmp_path / "parts", "ga4")
    for day in (5, 6):
        name, rows = tables_of(day)[-1]
        once.write(name, rows)
    once.load()
    # The tables of a name come in order, the intraday table at any time, and the days in between.
    calls = []
    for day in (5, 6):
        intraday, *daily = tables_of(day)
        daily.insert(chance.randrange(3), intraday)
        calls.append(daily)
    order = chance.sample([0] * 3 + [1] * 3, 6)
    for number, of in enumerate(order):
        name, rows = calls[of].pop(0)
        parts.load(parts.write(f"{number}/{name}", rows))
    assert stored(parts) == stored(once)
    assert len(parts.searches()) == 6


def test_a_table_that_comes_again_unchanged_changes_nothing(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "ga4")
    table = log.write(*tables_of(5)[1])
    log.load(table)
    before = log.rows("*", "ingested_days")
    report = log.load(table)
    assert [file.n_duplicate for file in report.files if file.source == "search_events"] == [3]
    assert log.rows("*", "ingested_days") == before


def test_files_of_one_table_may_come_in_several_calls(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "ga4")
    log.load(log.write("events_20260105-000000000000.json", [ga4(5, 1, "shed")]))
    log.load(log.write("events_20260105-000000000001.json", [ga4(5, 2, "bench")]))
    log.load(log.write("events_20260105-000000000001.json", [ga4(5, 3, "pond")]))
    assert [row[1] for row in log.searches()] == ["shed", "pond"]


def test_tables_of_two_properties_do_not_replace_each_other(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "ga4")
    log.load(log.write("a/events_20260105.json", [ga4(5, 1, "shed")]))
    log.load(log.write("b/events_20260105.json", [{**ga4(5, 2, "bench"), "stream_id": "2"}]))
    assert [row[1] for row in log.searches()] == ["shed", "bench"]


def test_a_day_that_loses_a_row_has_changed(tmp_path: Path) -> None:
    log = LogSandbox(tmp_path, "ga4")
    name, rows = tables_of(5)[1]
    log.load(log.write(name, rows))
    report = log.load(log.write(name, rows[:2]))
    changed = log.rows("source, event_date, n_events", f"ingested_days WHERE ingest_seq = {report.ingest_seq}")
    assert changed == [("search_events", datetime(2026, 1, 5).date(), 1)]
    assert report.skipped_by_reason == {}
