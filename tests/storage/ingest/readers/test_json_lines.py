"""JSON: which values are text, whose keys are columns, arrays, and how many lines there are."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.landing.json_values import json_text
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.readers import json_lines, pieces
from journeys_assets.storage.ingest.readers.pieces import UNREADABLE_SCHEMA, Kind, Wanted
from tests.support.landing_files import Sandbox
from tests.support.reading import read, read_text

TIME = "2026-01-01T10:00:00Z"
SEARCH: dict[str, Any] = {"user_id": "u", "query": "q", "searched_at": TIME}
OID = {"$oid": "507f1f77bcf86cd799439011"}

VALUES: list[tuple[Kind | None, Any, str | None, str]] = [
    ("text", "x", "x", ""),
    ("text", "", "", ""),
    ("text", None, None, ""),
    ("text", 101, "101", ""),
    ("text", 2**80, str(2**80), ""),
    ("text", 101.0, "101", ""),
    ("text", -0.0, "0", ""),
    ("text", 101.5, None, "is not a whole number, so it is not text"),
    ("text", 1e17, None, "is not a whole number"),
    ("text", float("inf"), None, "is not a whole number"),
    ("text", True, None, "is a JSON boolean, not text"),
    ("text", ["x"], None, "is a JSON array, not text"),
    ("text", {"a": 1}, None, "is a JSON object, not text"),
    ("text", {}, None, "is a JSON object, not text"),
    ("text", OID, None, "is an object of MongoDB, not text; write the value alone, without '$oid'"),
    ("number", 0.5, "0.5", ""),
    ("number", "0.5", "0.5", ""),
    ("number", 5, "5", ""),
    ("number", True, None, "is a JSON boolean, not a number"),
    ("number", [1], None, "is a JSON array, not a number"),
    ("boolean", False, "false", ""),
    ("boolean", 1, "1", ""),
    ("boolean", 1.0, "1", ""),
    ("boolean", "yes", "yes", ""),
    ("boolean", 0.5, None, "is no boolean"),
    ("boolean", [], None, "is a JSON array, not a boolean"),
    ("time", TIME, TIME, ""),
    ("time", 1_767_225_600, None, "is a number, not a time; write it as 2026"),
    ("time", {"$date": TIME}, None, "is an object of MongoDB, not a time"),
    ("time", True, None, "is a JSON boolean, not a time"),
    ("list", ["a", None, 7, 8.0], '["a", null, "7", "8"]', ""),
    ("list", [], "[]", ""),
    ("list", "a|b", "a|b", ""),
    ("list", ["a", True], None, "has an item that is a JSON boolean, not text"),
    ("list", [["a"]], None, "has an item that is a JSON array, not text"),
    ("list", [OID], None, "has an item that is an object of MongoDB"),
    ("list", 5, None, "is a JSON number, not a list of texts"),
    ("list", {"a": 1}, None, "is a JSON object, not a list of texts"),
    (None, 2.55, "2.55", ""),
    (None, 17850.0, "17850", ""),
    (None, False, None, "is a JSON boolean, not text"),
]


@pytest.mark.parametrize(("kind", "value", "text", "problem"), VALUES)
def test_a_value_becomes_text_only_where_its_column_means_it(
    kind: Kind | None, value: Any, text: str | None, problem: str
) -> None:
    found = json_text(value, kind)
    assert found.text == text
    assert (found.problem or "").startswith(problem)
    assert (found.problem is None) == (problem == "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@given(value=JSON, kind=st.sampled_from(["text", "number", "boolean", "time", "list", None]))
def test_every_value_is_read_or_has_a_problem(value: Any, kind: Kind | None) -> None:
    found = json_text(value, kind)
    assert (found.text is None) == (value is None or found.problem is not None)
    if isinstance(value, str):
        assert found.text == value
    if kind == "text" and found.problem is None and not isinstance(value, str | None):
        assert int(value) == value
        assert found.text == str(int(value))
    if isinstance(value, dict) or (isinstance(value, bool) and kind != "boolean"):
        assert found.problem


def test_unreadable_values_are_null_and_noted_and_other_fields_are_read(tmp_path: Path) -> None:
    rows = [SEARCH, {**SEARCH, "query": OID}, {**SEARCH, "user_id": 1.5, "query": False}]
    piece = read_text(tmp_path, "\n".join(map(json.dumps, rows)), name="x.jsonl")
    assert piece.frame["query"].to_list() == ["q", None, None]
    assert piece.frame["user_id"].to_list() == ["u", "u", None]
    assert piece.unreadable.schema == UNREADABLE_SCHEMA
    assert piece.unreadable.select("line", "column", "value").sort("line", "column").rows() == [
        (2, "query", json.dumps(OID)),
        (3, "query", "false"),
        (3, "user_id", "1.5"),
    ]


def test_half_of_a_surrogate_pair_in_an_unreadable_value_or_a_key_stops_nothing(tmp_path: Path) -> None:
    text = '{"user_id": {"a": "\\ud83c"}, "query": "q", "searched_at": "2026-01-01", "\\ud83c": 1}'
    file = tmp_path / "x.jsonl"
    file.write_text(text)
    wanted = Wanted.of_source("search_events")
    assert read(file, wanted).unreadable["value"].to_list() == ['{"a": "\\ud83c"}']
    assert wanted.unknown == {"\\ud83c"}


# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_keys_are_matched_by_their_letters_object_by_object(tmp_path: Path) -> None:
    rows = [SEARCH, {"User ID": "v", "QUERY": "r", "searched-at": TIME, "Device": 1}]
    file = tmp_path / "x.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    wanted = Wanted.of_source("search_events")
    assert read(file, wanted).frame["user_id"].to_list() == ["u", "v"]
    assert wanted.unknown == {"Device"}


def test_two_keys_of_an_object_that_mean_one_column_cost_the_object(tmp_path: Path) -> None:
    rows = [SEARCH, {**SEARCH, "Query": "other"}]
    piece = read_text(tmp_path, "\n".join(map(json.dumps, rows)), name="x.jsonl")
    assert piece.frame["line"].to_list() == [1]
    assert "the line has 'query' and 'Query', which mean the same column" in piece.refused["reason"][0]


# ── arrays ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("block_bytes", [7, 10_000])
def test_an_array_is_read_with_the_numbers_of_its_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, indent: int | None, block_bytes: int
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(json_lines, "BATCH_ROWS", 2)
    rows = [{**SEARCH, "query": 'a]"\\ {日'}, [1], {**SEARCH, "query": None}, SEARCH]
    piece = read_text(tmp_path, "\ufeff " + json.dumps(rows, indent=indent) + "\n", name="x.json")
    assert piece.frame.select("line", "query").rows() == [(1, 'a]"\\ {日'), (3, None), (4, "q")]
    assert piece.refused["line"].to_list() == [2]


@pytest.mark.parametrize(
    "content", ['[{"user_id": "u"}', "[", '[{"a": 1},]', '[{"a": 1} {"a": 2}]', '[{"a": 1}]\n{"a": 2}', "[nul]", "[[[["]
)
def test_a_broken_array_is_a_damaged_file(tmp_path: Path, content: str) -> None:
    with pytest.raises(DamagedFileError, match=r"is a broken JSON array.*write one object per line"):
        read_text(tmp_path, content, name="x.json")


def test_an_array_is_read_up_to_a_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = json.dumps([SEARCH])
    monkeypatch.setattr(json_lines, "MAX_ARRAY_BYTES", len(content))
    assert read_text(tmp_path, content, name="x.json").n_rows == 1
    with pytest.raises(IngestError, match="array of more than 0 MiB; write one object per line"):
        read_text(tmp_path, content + " ", name="x.json")


@pytest.mark.parametrize("content", [json.dumps(SEARCH, indent=2), f"\n{json.dumps(SEARCH, indent=0)}\n{{\n}}\n"])
def test_objects_over_several_lines_are_an_error_with_a_cure(tmp_path: Path, content: str) -> None:
    with pytest.raises(IngestError, match=r"x.json has JSON objects over several lines; write one object per line"):
        read_text(tmp_path, content, name="x.json")


@pytest.mark.parametrize("first", ["{", '{"user_id": "u"', "{}", '{"a": {\n', "no JSON"])
def test_a_broken_first_line_is_a_refused_line_and_no_object_over_several(tmp_path: Path, first: str) -> None:
    assert read_text(tmp_path, f"{first}\n{json.dumps(SEARCH)}\n", name="x.json").n_rows >= 2


# ── every line is accounted for ─────────────────────────────────────────────────────────────────────────────────────

LINES = st.sampled_from(
    [json.dumps(SEARCH), json.dumps({**SEARCH, "query": []}), "", "  ", "no JSON", "[1]", "caf\xe9"]
)


@settings(max_examples=100, deadline=None)
@given(
    lines=st.lists(LINES, min_size=1, max_size=10),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    block_bytes=st.sampled_from([5, 60, 10_000]),
)
def test_lines_and_records_add_up(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], line_end: str, block_bytes: int
) -> None:
    file = tmp_path_factory.mktemp("log") / "x.jsonl"
    lines = [json.dumps(SEARCH), *lines]  # The first line says whether the file is an array, and how its lines end.
    file.write_bytes(line_end.join([*lines, ""]).encode("latin-1"))
    wanted = Wanted.of_source("search_events")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "BLOCK_BYTES", block_bytes)
        piece = read(file, wanted)
    assert wanted.counts.n_lines == len(lines)
    assert wanted.counts.n_blank == sum(not line.strip() for line in lines)
    assert piece.frame["line"].to_list() == [at for at, line in enumerate(lines, 1) if line.startswith("{")]


def test_a_key_that_an_object_has_twice_is_refused(tmp_path: Path) -> None:
    """The last value would win in silence: here a yes over a no."""
    sandbox = Sandbox(tmp_path)
    twice = '{"user_id": "a", "push_opt_in": false, "push_opt_in": true}\n'
    twice += '{"user_id": "b", "push_opt_in": false, "push\\u005fopt_in": true}\n'
    inside = '{"user_id": "b", "push_opt_in": true, "country": "\\"push_opt_in\\"", "x": {"user_id": 1}}\n'
    sandbox.ingest(sandbox.write("users.jsonl", twice + inside))
    assert sandbox.table("users")["user_id"].to_list() == ["b"]
    assert sandbox.table("quarantined_rows")["reason"].to_list() == ["the line has 'push_opt_in' twice; keep one"] * 2
