"""Logs of no known format, by a mapping."""

import contextlib
import gzip
import io
import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.importers.base import Importer
from journeys_assets.importers.draft import draft_mapping
from journeys_assets.importers.mapped import mapped_importer
from journeys_assets.importers.mapping import MappingError, read_mapping
from journeys_assets.importers.paths import parse_path
from tests.support.log_files import AT, NOW, LogSandbox, json_lines

TEN = datetime(2026, 1, 5, 10)
MAPPING = """
user = ["user.id", "device"]
time = "ts"
time_unit = "s"
time_zone = "Europe/Berlin"
event = "what"
event_id = "id"

[[searches]]
when = { what = "search" }
unless = { "page.kind" = "help" }
query = ["props.q", "props.words[]"]

[[engagements]]
when = { "props.products[].sku" = "*" }
item = "props.products[].sku"
title = "props.products[].title"
annotations = ["props.products[].title", "props.products[].tags"]
interests = ["props.department"]
separator = ";"
[engagements.actions]
viewed = "look"
bought = "act"
bin = "ignore"

[[engagements]]
item = "props.sku"
action = { constant = "save" }
when = { what = "liked" }

[[boards]]
when = { what = "listed" }
item = "props.sku"
board = "props.list.id"
board_name = "props.list.name"

[[items]]
when = { what = "item" }
item = "props.sku"
title = "props.title"
interests = ["props.categories"]
user = { constant = "nobody" }
"""
AT_TEN = 1_767_607_200


def generic(text: str = MAPPING) -> Importer:
    return mapped_importer("generic", read_mapping(text, "mapping.toml"), actions=DEFAULT_ACTIONS)


def record(what: str, props: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {"what": what, "user": {"id": "ann"}, "ts": AT_TEN, "props": props or {}, "id": None} | fields


RECORDS = [
    record("search", {"q": "shed"}),
    record("search", {"words": ["red", None, "hat"]}, user=None, device="d1"),
    record("search", {"q": "how to pay"}, page={"kind": "help"}),
    record(
        "viewed", {"products": [{"sku": 1, "title": "Lamp", "tags": "light; desk"}, {"sku": 2}], "department": "Home"}
    ),
    record("bought", {"products": [{"sku": "1"}]}, ts="2026-01-05T11:00:00"),
    record("bin", {"products": [{"sku": "1"}]}),
    record("liked", {"sku": "3"}, id="e1"),
    record("liked", {"sku": "3"}, id="e2"),
    record("listed", {"sku": "3", "list": {"id": 7, "name": "Kitchen"}}),
    record("item", {"sku": "9", "title": "Chair", "categories": '["Home", "Seats"]'}),
    record("other"),
]
SEARCHES = [("ann", "shed", TEN), ("d1", "red hat", TEN)]
ACTIONS = [
    ("ann", "1", "clickthrough", TEN),
    ("ann", "1", "closeup", TEN),
    ("ann", "2", "closeup", TEN),
    ("ann", "3", "save", TEN),
    ("ann", "3", "save", TEN),
]


@pytest.fixture
def log(tmp_path: Path) -> LogSandbox:
    return LogSandbox(tmp_path, generic())


def test_every_rule_of_a_mapping(log: LogSandbox) -> None:
    log.write("log.jsonl", RECORDS)
    report = log.load()
    assert log.searches() == SEARCHES
    assert log.actions() == ACTIONS
    assert log.rows("user_id, board_id, board_name, pin_id, saved_at", "board_pins") == [
        ("ann", "7", "Kitchen", "3", TEN)
    ]
    assert log.rows("pin_id, title, annotations, interests", "pins") == [
        ("1", "Lamp", ["Lamp", "light", "desk"], ["Home"]),
        ("2", None, None, ["Home"]),
        ("9", "Chair", None, ["Home", "Seats"]),
    ]
    assert report.skipped_by_reason == {"no rule for the event": 2, "no sign of interest": 1}
    assert sum(report.events.values()) == len(RECORDS)


@pytest.mark.parametrize("form", ["parquet", "parquet with JSON as text", "csv", "jsonl.gz", "json array"])
def test_the_form_of_the_file_makes_no_difference(log: LogSandbox, form: str) -> None:
    """Nested Parquet, JSON as text in a column, and JSON lines give the same rows, and each other's duplicates."""
    log.load(log.write("first.jsonl", RECORDS))
    before = {table: log.rows("* EXCLUDE (ingest_seq)", table) for table in ("search_events", "pin_engagements")}
    as_text = pl.DataFrame(
        [
            {
                name: json.dumps(value) if isinstance(value, dict) else value and str(value)
                for name, value in row.items()
            }
            for row in RECORDS
        ],
        infer_schema_length=None,
    )
    buffer = io.BytesIO()
    if form == "parquet":
        fields = [{**row, "ts": str(row["ts"]), "props": json.dumps(row["props"])} for row in RECORDS]
        pl.DataFrame(fields, infer_schema_length=None).write_parquet(buffer)
    elif form == "parquet with JSON as text":
        as_text.write_parquet(buffer)
    elif form == "csv":
        as_text.write_csv(buffer)
    elif form == "jsonl.gz":
        buffer.write(gzip.compress(json_lines(RECORDS).encode()))
    else:
        buffer.write(json.dumps(RECORDS, indent=1).encode())
    ending = {"parquet with JSON as text": "parquet", "json array": "json"}.get(form, form)
    report = log.load(log.write(f"second.{ending}", buffer.getvalue()))
    assert {file.n_quarantined for file in report.files} == {0}
    assert {table: log.rows("* EXCLUDE (ingest_seq)", table) for table in before} == before


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("user = ", "mapping.toml is not TOML"),
        ("user = 'a'", "there is no rule"),
        ("usr = 'a'", "usr = 'a': .*; the keys are user, time"),
        ("time_zone = 'Mars/Olympus'", "time_zone = 'Mars/Olympus': it is no IANA time zone"),
        ("time_unit = 'days'", "time_unit = 'days': Input should be 's', 'ms', 'us' or 'ns'"),
        ("user = 'a..b'\n[[searches]]\nquery = 'q'", "user.*'a..b' is no path; write a column"),
        ("[[searches]]\nquery = 'q'\ntime = 't'", r"user is missing: write user = \"…\" at the top"),
        ("user = 'u'\ntime = 't'\n[[searches]]", "searches.0.query: Field required; write query"),
        ("user = 'u'\ntime = 't'\n[[engagements]]\nitem = 'i'", "has no action, and there is no event at the top"),
        ("user = { constant = 'x', paths = ['y'] }\n[[items]]\nitem = 'i'", "write a path, a list of paths, or"),
        ("user = 'u'\ntime = 't'\n[[searches]]\nquery = 'q'\nwhen = { 'a[' = 'x' }", r"'a\[' is no path"),
    ],
)
def test_an_error_in_a_mapping_names_key_value_and_cure(text: str, message: str) -> None:
    with pytest.raises(MappingError, match=message):
        read_mapping(text, "mapping.toml")


