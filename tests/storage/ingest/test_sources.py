"""Files of a folder: each is found or passed over with the reason, and belongs to the source that it is."""

import bz2
import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journeys_assets.importers.online_retail import COLUMNS
from journeys_assets.storage.ingest.errors import DamagedFileError, IngestError
from journeys_assets.storage.ingest.files import check_file, find_files, source_of
from journeys_assets.storage.ingest.readers.pieces import Wanted
from tests.support.landing_files import SEARCHES, Sandbox, as_csv, as_json_lines
from tests.support.reading import read

CSV = as_csv(SEARCHES).encode()
TSV = CSV.replace(b",", b"\t")
JSON_LINES = as_json_lines(SEARCHES).encode()


def as_parquet() -> bytes:
    target = io.BytesIO()
    pl.DataFrame(SEARCHES).write_parquet(target)
    return target.getvalue()


def as_zip(*members: tuple[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return target.getvalue()


def zst(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


FILES: dict[str, bytes] = {
    "a.csv": CSV,
    "b.tsv": TSV,
    "b.tab": TSV,
    "c.csv.bz2": bz2.compress(CSV),
    "c.csv.xz": lzma.compress(CSV),
    "c.csv.zst": zst(CSV),
    "c.csv.gz": gzip.compress(CSV),
    "c.jsonl.bz2": bz2.compress(JSON_LINES),
    "two-streams.csv.bz2": bz2.compress(CSV[:40]) + bz2.compress(CSV[40:]),
    "two-streams.csv.xz": lzma.compress(CSV[:40]) + b"\0" * 8 + lzma.compress(CSV[40:]),
    "two-streams.csv.zst": zst(CSV[:40]) + zst(CSV[40:]),
    "d.zip": as_zip(("folder/", b""), ("folder/data.csv", CSV), ("__MACOSX/._data.csv", b"x")),
    "d.csv.zip": as_zip(("data", CSV)),
    "no-ending.zip": as_zip(("data", JSON_LINES)),
    "part-00000": CSV,
    "part-00001": JSON_LINES,
    "part-00002": as_parquet(),
    "part-00003": gzip.compress(TSV),
    "part-00004": json.dumps(SEARCHES).encode(),
    "log.txt": CSV.replace(b",", b";"),
    "f.csv.1": CSV,
    "f.csv.2.gz": gzip.compress(CSV),
    "f.csv.gz.3": gzip.compress(CSV),
    "f.csv-20260131": CSV,
    "f.csv.2026-01-31.gz": gzip.compress(CSV),
    "G.CSV": CSV,
    "g.pq": as_parquet(),
    "g.parquet.zst": as_parquet(),
    "really-gzipped.csv": gzip.compress(CSV),
    "_dt=2026-01-01/part-0.csv": CSV,
    "dt=2026-01-01/part-0.snappy.parquet": as_parquet(),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_file_is_found_and_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / "search_events" / name
    file.parent.mkdir(parents=True)
    file.write_bytes(FILES[name])
    found = find_files([tmp_path])
    assert found.files == ((file, tmp_path),)
    assert not found.passed_over
    assert source_of(file, tmp_path) == "search_events"
    frame = read(file, Wanted.of_source("search_events")).frame
    texts = frame.select(pl.col(name).cast(pl.String) for name in SEARCHES[0])
    assert texts.rows(named=True) == SEARCHES


def test_the_files_of_a_folder_with_everything_are_loaded_together(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    for name, content in FILES.items():
        sandbox.write(f"search_events/{name}", content)
    report = sandbox.ingest()
    assert len(report.files) + report.n_files_skipped_as_known == len(FILES)
    assert sandbox.table("search_events").height == len(SEARCHES)


LEFT_OUT: dict[str, tuple[bytes, str]] = {
    "_SUCCESS": (b"", "begins with '_'"),
    "._SUCCESS.crc": (b"crc", "begins with '.'"),
    ".DS_Store": (b"\0", "begins with '.'"),
    "_delta_log/0.json": (b"{}", "begins with '_'"),
    "a.csv.tmp": (CSV, "still being written"),
    "README.md": (b"# Logs\n", "no known ending, and its content is not known"),
    "picture.png": (b"\x89PNG\0", "no known ending, and its content is not known"),
    "half.csvx": (b"user_id,query\nu,q\n", "no known ending, and its content is not known"),
    "broken": (b"{no json}", "no known ending, and its content is not known"),
    "part-00009": (b"", "it is empty and has no known ending"),
    "book.xlsx": (as_zip(("[Content_Types].xml", b"x"), ("a.xml", b"x")), "it is a spreadsheet, which cannot be read"),
    "old.xls": (b"\xd0\xcf", "it is a spreadsheet, which cannot be read; write Parquet, CSV"),
    "x.avro": (b"Obj\1", "it is Avro, which cannot be read"),
    "two.zip": (as_zip(("a.csv", CSV), ("b.csv", CSV)), "has 2 files (a.csv, b.csv); unpack the archive"),
    "none.zip": (as_zip(), "has 0 files (none); unpack the archive"),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_not_loaded_is_listed_with_the_reason(tmp_path: Path, name: str) -> None:
    content, reason = LEFT_OUT[name]
    sandbox = Sandbox(tmp_path)
    sandbox.write("search_events.csv", CSV)
    file = sandbox.write(name, content)
    found = find_files([sandbox.landing])
    assert [path for path, _ in found.files] == [sandbox.landing / "search_events.csv"]
    assert [passed.path for passed in found.passed_over] == [file]
    assert reason in found.passed_over[0].reason
    if "begins" not in reason and "still" not in reason:
        with pytest.raises(IngestError) as error:
            check_file(file)
        assert str(file) in str(error.value)


def test_a_folder_without_data_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    for name in ("_SUCCESS", "old.xls"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        IngestError, match=r"has no file that can be read \(.*_SUCCESS: its name.*old\.xls: it is a spr"
    ):
        find_files([tmp_path])


def test_a_file_without_an_ending_is_recognised_by_the_columns_of_the_format(tmp_path: Path) -> None:
    (tmp_path / "part-0").write_text(",".join(COLUMNS) + "\n")
    assert find_files([tmp_path], is_header=Wanted(COLUMNS, COLUMNS).has_required).files
    with pytest.raises(IngestError, match="no file that can be read"):
        find_files([tmp_path])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv.bz2", bz2.compress(CSV)[:-4]),
        ("a.csv.bz2", bz2.compress(CSV) + b"garbage"),
        ("a.csv.xz", lzma.compress(CSV)[:-4]),
        ("a.csv.xz", lzma.compress(CSV) + b"garbage"),
        ("a.csv.zst", zst(CSV)[:-4]),
        ("a.csv.zst", zst(CSV) + b"garbage"),
        ("a.csv.gz", gzip.compress(CSV) + b"garbage"),
        ("a.csv.zip", as_zip(("a.csv", CSV))[:-30]),
        ("a.csv.bz2", CSV),
        ("a.csv.zst", CSV),
        ("a.csv.zip", CSV),
    ],
)
def test_damaged_compression_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DamagedFileError, match=r"may be damaged or cut off"):
        read(file, Wanted.of_source("search_events"))


# ── links ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_linked_folders_are_followed_once(tmp_path: Path) -> None:
    landing, outside = tmp_path / "landing", tmp_path / "outside"
    for folder in (landing / "search_events", outside):
        folder.mkdir(parents=True)
    (landing / "search_events" / "a.csv").write_bytes(CSV)
    (outside / "search_events.csv").write_bytes(CSV)
    (landing / "a_copy").symlink_to(landing / "search_events")
    (landing / "z_copy").symlink_to(landing / "search_events")
    (landing / "linked").symlink_to(outside)
    (outside / "loop").symlink_to(landing)
    (landing / "gone.csv").symlink_to(tmp_path / "nowhere")
    (landing / "itself").symlink_to("itself")
    os.mkfifo(landing / "pipe.csv")
    found = find_files([landing])
    assert [path.relative_to(landing).as_posix() for path, _ in found.files] == [
        "linked/search_events.csv",
        "search_events/a.csv",
    ]
    assert [(passed.path.relative_to(landing).as_posix(), passed.reason) for passed in found.passed_over] == [
        ("a_copy", "it links to a folder that is read already"),
        ("gone.csv", "it links to nothing"),
        ("itself", "it links to nothing"),
        ("linked/loop", "it links to a folder that is read already"),
        ("pipe.csv", "it is not a regular file"),
        ("z_copy", "it links to a folder that is read already"),
    ]


# ── every file is accounted for ─────────────────────────────────────────────────────────────────────────────────────

PARTS = st.sampled_from(["a", "_x", ".h", "_d=1", "pins", "b.csv", "c.tmp", "part-0", "d.zip", "e.json.1", "f.xls"])


@settings(max_examples=100, deadline=None)
@given(
    names=st.lists(st.lists(PARTS, min_size=1, max_size=3).map("/".join), max_size=8),
    content=st.sampled_from([b"", b"x", CSV, JSON_LINES, gzip.compress(CSV), as_zip(("a", CSV))]),
)
def test_every_file_is_found_or_passed_over(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], content: bytes
) -> None:
    root = tmp_path_factory.mktemp("landing")
    written = {root / "search_events.csv"}
    (root / "search_events.csv").write_bytes(CSV)
    for name in names:
        path = root / name
        if path.is_dir() or any(above.is_file() for above in path.parents):
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        written.add(path)
    found = find_files([root, root])
    listed = [path for path, _ in found.files] + [passed.path for passed in found.passed_over]
    assert sorted(listed) == sorted(written)
    assert all(passed.reason for passed in found.passed_over)


# ── sources ─────────────────────────────────────────────────────────────────────────────────────────────────────────

ENGAGEMENTS = b"user_id,pin_id,action,engaged_at\nu,p,save,2026-01-01\n"


def is_csv(content: bytes) -> bytes:
    return content


def is_json(content: bytes) -> bytes:
    frame = pl.read_csv(content)
    return frame.write_ndjson().encode()


def is_parquet(content: bytes) -> bytes:
    target = io.BytesIO()
    pl.read_csv(content).write_parquet(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("ending", "form"), [("csv", is_csv), ("jsonl", is_json), ("parquet", is_parquet)], ids=["csv", "jsonl", "parquet"]
)
@pytest.mark.parametrize("stem", ["pins_engagements", "users_activity", "users/u1/clicks"])
def test_a_log_is_not_taken_for_a_catalogue(
    tmp_path: Path, stem: str, ending: str, form: Callable[[bytes], bytes]
) -> None:
    sandbox = Sandbox(tmp_path)
    sandbox.write("pins.csv", "pin_id,title\np,Oak table\n")
    sandbox.write("users.csv", "user_id,push_opt_in\nu,true\n")
    sandbox.ingest()
    before = sandbox.contents()
    file = sandbox.write(f"{stem}.{ending}", form(ENGAGEMENTS))
    with pytest.raises(IngestError, match=r"its name says (pins|users), but its columns say pin_engagements") as error:
        sandbox.ingest()
    assert str(file) in str(error.value)
    assert "--source pin_engagements" in str(error.value)
    assert sandbox.contents() == before
    assert sandbox.ingest(file, source="pin_engagements").by_source()[0][:4] == ("pin_engagements", 1, 1, 1)


def test_the_given_source_counts_but_its_columns_must_be_there(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path)
    file = sandbox.write("pins.csv", ENGAGEMENTS)
    with pytest.raises(IngestError, match="column query, searched_at is missing"):
        sandbox.ingest(file, source="search_events")


def test_the_file_in_an_archive_may_say_the_source(tmp_path: Path) -> None:
    file = tmp_path / "export.zip"
    file.write_bytes(as_zip(("dump/search_events.csv", CSV)))
    assert source_of(file, tmp_path) == "search_events"
