"""The days that what is trained, found or handed over may be asked for: only those that were run."""

from __future__ import annotations

from datetime import date

from journeys_assets.domain.tables.pipeline import CLOSED_DAYS
from journeys_assets.errors import JourneysError
from journeys_assets.storage.queries.days import as_ranges, days_run
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


class NeverRun(JourneysError):
    """A day was asked for that was never run. The message names the days that were."""


def asked_day(warehouse: Warehouse, as_of: date | None) -> date | None:
    """``as_of``, or the last day that was run; None where nothing was run. Its rows may be deleted by now.

    A release is live from the day after. So a day that is still to come would make one that no run uses until then.

    Raises:
        NeverRun: ``as_of`` was not run.
    """
    warehouse.ensure(CLOSED_DAYS)
    with warehouse.reading() as con:
        days = days_run(con)
    if not days or as_of is None:
        return days[-1] if days else None
    if as_of not in days:
        raise NeverRun(f"{as_of} was never run; the days that were are {as_ranges(days)}")
    return as_of
