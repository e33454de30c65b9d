"""What a location means, and what it is called where everybody can read it."""

import re

import duckdb
import pytest

from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.locations.address import location_of
from journeys_assets.storage.locations.buckets import key_pattern


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("logs/a.csv", "path", "logs/a.csv"),
        ("file:///logs/a.csv", "path", "/logs/a.csv"),
        ("file:///logs/what%3F%20%23%25.csv", "path", "/logs/what? #%.csv"),
        ("s3://bucket/logs/", "bucket", "s3://bucket/logs/"),
        ("S3://bucket/what?#%20.csv", "bucket", "s3://bucket/what?#%20.csv"),
        ("gs://bucket", "bucket", "gs://bucket"),
        ("https://host:8443/a/b.json?X-Amz-Signature=secret", "web", "https://host:8443/a/b.json"),
        ("postgresql://reader:secret@host:5432/shop?sslmode=require", "postgresql", "postgresql://host:5432/shop"),
        ("postgres://host/shop", "postgresql", "postgres://host/shop"),
    ],
)
def test_a_location_has_a_kind_and_a_name_without_secrets(text: str, kind: str, name: str) -> None:
    location = location_of(text)
    assert (location.kind, location.name) == (kind, name.replace("file://", ""))


def test_a_duckdb_file_is_recognised_by_its_content(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with duckdb.connect(tmp_path / "shop.bin") as con:
        con.execute("CREATE TABLE a (i INTEGER)")
    (tmp_path / "other.duckdb").write_text("user_id,query,searched_at\n")
    assert location_of(str(tmp_path / "shop.bin")).kind == "duckdb"
    assert location_of(str(tmp_path / "other.duckdb")).kind == "path"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ftp://host/secret:word@a", "ftp:// is unknown"),
        ("s3a://bucket/logs", "did you mean s3://"),
        ("s3:///logs", "names no bucket"),
        ("https://user:secret@host/a.csv", "~/.netrc"),
    ],
)
def test_what_is_no_location_is_refused_with_the_cure(text: str, message: str) -> None:
    with pytest.raises(IngestError, match=re.escape(message)) as error:
        location_of(text)
    assert "secret:word" not in str(error.value).replace("ftp://host/secret:word@a", "")
    assert "user:secret" not in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "fits", "fits_not"),
    [
        ("b/*.json", ["b/a.json", "b/.json"], ["b/c/a.json", "b/a.jsonl"]),
        ("b/**/*.json", ["b/a.json", "b/c/d/a.json"], ["c/a.json"]),
        ("b/**", ["b/a", "b/c/d"], ["c/a"]),
        ("b/events_2026-0[1-3]-??.gz", ["b/events_2026-02-28.gz"], ["b/events_2026-04-28.gz", "b/events_2026-02-1.gz"]),
        ("b/[!_]*", ["b/a"], ["b/_a"]),
        ("b/a[b.json*", ["b/a[b.json.gz"], ["b/ab.json"]),
    ],
)
def test_a_pattern_stands_for_keys(pattern: str, fits: list[str], fits_not: list[str]) -> None:
    regex = re.compile(key_pattern(pattern))
    assert [key for key in [*fits, *fits_not] if regex.fullmatch(key)] == fits
