"""Reads out a deployment's notification experiment from its own log, with ``domain.experiment.readout``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

from journeys_assets.domain.experiment.params import ReadoutParams
from journeys_assets.domain.experiment.readout import Readout, misplaced_sends, read_out, user_outcomes
from journeys_assets.domain.landing.contract import EARLIEST
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.scheduling.log_days import SomeDays, start_of_log
from journeys_assets.errors import JourneysError
from journeys_assets.storage.queries import experiment as experiment_queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


class NoSends(JourneysError):
    """The log has no sends, so there is no experiment."""


@dataclass(frozen=True, slots=True)
class LogReadout:
    """The readout of the days ``first`` to ``last``."""

    first: date
    last: date
    readout: Readout


def read_out_log(warehouse: Warehouse, params: NotificationParams, first: date | None, last: date | None) -> LogReadout:
    """Read out the logged sends of ``first`` to ``last``.

    Args:
        first: By default the day of the first logged send that is no outlier.
        last: By default the last day of the log; a later day stands for it.

    Raises:
        NoSends: no send was logged.
        ValueError: ``last`` is before ``first``, or ``first`` is before every day that may have events.
    """
    how = ReadoutParams()
    with warehouse.reading() as con:
        sends_of_day = experiment_queries.sends_by_day(con)
        first_send = start_of_log(sends_of_day, horizon_days=how.pause_days)
        last_day = experiment_queries.last_day_of_log(con)
        if first_send is None or last_day is None:
            raise NoSends("no send was logged (source notification_events), so there is no experiment to read out")
        if first is not None and first < EARLIEST.date():
            raise ValueError(f"no event is before {EARLIEST.date()}, so the first day cannot be {first}")
        left_out = {} if first else {day: n for day, n in sends_of_day.items() if day < first_send}
        first, last = first or first_send, min(last or last_day, last_day)
        users = experiment_queries.population(con, last)
        sends = experiment_queries.sends(con, first, last)
        engagements = experiment_queries.engagements(con, first - timedelta(days=how.covariate_days), last)
    readout = read_out(user_outcomes(users, sends, engagements, first, last, params, how), params, how)
    if left_out:
        some = SomeDays(min(left_out), max(left_out), len(left_out), sum(left_out.values()))
        warning = f"left out: {some.text}, sends far before the others; --from {some.first} includes them"
        readout = replace(readout, warnings=(*readout.warnings, warning))
    misplaced = misplaced_sends(sends, params)
    if misplaced.height:
        warning = (
            f"{misplaced.height} of {sends.height} sends were logged for an arm other than their user's, such as "
            f"{misplaced['arm'][0]} for user {misplaced['user_id'][0]!r} of {misplaced['own_arm'][0]}: salt or shares "
            "have changed since, or the sender is wrong. Read out only days without such sends"
        )
        readout = replace(readout, warnings=(*readout.warnings, warning))
    return LogReadout(first, last, readout)
