"""opened_days, keyword_days, closed_days: which days are complete, and up to which ingest call.

A run notes what it may rely on before it reads anything, and writes that down once the stages between are done. A run
that dies on the way closes nothing, so its days stay stale and are found again.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from journeys_assets.domain.tables.pipeline import CLOSED_DAYS, OPENED_DAYS
from journeys_assets.domain.tables.table import Table
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import days as day_queries
from journeys_assets.storage.queries import staleness
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class OpenedDays:
    """Records up to which ingest call the log is read, before anything of the days is read."""

    warehouse: Warehouse
    horizon_days: int
    first_partition_date: date | None

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        with self.warehouse.reading() as con:
            log = day_queries.log_days(
                con,
                today=run.days[-1],
                horizon_days=self.horizon_days,
                first_partition_date=self.first_partition_date,
            )
            marks = staleness.watermarks(con, run.days[0], start=log.start)
        rows = pl.DataFrame({"partition_date": run.days}).with_columns(
            ingest_seq=marks.ingest_seq, covered_seq=marks.covered_seq, run_id=pl.lit(run.run_id)
        )
        yield Batch(run.days, {OPENED_DAYS.name: rows})
        return Notes({"ingest_seq": marks.ingest_seq, "covered_seq": marks.covered_seq})


@dataclass(frozen=True)
class CompletedDays:
    """Marks days as complete up to the ingest call that the run recorded when it opened them."""

    warehouse: Warehouse
    table: Table

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        with self.warehouse.reading() as con:
            opened = day_queries.days_opened_by(con, run.days, run.run_id)
        mine = opened["partition_date"].to_list()
        if mine:
            yield Batch(mine, {self.table.name: opened.select(self.table.column_names[:-1])})
        others = len(run.days) - len(mine)
        note = {"note": f"{others} days were not opened by this run, so it does not mark them"} if others else {}
        return Notes({"days": len(mine), **note})


@dataclass(frozen=True)
class ClosedDays:
    """Closes the days of the run: the last thing that a run writes."""

    warehouse: Warehouse
    keep_days: int

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        notes = yield from CompletedDays(self.warehouse, CLOSED_DAYS).run(run)
        self.warehouse.delete_old_partitions((OPENED_DAYS.name, CLOSED_DAYS.name), keep_days=self.keep_days)
        return notes


def keyword_day_rows(days: Sequence[object], ingest_seq: int) -> pl.DataFrame:
    """Rows of keyword_days without their version: the keywords of ``days`` are complete up to ``ingest_seq``."""
    return pl.DataFrame({"partition_date": days}, schema={"partition_date": pl.Date}).with_columns(
        ingest_seq=pl.lit(ingest_seq, dtype=pl.Int64)
    )
