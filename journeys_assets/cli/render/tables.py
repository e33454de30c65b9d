"""Tables as text: a run's summary, an evaluation."""

from collections.abc import Iterable
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from journeys_assets.domain.display import one_line


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
