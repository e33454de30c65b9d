"""Days that have events, and days that were computed and kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.scheduling import log_days as scheduling
from journeys_assets.domain.scheduling.log_days import LogDays


def snapshot_before(con: duckdb.DuckDBPyConnection, day: date, *, keep_days: int) -> date | None:
    """The latest day before ``day`` whose user_journeys are kept, even if there are none; None if there is no such day.

    A closed day without a row counts as a day without journeys, unless retention (``keep_days``) has deleted its rows.
    """
    latest: date | None = con.execute(
        """
        SELECT max(partition_date) AS day FROM (
          SELECT partition_date FROM main.user_journeys
          UNION ALL
          SELECT partition_date FROM main.closed_days
          WHERE partition_date > (SELECT max(partition_date) FROM main.user_journeys) - $keep_days::INTEGER
        ) WHERE partition_date < $day
        """,
        {"day": day, "keep_days": keep_days},
    ).pl()["day"][0]
    return latest


def versions_of_journeys(con: duckdb.DuckDBPyConnection) -> list[tuple[str, date]]:
    """The (algorithm_version, day) pairs of user_journeys."""
    return con.sql("SELECT DISTINCT algorithm_version, partition_date FROM main.user_journeys ORDER BY ALL").pl().rows()


def events_by_day(con: duckdb.DuckDBPyConnection) -> dict[date, int]:
    """Number of events of text-bearing sources on each day that has any, in order of days."""
    return dict(
        con.sql(
            """
            SELECT day, sum(n)::BIGINT AS n FROM (
              SELECT searched_at::DATE AS day, count(*) AS n FROM landing.search_events GROUP BY ALL
              UNION ALL SELECT engaged_at::DATE, count(*) FROM landing.pin_engagements GROUP BY ALL
              UNION ALL SELECT saved_at::DATE, count(*) FROM landing.board_pins GROUP BY ALL
            ) GROUP BY day ORDER BY day
            """
        ).fetchall()
    )


def log_days(
    con: duckdb.DuckDBPyConnection, *, today: date, horizon_days: int, first_partition_date: date | None
) -> LogDays:
    """The days of the log, as of ``today``; see ``domain.scheduling.log_days``."""
    return scheduling.log_days(
        events_by_day(con), today=today, horizon_days=horizon_days, first_partition_date=first_partition_date
    )


def days_kept(con: duckdb.DuckDBPyConnection, *, keep_days: int) -> list[date]:
    """The days that were run and whose user_journeys are kept, in order; days without a journey included."""
    return (
        con.execute(
            """
            SELECT partition_date AS day FROM main.user_journeys
            UNION
            SELECT partition_date FROM main.closed_days
            WHERE partition_date > (SELECT max(partition_date) FROM main.closed_days) - $keep_days::INTEGER
            ORDER BY day
            """,
            {"keep_days": keep_days},
        )
        .pl()["day"]
        .to_list()
    )


def was_run(con: duckdb.DuckDBPyConnection, day: date) -> bool:
    """Whether every stage was completed on ``day``, whatever is kept of it."""
    found = con.execute("SELECT count(*) AS n FROM main.closed_days WHERE partition_date = $day", {"day": day}).pl()
    return bool(found["n"][0])


def days_run(con: duckdb.DuckDBPyConnection) -> list[date]:
    """The days on which every stage was completed, in order, whatever is kept of them."""
    rows = con.sql("SELECT partition_date FROM main.closed_days ORDER BY partition_date").fetchall()
    return [row[0] for row in rows]


def as_ranges(days: Sequence[date], *, shown: int = 5) -> str:
    """Days in order as ranges to be read, such as ``2026-03-01 … 2026-03-04, 2026-03-09``; the latest ``shown``."""
    ranges: list[list[date]] = []
    for day in days:
        if ranges and (day - ranges[-1][1]).days == 1:
            ranges[-1][1] = day
        else:
            ranges.append([day, day])
    texts = [f"{first}" if first == last else f"{first} … {last}" for first, last in ranges]
    more = f"{len(texts) - shown} earlier ranges, " if len(texts) > shown else ""
    return more + ", ".join(texts[-shown:])


def last_closed_day(con: duckdb.DuckDBPyConnection) -> date | None:
    """The latest day on which every stage was completed; None if there is none."""
    day: date | None = con.sql("SELECT max(partition_date) AS day FROM main.closed_days").pl()["day"][0]
    return day


def days_opened_by(con: duckdb.DuckDBPyConnection, days: Sequence[date], run_id: str) -> pl.DataFrame:
    """The days among ``days`` that were last opened by this run: partition_date, ingest_seq, covered_seq, run_id."""
    return con.execute(
        """
        SELECT partition_date, ingest_seq, covered_seq, run_id FROM main.opened_days
        WHERE partition_date IN (SELECT unnest($days)) AND run_id = $run ORDER BY partition_date
        """,
        {"days": list(days), "run": run_id},
    ).pl()


def days_not_finished(con: duckdb.DuckDBPyConnection, run_id: str) -> list[date]:
    """Days that another run opened and did not close: that run is still working on them, or it was killed."""
    rows = con.execute(
        """
        SELECT opened.partition_date FROM main.opened_days AS opened LEFT JOIN main.closed_days AS closed
        ON opened.partition_date = closed.partition_date
        WHERE opened.run_id <> $run
          AND (closed.partition_date IS NULL OR coalesce(closed.run_id <> opened.run_id, false))
        ORDER BY 1
        """,
        {"run": run_id},
    ).fetchall()
    return [row[0] for row in rows]
