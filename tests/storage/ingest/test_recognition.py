"""The format of a log is recognised from its content, or refused with the candidates."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.storage.ingest.errors import IngestError
from journeys_assets.storage.ingest.recognition import recognise_format

GA4 = {"event_date": "20260105", "event_name": "scroll", "event_timestamp": "1", "event_params": []}
UBI_QUERY = {"query_id": "q", "user_query": "shed", "client_id": "c"}
UBI_EVENT = {"action_name": "click", "query_id": "q", "event_attributes": {}, "timestamp": "2026-01-05"}


def line(record: dict[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "content", "format"),
    [
        ("events_20260105.json", line(GA4), "ga4"),
        ("export-000", line(GA4), "ga4"),
        ("000.json.gz", gzip.compress(line(GA4), mtime=0), "ga4"),
        ("q.json", line(UBI_QUERY), "ubi"),
        ("e.ndjson", line(UBI_EVENT), "ubi"),
        ("dump.json", line({"_index": "ubi_events", "_source": UBI_EVENT}), "ubi"),
        ("dump", b"ubi_queries\t" + line(UBI_QUERY), "ubi"),
        ("searches.csv", b"user_id,query,searched_at\na,b,2026-01-05\n", "landing"),
        (
            "day.csv",
            b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n1,2,3,4,5,6,7,8\n",
            "online-retail",
        ),
    ],
)
def test_a_format_is_recognised_from_the_content(tmp_path: Path, name: str, content: bytes, format: str) -> None:
    (tmp_path / name).write_bytes(content)
    recognised = recognise_format([tmp_path / name])
    assert recognised.name == format
    assert recognised.why.startswith(f"the format is {format}, because {tmp_path / name} has the ")


def test_files_of_one_format_may_be_of_several_kinds(tmp_path: Path) -> None:
    (tmp_path / "queries.json").write_bytes(line(UBI_QUERY))
    (tmp_path / "events.json").write_bytes(line(UBI_EVENT))
    recognised = recognise_format([tmp_path])
    assert recognised.name == "ubi"
    assert "1 more files are alike" in recognised.why


def test_what_is_of_no_known_format_is_refused_with_the_way_to_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(line({"who": "ann", "what": "bought"}))
    with pytest.raises(IngestError, match=r"no known format \(it has who, what\).*--write-mapping mapping.toml"):
        recognise_format([tmp_path])


def test_what_fits_two_formats_is_refused_with_the_candidates(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_bytes(line({**GA4, **UBI_QUERY}))
    with pytest.raises(IngestError, match=r"may be of several formats \(ubi: it has .*; ga4: it has .*--format"):
        recognise_format([tmp_path])


def test_files_of_different_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(line(GA4))
    (tmp_path / "b.json").write_bytes(line(UBI_QUERY))
    with pytest.raises(IngestError, match=r"of several formats \(ga4: .*a.json; ubi: .*b.json\)"):
        recognise_format([tmp_path])
