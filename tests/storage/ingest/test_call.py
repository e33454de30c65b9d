"""Ingesting files into landing tables: dirty input, de-duplication, order, atomicity."""

import gzip
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journeys_assets.domain.keywords.text import cleaned
from journeys_assets.domain.tables.landing import LANDING_TABLES
from journeys_assets.storage.ingest import call as module
from journeys_assets.storage.ingest.files import IngestError
from journeys_assets.storage.ingest.load import ensure_landing
from journeys_assets.storage.ingest.readers import pieces
from journeys_assets.storage.warehouse.changes import ChangedDays
from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.support.landing_files import BROKEN, SEARCHES, Sandbox, as_csv, as_json_lines, assert_reconciled


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


# ── formats ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_parquet(sandbox: Sandbox) -> None:
    (sandbox.landing / "search_events").mkdir(parents=True)
    frame = pl.DataFrame(SEARCHES).with_columns(pl.col("searched_at").str.to_datetime(time_zone="UTC"))
    frame.write_parquet(sandbox.landing / "search_events" / "2026-01.parquet")


@pytest.mark.parametrize(
    "write",
    [
        lambda sandbox: sandbox.write("search_events.csv", as_csv(SEARCHES)),
        lambda sandbox: sandbox.write("search_events_2026-01.csv", "\ufeff" + as_csv(SEARCHES).replace("\n", "\r\n")),
        lambda sandbox: sandbox.write("search_events/2026/01.csv.gz", gzip.compress(as_csv(SEARCHES).encode())),
        lambda sandbox: sandbox.write("search_events.jsonl", as_json_lines(SEARCHES)),
        lambda sandbox: sandbox.write("search_events/a.json", as_json_lines(SEARCHES)),
        lambda sandbox: sandbox.write("search_events/a.ndjson.gz", gzip.compress(as_json_lines(SEARCHES).encode())),
        write_parquet,
    ],
    ids=["csv", "csv-bom-crlf", "csv.gz", "jsonl", "json", "ndjson.gz", "parquet"],
)
def test_every_format_gives_the_same_rows(sandbox: Sandbox, write: Callable[[Sandbox], object]) -> None:
    write(sandbox)
    report = sandbox.ingest()
    assert sandbox.table("search_events").rows() == [
        ("u1", "Garden Shed", datetime(2026, 1, 2, 10), None, "garden shed", 1),
        ("u2", "日本 庭園", datetime(2026, 1, 1, 10), None, "日本 庭園", 1),
        ("u2", "🎉 party", datetime(2026, 1, 3, 10), None, "🎉 party", 1),
    ]
    assert report.by_source() == [("search_events", 1, 3, 3, 0, 0, 0, 0)]
    assert (report.ingest_seq, report.first_day) == (1, date(2026, 1, 1))
    assert not list((sandbox.folder / "scratch").iterdir())


def test_the_source_argument_overrides_the_file_name(sandbox: Sandbox) -> None:
    path = sandbox.write("export.csv", as_csv(SEARCHES))
    with pytest.raises(IngestError, match=r"export\.csv.*--source"):
        sandbox.ingest(path)
    assert sandbox.ingest(path, source="search_events").by_source()[0][3] == 3


def test_quoted_fields_may_contain_commas_quotes_and_line_ends(sandbox: Sandbox) -> None:
    sandbox.write(
        "search_events.csv",
        'user_id,query,searched_at\nu1,"a, ""b""\nc",2026-01-01\nu2,5" pipe,2026-01-01\nu3,,2026-01-01\n',
    )
    report = sandbox.ingest()
    assert sandbox.table("search_events")["query"].to_list() == ['a, "b" c', '5" pipe']
    assert sandbox.table("quarantined_rows")["line"].to_list() == [5]
    assert_reconciled(report)


