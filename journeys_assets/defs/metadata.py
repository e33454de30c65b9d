"""Metadata that is worth looking at in the UI: counts, examples, column schema, distributions as text."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import numpy as np
import polars as pl

from journeys_assets.domain.tables.table import Column, Table

EXAMPLE_ROWS = 8
BARS, NO_BAR = "▁▂▃▄▅▆▇█", "·"
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
    """A distribution as a line of bars, as Markdown; the bars have equal width and reach from minimum to maximum."""
    known = values.drop_nulls().cast(pl.Float64)
    if known.is_empty():
        return dg.MetadataValue.md(f"{title}: no values")
    heights, edges = np.histogram(known.to_numpy(), bins=bins)
    median = float(np.median(known.to_numpy()))
    return dg.MetadataValue.md(
        f"{title}\n\n`{edges[0]:.4g} {_bars(heights.astype(float).tolist(), least=0.0)} {edges[-1]:.4g}`\n\n"
        f"n {known.len():,}, median {median:.4g}"
    )


def line_charts(measured: pl.DataFrame, title: str) -> dg.MarkdownMetadataValue:
    """A line of bars per monitor of its values over the days, as a Markdown table.

    Args:
        measured: partition_date, monitor, value, lower, upper, passed; the values may be null.
    """
    monitors = measured.sort("partition_date").partition_by("monitor", as_dict=True, maintain_order=True)
    lines = [
        title,
        "",
        "| monitor | values | from | to | last value | bounds | fired |",
        "|---|---|---|---|---|---|---|",
    ]
    for (monitor,), rows in sorted(monitors.items()):
        days, last = rows["partition_date"], rows.row(-1, named=True)
        fired = rows.filter(~pl.col("passed")).height
        lines.append(
            f"| {monitor} | `{_bars(rows['value'].cast(pl.Float64).to_list())}` | {days[0]} | {days[-1]} "
            f"| {_number(last['value'])} | {_number(last['lower'])} to {_number(last['upper'])} "
            f"| {fired} of {rows.height} days |"
        )
    return dg.MetadataValue.md("\n".join(lines))


def _bars(values: Sequence[float | None], least: float | None = None) -> str:
    """One block a value, from the least value (or ``least``) to the greatest; a dot where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return NO_BAR * len(values)
    low, high = min(known) if least is None else least, max(known)
    step = (high - low) / (len(BARS) - 1) or 1.0
    return "".join(NO_BAR if value is None else BARS[round((value - low) / step)] for value in values)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"
