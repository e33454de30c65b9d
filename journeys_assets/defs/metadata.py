"""Metadata that is worth looking at in the UI: counts, examples, column schema, plots."""

import base64
import io
from collections.abc import Sequence
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.domain.schemas import Column, Table

EXAMPLE_ROWS = 8
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


def examples(frame: pl.DataFrame, columns: Sequence[str] | None = None) -> dg.MarkdownMetadataValue:
    """A few rows as a Markdown table; binary columns are left out."""
    shown = frame.select(
        [c for c in (columns or frame.columns) if c in frame.columns and frame.schema[c] != pl.Binary]
    ).head(EXAMPLE_ROWS)
    header = "| " + " | ".join(shown.columns) + " |\n|" + "---|" * shown.width
    rows = ["| " + " | ".join(_cell(value) for value in row) + " |" for row in shown.iter_rows()]
    return dg.MetadataValue.md("\n".join([header, *rows]))


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


def histogram(values: pl.Series, title: str, bins: int = 30) -> dg.MarkdownMetadataValue:
    """A picture of a distribution, as Markdown with the PNG inside."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 2.4), dpi=80, layout="constrained")
    axes = figure.subplots()
    axes.hist(values.drop_nulls().to_list(), bins=bins, color="#4f6df5")
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=8)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{base64.b64encode(target.getvalue()).decode()})")
