"""Records of a user leave a file; every other byte stays."""

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journeys_assets.storage.erasure.files import UserRecords, without_users

USERS = ("7", "anna", "zoë", "a b")
OWN = "zoë"
IDS = frozenset({OWN})

texts = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=6)
records = st.lists(st.tuples(st.sampled_from(USERS), texts | st.just('say "x",\nend'), st.integers(0, 9)), max_size=8)


def rest_of(path: Path, ids: frozenset[str] = IDS) -> bytes:
    """What is left of a file."""
    found = without_users(path, UserRecords(ids), path.with_suffix(".draft"))
    if found is None:
        return path.read_bytes()
    found.put_in_place()
    return path.read_bytes() if path.exists() else b""


def as_csv(rows: list[tuple[str, str, int]], delimiter: str) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(("user_id", "query", "n"))
    writer.writerows(rows)
    return buffer.getvalue().encode()


@given(records, st.sampled_from(",;\t"), st.booleans())
def test_csv(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]], delimiter: str, is_packed: bool
) -> None:
    path = tmp_path_factory.mktemp("csv") / "log.csv"
    rows = [(user, text.replace(OWN, "") if text.strip() == OWN else text, n) for user, text, n in rows]
    content = as_csv(rows, delimiter)
    path.write_bytes(gzip.compress(content) if is_packed else content)
    left = rest_of(path)
    assert (gzip.decompress(left) if is_packed else left) == as_csv([row for row in rows if row[0] != OWN], delimiter)


@given(records, st.booleans(), st.booleans())
def test_json_lines_and_arrays(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]], is_array: bool, is_ascii: bool
) -> None:
    path = tmp_path_factory.mktemp("json") / "log.json"
    elements = [{"props": {"n": n, "ids": [{"id": user}]}, "text": text + "."} for user, text, n in rows]
    left = [one for one, row in zip(elements, rows, strict=True) if row[0] != OWN]
    if is_array:
        path.write_text(json.dumps(elements, ensure_ascii=is_ascii))
        assert json.loads(rest_of(path)) == left
    else:
        path.write_text("".join(json.dumps(one, ensure_ascii=is_ascii) + "\n" for one in elements))
        expected = "".join(json.dumps(one, ensure_ascii=is_ascii) + "\n" for one in left)
        assert rest_of(path).decode() == expected


def test_parquet_with_any_kind_of_column(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    frame = pl.DataFrame(
        {
            "user": ["anna", "zoë ", "anna", "anna", "anna"],
            "number": [1, 2, 70, 4, 5],
            "nested": [{"id": "x"}, {"id": "x"}, {"id": "x"}, {"id": "zoë"}, {"id": "x"}],
            "kind": pl.Series(["a", "b", "a", "a", "zoë"], dtype=pl.Categorical),
        }
    )
    frame.write_parquet(path)
    assert rest_of(path, frozenset({OWN, "70"}))
    assert pl.read_parquet(path).equals(frame.head(1))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('user_id,query\nanna,"open\nzoë,roses\nanna,lilies\n', 'user_id,query\nanna,"open\nanna,lilies\n'),
        ("\ufeffuser_id;query\n zoë\u00a0;roses\n", "\ufeffuser_id;query\n"),
        ("user_id,query\nzoe\u0308,roses\n", "user_id,query\n"),
        ("user_id,query\nanna,zoë is a name\n", "user_id,query\nanna,zoë is a name\n"),
    ],
)
def test_spellings_and_broken_quotation_marks(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(content, encoding="utf-8")
    assert rest_of(path).decode() == expected


def test_a_file_of_one_user_alone_is_removed_and_time_stays(tmp_path: Path) -> None:
    own, mixed = tmp_path / "own.jsonl", tmp_path / "mixed.csv"
    own.write_text('{"user_id": "zoë"}\n')
    mixed.write_text("user_id\nzoë\nanna\n")
    before = mixed.stat().st_mtime_ns
    assert rest_of(own) == b""
    assert not own.exists()
    assert rest_of(mixed) == b"user_id\nanna\n"
    assert mixed.stat().st_mtime_ns == before


def as_zip(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", content)
        archive.writestr("b.csv.gz", gzip.compress(content))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, as_zip])
def test_packed_files(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "log"
    path.write_bytes(pack(b"user_id\nanna\nzo\xc3\xab\n"))
    left = rest_of(path)
    if pack is as_zip:
        with zipfile.ZipFile(io.BytesIO(left)) as archive:
            assert archive.read("a.csv") == gzip.decompress(archive.read("b.csv.gz")) == b"user_id\nanna\n"
    else:
        assert {gzip.compress: gzip, bz2.compress: bz2, lzma.compress: lzma}[pack].decompress(
            left
        ) == b"user_id\nanna\n"


def test_what_is_neither_parquet_nor_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"\x00\x01\x02zo\xc3\xab")
    with pytest.raises(ValueError, match="neither Parquet nor text"):
        without_users(path, IDS, tmp_path / "draft")
