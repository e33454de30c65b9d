"""Records of nested files: what is read of them, and what is refused alone."""

import gzip
import io
import json
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from journeys_assets.importers.base import Records
from journeys_assets.storage.ingest.errors import DamagedFileError
from journeys_assets.storage.ingest.readers.formats import Format
from journeys_assets.storage.ingest.readers.pieces import Wanted
from journeys_assets.storage.ingest.readers.records import columns_of_paths, first_records, read_records

PATHS = ("id", "at", "props.q", "items[].sku", "params[key=term].value.text")
DEFAULT = Records(PATHS)


def read(path: Path, form: Format, records: Records = DEFAULT) -> tuple[pl.DataFrame, pl.DataFrame, Wanted]:
    """The rows, what was refused, and what reading found out."""
    wanted = Wanted((), columns_of_paths(records))
    pieces = list(read_records(path, form, records, wanted))
    assert sum(piece.n_rows for piece in pieces) == wanted.counts.n_records
    return pl.concat([p.frame for p in pieces]), pl.concat([p.refused for p in pieces]), wanted


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_line_that_is_no_record_is_refused_alone_with_its_line(tmp_path: Path) -> None:
    lines = [b'{"id": 1}', b"{", b"", b"\xff\xfe", b"[]", b'{"id": "\\ud800"}', b'{"id": "u1", "more": 2}']
    rows, refused, wanted = read(write(tmp_path / "a.jsonl", b"\n".join(lines)), "json")
    assert rows.select("line", "id").rows() == [(1, "1"), (7, "u1")]
    assert refused["line"].to_list() == [2, 4, 5, 6]
    assert wanted.unknown == {"more"}
    assert (wanted.counts.n_lines, wanted.counts.n_blank) == (7, 1)


def test_nested_parquet_is_read_as_json_is(tmp_path: Path) -> None:
    records = [
        {"id": 1, "at": None, "props": {"q": "a"}, "items": [{"sku": 5}, {"sku": None}],
         "params": [{"key": "term", "value": {"text": "x"}}]},
        {"id": 2, "at": None, "props": {"q": None}, "items": [], "params": None},
    ]  # fmt: skip
    pl.DataFrame(records).write_parquet(tmp_path / "a.parquet")
    write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, records)).encode())
    from_parquet, _, _ = read(tmp_path / "a.parquet", "parquet")
    from_json, _, _ = read(tmp_path / "a.jsonl", "json")
    assert from_parquet.equals(from_json)
    assert from_json["items[].sku"].to_list() == [["5", None], []]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 5, 10, 0, 0, 5), "2026-01-05T10:00:00.000005"),
        (datetime(2026, 1, 5, 10, tzinfo=UTC), "2026-01-05T10:00:00.000000Z"),
        (date(2026, 1, 5), "2026-01-05"),
        (2**60, str(2**60)),
        (5.0, "5"),
        (float("nan"), None),
        (True, "true"),
        (b"text", "text"),
        (b"\xff\x00", "ff00"),
    ],
)
def test_values_of_parquet_are_text(tmp_path: Path, value: Any, text: str | None) -> None:
    pl.DataFrame({"id": [value, None]}).write_parquet(tmp_path / "a.parquet")
    rows, _, _ = read(tmp_path / "a.parquet", "parquet", Records(("id",)))
    assert rows["id"].to_list() == [text, None]


def test_a_damaged_parquet_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(DamagedFileError, match=r"a.parquet cannot be read as Parquet"):
        read(write(tmp_path / "a.parquet", b"PAR1 no PAR1"), "parquet")


def test_tsv_without_a_header(tmp_path: Path) -> None:
    records = Records(("b.q", "c"), headers=(("a", "b", "c"), ("a", "b")))
    content = b'1\t{"q": "two\\u0021"}\t3\n1\t\n"quoted\t{}\tx\none field\n'
    rows, refused, _ = read(write(tmp_path / "part-0", content), "tsv", records)
    assert rows.rows() == [(1, "two!", "3"), (2, None, None), (3, None, "x")]
    assert refused.select("line", "reason").rows() == [(4, "has 1 fields, not 2 or 3")]


def test_a_zip_of_compressed_files_is_read_in_order(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("export/b.json.gz", gzip.compress(b'{"id": 3}\nno'))
        archive.writestr("export/a.json.gz", gzip.compress(b'{"id": 1}\n{"id": 2}'))
        archive.writestr("export/c.json", b'{"id": 4}\n')
    path = write(tmp_path / "export.zip", buffer.getvalue())
    rows, refused, _ = read(path, "json", Records(("id",), archives=True))
    assert rows.rows() == [(1, "1"), (2, "2"), (3, "3"), (5, "4")]
    assert refused["line"].to_list() == [4]


@pytest.mark.parametrize("form", ["json", "parquet", "csv"])
def test_the_first_records_are_whole(tmp_path: Path, form: Format) -> None:
    frame = pl.DataFrame({"id": ["1", "2"], "more": ["x", None]})
    path = tmp_path / f"a.{form}"
    if form == "json":
        frame.write_ndjson(path)
    elif form == "csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    (line, record), *_ = first_records(path, form, Records(("id",)), 5)
    assert record == {"id": "1", "more": "x"}
    assert line == (2 if form == "csv" else 1)
