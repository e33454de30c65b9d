"""What each part of the evaluation reports: its protocol in words, figures, tables and plots."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS

SECTION_NAMES = (
    *("clustering", "naming", "ranking", "lifecycle", "diversification", "notifications", "annotation", "judging"),
    *("related", "items", "llm_journeys"),
)
"""The parts of the evaluation, each a module of ``evaluation.parts``, in the order of the report."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its caption.

    Attributes:
        caption: One or two sentences, in plain text.
        svg: An SVG document.
    """

    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report.

    Attributes:
        name: Name of the module: 'clustering', 'naming', …
        title: Title for people.
        protocol: Markdown: data, method, what was fitted on what, and limits of the figures.
        results: Rows of ``statistics.RESULTS``.
        comparisons: Rows of ``statistics.COMPARISONS``.
        plots: In reading order.
        tables: Further tables by caption (examples, curves), with any columns.
        headline: Metrics to show first, each for the first regime of every dataset. If empty, all metrics.
    """

    name: str
    title: str
    protocol: str
    results: pl.DataFrame
    comparisons: pl.DataFrame
    plots: tuple[Plot, ...] = ()
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    headline: tuple[str, ...] = ()


def gathered(parts: Iterable[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Results and comparisons of several ``statistics.measure`` calls, concatenated."""
    pairs = list(parts)
    results = pl.concat([RESULTS.to_frame(), *(results for results, _ in pairs)])
    comparisons = pl.concat([COMPARISONS.to_frame(), *(comparisons for _, comparisons in pairs)])
    return results, comparisons


def save_section(section: Section, file: Path) -> None:
    """Write ``section`` as JSON, in one step."""
    record = {
        "name": section.name,
        "title": section.title,
        "protocol": section.protocol,
        "results": section.results.to_dicts(),
        "comparisons": section.comparisons.to_dicts(),
        "plots": [{"caption": plot.caption, "svg": plot.svg} for plot in section.plots],
        "tables": {caption: table.to_dicts() for caption, table in section.tables.items()},
        "headline": section.headline,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}-{os.getpid()}")
    draft.write_text(json.dumps(record, default=str))
    draft.replace(file)


def load_section(file: Path) -> Section:
    """Read a file written by ``save_section``. Dates in free tables are read as text.

    Raises:
        ValueError: the file is not such a file.
    """
    try:
        record = json.loads(file.read_text())
        return Section(
            name=record["name"],
            title=record["title"],
            protocol=record["protocol"],
            results=pl.DataFrame(record["results"], schema=RESULTS),
            comparisons=pl.DataFrame(record["comparisons"], schema=COMPARISONS),
            plots=tuple(Plot(**plot) for plot in record["plots"]),
            tables={
                caption: pl.DataFrame(rows, infer_schema_length=None) for caption, rows in record["tables"].items()
            },
            headline=tuple(record["headline"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is not a section of an evaluation ({error}); delete it and evaluate again") from error
