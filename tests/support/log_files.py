"""Logs of other formats as files, and a warehouse that takes them."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.importers.base import Importer
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

NOW = datetime(2026, 2, 1)
AT = "2026-01-05T10:00:00Z"
SEARCHES = "user_id, query, searched_at"
ACTIONS = "user_id, pin_id, action, engaged_at"


def json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


class LogSandbox:
    """A warehouse and a folder of logs of one format."""

    def __init__(self, folder: Path, format: str | Importer) -> None:
        self.folder = folder / "logs"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.format = format
        self.warehouse = Warehouse(folder / "warehouse.duckdb")

    def write(self, name: str, content: str | bytes | Iterable[Mapping[str, Any]]) -> Path:
        """A file of the log: text, bytes, or records as JSON lines."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str | bytes):
            content = json_lines(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def load(
        self, *paths: Path, actions: tuple[Action, ...] = DEFAULT_ACTIONS, options: FormatOptions | None = None
    ) -> IngestReport:
        """Ingest the files (by default the folder); the counts must add up."""
        report = ingest(
            self.warehouse,
            list(paths) or [self.folder],
            format=self.format,
            now=NOW,
            actions=actions,
            scratch_dir=self.folder.parent / "scratch",
            options={self.format: options} if options and isinstance(self.format, str) else None,
        )
        for file in report.files:
            assert file.adds_up
        return report

    def rows(self, columns: str, table: str) -> list[tuple[Any, ...]]:
        return self.warehouse.query(f"SELECT {columns} FROM landing.{table} ORDER BY ALL").rows()

    def searches(self) -> list[tuple[Any, ...]]:
        return self.rows(SEARCHES, "search_events")

    def actions(self) -> list[tuple[Any, ...]]:
        return self.rows(ACTIONS, "pin_engagements")

    def refused(self) -> list[tuple[Any, ...]]:
        """Line and reason of what was refused."""
        return self.rows("line, reason", "quarantined_rows")
