"""Data sets and scores of a benchmark, as text or record."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from journeys_assets.cli.render.tables import table_of

if TYPE_CHECKING:
    from journeys_assets.evaluation.benchmark.folder import Dataset
    from journeys_assets.evaluation.benchmark.scoring import Scores
    from journeys_assets.evaluation.benchmark.submission import Submission


def dataset_records(datasets: Iterable["Dataset"]) -> list[dict[str, Any]]:
    """The data sets as records."""
    return [asdict(dataset) for dataset in datasets]


def show_datasets(datasets: Sequence["Dataset"]) -> Table:
    """The data sets as a table."""
    rows = [(d.name, d.about, d.n_users, d.n_keywords, d.day or "no log") for d in datasets]
    return table_of("Data sets", rows, "name", "from", "users scored", "keywords", "last day")


def scores_record(submission: "Submission", scores: Mapping[str, "Scores"]) -> dict[str, Any]:
    """The figures of one submission."""
    columns = ("metric", "value", "low", "high", "n_users", "is_higher_better")
    return {
        "name": submission.name,
        "notes": list(submission.notes),
        "scores": {dataset: of.results.select(columns).to_dicts() for dataset, of in scores.items()},
    }


def show_scores(dataset: str, scores: "Scores") -> Table:
    """The figures of one submission on one data set."""
    rows = [
        (
            row["metric"] if row["is_higher_better"] else f"{row['metric']} (lower is better)",
            f"{row['value']:.3f}",
            f"{row['low']:.3f} … {row['high']:.3f}",
            row["n_users"],
        )
        for row in scores.results.iter_rows(named=True)
    ]
    return table_of(dataset, rows, "figure", "value", "95 % interval", "users")
