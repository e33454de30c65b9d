"""What an ingest call and ``journeys doctor`` say about the log itself: what is noise, and whether a day is unusual."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb
import polars as pl

from journeys_assets.domain.identities.links import LinkCounts
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.domain.quality.drift import Change, change_of_source
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.quality.unmatched import Unmatched
from journeys_assets.storage.ingest.load import KEYWORD_EVENTS
from journeys_assets.storage.queries.identities import link_counts
from journeys_assets.storage.queries.noise import noise_counts
from journeys_assets.storage.queries.quality import daily_rows, days_of_call, newest_day_upto
from journeys_assets.storage.queries.unmatched import unmatched_keys
from journeys_assets.storage.sql_models import load_models, sql_folder


@dataclass(frozen=True)
class LogHealth:
    """What the end of an ingest call says beside its counts.

    Attributes:
        unmatched: Keys that match nothing where they should.
        params: By which these are judged.
        noise: See ``noise_counts``, of the days of the call.
        changes: Of the sources of the call that have rows on the newest day, how usual their number is.
        linked: The links between ids; None if there never was one.
    """

    unmatched: Sequence[Unmatched]
    params: QualityParams
    noise: pl.DataFrame
    changes: Sequence[Change]
    linked: LinkCounts | None


def health_of_call(
    con: duckdb.DuckDBPyConnection, algorithm: AlgorithmParams, ingest_seq: int, *, today: date
) -> LogHealth:
    """What to say of the log after the ingest call ``ingest_seq``."""
    days = days_of_call(con, ingest_seq)
    changed: list[date] = days["event_date"].to_list()
    # A call that changed no day has no noise: no event is so early.
    first, last = (min(changed), max(changed)) if changed else (date.min, date.min)
    noise = noise_of_log(con, algorithm, first=first, last=last)
    sources = [source for source, day in days.iter_rows() if day == newest_day_upto(con, today)]
    changes = volume_changes(con, algorithm.quality, today=today, sources=sources) if sources else []
    return LogHealth(unmatched_keys(con), algorithm.quality, noise, changes, link_counts(con))


def noise_of_log(
    con: duckdb.DuckDBPyConnection, algorithm: AlgorithmParams, *, first: date = date(1, 1, 1), last: date = date.max
) -> pl.DataFrame:
    """See :func:`noise_counts`. By default of all days."""
    last = min(last, date(9999, 12, 30))
    models = load_models(sql_folder(), algorithm.actions, noise=algorithm.noise)
    return noise_counts(con, models, algorithm.noise, first, last)


def volume_changes(
    con: duckdb.DuckDBPyConnection,
    params: QualityParams,
    *,
    today: date,
    sources: Collection[str] = KEYWORD_EVENTS,
) -> list[Change]:
    """How many rows the newest day of the log has, by source, against the days before.

    Args:
        today: Days after it are not looked at.
        sources: Sources that are looked at; one without any row is left out.
    """
    day = newest_day_upto(con, today)
    if day is None:
        return []
    daily = daily_rows(con, day, params.trailing_days)
    known = daily["source"].unique().to_list()
    return [
        change_of_source(source, day, daily, params) for source in KEYWORD_EVENTS if source in {*sources} & {*known}
    ]
