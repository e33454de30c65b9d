"""Metadata for the UI: counts, examples, column schema, distributions, trends.

The only module that makes Markdown for the UI. Text from outside is escaped here (``domain.display``).
"""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg
import polars as pl

from journeys_assets.domain.display import Markdown, markdown_table
from journeys_assets.domain.quality.monitors import format_measured
from journeys_assets.domain.statistics.bars import trend
from journeys_assets.domain.tables.table import Column, Table
from journeys_assets.pipeline.run import Counts
from journeys_assets.pipeline.stage import Distribution, Shown, Trend

EXAMPLE_ROWS = 8
BAR_CHARACTERS = 24
MetadataValue = int | float | str | dg.MarkdownMetadataValue
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
    return table(shown.columns, [[_cell(value) for value in row] for row in shown.iter_rows()])


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A table of text."""
    return dg.MetadataValue.md(markdown_table(headers, rows))


def written(text: str) -> dg.MarkdownMetadataValue:
    """Markdown that this project wrote: a protocol, a model card."""
    return dg.MetadataValue.md(text)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, list):
        return ", ".join(_cell(v) for v in value[:6]) + (" …" if len(value) > 6 else "")
    return str(value)[:120]


def counted(counts: Counts) -> dict[str, int | str]:
    """Row count (Dagster's own key, so the UI charts it) and the number of users; a note where there was nothing."""
    found: dict[str, int | str] = {"dagster/row_count": counts.rows}
    if not counts.rows:
        found["note"] = "nothing to do: no rows on this day"
    if counts.users is not None:
        found["users"] = counts.users
    return found


def numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    """The ``values`` that are not null, as numbers, so that the UI charts their history."""
    return {name: float(value) for name, value in values.items() if value is not None}


def shown(values: Mapping[str, Shown]) -> dict[str, MetadataValue]:
    """What a stage shows in the UI. Distributions and trends are drawn as text, which costs no CPU time."""
    return {name: _shown(value) for name, value in values.items()}


def _shown(value: Shown) -> MetadataValue:
    if isinstance(value, pl.DataFrame):
        return examples(value)
    if isinstance(value, Distribution):
        return distribution(value.values)
    if isinstance(value, Trend):
        return trends(value.measured)
    return value


def distribution(values: pl.Series, bins: int = 10) -> dg.MarkdownMetadataValue:
    """Counts of ``values`` in bins of equal width between the lowest and the highest, as a Markdown table with bars."""
    there = values.drop_nulls().cast(pl.Float64)
    if there.is_empty():
        return written("no values")
    found = there.hist(bin_count=bins)
    top = found["count"].max()
    assert isinstance(top, int)
    rows = [
        (f"{edge:.3g}", n, "█" * round(BAR_CHARACTERS * n / max(top, 1)))
        for edge, n in found.select("breakpoint", "count").iter_rows()
    ]
    return table(["up to", "values", ""], rows)


def trends(measured: pl.DataFrame) -> dg.MarkdownMetadataValue:
    """The values of each monitor over the days, oldest first, as a Markdown table with a line of bars.

    Args:
        measured: Rows of quality_metrics.
    """
    lines: list[Sequence[object]] = []
    monitors = measured.sort("partition_date").partition_by("monitor", as_dict=True, maintain_order=True)
    for (name,), rows in sorted(monitors.items()):
        last = rows.row(-1, named=True)
        value = "" if last["value"] is None else format_measured(last["value"], last["lower"], last["upper"])
        mark = Markdown("" if last["passed"] else "**fired**")
        line = Markdown(f"`{trend(rows['value'].to_list())}`")
        lines.append((name, line, value, _cell(last["bound"]), mark))
    return table(["monitor", "values, oldest first", "last", "expected", ""], lines)
