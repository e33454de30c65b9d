"""Vendors deliver a log again, in parts and in any order: the rows are those of loading it once."""

import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.log_files import LogSandbox
from tests.support.vendor_logs import FORMATS, Record, as_text

N_EVENTS = 8
ROWS = {
    "search_events": "user_id, query, searched_at, event_id, noise",
    "pin_engagements": "user_id, pin_id, action, engaged_at, event_id, noise",
}


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
    # First and later deliveries come in calls of their own, and some of both once more.
    calls = [deliveries[::2], deliveries[1::2], chance.sample(deliveries, len(deliveries) // 2)]
    for number, call in enumerate(chance.sample(calls, len(calls))):
        records = [record for delivery in chance.sample(call, len(call)) for record in delivery]
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


def test_a_folder_may_name_the_table(tmp_path: Path) -> None:
    """``bq extract`` writes to ``events_YYYYMMDD/000000000000.json``, and each file replaces itself."""
    log = LogSandbox(tmp_path, "ga4")
    log.load(log.write("events_intraday_20260105/000000000000.json", [ga4(5, 1, "early")]))
    log.load(log.write("events_20260105/000000000000.json", [ga4(5, 1, "shed")]))
    log.load(log.write("events_20260105/000000000001.json", [ga4(5, 2, "bench")]))
    log.load(log.write("events_20260105/000000000001.json", [ga4(5, 3, "pond")]))
    log.load(log.write("events_fresh_20260105/000000000000.json", [ga4(5, 1, "fresh")]))
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
