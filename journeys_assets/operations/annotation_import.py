"""Imports filled annotation sheets: rows with mistakes are quarantined, the others become judgements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.tables.landing import ANNOTATION_ITEMS
from journeys_assets.importers.annotation_sheet import JUDGED_SCHEMA, sheet_importer
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.files import IngestError
from journeys_assets.storage.ingest.report import FileReport
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class ImportedSheet:
    """The result for one sheet.

    Attributes:
        file: Path as given.
        report: Counts of rows; None if the file cannot be read.
        error: Why the file cannot be read, and the cure.
        skipped: Number of rows that were left out, by reason (not judged yet, already stored).
        refused: line, reason of every refused row.
    """

    file: Path
    report: FileReport | None
    error: str | None
    skipped: dict[str, int]
    refused: pl.DataFrame


def import_sheets(
    warehouse: Warehouse, files: Sequence[Path], *, now: datetime, scratch_dir: Path
) -> list[ImportedSheet]:
    """Import sheets in order. If several files judge the same row, the last one counts.

    A file that cannot be read does not stop the others. Importing the same bytes twice changes nothing, and neither do
    judgements that are already stored. A changed judgement is stored in addition, and the latest counts.
    """
    warehouse.ensure(ANNOTATION_ITEMS)
    return [_import_one(warehouse, file, now + timedelta(microseconds=i), scratch_dir) for i, file in enumerate(files)]


def _import_one(warehouse: Warehouse, file: Path, now: datetime, scratch_dir: Path) -> ImportedSheet:
    nothing = pl.DataFrame(schema={"line": pl.Int64, "reason": pl.String})
    if file.suffix.lower() in (".html", ".htm"):
        error = f"{file} is the page itself, which has no answers; open it, press “Save as CSV”, and import that file"
        return ImportedSheet(file, None, error, {}, nothing)
    importer = sheet_importer(*_sheet_rows(warehouse))
    try:
        report = ingest(warehouse, [file], format=importer, now=now, actions=(), scratch_dir=scratch_dir)
    except IngestError as failure:
        return ImportedSheet(file, None, str(failure), {}, nothing)
    refused = warehouse.query(
        """
        SELECT line, reason FROM landing.quarantined_rows
        WHERE batch_id IN (SELECT batch_id FROM landing.ingest_ledger WHERE sha256 IN (SELECT unnest($files)))
        ORDER BY ALL
        """,
        {"files": list(report.checksums.values())},
    )
    return ImportedSheet(file, report.files[0], None, report.skipped_by_reason, refused)


def _sheet_rows(warehouse: Warehouse) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The journey behind each row_key, and the latest judgement of each row and annotator."""
    items = warehouse.query("SELECT row_key, user_id, journey_id, as_of_date, keywords FROM landing.annotation_items")
    judged = warehouse.query(
        """
        SELECT i.row_key, j.annotator_id, j.relevance, j.stage, j.better_name, j.comment
        FROM landing.journey_annotations j JOIN landing.annotation_items i USING (user_id, journey_id, as_of_date)
        QUALIFY row_number() OVER (
          PARTITION BY row_key, annotator_id ORDER BY annotated_at DESC NULLS LAST, j.ingest_seq DESC) = 1
        ORDER BY ALL
        """
    )
    return items, judged.select(pl.col(name).cast(dtype) for name, dtype in JUDGED_SCHEMA.items())