@pytest.mark.parametrize("block_bytes", [7, 20, 64, 10_000])
def test_block_size_does_not_change_the_rows(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    queries = ["plain", "a, b", 'say "hi"', "two\nlines", 'three\n\nlines, "quoted"', "ünï", "end"]
    rows = [{"user_id": f"u{i}", "query": query, "searched_at": "2026-01-01"} for i, query in enumerate(queries)]
    monkeypatch.setattr(pieces, "BLOCK_BYTES", block_bytes)
    sandbox.write("search_events.csv", as_csv(rows) + "broken\n")
    sandbox.ingest()
    assert sandbox.table("search_events")["query"].to_list() == [cleaned(query) for query in queries]
    assert sandbox.table("quarantined_rows")["line"].to_list() == [12]


def test_a_quote_that_is_never_closed_costs_one_row(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", 50)
    good = "".join(f"u{i},garden,2026-01-01\n" for i in range(20))
    sandbox.write("search_events.csv", 'user_id,query,searched_at\nu,"open,2026-01-01\n' + good)
    report = sandbox.ingest()
    assert sandbox.table("quarantined_rows")["line"].to_list() == [2]
    assert report.by_source() == [("search_events", 1, 21, 20, 0, 1, 0, 0)]


# ── dirty rows ──────────────────────────────────────────────────────────────────────────────────────────────────────

DIRTY = [
    ("no such day", '{"user_id": "u", "query": "q", "searched_at": "2026-02-30"}', "searched_at is not a time"),
    ("year 9999", '{"user_id": "u", "query": "q", "searched_at": "9999-12-31"}', "searched_at is not between"),
    ("1 MB query", json.dumps({"user_id": "u", "query": "q" * 2**20, "searched_at": "2026-01-01"}), "longer than"),
    ("NUL", r'{"user_id": "u", "query": "q\u0000", "searched_at": "2026-01-01"}', "query holds a NUL"),
    ("surrogate", r'{"user_id": "u", "query": "\ud83c", "searched_at": "2026-01-01"}', "half of a surrogate pair"),
    ("blank query", '{"user_id": "u", "query": "\u3000", "searched_at": "2026-01-01"}', "query is missing or blank"),
    ("no user", '{"query": "q", "searched_at": "2026-01-01"}', "user_id is missing"),
    ("cut off", '{"user_id": "u", "query": ', "not valid JSON"),
    ("no object", "[1, 2]", "it is not an object"),
    ("NaN", '{"user_id": "u", "query": NaN, "searched_at": "2026-01-01"}', "NaN is not JSON"),
    ("deep", "[" * 100_000, "not valid JSON"),
    ("huge number", '{"user_id": ' + "9" * 5_000 + ', "query": "q", "searched_at": "2026-01-01"}', "not valid JSON"),
]


@pytest.mark.parametrize(("row", "reason"), [case[1:] for case in DIRTY], ids=[case[0] for case in DIRTY])
def test_a_dirty_json_line_is_quarantined_and_good_ones_are_loaded(sandbox: Sandbox, row: str, reason: str) -> None:
    sound = as_json_lines(SEARCHES)
    sandbox.write(
        "search_events.jsonl", sound + row + "\n\n" + '{"user_id":"z","query":"z","searched_at":"2026-01-01"}'
    )
    report = sandbox.ingest()
    (refused,) = sandbox.table("quarantined_rows").to_dicts()
    assert reason in refused["reason"]
    assert (refused["line"], refused["source"]) == (4, "search_events")
    assert refused["file"].endswith("search_events.jsonl")
    assert len(refused["row_json"]) < 5_000
    assert report.by_source() == [("search_events", 1, 5, 4, 0, 1, 0, 0)]


def test_dirty_csv_lines_are_quarantined_with_their_lines(sandbox: Sandbox) -> None:
    lines = [
        b"user_id,query,searched_at",
        b"u,ok,2026-01-01",
        b"u,too few",
        b"u,too,many,2026-01-01",
        b"u,caf\xe9,2026-01-01",
        b"u,\xed\xa0\x80,2026-01-01",
        b"u,n\0l,2026-01-01",
        b'u,"x"y,2026-01-01',
        b"u," + b"x" * 2**20 + b",2026-01-01",
        b'u,"' + b"x" * 2**20 + b'",2026-01-01',
        b"",
        b"u,fine,2026-01-01",
    ]
    sandbox.write("search_events.csv", b"\n".join(lines))
    report = sandbox.ingest()
    refused = sandbox.table("quarantined_rows").sort("line")
    assert refused["line"].to_list() == [3, 4, 5, 6, 7, 8, 9, 10]
    assert "has 2 fields where the header has 3" in refused["reason"][0]
    assert "not valid UTF-8" in refused["reason"][2]
    assert sandbox.table("search_events")["query"].to_list() == ["fine", "ok"]
    assert_reconciled(report)
    assert report.by_source() == [("search_events", 1, 10, 2, 0, 8, 0, 0)]


def test_quarantined_rows_are_unique(sandbox: Sandbox) -> None:
    sandbox.write("search_events.csv", "user_id,query,searched_at\n" + "u,,soon\n" * 3)
    sandbox.ingest()
    assert sandbox.table("quarantined_rows").select("batch_id", "line", "reason").is_unique().all()


def test_unknown_columns_are_ignored_and_reported(sandbox: Sandbox) -> None:
    sandbox.write("search_events.csv", as_csv([{**row, "device": "x"} for row in SEARCHES]))
    report = sandbox.ingest()
    assert report.ignored_columns() == {"search_events": ("device",)}
    assert report.by_source()[0][3] == 3


# ── files that cannot be read: one clear error, nothing changed ─────────────────────────────────────────────────────


def parquet_bytes(frame: pl.DataFrame, path: Path) -> bytes:
    frame.write_parquet(path)
    return path.read_bytes()


@pytest.mark.parametrize(("name", "content", "reason"), [b[1:] for b in BROKEN], ids=[b[0] for b in BROKEN])
def test_a_file_that_cannot_be_read_changes_nothing(sandbox: Sandbox, name: str, content: bytes, reason: str) -> None:
    sandbox.write("search_events/a.csv", as_csv(SEARCHES[:1]))
    sandbox.ingest()
    before = sandbox.contents()
    sandbox.write("search_events/a2.csv", as_csv(SEARCHES))
    bad = sandbox.write(name, content)
    with pytest.raises(IngestError, match=reason) as error:
        sandbox.ingest()
    assert str(bad) in str(error.value)
    assert sandbox.contents() == before
    assert not list((sandbox.folder / "scratch").glob("*"))


def test_a_wrong_column_type_names_the_column(sandbox: Sandbox, tmp_path: Path) -> None:
    frame = pl.DataFrame(SEARCHES).with_columns(searched_at=pl.lit(5), query=pl.lit(True))
    sandbox.write("search_events.parquet", parquet_bytes(frame, tmp_path / "x.parquet"))
    with pytest.raises(IngestError, match="column query is Boolean, not VARCHAR"):
        sandbox.ingest()
    frame = frame.with_columns(query=pl.lit("q")).clear()
    sandbox.write("search_events.parquet", parquet_bytes(frame, tmp_path / "x.parquet"))
    with pytest.raises(IngestError, match="column searched_at is Int32, not TIMESTAMP"):
        sandbox.ingest()


def test_paths_without_files_are_errors(sandbox: Sandbox) -> None:
    with pytest.raises(IngestError, match="does not exist"):
        sandbox.ingest(sandbox.folder / "nowhere")
    (sandbox.folder / "bare").mkdir()
    with pytest.raises(IngestError, match="has no file"):
        sandbox.ingest(sandbox.folder / "bare")
    with pytest.raises(IngestError, match="no known ending"):
        sandbox.ingest(sandbox.write("notes.txt", "x"))
    with pytest.raises(IngestError, match=r"formats are landing, .*online-retail"):
        sandbox.ingest(format="xml")


def test_a_header_without_rows_is_fine(sandbox: Sandbox) -> None:
    sandbox.write("search_events.csv", "user_id,query,searched_at\n")
    assert sandbox.ingest().by_source() == [("search_events", 1, 0, 0, 0, 0, 0, 0)]
    assert sandbox.table("ingest_ledger")["n_rows"].to_list() == [0]


# ── twice, in two files, in any order ───────────────────────────────────────────────────────────────────────────────


def test_the_same_file_again_changes_nothing(sandbox: Sandbox) -> None:
    path = sandbox.write("search_events.csv", as_csv(SEARCHES))
    sandbox.ingest()
    before = sandbox.contents()
    report = sandbox.ingest()
    assert (report.n_files_skipped_as_known, report.files, report.ingest_seq) == (1, (), 1)
    path.rename(path.with_name("search_events_again.csv"))
    sandbox.ingest()
    assert sandbox.contents() == before


def test_a_file_of_which_rows_were_refused_is_read_again_and_its_refusals_are_kept_once(sandbox: Sandbox) -> None:
    sandbox.write("search_events.csv", as_csv(SEARCHES) + "u,,2026-01-01\n")
    sandbox.ingest()
    before = sandbox.landed()
    assert sandbox.ingest().by_source() == [("search_events", 1, 4, 0, 3, 1, 0, 0)]
    assert sandbox.landed() == before


def test_a_file_that_an_earlier_release_loaded_is_known(sandbox: Sandbox) -> None:
    sandbox.write("search_events.csv", as_csv(SEARCHES))
    sandbox.ingest()
    with sandbox.warehouse.writing() as con:
        con.execute("UPDATE landing.ingest_ledger SET format = NULL, batch_id = sha256 || '-' || source")
    assert sandbox.ingest().n_files_skipped_as_known == 1


def test_copies_of_a_file_within_one_call_are_one_batch(sandbox: Sandbox) -> None:
    for name in ("a", "b"):
        sandbox.write(f"search_events/{name}.csv", as_csv(SEARCHES) + "u,,2026-01-01\n")
    report = sandbox.ingest()
    assert (report.n_files_skipped_as_known, report.by_source()) == (1, [("search_events", 1, 4, 3, 0, 1, 0, 0)])
    assert sandbox.table("ingest_ledger")["batch_id"].is_unique().all()


def test_the_same_event_in_two_files_is_stored_once(sandbox: Sandbox) -> None:
    sandbox.write("search_events/a.csv", as_csv(SEARCHES[:2] + SEARCHES[:1]))
    sandbox.write("search_events/b.jsonl", as_json_lines(SEARCHES))
    assert sandbox.ingest().by_source() == [("search_events", 2, 6, 3, 3, 0, 0, 0)]
    sandbox.write("search_events/c.csv", as_csv([*SEARCHES[1:], {**SEARCHES[0], "query": "new"}]))
    report = sandbox.ingest()
    assert report.by_source() == [("search_events", 1, 3, 1, 2, 0, 0, 0)]
    assert report.ingest_seq == 2
    assert sandbox.table("search_events")["ingest_seq"].to_list().count(2) == 1


def test_null_columns_of_the_grain_compare_as_equal(sandbox: Sandbox) -> None:
    row = {"user_id": "u", "keywords": ["a", "b"], "relevance": 5, "annotator_id": "x"}
    sandbox.write("journey_annotations/a.jsonl", as_json_lines([row, row]))
    sandbox.write("journey_annotations/b.jsonl", as_json_lines([{**row, "journey_id": None}]))
    assert sandbox.ingest().by_source()[0][3:5] == (1, 2)
    more = sandbox.write("journey_annotations/c.jsonl", as_json_lines([row, {**row, "keywords": ["a"]}]))
    assert sandbox.ingest(more).by_source()[0][3:5] == (1, 1)


def test_a_new_version_is_kept_and_an_old_one_can_come_back(sandbox: Sandbox) -> None:
    def load(title: str, number: int) -> tuple[int, ...]:
        pin = {"pin_id": "p", "annotations": [title], "interests": None, "title": title, "batch": number}
        return sandbox.ingest(sandbox.write(f"pins/{number}.jsonl", as_json_lines([pin]))).by_source()[0][3:5]

    assert [load(title, n) for n, title in enumerate(["Old", "Old", "New", "Old"])] == [(1, 0), (0, 1), (1, 0), (1, 0)]
    versions = sandbox.table("pins").sort("ingest_seq")
    assert versions["title"].to_list() == ["Old", "New", "Old"]
    assert versions["annotation_keywords"].to_list() == [["old"], ["new"], ["old"]]
    assert versions["interest_keywords"].to_list() == [None, None, None]


EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "X ", "日", ""]), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS, seed=st.integers(0, 10_000))
def test_order_of_rows_and_split_over_files_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str, int]], seed: int
) -> None:
    searches = [{"user_id": u, "query": q, "searched_at": f"2026-01-0{d}"} for u, q, d in events]
    pins = [
        {"pin_id": u, "annotations": [q], "title": f"{d}", "updated_at": f"2026-01-0{d}T00:00:{place:02}"}
        for place, (u, q, d) in enumerate(events)
    ]
    chance = random.Random(seed)

    def contents(n_files: int, shuffled: bool) -> list[list[tuple[Any, ...]]]:
        sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
        for source, rows in (("search_events", searches), ("pins", pins)):
            order = chance.sample(rows, len(rows)) if shuffled else rows
            for n in range(n_files):
                if part := order[n::n_files]:
                    sandbox.write(f"{source}/{chance.random()}-{n}.jsonl", as_json_lines(part))
        assert_reconciled(sandbox.ingest())
        return [sandbox.table("search_events").rows(), sandbox.table("pins").rows()]

    assert contents(1, shuffled=False) == contents(3, shuffled=True)


