"""The quality monitors, by the table that they concern: what each reads of a day, and its bound.

The WARN checks and ``quality_metrics`` both come from the monitors of the registry's entries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from journeys_assets.domain.judging.quality import judge_of, top_quality
from journeys_assets.domain.quality import churn, drift, monitors
from journeys_assets.domain.quality.monitors import Monitor
from journeys_assets.domain.quality.params import QualityParams
from journeys_assets.domain.tables.pipeline import (
    CLOSED_DAYS,
    INFERENCE_COMPARISON,
    JOURNEY_SAFETY,
    JUDGED_JOURNEYS,
    SUGGESTED_NAMES,
)
from journeys_assets.models.judging.release import JudgeVerdicts, released_verdicts
from journeys_assets.storage.queries import judging, model_calls, safety
from journeys_assets.storage.queries import quality as quality_queries
from journeys_assets.storage.queries.llm_journeys import inferences_of_day
from journeys_assets.storage.queries.staleness import VersionPeriods
from journeys_assets.storage.queries.unmatched import unmatched_engagements
from journeys_assets.storage.warehouse.duckdb_file import Warehouse

Read = Callable[[duckdb.DuckDBPyConnection, date], Any]
"""Asks the warehouse one question about a day."""


@dataclass(frozen=True, slots=True)
class QualityMonitor:
    """One monitor: its questions to the warehouse, and a pure function from the answers to a measurement.

    Attributes:
        asset: The table that it concerns.
        name: The name of what ``judge`` returns.
        about: What it measures, one line.
        reads: Its questions; a question that several monitors share is asked once.
        judge: Called with the day and the answers, in the order of ``reads``.
    """

    asset: str
    name: str
    about: str
    reads: tuple[Read, ...]
    judge: Callable[..., Monitor]


def measure(warehouse: Warehouse, wanted: Sequence[QualityMonitor], day: date) -> list[Monitor]:
    """Measurements of ``wanted`` on ``day``, in their order."""
    return measure_days(warehouse, wanted, [day])[day]


def measure_days(
    warehouse: Warehouse, wanted: Sequence[QualityMonitor], days: Sequence[date]
) -> dict[date, list[Monitor]]:
    """:func:`measure` of each of ``days``."""
    questions = dict.fromkeys(read for monitor in wanted for read in monitor.reads)
    with warehouse.reading() as con:
        answers = {day: {read: read(con, day) for read in questions} for day in days}
    return {
        day: [monitor.judge(day, *(answers[day][read] for read in monitor.reads)) for monitor in wanted] for day in days
    }


def _trailing(read: Callable[[duckdb.DuckDBPyConnection, date, int], Any], days: int) -> Read:
    return lambda con, day: read(con, day, days)


def of_keyword_table(params: QualityParams) -> list[QualityMonitor]:
    """Monitors of keyword_table."""
    four_weeks = params.trailing_days
    rows = _trailing(quality_queries.daily_rows, four_weeks)
    return [
        QualityMonitor(
            "keyword_table",
            "share_quarantined",
            "Share of all landed rows that the contract refused.",
            (lambda con, day: quality_queries.rows_read_and_refused(con),),
            lambda day, rows: monitors.share_quarantined(*rows, maximum=params.max_share_quarantined),
        ),
        QualityMonitor(
            "keyword_table",
            "share_of_unmatched_engagements",
            "Share of the engagements of the trailing four weeks whose item is not in pins.",
            (_trailing(unmatched_engagements, four_weeks),),
            lambda day, found: monitors.share_of_unmatched_engagements(found, maximum=params.max_unmatched_share),
        ),
        QualityMonitor(
            "keyword_table",
            "silent_sources",
            "Days that the most overdue source of keywords has been silent.",
            (_trailing(quality_queries.event_days, four_weeks),),
            lambda day, found: monitors.silent_sources(
                day,
                found,
                maximum=params.max_silent_days,
                trailing_days=four_weeks,
                min_history_days=params.min_history_days,
            ),
        ),
        *(
            QualityMonitor(
                "keyword_table",
                f"rows_of_{source}",
                f"Rows of {source} on the day, against the trailing four weeks and the same weekdays.",
                (rows,),
                lambda day, found, source=source: drift.rows_of_source(source, day, found, params),
            )
            for source in quality_queries.KEYWORD_SOURCES
        ),
    ]


def of_keyword_embeddings(model_version: Callable[[], str]) -> list[QualityMonitor]:
    """Monitors of keyword_embeddings."""
    return [
        QualityMonitor(
            "keyword_embeddings",
            "share_of_keywords_embedded",
            "Share of the day's keywords that have a vector.",
            (lambda con, day: quality_queries.keywords_and_whether_embedded(con, day, model_version()),),
            lambda day, found: monitors.share_of_keywords_embedded(
                found["keyword"], found.filter("is_embedded")["keyword"]
            ),
        ),
    ]


def of_suggested_names(params: QualityParams) -> list[QualityMonitor]:
    """Monitors of suggested_names."""
    return [
        QualityMonitor(
            SUGGESTED_NAMES.name,
            "share_of_questions_without_an_answer",
            "Share of the questions to the language model, on the last UTC day with any, that got no answer.",
            (lambda con, day: model_calls.questions_by_reason(con),),
            lambda day, found: monitors.share_of_questions_without_an_answer(
                found, maximum=params.max_share_unanswered
            ),
        ),
        QualityMonitor(
            SUGGESTED_NAMES.name,
            "share_of_names_refused",
            "Share of the language model's names of the trailing four weeks that did not pass the checks.",
            (_trailing(model_calls.names_by_verdict, params.trailing_days),),
            lambda day, found: monitors.share_of_names_refused(found, maximum=params.max_share_names_refused),
        ),
    ]


def of_journey_safety(params: QualityParams) -> list[QualityMonitor]:
    """Monitors of journey_safety."""
    return [
        QualityMonitor(
            JOURNEY_SAFETY.name,
            "share_of_journeys_in_doubt",
            "Share of live journeys that are not sent because the safety model is not sure.",
            (safety.journeys_by_evidence,),
            lambda day, found: monitors.share_of_journeys_in_doubt(found, maximum=params.max_share_in_doubt),
        ),
    ]


def of_judged_journeys(params: QualityParams, releases: Path) -> list[QualityMonitor]:
    """Monitors of judged_journeys. ``releases``: of the verdicts on judges."""
    judged = _trailing(judging.judged_lately, params.trailing_days)

    def verdicts(_: duckdb.DuckDBPyConnection, day: date) -> JudgeVerdicts | None:
        return released_verdicts(releases, day)

    def judge(day: date, rows: pl.DataFrame, release: JudgeVerdicts | None) -> Monitor:
        judged_by = judge_of(rows)
        if judged_by is None:
            return monitors.top_journey_quality(None, ())
        if release is None:
            return monitors.top_journey_quality(
                top_quality(rows, judged_by, None), ("no agreement with people is known",)
            )
        table = release.table(judged_by) if release.is_calibrated(judged_by) else None
        return monitors.top_journey_quality(top_quality(rows, judged_by, table), release.reasons(judged_by))

    return [
        QualityMonitor(
            JUDGED_JOURNEYS.name,
            "top_journey_quality",
            "Mean relevance (1 to 5) of the best journeys of sampled users over the trailing four weeks.",
            (judged, verdicts),
            judge,
        ),
    ]


def of_clusters(params: QualityParams) -> list[QualityMonitor]:
    """Monitors of journey_clusters."""
    four_weeks = params.trailing_days
    clusters = _trailing(quality_queries.daily_clusters, four_weeks)
    return [
        QualityMonitor(
            "journey_clusters",
            "singleton_share",
            "Share of the day's clusters that hold one keyword.",
            (quality_queries.cluster_sizes,),
            lambda day, sizes: monitors.singleton_share(
                sizes, maximum=params.max_singleton_share, min_users=params.min_users_for_share
            ),
        ),
        QualityMonitor(
            "journey_clusters",
            "singleton_share_shift",
            "The same share against the trailing four weeks.",
            (clusters,),
            lambda day, daily: drift.singleton_share_shift(day, daily, params),
        ),
        QualityMonitor(
            "journey_clusters",
            "new_cluster_size_drift",
            "PSI of keywords per journey of the clusters computed on the day, against the trailing four weeks.",
            (_trailing(quality_queries.new_cluster_size_counts, four_weeks), clusters),
            lambda day, counts, daily: drift.new_cluster_size_drift(
                day, counts, daily.with_columns(n_users="n_users_with_journeys"), params
            ),
        ),
    ]


def of_journeys(params: QualityParams, *, keep_days: int) -> list[QualityMonitor]:
    """Monitors of user_journeys. ``keep_days``: days of the output retention."""
    four_weeks = params.trailing_days
    journeys = _trailing(quality_queries.daily_journeys, four_weeks)

    def both_days(con: duckdb.DuckDBPyConnection, day: date) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        return quality_queries.journeys_before_and_on(con, day, keep_days)

    return [
        QualityMonitor(
            "user_journeys",
            "days_behind_log",
            "Days from the newest computed day to the newest one with an event, when the day was run.",
            (
                lambda con, day: quality_queries.newest_event_day(con),
                lambda con, day: quality_queries.newest_computed_day(con),
            ),
            lambda day, event, computed: monitors.days_behind_log(
                day, event, computed, maximum=params.max_days_behind_log
            ),
        ),
        QualityMonitor(
            "user_journeys",
            "users_with_journeys",
            "Users with a live journey, against the trailing four weeks.",
            (journeys,),
            lambda day, daily: drift.users_with_journeys(day, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "journeys_per_user",
            "Median number of live journeys of a user.",
            (quality_queries.journey_names_of_day,),
            lambda day, rows: monitors.journeys_per_user(rows, maximum=params.max_journeys_per_user),
        ),
        QualityMonitor(
            "user_journeys",
            "journeys_per_user_shift",
            "Mean number of live journeys of a user, against the trailing four weeks.",
            (journeys,),
            lambda day, daily: drift.journeys_per_user_shift(day, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "one_area_share",
            "Share of users with four journeys or more that have one area only.",
            (quality_queries.areas_of_day,),
            lambda day, rows: monitors.one_area_share(
                rows, maximum=params.max_one_area_share, min_users=params.min_users_for_share
            ),
        ),
        QualityMonitor(
            "user_journeys",
            "cluster_size_drift",
            "PSI of keywords per live journey against the trailing four weeks.",
            (_trailing(quality_queries.cluster_size_counts, four_weeks), journeys),
            lambda day, counts, daily: drift.cluster_size_drift(day, counts, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "confidence_drift",
            "PSI of the confidence of live journeys against the trailing four weeks.",
            (_trailing(quality_queries.confidence_counts, four_weeks), journeys),
            lambda day, counts, daily: drift.confidence_drift(day, counts, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "stage_flapping",
            "Share of live journeys that went back to the stage they had left within a week.",
            (_trailing(quality_queries.stages_of_flipped_journeys, params.flapping_days), journeys),
            lambda day, flips, daily: drift.stage_flapping(day, flips, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "name_uniqueness",
            "Share of journeys whose name no other journey of the same user has.",
            (quality_queries.journey_names_of_day,),
            lambda day, rows: monitors.name_uniqueness(rows),
        ),
        *(
            QualityMonitor(
                "user_journeys",
                name,
                about,
                (both_days,),
                lambda day, pair, name=name, place=place: (
                    monitors.unmeasured(name, "nothing to measure: no day before is kept")
                    if pair is None
                    else churn.churn(*pair, maximum_ids=params.max_id_churn, maximum_names=params.max_name_churn)[place]
                ),
            )
            for place, (name, about) in enumerate(
                (
                    ("id_churn", "Share of journeys that go on since the day before under another id."),
                    ("name_churn", "Share of journeys that keep their id since the day before under another name."),
                )
            )
        ),
    ]


def of_inference_comparison(params: QualityParams) -> list[QualityMonitor]:
    """Monitors of inference_comparison."""
    return [
        QualityMonitor(
            INFERENCE_COMPARISON.name,
            "share_of_users_not_inferred",
            "Share of the users whom the language model was asked about on the day that it did not infer.",
            (inferences_of_day,),
            lambda day, asked: monitors.share_of_users_not_inferred(asked, maximum=params.max_share_unanswered),
        ),
        QualityMonitor(
            INFERENCE_COMPARISON.name,
            "tokens_per_user",
            "Mean tokens that the language model took for one user's journeys, sent and answered.",
            (inferences_of_day,),
            lambda day, asked: monitors.tokens_per_user(asked),
        ),
    ]


def of_notifications(params: QualityParams, *, weekly_cap: int) -> list[QualityMonitor]:
    """Monitors of notification_candidates."""
    four_weeks = params.trailing_days
    return [
        QualityMonitor(
            "notification_candidates",
            "candidates_per_user",
            "Most sends of any user within seven days.",
            (quality_queries.sends_of_week,),
            lambda day, sends: monitors.candidates_per_user(sends, weekly_cap=weekly_cap),
        ),
        QualityMonitor(
            "notification_candidates",
            "send_volume",
            "Planned sends, against the trailing four weeks.",
            (_trailing(quality_queries.daily_sends, four_weeks),),
            lambda day, daily: drift.send_volume(day, daily, params),
        ),
    ]


def of_closed_days(
    params: QualityParams,
    *,
    versions: Callable[[], VersionPeriods],
    horizon_days: int,
    first_partition_date: date | None,
) -> list[QualityMonitor]:
    """Monitors that can be measured only once the day is closed."""

    def live_and_stale(con: duckdb.DuckDBPyConnection, day: date) -> tuple[int, pl.DataFrame]:
        return quality_queries.live_and_stale_users(con, day, versions(), horizon_days, first_partition_date)

    return [
        QualityMonitor(
            CLOSED_DAYS.name,
            "share_of_stale_users",
            "Share of live users whose output of the day is behind their log, once the day is closed.",
            (live_and_stale,),
            lambda day, found: monitors.share_of_stale_users(*found, maximum=params.max_share_stale_users),
        ),
    ]
