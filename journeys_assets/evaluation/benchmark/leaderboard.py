"""The leaderboard: all submissions to a benchmark, scored over the same resampled users, as a page and as records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from journeys_assets import __version__
from journeys_assets.domain.display import json_text, markdown_table, markdown_text
from journeys_assets.domain.statistics.resampling import N_RESAMPLES
from journeys_assets.evaluation.benchmark.folder import Dataset, read_record, read_truth
from journeys_assets.evaluation.benchmark.scoring import ABOUT, COUNT, HEADLINE, RETURN, Scores, score
from journeys_assets.evaluation.benchmark.submission import Submission, SubmissionError, read_submission
from journeys_assets.evaluation.parts.naming import CachedEmbedder
from journeys_assets.models.embedding.base import Embedder

TEMPLATE = Path(__file__).with_name("leaderboard.html.jinja")
PAGE, RECORD, TEXT = "leaderboard.html", "leaderboard.json", "leaderboard.md"


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """Scores of all submissions.

    Attributes:
        datasets: Of the benchmark.
        submissions: Those that were scored, and those that say why they were not run.
        refused: Why other submissions were refused, by name of their folder.
        scores: By data set; only of data sets with a submission.
    """

    datasets: Mapping[str, Dataset]
    submissions: Sequence[Submission]
    refused: Mapping[str, str]
    scores: Mapping[str, Scores]


def scored(folder: Path, paths: Sequence[Path], embedder: Embedder, *, n_resamples: int = N_RESAMPLES) -> Leaderboard:
    """Read and score submissions. One that breaks the form is refused, and the others are scored.

    Args:
        folder: The benchmark.
        paths: Of the submissions.
        embedder: Grades names.

    Raises:
        BenchmarkError: the benchmark or its truth cannot be read.
    """
    datasets = read_record(folder)
    submissions: dict[str, Submission] = {}
    refused: dict[str, str] = {}
    for path in paths:
        try:
            one = read_submission(path, folder, datasets)
        except SubmissionError as error:
            refused[path.name] = str(error)
            continue
        if one.name in submissions:
            refused[path.name] = f"{path}: another submission has the name {one.name!r}; change it in submission.json"
        else:
            submissions[one.name] = one
    every = list(submissions.values())
    scores = _scores(folder, datasets, every, embedder, n_resamples)
    return Leaderboard(datasets, every, refused, scores)


def scored_one(folder: Path, submission: Submission, embedder: Embedder) -> dict[str, Scores]:
    """The scores of one submission, by data set.

    Raises:
        BenchmarkError: the truth cannot be read.
    """
    return _scores(folder, read_record(folder), [submission], embedder, N_RESAMPLES)


def _scores(
    folder: Path,
    datasets: Mapping[str, Dataset],
    submissions: Sequence[Submission],
    embedder: Embedder,
    n_resamples: int,
) -> dict[str, Scores]:
    embed = CachedEmbedder(embedder)
    scores = {
        name: score(name, read_truth(folder, dataset), submissions, embed, n_resamples=n_resamples)
        for name, dataset in datasets.items()
        if any(name in one.rows for one in submissions)
    }
    # Where only the return is known, submissions without ranks have no figure.
    return {name: found for name, found in scores.items() if found.results.height}


def paths_in(folder: Path) -> list[Path]:
    """The submissions in a benchmark, by name."""
    return sorted(path for path in (folder / "submissions").glob("*") if not path.name.startswith("."))


def table(scores: Scores) -> list[dict[str, Any]]:
    """The rows of one data set's table, the best first.

    Returns:
        place, name, cells (value, low, high by figure), behind, behind_low, behind_high and is_behind, by
        ``order_of`` the figures. Submissions that are not clearly behind the first one share its place.
    """
    by = order_of(scores)
    rows = scores.results.filter(metric=by)
    is_higher_better = bool(rows["is_higher_better"][0])
    ordered = rows.sort("value", "method", descending=[is_higher_better, False], nulls_last=True)["method"].to_list()
    behind = {row["baseline"]: row for row in scores.behind.filter(metric=by).iter_rows(named=True)}
    cells: dict[str, dict[str, Any]] = {name: {} for name in scores.results["method"].unique()}
    for row in scores.results.iter_rows(named=True):
        cells[row["method"]][row["metric"]] = {name: row[name] for name in ("value", "low", "high")}
    lines: list[dict[str, Any]] = []
    for number, name in enumerate(ordered, start=1):
        gap = behind.get(name)
        is_behind = gap is not None and gap["verdict"] == "better"
        lines.append(
            {
                "place": number if is_behind else 1,
                "name": name,
                "cells": cells[name],
                "behind": None if gap is None else gap["gain"],
                "behind_low": None if gap is None else gap["low"],
                "behind_high": None if gap is None else gap["high"],
                "is_behind": is_behind,
            }
        )
    return lines


def order_of(scores: Scores) -> str:
    """The figure that submissions are ordered by: B-cubed F1, or what is known instead."""
    known = scores.results["metric"].unique().to_list()
    return HEADLINE if HEADLINE in known else RETURN if RETURN in known else str(known[0])


def record_of(board: Leaderboard) -> dict[str, Any]:
    """All that is on the page, as plain JSON values."""
    return {
        "package": __version__,
        "datasets": {
            name: {
                **asdict(board.datasets[name]),
                "ordered_by": order_of(scores),
                "figures": [figure for figure in ABOUT if figure in set(scores.results["metric"])],
                "table": table(scores),
                "comparisons_with_the_best": scores.behind.to_dicts(),
            }
            for name, scores in board.scores.items()
        },
        "submissions": [
            {"name": s.name, "about": s.about, "url": s.url, "not_run": s.not_run, "notes": list(s.notes)}
            for s in board.submissions
        ],
        "refused": dict(board.refused),
        "figures": dict(ABOUT),
    }


def markdown_of(board: Leaderboard) -> str:
    """The tables of the page as Markdown."""
    lines = ["# Leaderboard", ""]
    for name, dataset in record_of(board)["datasets"].items():
        figures = dataset["figures"]
        heads = ["place", "submission", *(f"{f} ↓" if f == COUNT else f for f in figures)]
        rows = [
            (row["place"], row["name"], *(_interval(row["cells"].get(figure)) for figure in figures))
            for row in dataset["table"]
        ]
        lines += [f"## {name}", "", f"{dataset['about']}. {dataset['n_users']} users.", ""]
        lines += [markdown_table(heads, rows), ""]
    lines += [
        f"* {markdown_text(s.name)} was not run: {markdown_text(s.not_run)}" for s in board.submissions if s.not_run
    ]
    lines += [f"* {markdown_text(name)} was refused: {markdown_text(why)}" for name, why in board.refused.items()]
    return "\n".join(lines).rstrip() + "\n"


def write_leaderboard(board: Leaderboard, folder: Path) -> Path:
    """Write the page, its record and its Markdown into ``folder``; returns the page."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"value": _value, "bounds": _bounds, "gap": _gap}
    record = record_of(board)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(record=record, lower=COUNT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).write_text(json_text(record) + "\n", encoding="utf-8")
    (folder / TEXT).write_text(markdown_of(board), encoding="utf-8")
    (folder / PAGE).write_text(page, encoding="utf-8")
    return folder / PAGE


def _interval(cell: Mapping[str, float] | None) -> str:
    return " ".join(part for part in (_value(cell), f"({_bounds(cell)})" if _bounds(cell) else "") if part)


def _value(cell: Mapping[str, float] | None) -> str:
    return "–" if cell is None or math.isnan(cell["value"]) else f"{cell['value']:.3f}"


def _bounds(cell: Mapping[str, float] | None) -> str:
    return "" if cell is None or math.isnan(cell["low"]) else f"{cell['low']:.3f}–{cell['high']:.3f}"


def _gap(row: Mapping[str, Any]) -> str:
    if row["behind"] is None or math.isnan(row["behind_low"]):
        return "–"
    return f"{row['behind']:.3f} ({row['behind_low']:.3f} to {row['behind_high']:.3f})"
