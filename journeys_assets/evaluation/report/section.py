"""What one part of the evaluation reports: its protocol in words, figures, tables and plots."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from journeys_assets.evaluation.statistics.intervals import COMPARISONS, RESULTS

SECTION_NAMES = ("clustering", "naming", "ranking", "lifecycle", "diversification", "notifications", "annotation")
"""The parts of the evaluation, each a module of this package, in the order of the report."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A picture with what it shows.

    Attributes:
        caption: One or two sentences, in plain text.
        svg: The picture, as an SVG document.
    """

    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report.

    Attributes:
        name: As the module: 'clustering', 'naming', …
        title: As people read it.
        protocol: Markdown: on what, how, what was fitted on what, what the figures do not say.
        results: Rows of ``statistics.RESULTS``.
        comparisons: Rows of ``statistics.COMPARISONS``.
        plots: In reading order.
        tables: Further tables by their caption (examples, curves); free columns.
        headline: The metrics that come first in the report, each on the first regime of every dataset; none: all.
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
    """Results and comparisons of several ``statistics.measure`` calls, one under the other."""
    pairs = list(parts)
    results = pl.concat([RESULTS.to_frame(), *(results for results, _ in pairs)])
    comparisons = pl.concat([COMPARISONS.to_frame(), *(comparisons for _, comparisons in pairs)])
    return results, comparisons


def save_section(section: Section, file: Path) -> None:
    """Write ``section`` as JSON; whole or not at all."""
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
    """Read what ``save_section`` wrote; dates within free tables come back as text.

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