# ── all or nothing ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_killed_before_its_commit_changes_nothing(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.write("search_events/a.csv", as_csv(SEARCHES[:1]))
    sandbox.ingest()
    before = sandbox.contents()
    sandbox.write("search_events/b.csv", as_csv(SEARCHES) + "u,,2026-01-01\n")

    writing = Warehouse.writing

    @contextmanager
    def dies_uncommitted(warehouse: Warehouse, *changed: ChangedDays) -> Iterator[duckdb.DuckDBPyConnection]:
        with writing(warehouse, *changed) as con:
            yield con
            assert con.sql("SELECT count(*) FROM landing.ingest_ledger").fetchone() == (2,)
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Warehouse, "writing", dies_uncommitted)
        with pytest.raises(KeyboardInterrupt):
            sandbox.ingest()
    assert sandbox.contents() == before
    assert sandbox.ingest().by_source() == [("search_events", 1, 4, 2, 1, 1, 0, 0)]


def test_leftovers_of_a_killed_call_are_removed(sandbox: Sandbox) -> None:
    stale = sandbox.folder / "scratch" / "ingest-dead"
    (stale / "pins").mkdir(parents=True)
    Path(f"{stale}.lock").touch()
    sandbox.write("search_events.csv", as_csv(SEARCHES))
    sandbox.ingest()
    assert not list((sandbox.folder / "scratch").iterdir())


def test_a_file_loaded_by_another_call_meanwhile_is_loaded_once(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.write("search_events.csv", as_csv(SEARCHES))
    sandbox.ingest()
    before = sandbox.contents()
    monkeypatch.setattr(module, "known_files", lambda _: (set(), 0))
    report = sandbox.ingest()
    assert (report.files, report.n_files_skipped_as_known) == ((), 1)
    assert sandbox.contents() == before


def test_ensure_landing_creates_every_table_empty(sandbox: Sandbox) -> None:
    ensure_landing(sandbox.warehouse)
    assert all(rows == [] for rows in sandbox.contents().values())
    for name, table in LANDING_TABLES.items():
        rows = sandbox.warehouse.query(f"SELECT * FROM landing.{name}")
        assert tuple(rows.columns) == table.column_names
        assert rows.schema == table.polars_schema


def test_progress_counts_files(sandbox: Sandbox) -> None:
    sandbox.write("search_events/a.csv", as_csv(SEARCHES))
    sandbox.write("search_events/b.csv", as_csv(SEARCHES[:1]))
    seen: list[tuple[int, int]] = []
    sandbox.ingest(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]