def test_an_action_that_is_not_in_the_registry_comes_with_the_lines_that_add_it() -> None:
    text = "user = 'u'\ntime = 't'\nevent = 'e'\n[[engagements]]\nitem = 'i'\n[engagements.actions]\nsold = 'Sold Out'"
    with pytest.raises(MappingError, match=r'\[\[actions\]\]\nname = "sold_out"'):
        generic(text)


def test_a_draft_can_be_read_and_converts_the_log_it_was_drafted_from(tmp_path: Path) -> None:
    rows = [
        {"event": "Product Viewed", "properties": {"product_id": f"p{n}", "name": f"Lamp {n}", "category": "Light"}}
        for n in range(4)
    ] + [{"event": "search", "properties": {"query": "desk lamp"}}, {"event": "Order Placed", "properties": {}}]
    rows = [{**row, "userId": "ann", "timestamp": AT, "uuid": str(n)} for n, row in enumerate(rows)]
    log = LogSandbox(tmp_path, generic(draft_mapping(rows)))
    log.write("log.jsonl", rows)
    report = log.load()
    assert log.searches() == [("ann", "desk lamp", TEN)]
    assert len(log.actions()) == 4
    assert log.rows("title, interests", "pins")[0] == ("Lamp 0", ["Light"])
    assert report.skipped_by_reason == {"no item": 1}


KEYS = st.text(min_size=1, max_size=6).filter(lambda key: "\0" not in key)
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=6)


@given(st.lists(st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=2), max_size=4), max_size=4))
def test_a_draft_of_anything_is_a_mapping_or_an_error_that_says_what_is_missing(rows: list[dict[str, Any]]) -> None:
    rows = json.loads(json.dumps(rows))
    draft = draft_mapping(rows)
    tomllib.loads(draft)
    with contextlib.suppress(MappingError):
        read_mapping(draft, "draft")


EVENTS = st.sampled_from(
    [*RECORDS, record("viewed"), record("search", {"q": ""}), {"what": 1}, {}, record("search", ts=1)]
)


@settings(max_examples=30)  # polars takes its time for each
@given(st.lists(EVENTS, max_size=12))
def test_every_record_becomes_rows_is_skipped_or_is_refused(rows: list[dict[str, Any]]) -> None:
    """Each counts once by type and outcome, and what is skipped counts in the reasons as well."""
    importer = generic()
    assert importer.records is not None
    paths = [parse_path(text) for text in importer.records.paths]
    schema = {path.text: pl.List(pl.String) if path.is_list else pl.String for path in paths}
    raw = pl.DataFrame(
        {path.text: [path.text_in(row) for row in rows] for path in paths}, schema=schema, strict=False
    ).with_columns(line=pl.int_range(1, pl.len() + 1, dtype=pl.Int64))
    converted = importer.convert(raw, NOW)
    assert sum(converted.events.values()) == len(rows)
    skipped = {what.removeprefix("skipped: "): 0 for (_, what) in converted.events if what.startswith("skipped")}
    for (_, what), n in converted.events.items():
        if what.startswith("skipped"):
            skipped[what.removeprefix("skipped: ")] += n
    assert converted.skipped == skipped
    landed = {
        line
        for frames in (converted.good, converted.refused)
        for frame in frames.values()
        for line in frame["line"].to_list()
    }
    assert len(landed) == len(rows) - sum(skipped.values())
