"""The plots of a report: dots with intervals, curves. Each is an SVG document."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

OURS = "#c1272d"
BOUND = "#222222"
BASELINES = ("#3b6ea5", "#6aa84f", "#9aa5b1", "#b58900", "#7e57a2", "#2a9d8f", "#8d6e63", "#d17ba0")
"""Colours of the baselines, in order. They repeat if there are more baselines."""


def new_figure(width: float, height: float, *, n_panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with ``n_panels`` panels side by side, size in inches. It belongs to no window, so do not close it."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(1, n_panels, squeeze=False)[0]
    return figure, list(axes)


def to_svg(figure: Figure) -> str:
    """The figure as an SVG document. The same figure gives the same bytes."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "journeys", "svg.fonttype": "none"}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def dots(results: pl.DataFrame, metric: str, *, label: str) -> str:
    """One row per dataset and regime, one dot with its interval per method, from rows of ``RESULTS`` of ``metric``.

    Raises:
        ValueError: there are no rows of that metric.
    """
    rows = results.filter(pl.col("metric") == metric)
    if rows.is_empty():
        raise ValueError(f"no results of {metric!r}; there are {results['metric'].unique().sort().to_list()}")
    places = rows.select("dataset", "regime").unique(maintain_order=True).rows()
    methods = rows["method"].unique(maintain_order=True).to_list()
    colours = _colours(rows, methods)
    figure, (axes,) = new_figure(8.5, 1.2 + len(places) * (0.25 + 0.11 * len(methods)))
    step = 0.8 / len(methods)
    for row in rows.iter_rows(named=True):
        number = methods.index(row["method"])
        y = places.index((row["dataset"], row["regime"])) + (number - (len(methods) - 1) / 2) * step
        colour, marker = colours[row["method"]], "|" if row["role"] == "bound" else "o"
        axes.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.2)
        axes.plot([row["value"]], [y], marker, color=colour, markersize=7 if row["role"] == "ours" else 5)
    for name in methods:
        axes.plot([], [], "o", color=colours[name], label=name)
    axes.set_yticks(range(len(places)), [" · ".join(part for part in place if part) for place in places])
    axes.invert_yaxis()
    axes.set_xlabel(f"{label}, 95 % interval")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper center", ncols=min(4, len(methods)), fontsize=8, frameon=False)
    return to_svg(figure)


def curves(
    points: pl.DataFrame,
    *,
    x: str,
    y: str,
    by: str,
    labels: tuple[str, str],
    ours: str | None = None,
    log_x: bool = False,
) -> str:
    """One line per value of ``by``, its points in the order of the rows. Columns ``low`` and ``high`` give a band."""
    figure, (axes,) = new_figure(6.5, 4.2)
    names = points[by].unique(maintain_order=True).to_list()
    others = iter(range(len(names)))
    for name in names:
        rows = points.filter(pl.col(by) == name)
        colour = OURS if name == ours else BASELINES[next(others) % len(BASELINES)]
        axes.plot(rows[x].to_list(), rows[y].to_list(), "o-", color=colour, label=name, markersize=4)
        if {"low", "high"} <= set(points.columns):
            axes.fill_between(
                rows[x].to_list(), rows["low"].to_list(), rows["high"].to_list(), color=colour, alpha=0.12
            )
    if log_x:
        ticks = points[x].unique().sort().to_list()
        axes.set_xscale("log")
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    return to_svg(figure)


def _colours(rows: pl.DataFrame, methods: Sequence[str]) -> dict[str, str]:
    roles = dict(rows.select("method", "role").unique().iter_rows())
    others = iter(range(len(methods)))
    by_role = {"ours": OURS, "bound": BOUND}
    return {name: by_role.get(roles[name]) or BASELINES[next(others) % len(BASELINES)] for name in methods}
