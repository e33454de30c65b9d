"""What one part of the evaluation reports: its protocol in words, figures, tables and plots."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from journeys_assets.evaluation.statistics import COMPARISONS, RESULTS


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
    """

    name: str
    title: str
    protocol: str
    results: pl.DataFrame
    comparisons: pl.DataFrame
    plots: tuple[Plot, ...] = ()
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)


def gathered(parts: Iterable[tuple[pl.DataFrame, pl.DataFrame]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Results and comparisons of several ``statistics.measure`` calls, one under the other."""
    pairs = list(parts)
    results = pl.concat([RESULTS.to_frame(), *(results for results, _ in pairs)])
    comparisons = pl.concat([COMPARISONS.to_frame(), *(comparisons for _, comparisons in pairs)])
    return results, comparisons
