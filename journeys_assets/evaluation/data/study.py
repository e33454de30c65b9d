"""The data that the evaluation uses: logs that the pipeline was run over, and labelled phrases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

LABELLED = "labelled_short_text.parquet"
CORPORA = "labelled_corpora.parquet"
LATER_SHARE = 0.5
"""Test days lie in this last share of a log."""


@dataclass(frozen=True, slots=True)
class Study:
    """A log that the pipeline was run over.

    Attributes:
        name: 'synthetic', 'online-retail', or 'own' for the deployment's own log.
        warehouse: Has the landing tables and every stage table for ``days``.
        days: The days that were run, in order. Tables have no rows for other days, except for the keyword table, which
            has all days of the log.
        last_day: Last day of the log. Later events are unknown.
        algorithm: The parameters of the run.
        truth: Tables of ``synthetic.world.TRUTH_SCHEMAS``; empty for a real log.
    """

    name: str
    warehouse: Warehouse
    days: Sequence[date]
    last_day: date
    algorithm: AlgorithmParams
    truth: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def rows(self, sql: str, params: Mapping[str, object] | None = None) -> pl.DataFrame:
        """Rows of a query on the study's warehouse; ``$name`` parameters."""
        return self.warehouse.query(sql, params)


def days_with_outcomes(study: Study, window: timedelta) -> list[date]:
    """Up to three days of a study, in its later half and ``window`` apart, with as much of the log before and after
    them; the ends of both are among the study's days.
    """
    first, last = study.days[0], study.last_day
    later = first + (last - first) * (1 - LATER_SHARE)
    found: list[date] = []
    for day in study.days:
        apart = not found or day - found[-1] >= window
        has_both = day - window in study.days and day + window <= last and day + window in study.days
        if day >= later and apart and has_both:
            found.append(day)
    return found[:3]


def public_file(data: Path | None, name: str) -> Path | None:
    """A file of the public data; None if no folder is given or the folder does not contain it."""
    file = data / name if data else None
    return file if file and file.exists() else None


def labelled_phrases(data: Path | None) -> pl.DataFrame | None:
    """``set, text, label, domain`` of the public labelled sets; None if the file does not exist."""
    file = public_file(data, LABELLED)
    return pl.read_parquet(file, glob=False) if file else None


def labelled_corpora(data: Path | None) -> pl.DataFrame | None:
    """``set, text, label, domain`` of more public corpora; None if the file does not exist."""
    file = public_file(data, CORPORA)
    return pl.read_parquet(file, glob=False) if file else None
