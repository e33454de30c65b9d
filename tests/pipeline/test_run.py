"""Running days without Dagster: what a run does beside its stages."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import polars as pl

from tests.sandbox import Sandbox

DAY = date(2026, 3, 2)
QUERIES = ["oak table", "oak tables", "oak table round", "oak table small"]


def land(sandbox: Sandbox, day: date) -> None:
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9)
    rows = pl.DataFrame({"user_id": "ann", "query": QUERIES, "searched_at": at})
    sandbox.land({"search_events": rows}, name=day.isoformat())


def test_the_first_run_of_a_deployment_may_begin_with_a_later_day(new_sandbox: Callable[[str], Sandbox]) -> None:
    """Its window reaches back to days that were never run: their keywords are made first, and nothing is left stale."""
    sandbox, last = new_sandbox("home"), DAY + timedelta(days=3)
    for day in (DAY, last):
        land(sandbox, day)
    assert sandbox.run(last, last).history_days == 1
    assert set(sandbox.table("keyword_table")["partition_date"]) == {DAY, last}
    (journey,) = sandbox.table("user_journeys").iter_rows(named=True)
    assert journey["first_engaged_at"].date() == DAY
    assert sandbox.days_to_run() == (last, last)
