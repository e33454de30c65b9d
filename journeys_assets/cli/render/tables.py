"""Tables as text: a run's summary, an ingest report, an evaluation."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table

from journeys_assets.cli.render.screen import line
from journeys_assets.domain.display import one_line

if TYPE_CHECKING:
    from journeys_assets.storage.ingest.call import IngestReport


def show_evaluation(summary: Iterable[dict[str, Any]]) -> Table:
    """The rows of a report's summary: our figure, the best baseline's and the verdict."""
    rows = [
        (
            row["section"],
            ", ".join(part for part in (row["dataset"], row["regime"]) if part),
            row["metric"],
            f"{row['value']:.3f}",
            f"{row['baseline_value']:.3f} {row['baseline']}",
            f"{row['gain']:+.3f} ({row['gain_low']:+.3f} … {row['gain_high']:+.3f})",
            row["verdict"],
        )
        for row in summary
    ]
    return table_of(
        "Against the best baseline", rows, "part", "on", "metric", "ours", "best baseline", "gain", "verdict"
    )


def table_of(title: str, rows: Iterable[tuple[object, ...]], *headers: str) -> Table:
    """A plain table. Integers are right-aligned and have thousands separators."""
    table = Table(
        title=one_line(title),
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for header in headers:
        table.add_column(one_line(header), overflow="fold")
    materialised = [tuple(row) for row in rows]
    for index, column in enumerate(table.columns):
        if all(isinstance(row[index], int) for row in materialised) and materialised:
            column.justify = "right"
    for row in materialised:
        table.add_row(*(f"{cell:,}" if isinstance(cell, int) else one_line(str(cell)) for cell in row))
    return table


def ingest_record(report: "IngestReport") -> dict[str, Any]:
    """The result of an ingest call as a record: counts of each file, and the reasons why rows were left out."""
    return {
        "ingest_seq": report.ingest_seq,
        "first_day": report.first_day,
        "files": [asdict(file) for file in report.files],
        "n_files_skipped_as_known": report.n_files_skipped_as_known,
        "skipped_by_reason": report.skipped_by_reason,
        "ignored_columns": report.ignored_columns(),
    }


def show_ingest(report: "IngestReport") -> RenderableType:
    """The counts of an ingest call by source, and the reasons why rows were left out."""
    headers = ("source", "files", "rows read", "accepted", "duplicate", "quarantined", "skipped")
    lines: list[RenderableType] = [table_of(f"Ingest {report.ingest_seq}", report.by_source(), *headers)]
    if report.n_files_skipped_as_known:
        lines.append(line(f"{report.n_files_skipped_as_known:,} files were loaded before and are left out"))
    for reason, n in sorted(report.skipped_by_reason.items(), key=lambda item: -item[1]):
        lines.append(line(f"skipped {n:,}: {reason}"))
    for source, columns in report.ignored_columns().items():
        lines.append(line(f"{source}: ignored columns that are not in the contract: {', '.join(columns)}"))
    if any(file.n_quarantined for file in report.files):
        what = "landing.quarantined_rows has the quarantined rows with file, line and reason; see `journeys doctor`"
        lines.append(line(what))
    return Group(*lines)
