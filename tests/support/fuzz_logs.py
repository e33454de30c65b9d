"""Generated logs of every format: samples of real shapes, with values, names and nesting changed, then damaged.

A test holds that no importer lacks a strategy in ``FILES``.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from journeys_assets.domain.actions import Action
from journeys_assets.importers.base import Importer
from journeys_assets.importers.mapped import mapped_importer
from journeys_assets.importers.mapping import make_mapping
from journeys_assets.importers.snowplow import FIELDS
from tests.support.fuzz_files import (
    ARRAYS,
    GOOD,
    ODD_TIMES,
    LandingFile,
    compressed,
    damaged,
    json_values,
    odd_text,
    paths,
    sheet_files,
    shop_files,
)
from tests.support.sample_shapes import (
    AMPLITUDE,
    CALLS,
    GA4,
    GA4_BY_SQL,
    MIXPANEL,
    SQL,
    TABLES,
    UBI_EVENT,
    UBI_FLAT,
    UBI_QUERY,
    VISIT,
    Row,
    as_python,
    bulk,
    elasticdump,
    ga4_flat,
    mixpanel_pipeline,
    posthog,
    posthog_flat,
    rudder,
    snowplow,
    snowplow_micro,
    table,
    upper,
)

VISITOR = "0123456789abcdef"
MATOMO: list[Row] = [
    {"idlink_va": "1", "idvisit": "5", "idvisitor": VISITOR, "server_time": SQL, "idaction_name": "2"},
    {"idlink_va": "2", "idvisit": "5", "idvisitor": VISITOR, "server_time": SQL, "idaction_product_sku": "3"},
    {"idvisit": "5", "idorder": "7", "idaction_sku": "3", "idaction_name": "4", "server_time": SQL, "deleted": "0"},
    {"idaction": "2", "name": "red mug", "type": "8"},
    {"idaction": "3", "name": "p1", "type": "5"},
    {"idvisit": "5", "idvisitor": VISITOR, "user_id": "u1", "profilable": "1", "visitor_localtime": "10:00:00"},
]
PERSON: Row = {"distinct_id": "d1", "person_id": "p", "person_distinct_id_version": 1, "is_deleted": False}
MERGED: list[Row] = [{"amplitude_id": 7, "merged_amplitude_id": 8, "merge_time": SQL, "merge_server_time": SQL}]
LOG: list[Row] = [
    {"id": "1", "user": "u1", "device": "d1", "at": SQL, "kind": "search", "text": "red mug", "tags": ["a"]},
    {"id": "2", "user": "u1", "device": "d1", "at": SQL, "kind": "view", "items": [{"id": "p1", "name": "Mug"}]},
    {"id": "3", "user": "u1", "at": SQL, "kind": "list", "item": "p1", "list": {"id": "l1", "name": "Kitchen"}},
    {"kind": "product", "item": "p1", "name": "Mug", "tags": ["home", "kitchen"], "at": SQL},
]


def generic(actions: Sequence[Action]) -> Importer:
    """An importer by a mapping that has every kind of rule, for ``LOG``."""
    rules = {
        "user": ["user", "device"],
        "time": "at",
        "time_unit": "s",
        "time_zone": "Europe/Berlin",
        "event": "kind",
        "event_id": "id",
        "searches": [{"when": {"kind": "search"}, "query": "text"}],
        "engagements": [
            {"item": "items[].id", "title": "items[].name", "interests": ["tags"], "actions": {"view": "look"}}
        ],
        "boards": [{"when": {"kind": "list"}, "item": "item", "board": "list.id", "board_name": "list.name"}],
        "items": [{"when": {"kind": "product"}, "item": "item", "title": "name", "annotations": ["tags"]}],
        "identities": [{"user": "user", "other": "device"}],
    }
    return mapped_importer("generic", make_mapping(rules, "the mapping of the test"), actions=actions)


RECORDS: Mapping[str, list[Sequence[Row]]] = {
    "ga4": [GA4, GA4_BY_SQL, ga4_flat("."), ga4_flat("_")],
    "posthog": [posthog(person_id="p"), posthog_flat(), [*posthog(), PERSON], [{"results": posthog("id")}]],
    "segment": [CALLS, *([row] for row in TABLES.values())],
    "rudderstack": [rudder(CALLS), upper(rudder(list(TABLES.values())))],
    "snowplow": [snowplow("1"), upper(snowplow("1")), snowplow_micro()],
    "amplitude": [AMPLITUDE, upper(AMPLITUDE), MERGED],
    "mixpanel": [MIXPANEL, mixpanel_pipeline(SQL)],
    "matomo": [MATOMO, MATOMO, [VISIT]],
    "ubi": [[UBI_QUERY, UBI_EVENT], UBI_FLAT, elasticdump(), bulk(), [{"hits": {"hits": elasticdump()}}]],
    "generic": [LOG],
}
"""By the name of the importer: files, each with records of some shapes."""
MANY_IN_ONE = frozenset({"results", "hits", "actionDetails"})
"""Keys of records that hold records."""

odd_values = st.one_of(
    json_values, odd_text, st.sampled_from((*ODD_TIMES, *GOOD["text"], "[1]", '{"a": 1}', "{'a': 1}"))
)


@st.composite
def changed(draw: st.DrawFn, value: Any, depth: int = 0) -> Any:
    """A value of a record with one change, somewhere in it."""
    if depth < 4 and isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)))
        match draw(st.sampled_from(("inside", "inside", "inside", "drop", "rename", "twice"))):
            case "drop":
                return {name: one for name, one in value.items() if name != key}
            case "rename":
                new = draw(st.sampled_from((key.upper(), f"\ufeff{key}", f" {key}\u00a0", f"{key}_1", key.title(), "")))
                return {new if name == key else name: one for name, one in value.items()}
            case "twice":
                return {**value, key.upper(): value[key], f"{key} ": None}
        return {**value, key: draw(changed(value[key], depth + 1))}
    if depth < 4 and isinstance(value, list) and value and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(changed(value[at], depth + 1)), *value[at + draw(st.integers(0, 1)) :]]
    match draw(st.sampled_from(("other", "other", "other", "null", "list", "object", "text", "number"))):
        case "null":
            return None
        case "list":
            return [value]
        case "object":
            return {"$oid": value}
        case "text":
            return json.dumps(value)
        case "number":
            return draw(st.sampled_from((0, -1, 1.5, 101.0, 2**60, 1e300, 1_767_607_200, 1_767_607_200_000)))
    return draw(odd_values)


def _keyed(rows: Sequence[Any]) -> list[Row]:
    """Rows of a table: what is no object cannot be one."""
    return [row for row in rows if isinstance(row, dict)] or [{}]


def _parquet(draw: st.DrawFn, rows: Sequence[Row]) -> bytes:
    columns = list(dict.fromkeys(name for row in rows for name in row))
    arrays, names = [], []
    for name in columns:
        values = [row.get(name) for row in rows]
        texts = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
        try:
            usual = pa.array(values)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError):
            usual = pa.array([None if text is None else text.encode("utf-8", "replace") for text in texts])
        if draw(st.integers(0, 15)) == 0:
            usual = ARRAYS[draw(st.sampled_from(sorted(ARRAYS)))]([text or "" for text in texts])
        arrays.append(usual)
        names.append(name)
    stream = io.BytesIO()
    try:
        pq.write_table(pa.Table.from_arrays(arrays, names=names), stream, row_group_size=draw(st.sampled_from((1, 9))))
    except (pa.ArrowException, UnicodeEncodeError, ValueError):
        return b"PAR1"
    return stream.getvalue()


def _as_fields(rows: Sequence[Row]) -> str:
    """Records of Snowplow as the pipeline writes them: without a header, and never quoted."""
    lower = [{name.lower(): value for name, value in row.items()} for row in rows]
    texts = [[_field(row.get(name)) for name in FIELDS] for row in lower]
    return "".join("\t".join(row) + "\n" for row in texts)


def _field(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


_SUFFIXES = {"lines": ".jsonl", "array": ".json", "parquet": ".parquet", "tsv": ".tsv", "fields": ".tsv"}


@st.composite
def log_files(draw: st.DrawFn, importer: str) -> LandingFile:
    """A file of a log; ``n_records`` is None where it cannot be known."""
    rows: list[Any] = list(draw(st.sampled_from(RECORDS[importer])))
    rows *= draw(st.integers(1, 4))
    for at in range(len(rows)):
        for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
            rows[at] = draw(changed(rows[at]))
    forms = ["lines", "lines", "lines", "array", "csv", "csv", "python", "tsv", "parquet", "parquet"]
    form = draw(st.sampled_from([*forms, *(["fields"] * 3 if importer == "snowplow" else [])]))
    suffix, n_records = _SUFFIXES.get(form, ".csv"), None
    match form:
        case "lines" | "array":
            texts = [json.dumps(row) for row in rows]
            text = "\n".join(texts) + "\n" if form == "lines" else "[" + ",\n".join(texts) + "]"
            content = text.encode()
            is_simple = form == "lines" and all(isinstance(row, dict) and not MANY_IN_ONE & set(row) for row in rows)
            n_records = len(rows) if is_simple else None
        case "parquet":
            content = _parquet(draw, _keyed(rows))
        case "fields":
            content = _as_fields(_keyed(rows)).encode("utf-8", "replace")
        case _:
            content = (as_python if form == "python" else table)(_keyed(rows))
            content = content.replace(b",", b"\t") if form == "tsv" else content
    if draw(st.integers(0, 7)) == 0:
        content, n_records = draw(damaged(content)), None
    if form != "parquet" and draw(st.integers(0, 9)) == 0:
        content, suffix = draw(compressed(content, suffix))
    path = draw(paths(draw(st.sampled_from(("log", "events_20260105", "events_intraday_20260105"))), suffix))
    return LandingFile(path, content, importer, n_records)


FILES: Mapping[str, Callable[[], st.SearchStrategy[LandingFile]]] = {
    "online-retail": shop_files,
    "annotation-sheet": sheet_files,
    **{name: partial(log_files, name) for name in RECORDS},
}
"""A strategy of files for each importer, by its name."""
