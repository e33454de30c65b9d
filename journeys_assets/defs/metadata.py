"""Metadata that is worth looking at in the UI: counts, examples, column schema, plots."""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl

from journeys_assets.domain.tables.table import Column, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXAMPLE_ROWS = 8
CHARTS_PER_ROW = 3
OWNERS = ["team:journeys"]


def column_schema(table: Table) -> dg.TableSchema:
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                c.name,
                type=c.sql_type,
                description=f"{c.description} [{c.unit}]" if c.unit else c.description,
                constraints=dg.TableColumnConstraints(nullable=c.nullable, other=_bounds(c)),
            )
            for c in table.columns
        ]
    )


def _bounds(column: Column) -> list[str]:
    bounds = []
    if column.minimum is not None:
        bounds.append(f">= {column.minimum:g}")
    if column.maximum is not None:
        bounds.append(f"<= {column.maximum:g}")
    if column.allowed is not None:
        bounds.append("one of " + ", ".join(column.allowed))
    return bounds


def examples(
    frame: pl.DataFrame, columns: Sequence[str] | None = None, *, rows: int = EXAMPLE_ROWS
) -> dg.MarkdownMetadataValue:
    """The first ``rows`` rows as a Markdown table; binary columns are left out."""
    shown = frame.select(
        [c for c in (columns or frame.columns) if c in frame.columns and frame.schema[c] != pl.Binary]
    ).head(rows)
    header = "| " + " | ".join(shown.columns) + " |\n|" + "---|" * shown.width
    lines = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in shown.iter_rows()]
    return dg.MetadataValue.md("\n".join([header, *lines]))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return ", ".join(_cell(v) for v in value[:6]) + (" …" if len(value) > 6 else "")
    return str(value).replace("|", "\\|")[:120]


def counts(frame: pl.DataFrame) -> dict[str, int | str]:
    """Row count (Dagster's own key, so the UI charts it) and the number of users; says so where there was nothing."""
    found: dict[str, int | str] = {"dagster/row_count": frame.height}
    if frame.is_empty():
        found["note"] = "nothing to do: no rows on this day"
    if "user_id" in frame.columns:
        found["users"] = frame["user_id"].n_unique()
    return found


def report_day(context: dg.AssetExecutionContext, asset: str, day: date, frame: pl.DataFrame) -> None:
    """Counts of one day's rows on that day's partition, so that a range of days shows each day's own numbers."""
    context.add_asset_metadata(counts(frame), asset_key=asset, partition_key=day.isoformat())


def numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    """Those of ``values`` that are there, as numbers, so that the UI charts their history."""
    return {name: float(value) for name, value in values.items() if value is not None}


def report_numbers(
    context: dg.AssetExecutionContext, asset: str, day: date, values: Mapping[str, float | None]
) -> None:
    """Numbers of one day on that day's partition, so that the UI charts them over the days."""
    found = numbers(values)
    if found:
        context.add_asset_metadata(found, asset_key=asset, partition_key=day.isoformat())


def histogram(values: pl.Series, title: str, bins: int = 30) -> dg.MarkdownMetadataValue:
    """A picture of a distribution, as Markdown with the PNG inside."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 2.4), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.hist(values.drop_nulls().to_list(), bins=bins, color="#4f6df5")
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=8)
    return _picture(figure, title)


def line_charts(measured: pl.DataFrame, title: str) -> dg.MarkdownMetadataValue:
    """A small chart per monitor of its values and bounds over the days, as Markdown with one PNG inside.

    Args:
        measured: partition_date, monitor, value, lower, upper, passed; the values may be null.
    """
    from matplotlib.figure import Figure

    monitors = measured.sort("partition_date").partition_by("monitor", as_dict=True, maintain_order=True)
    n_rows = max(1, math.ceil(len(monitors) / CHARTS_PER_ROW))
    figure = Figure(figsize=(9, 0.3 + 1.4 * n_rows), dpi=80, layout="constrained")
    figure.suptitle(title, fontsize=9)
    panels = figure.subplots(n_rows, CHARTS_PER_ROW, squeeze=False).ravel()
    for panel in panels:
        panel.set_visible(False)
    for panel, ((name,), rows) in zip(panels, sorted(monitors.items()), strict=False):
        panel.set_visible(True)
        days = rows["partition_date"].to_list()
        panel.plot(days, rows["value"].cast(pl.Float64).fill_null(float("nan")).to_list(), ".-", color="#4f6df5")
        for bound in ("lower", "upper"):
            panel.plot(days, rows[bound].fill_null(float("nan")).to_list(), "--", color="#888888", linewidth=0.8)
        fired = rows.filter(~pl.col("passed"))
        panel.plot(fired["partition_date"].to_list(), fired["value"].to_list(), "o", color="#d62728")
        panel.set_title(name, fontsize=8)
        panel.tick_params(labelsize=6)
        panel.locator_params(axis="y", nbins=4)
        panel.set_xticks([days[0], days[-1]], [f"{days[0]:%d %b}", f"{days[-1]:%d %b}"])
    return _picture(figure, title)


def _picture(figure: "Figure", title: str) -> dg.MarkdownMetadataValue:
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(target.getvalue()).decode()})")
