"""Landing files, good and broken, and a warehouse that takes them."""

import gzip
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.load import LANDING_TABLES
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

NOW = datetime(2026, 1, 10, 12)
SEARCHES = [
    {"user_id": "u1", "query": "Garden  Shed", "searched_at": "2026-01-02T10:00:00Z"},
    {"user_id": "u2", "query": "日本 庭園", "searched_at": "2026-01-01T10:00:00Z"},
    {"user_id": "u2", "query": "🎉 party", "searched_at": "2026-01-03T10:00:00Z"},
]


class Sandbox:
    """A warehouse and a landing folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.landing = folder / "landing"
        self.warehouse = Warehouse(folder / "warehouse.duckdb")

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def ingest(self, *paths: Path, **options: Any) -> IngestReport:
        return ingest(
            self.warehouse,
            paths or [self.landing],
            scratch_dir=self.folder / "scratch",
            **{"now": NOW, "actions": DEFAULT_ACTIONS, **options},
        )

    def table(self, name: str) -> pl.DataFrame:
        """The rows of a table of the schema landing, without the marks that importers and rules put on rows."""
        rows = self.warehouse.query(f"SELECT * FROM landing.{name} ORDER BY ALL")
        return rows.drop("noise", "log_part", "part_version", strict=False)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of the landing tables, the ledger and the quarantine."""
        return {name: self.table(name).rows() for name in (*LANDING_TABLES, "ingest_ledger", "quarantined_rows")}

    def landed(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of the landing tables and the quarantine, without what another load of the same file changes."""
        tables = {name: self.table(name) for name in (*LANDING_TABLES, "quarantined_rows")}
        return {name: rows.drop("batch_id", "quarantined_at", strict=False).rows() for name, rows in tables.items()}


def as_csv(rows: list[dict[str, Any]]) -> str:
    return pl.DataFrame(rows).write_csv()


def as_json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def assert_reconciled(report: IngestReport) -> None:
    for file in report.files:
        assert file.adds_up


BROKEN: list[tuple[str, str, bytes, str]] = [
    ("empty", "search_events/b.csv", b"", "is empty"),
    ("only newlines", "search_events/b.csv", b"\n\n", "the first line is blank"),
    ("missing column", "search_events/b.csv", b"user_id,query\nu,q\n", "column searched_at is missing"),
    ("bars", "search_events/b.csv", b"user_id|query|searched_at\nu|q|2026-01-01\n", "separated by commas"),
    ("column twice", "search_events/b.csv", b"user_id,query,searched_at,query\n", "query occurs twice"),
    ("UTF-16", "search_events/b.csv", "user_id,query,searched_at\n".encode("utf-16"), "UTF-8"),
    ("no parquet", "search_events/b.parquet", b"PAR1 no", "cannot be read as Parquet"),
    ("cut gzip", "search_events/b.csv.gz", gzip.compress(as_csv(SEARCHES).encode())[:-9], "damaged or cut off"),
    ("no gzip", "search_events/b.csv.gz", b"user_id", "damaged or cut off"),
    ("cut JSON array", "search_events/b.json", b'[{"user_id": "u"}', "write one object per line"),
    ("JSON missing", "search_events/b.jsonl", b'{"user_id": "u", "query": "q"}\n', "column searched_at is missing"),
    ("no source", "things/b.csv", b"user_id\n", "its source is unknown"),
]
