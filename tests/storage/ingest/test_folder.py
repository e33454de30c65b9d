"""One wrong file does not stop the others; the landing folder, and the recorded outcome of each file."""

import gzip
import io
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.tables.landing import LANDED_FILES
from journeys_assets.domain.tables.table import violations
from journeys_assets.storage.ingest import plan as plans
from journeys_assets.storage.ingest.files import IngestError
from journeys_assets.storage.ingest.folder import (
    complete_files,
    ingest_listed_files,
    landed_files,
    list_folder,
    record_landed,
)
from journeys_assets.storage.ingest.readers import choose, pieces
from journeys_assets.storage.ingest.report import IngestReport
from tests.support.landing_files import BROKEN, SEARCHES, Sandbox, as_csv, as_json_lines, assert_reconciled

DAY_NS = 86_400 * 10**9
PATIENCE_S = 300.0
GOOD = {
    "search_events/a.csv": as_csv(SEARCHES[:2]) + "u,,2026-01-01\n",
    "search_events/2026/01/c.jsonl": as_json_lines(SEARCHES),
    "pins/z.jsonl": '{"pin_id": "p", "title": "One"}\n',
}


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def as_parquet(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def set_aside(sandbox: Sandbox, paths: list[Path]) -> tuple[IngestReport, dict[Path, IngestError]]:
    wrong: dict[Path, IngestError] = {}
    return sandbox.ingest(*paths, root=sandbox.landing, set_aside=wrong.__setitem__), wrong


def contents_of_good_alone(sandbox: Sandbox, good: list[Path]) -> dict[str, list[tuple[Any, ...]]]:
    alone = Sandbox(sandbox.folder / "alone")
    alone.ingest(*good, root=sandbox.landing)
    return alone.contents()


# ── one wrong file does not stop the others ─────────────────────────────────────────────────────────────────────────

WRONG_TYPE = as_parquet(pl.DataFrame(SEARCHES).with_columns(query=pl.lit(True)))
CUT_PARQUET = as_parquet(pl.DataFrame(SEARCHES))[:-20]
LATE = as_json_lines([{"user_id": "late", "query": f"q{i}"} for i in range(50)]) + "no JSON\n"
WRONG: list[tuple[str, str, bytes, str]] = [
    *BROKEN,
    ("wrong type", "search_events/b.parquet", WRONG_TYPE, "column query is Boolean, not VARCHAR"),
    ("cut Parquet", "search_events/b.parquet", CUT_PARQUET, "cannot be read as Parquet"),
    ("column missing, known only at the end", "search_events/b.jsonl", LATE.encode(), "column searched_at is missing"),
    ("unknown ending", "search_events/b.xlsx", b"PK", "is a spreadsheet"),
    ("gone", "search_events/gone.csv", b"", "does not exist"),
]


@pytest.mark.parametrize(("name", "content", "reason"), [w[1:] for w in WRONG], ids=[w[0] for w in WRONG])
def test_other_files_are_loaded_as_if_a_wrong_file_did_not_exist(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, reason: str
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", 200)
    good = [sandbox.write(path, text) for path, text in GOOD.items()]
    bad = sandbox.landing / name
    if "gone" not in name:
        sandbox.write(name, content)
    report, wrong = set_aside(sandbox, [*good, bad])
    assert list(wrong) == [bad]
    assert reason in str(wrong[bad])
    assert str(bad) in str(wrong[bad])
    assert sandbox.contents() == contents_of_good_alone(sandbox, good)
    assert str(bad) not in {file.file for file in report.files}
    assert_reconciled(report)
    assert not list((sandbox.folder / "scratch").iterdir())


def test_rows_read_before_a_file_broke_are_neither_loaded_nor_quarantined(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "BLOCK_BYTES", 100)
    rows = "".join(f"early{i},{'' if i % 3 else 'q'},2026-01-01\n" for i in range(300))
    whole = gzip.compress(("user_id,query,searched_at\n" + rows).encode())
    bad = sandbox.write("search_events/b.csv.gz", whole[:-9])
    good = [sandbox.write(path, text) for path, text in GOOD.items()]
    _, wrong = set_aside(sandbox, [*good, bad])
    assert list(wrong) == [bad]
    assert sandbox.contents() == contents_of_good_alone(sandbox, good)
    sandbox.write("search_events/b.csv.gz", whole)
    report, wrong = set_aside(sandbox, [*good, bad])
    assert not wrong
    (of_bad,) = [file for file in report.files if file.file == str(bad)]
    assert (of_bad.n_rows, of_bad.n_accepted, of_bad.n_quarantined) == (300, 100, 200)


def test_a_copy_of_an_unreadable_file_is_quarantined_once(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    first = sandbox.write("search_events/a.csv", GOOD["search_events/a.csv"])
    copy = sandbox.write("search_events/b.csv", GOOD["search_events/a.csv"])

    def breaks_at_the_end(file: Path, wanted: pieces.Wanted) -> Iterator[pieces.Piece]:
        yield from choose.read_pieces(file, wanted)
        if file == first:
            raise IngestError(f"{file}: the disk failed")

    monkeypatch.setattr(plans, "read_pieces", breaks_at_the_end)
    _, wrong = set_aside(sandbox, [first, copy])
    assert list(wrong) == [first]
    assert sandbox.table("quarantined_rows")["file"].to_list() == [str(copy)]
    assert sandbox.table("search_events").height == 2


def test_only_wrong_files_change_nothing(sandbox: Sandbox) -> None:
    bad = [sandbox.write("things/b.csv", "x\n"), sandbox.write("pins/b.parquet", b"PAR1")]
    report, wrong = set_aside(sandbox, bad)
    assert (set(wrong), report.files, report.ingest_seq) == (set(bad), (), 0)
    assert all(rows == [] for rows in sandbox.contents().values())


def test_a_file_name_that_is_not_utf8_is_reported_and_stops_nothing(sandbox: Sandbox) -> None:
    good = sandbox.write("pins/z.jsonl", GOOD["pins/z.jsonl"])
    bad = Path(os.fsdecode(os.fsencode(sandbox.landing / "pins") + b"/caf\xe9.csv"))
    bad.write_text("pin_id\np2\n")
    _, wrong = set_aside(sandbox, [good, bad])
    assert "caf\\udce9.csv: the name is not valid UTF-8; rename the file" in str(wrong[bad])
    with pytest.raises(IngestError, match="not valid UTF-8"):
        sandbox.ingest()


def test_folders_below_the_root_give_the_source(sandbox: Sandbox) -> None:
    deep = sandbox.write("pins/2026/01/x.jsonl", GOOD["pins/z.jsonl"])
    assert sandbox.ingest(deep, root=sandbox.landing).by_source()[0][:4] == ("pins", 1, 1, 1)
    with pytest.raises(IngestError, match="its source is unknown"):
        sandbox.ingest(deep)


EVENTS = as_parquet(pl.DataFrame(SEARCHES * 40))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    keep=st.integers(0, len(EVENTS)),
    flips=st.lists(st.tuples(st.integers(0, len(EVENTS) - 1), st.integers(1, 255)), max_size=4),
    compressed=st.booleans(),
)
def test_no_damage_crashes_the_call(
    tmp_path_factory: pytest.TempPathFactory, keep: int, flips: list[tuple[int, int]], compressed: bool
) -> None:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    content = bytearray(gzip.compress(as_csv(SEARCHES * 40).encode(), mtime=0) if compressed else EVENTS)
    for at, bits in flips:
        content[at % len(content)] ^= bits
    bad = sandbox.write(f"search_events/b.{'csv.gz' if compressed else 'parquet'}", bytes(content[:keep]))
    good = sandbox.write("pins/z.jsonl", GOOD["pins/z.jsonl"])
    report, wrong = set_aside(sandbox, [good, bad])
    assert set(wrong) <= {bad}
    assert sandbox.table("pins").height == 1
    assert ("search_events" in {file.source for file in report.files}) == (not wrong)


def test_a_column_name_that_is_not_utf8_counts_as_damage(sandbox: Sandbox) -> None:
    content = as_parquet(pl.DataFrame(SEARCHES).with_columns(qqqqq=1)).replace(b"qqqqq", b"\xf1qqqq")
    bad = sandbox.write("search_events/b.parquet", content)
    good = sandbox.write("pins/z.jsonl", GOOD["pins/z.jsonl"])
    _, wrong = set_aside(sandbox, [good, bad])
    assert set(wrong) == {bad}
    assert "cannot be read as Parquet" in str(wrong[bad])


# ── the folder ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_folder_is_listed_at_any_depth_with_exact_times(sandbox: Sandbox) -> None:
    assert list_folder(sandbox.landing).files.is_empty()
    for name in ("b.csv", "pins/2026/01/a.csv", ".hidden/c", "pins/日 x.csv"):
        os.utime(sandbox.write(name, "12345"), ns=(0, 1_700_000_000_123_456_789))
    outside = sandbox.folder / "outside"
    outside.mkdir()
    (outside / "d.csv").write_text("1")
    (sandbox.landing / "linked").symlink_to(outside)
    (outside / "loop").symlink_to(sandbox.landing)
    (sandbox.landing / "dangling.csv").symlink_to(sandbox.folder / "nowhere")
    folder = list_folder(sandbox.landing)
    assert folder.files["file"].to_list() == [
        ".hidden/c",
        "b.csv",
        "linked/d.csv",
        "pins/2026/01/a.csv",
        "pins/日 x.csv",
    ]
    assert folder.files.row(1) == ("b.csv", 5, 1_700_000_000_123_456_789)
    assert all(path.read_text() for path in folder.paths.values())


@given(cut=st.integers(0, 10_000), cells=st.lists(st.sampled_from(["PAR1", "x", ""]), max_size=5))
def test_no_beginning_of_a_parquet_file_counts_as_complete(
    cut: int, cells: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("landing")
    whole = as_parquet(pl.DataFrame({"query": cells}, schema={"query": pl.String}))
    (root / "whole.parquet").write_bytes(whole)
    (root / "begun.parquet").write_bytes(whole[: cut % len(whole)])
    (root / "whole.csv").write_bytes(whole)
    folder = list_folder(root)
    (root / "gone.parquet").write_bytes(whole)
    with_gone = list_folder(root)
    (root / "gone.parquet").unlink()
    assert complete_files(folder, folder.files["file"]) == ["whole.parquet"]
    assert complete_files(with_gone, ["gone.parquet"]) == []


def test_a_folder_without_permission_is_reported_and_stops_nothing(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.write("pins/z.jsonl", GOOD["pins/z.jsonl"])
    closed = sandbox.write("lost+found/x.csv", "1").parent
    scandir = os.scandir

    def refuses(folder: Path) -> object:
        """The behaviour for an account that is not root and a folder of mode 700."""
        if folder == closed:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuses)
    files = ingest_folder(sandbox)
    assert outcomes(files) == {"lost+found": "refused", "pins/z.jsonl": "ingested"}
    assert "or cannot be read; check the path and its permissions" in files.filter(file="lost+found")["reason"].item()


def test_extreme_times_do_not_break_the_listing(sandbox: Sandbox) -> None:
    os.utime(sandbox.write("b.csv", "1"), ns=(0, -(2**61)))
    assert list_folder(sandbox.landing).files.height == 1


# ── the record ──────────────────────────────────────────────────────────────────────────────────────────────────────


def ingest_folder(sandbox: Sandbox, *, now_ns: int | None = None, record: bool = True) -> pl.DataFrame:
    """Ingest every file of the folder and record the outcomes; by default as if all files were a day old."""
    folder = list_folder(sandbox.landing)
    ingested = ingest_listed_files(
        sandbox.warehouse,
        sandbox.landing,
        folder,
        folder.files["file"].to_list(),
        now_ns=now_ns or time.time_ns() + DAY_NS // 2,
        actions=DEFAULT_ACTIONS,
        patience_s=PATIENCE_S,
        scratch_dir=sandbox.folder / "scratch",
    )
    if record:
        record_landed(sandbox.warehouse, ingested.files, folder)
    return landed_files(sandbox.warehouse) if record else ingested.files


def outcomes(files: pl.DataFrame) -> dict[str, str]:
    return dict(files.select("file", "outcome").sort("file").iter_rows())


def test_reading_an_empty_record_writes_nothing(sandbox: Sandbox) -> None:
    assert landed_files(sandbox.warehouse).is_empty()
    assert not sandbox.warehouse.path.exists()
    with sandbox.warehouse.writing():
        pass
    assert landed_files(sandbox.warehouse).schema == LANDED_FILES.polars_schema


def test_the_record_has_the_outcome_of_each_file(sandbox: Sandbox) -> None:
    for path, text in GOOD.items():
        sandbox.write(path, text)
    sandbox.write("pins/copy.jsonl", GOOD["pins/z.jsonl"])
    sandbox.write("pins/b.parquet", CUT_PARQUET)
    sandbox.write("things/b.csv", "x\n")
    files = ingest_folder(sandbox)
    assert violations(LANDED_FILES, files) == []
    assert outcomes(files) == {
        "pins/b.parquet": "refused",
        "pins/copy.jsonl": "ingested",
        "pins/z.jsonl": "ingested",
        "search_events/2026/01/c.jsonl": "ingested",
        "search_events/a.csv": "ingested",
        "things/b.csv": "refused",
    }
    loaded = files.filter(pl.col("reason").is_null())
    assert loaded["ingest_seq"].to_list() == [1] * 4
    ledger = sandbox.table("ingest_ledger")
    assert set(loaded["sha256"]) == set(ledger["sha256"])
    refused = {row["file"]: row for row in files.filter(pl.col("reason").is_not_null()).to_dicts()}
    assert "cannot be read as Parquet" in refused["pins/b.parquet"]["reason"]
    assert refused["pins/b.parquet"]["sha256"] is not None
    assert refused["things/b.csv"]["sha256"] is None
    assert {row["ingest_seq"] for row in refused.values()} == {None}


def test_an_unrecorded_load_is_repeated_without_duplicates(sandbox: Sandbox) -> None:
    for path, text in GOOD.items():
        sandbox.write(path, text)
    ingest_folder(sandbox, record=False)
    assert landed_files(sandbox.warehouse).is_empty()
    before = sandbox.landed()
    files = ingest_folder(sandbox)
    assert outcomes(files) == {
        "pins/z.jsonl": "ingested",
        "search_events/2026/01/c.jsonl": "known",
        "search_events/a.csv": "ingested",  # because a row of it was refused
    }
    assert dict(files.select("file", "ingest_seq").iter_rows()) == {
        "pins/z.jsonl": 2,
        "search_events/2026/01/c.jsonl": 1,
        "search_events/a.csv": 2,
    }
    assert sandbox.landed() == before


def test_records_of_removed_files_are_deleted_and_others_kept(sandbox: Sandbox) -> None:
    gone = sandbox.write("pins/gone.jsonl", '{"pin_id": "g"}\n')
    sandbox.write("pins/z.jsonl", GOOD["pins/z.jsonl"])
    kept = ingest_folder(sandbox).filter(file="pins/z.jsonl")
    gone.unlink()
    new = sandbox.write("pins/new.jsonl", '{"pin_id": "n"}\n')
    folder = list_folder(sandbox.landing)
    ingested = ingest_listed_files(
        sandbox.warehouse,
        sandbox.landing,
        folder,
        ["pins/new.jsonl"],
        now_ns=time.time_ns() + DAY_NS,
        actions=DEFAULT_ACTIONS,
        patience_s=PATIENCE_S,
        scratch_dir=sandbox.folder / "scratch",
    )
    record_landed(sandbox.warehouse, ingested.files, folder)
    files = landed_files(sandbox.warehouse).sort("file")
    assert files["file"].to_list() == ["pins/new.jsonl", "pins/z.jsonl"]
    assert files.filter(file="pins/z.jsonl").equals(kept)
    assert sandbox.table("pins").height == 3
    assert new.exists()


def test_a_file_removed_during_the_call_is_not_refused(sandbox: Sandbox) -> None:
    sandbox.write("pins/z.jsonl", GOOD["pins/z.jsonl"])
    sandbox.write("pins/gone.jsonl", '{"pin_id": "g"}\n')
    folder = list_folder(sandbox.landing)
    (sandbox.landing / "pins/gone.jsonl").unlink()
    ingested = ingest_listed_files(
        sandbox.warehouse,
        sandbox.landing,
        folder,
        folder.files["file"].to_list(),
        now_ns=time.time_ns(),
        actions=DEFAULT_ACTIONS,
        patience_s=PATIENCE_S,
        scratch_dir=sandbox.folder / "scratch",
    )
    assert outcomes(ingested.files) == {"pins/z.jsonl": "ingested"}


@pytest.mark.parametrize(
    ("name", "content", "outcome"),
    [
        ("pins/b.parquet", CUT_PARQUET, "unfinished"),
        ("pins/b.parquet", b"", "unfinished"),
        ("search_events/b.csv.gz", gzip.compress(as_csv(SEARCHES).encode())[:-9], "unfinished"),
        ("search_events/b.parquet", WRONG_TYPE, "refused"),
        ("things/b.csv", b"x\n", "refused"),
    ],
)
def test_only_files_that_may_be_half_written_are_given_patience(
    sandbox: Sandbox, name: str, content: bytes, outcome: str
) -> None:
    path = sandbox.write(name, content)
    at = datetime(2026, 1, 1).timestamp()
    os.utime(path, (at, at))
    written_ns = path.stat().st_mtime_ns
    young = ingest_folder(sandbox, now_ns=written_ns + 20 * 10**9)
    assert outcomes(young) == {name: outcome}
    assert violations(LANDED_FILES, young) == []
    old = ingest_folder(sandbox, now_ns=written_ns + round(PATIENCE_S * 10**9))
    assert outcomes(old) == {name: "refused"}
