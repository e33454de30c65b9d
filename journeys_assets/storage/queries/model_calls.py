"""The ledger of what language models were asked."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


def spent_on(con: duckdb.DuckDBPyConnection, day: date) -> tuple[int, float]:
    """Calls of a UTC day and what they cost, over all runs."""
    calls, cost = con.sql(
        "SELECT coalesce(sum(n_calls), 0)::BIGINT, coalesce(sum(cost), 0) FROM main.llm_ledger WHERE asked_on = $day",
        params={"day": day},
    ).fetchall()[0]
    return int(calls), float(cost)


def record_calls(warehouse: Warehouse, rows: pl.DataFrame) -> None:
    """Write what a run asked so far; replaces what was written before for its run and purpose.

    Args:
        rows: Rows of ``LLM_LEDGER`` of one process.
    """
    if rows.is_empty():
        return
    warehouse.ensure(LLM_LEDGER)
    with warehouse.writing() as con:
        con.register("calls", rows.to_arrow())
        con.execute(
            "DELETE FROM main.llm_ledger WHERE (run_id, purpose) IN (SELECT DISTINCT run_id, purpose FROM calls)"
        )
        con.execute("INSERT INTO main.llm_ledger BY NAME SELECT * FROM calls")
        con.unregister("calls")
