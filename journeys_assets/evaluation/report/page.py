"""The report: one self-contained HTML page, and the same figures for programs.

``report.html`` is for people; ``report.json`` has everything except the plots; ``results.parquet`` and
``comparisons.parquet`` have all rows of all sections.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from journeys_assets.evaluation.report.section import Section

PAGE, RECORD, RESULTS_FILE, COMPARISONS_FILE = "report.html", "report.json", "results.parquet", "comparisons.parquet"
TEMPLATE = Path(__file__).with_name("report.html.jinja")


def strongest_rivals(section: Section) -> pl.DataFrame:
    """Our figure and that of the best baseline for the same dataset, regime and metric, with the verdict.

    Returns:
        section, dataset, regime, metric, value, low, high, baseline, baseline_value, gain, gain_low, gain_high,
        verdict, is_headline.
    """
    key = ["dataset", "regime", "metric"]
    of = section.results.with_columns(pl.lit(section.name).alias("section"))
    ours = of.filter(pl.col("role") == "ours").select("section", *key, "value", "low", "high", "is_higher_better")
    rivals = of.filter(pl.col("role") == "baseline").select(*key, baseline="method", baseline_value="value")
    gains = section.comparisons.select(*key, "baseline", "gain", "verdict", gain_low="low", gain_high="high")
    paired = ours.join(rivals, on=key, maintain_order="left").join(
        gains, on=[*key, "baseline"], how="left", maintain_order="left"
    )
    chosen = section.headline or tuple(section.results["metric"].unique())
    is_first_regime = pl.col("regime") == pl.col("regime").first().over("dataset", "metric")
    least_gain = pl.col("gain") == pl.col("gain").min().over(key)
    columns = ["section", *key, "value", "low", "high", "baseline", "baseline_value"]
    return (
        paired.filter(least_gain)
        .unique(key, keep="first", maintain_order=True)
        .with_columns(is_headline=pl.col("metric").is_in(chosen) & is_first_regime)
        .select(*columns, "gain", "gain_low", "gain_high", "verdict", "is_headline")
    )


def write_report(sections: Sequence[Section], facts: Mapping[str, str], folder: Path) -> Path:
    """Write the report into ``folder`` in one step; returns the page.

    Args:
        facts: Facts about the run: date, version, data, seeds. They are shown as they are.

    Raises:
        ValueError: there is no section.
    """
    if not sections:
        raise ValueError("a report needs at least one section")
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".report-", dir=folder.parent))
    try:
        summary = pl.concat([strongest_rivals(section) for section in sections])
        named = [(pl.lit(section.name).alias("section"), section) for section in sections]
        pl.concat([section.results.select(name, pl.all()) for name, section in named]).write_parquet(
            draft / RESULTS_FILE
        )
        pl.concat([section.comparisons.select(name, pl.all()) for name, section in named]).write_parquet(
            draft / COMPARISONS_FILE
        )
        (draft / RECORD).write_text(json.dumps(_record(sections, facts, summary), indent=1, default=str) + "\n")
        (draft / PAGE).write_text(_page(sections, facts, summary))
        shutil.rmtree(folder, ignore_errors=True)
        draft.chmod(0o755)
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder / PAGE


def _record(sections: Sequence[Section], facts: Mapping[str, str], summary: pl.DataFrame) -> dict[str, Any]:
    return {
        "facts": dict(facts),
        "summary": summary.to_dicts(),
        "sections": {
            section.name: {
                "title": section.title,
                "protocol": section.protocol,
                "results": section.results.to_dicts(),
                "comparisons": section.comparisons.to_dicts(),
                "tables": {caption: table.to_dicts() for caption, table in section.tables.items()},
            }
            for section in sections
        },
    }


def _page(sections: Sequence[Section], facts: Mapping[str, str], summary: pl.DataFrame) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"figure": _figure_text, "markdown": _html_of}
    return environment.from_string(TEMPLATE.read_text()).render(
        sections=sections,
        facts=facts,
        summary=summary.filter("is_headline").to_dicts(),
        n_figures=summary.height,
        counts=dict(summary.group_by("verdict").len().iter_rows()),
        results={section.name: _by_metric(section) for section in sections},
    )


def _by_metric(section: Section) -> list[dict[str, Any]]:
    """One table per metric: one row per dataset and regime, one column per method."""
    tables = []
    for (metric,), rows in section.results.group_by("metric", maintain_order=True):
        methods = rows["method"].unique(maintain_order=True).to_list()
        roles = dict(rows.select("method", "role").unique().iter_rows())
        lines = []
        for (dataset, regime), part in rows.group_by("dataset", "regime", maintain_order=True):
            cells = {row["method"]: row for row in part.iter_rows(named=True)}
            lines.append({"dataset": dataset, "regime": regime, "n_users": part["n_users"][0], "cells": cells})
        tables.append(
            {
                "metric": metric,
                "methods": methods,
                "roles": roles,
                "lines": lines,
                "is_higher_better": rows["is_higher_better"][0],
            }
        )
    return tables


def _figure_text(value: Any) -> str:
    """A float with three decimals, or none from 100 on; everything else as text."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return "–" if value != value else f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return str(value)


def _html_of(text: str) -> Any:
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    return Markup(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
