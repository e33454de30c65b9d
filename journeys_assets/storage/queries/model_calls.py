"""The ledger of what language models were asked."""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.tables.llm import LLM_LEDGER
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


def spent_on(con: duckdb.DuckDBPyConnection, day: date) -> tuple[int, float]:
    """Calls of a UTC day and what they cost, over all runs."""
    calls, cost = con.execute(
        "SELECT coalesce(sum(n_calls), 0)::BIGINT, coalesce(sum(cost), 0) FROM main.llm_ledger WHERE asked_on = $day",
        {"day": day},
    ).fetchall()[0]
    return int(calls), float(cost)


def questions_by_reason(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Questions on the last UTC day with any: reason why there was no answer (null: there was one), questions."""
    return con.sql(
        """
        WITH last AS (SELECT * FROM main.llm_ledger WHERE asked_on = (SELECT max(asked_on) FROM main.llm_ledger)),
        failed AS (
          SELECT unnest(map_entries(from_json(failures, '"MAP(VARCHAR, BIGINT)"'))) AS one FROM last
          WHERE n_failed > 0
        )
        SELECT reason, sum(questions)::BIGINT AS questions FROM (
          SELECT NULL AS reason, n_answered + n_repaired + n_cached AS questions FROM last
          UNION ALL SELECT one.key, one.value FROM failed
          UNION ALL SELECT 'budget used up', n_unaffordable FROM last
        ) GROUP BY reason HAVING sum(questions) > 0 ORDER BY reason NULLS FIRST
        """
    ).pl()


def names_by_verdict(con: duckdb.DuckDBPyConnection, day: date, days: int) -> pl.DataFrame:
    """Names by a language model in the ``days`` days that end with ``day``: verdict, names."""
    return con.execute(
        """
        SELECT verdict, count(*) AS names FROM main.suggested_names
        WHERE partition_date > $day - $days::INTEGER AND partition_date <= $day GROUP BY verdict ORDER BY verdict
        """,
        {"day": day, "days": days},
    ).pl()


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
