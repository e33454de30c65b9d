"""The one list of quality monitors: which table each speaks of, what it reads of a day, and how that is judged.

The WARN checks and the ``quality_metrics`` table are both made from it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Generic, TypeVar

import duckdb

from journeys_assets.defs.deployment import Deployment
from journeys_assets.domain import drift, metrics
from journeys_assets.domain.metrics import Monitor
from journeys_assets.domain.parameters import QualityParams
from journeys_assets.storage import quality_reads as reads

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class QualityMonitor(Generic[Found]):
    """One monitor: ``read`` asks the warehouse, ``judge`` computes with the warehouse closed.

    Attributes:
        asset: The table that it speaks of.
        name: The name of what ``judge`` returns.
        about: What it measures, one line.
    """

    asset: str
    name: str
    about: str
    read: Callable[[duckdb.DuckDBPyConnection, date], Found]
    judge: Callable[[date, Found], Monitor]


def quality_monitors(house: Deployment) -> list[QualityMonitor[Any]]:
    """All monitors of a deployment, in the order of the stages."""
    params: QualityParams = house.algorithm.quality
    trailing = params.trailing_days
    return [
        QualityMonitor(
            "keyword_table",
            "share_quarantined",
            "Share of all landed rows that the contract refused.",
            lambda con, day: reads.rows_read_and_refused(con),
            lambda day, rows: metrics.share_quarantined(*rows, maximum=params.max_share_quarantined),
        ),
        QualityMonitor(
            "keyword_table",
            "silent_sources",
            "Days that the most overdue source of keywords has been silent.",
            lambda con, day: reads.event_days(con, day, trailing),
            lambda day, found: metrics.silent_sources(
                day,
                found,
                maximum=params.max_silent_days,
                trailing_days=trailing,
                min_history_days=params.min_history_days,
            ),
        ),
        QualityMonitor(
            "keyword_embeddings",
            "share_of_keywords_embedded",
            "Share of the day's keywords that have a vector.",
            lambda con, day: reads.keywords_and_whether_embedded(con, day, house.embedder().model_version),
            lambda day, found: metrics.share_of_keywords_embedded(
                found["keyword"], found.filter("is_embedded")["keyword"]
            ),
        ),
        QualityMonitor(
            "journey_clusters",
            "singleton_share",
            "Share of the day's clusters that hold one keyword.",
            reads.cluster_sizes,
            lambda day, clusters: metrics.singleton_share(clusters, maximum=params.max_singleton_share),
        ),
        QualityMonitor(
            "journey_clusters",
            "singleton_share_shift",
            "The same share against the trailing four weeks.",
            lambda con, day: reads.daily_singletons(con, day, trailing),
            lambda day, daily: drift.singleton_share_shift(day, daily, params),
        ),
        QualityMonitor(
            "journey_clusters",
            "new_cluster_size_drift",
            "PSI of keywords per journey of the clusters computed on the day, against the trailing four weeks.",
            lambda con, day: (
                reads.new_cluster_size_counts(con, day, trailing),
                reads.computed_extent(con, day, trailing),
            ),
            lambda day, found: drift.new_cluster_size_drift(found[0], found[1], params),
        ),
        QualityMonitor(
            "user_journeys",
            "days_behind_log",
            "Days from the newest computed day to the newest one with an event, when the day was run.",
            lambda con, day: (reads.newest_event_day(con), reads.newest_computed_day(con)),
            lambda day, newest: metrics.days_behind_log(day, *newest, maximum=params.max_days_behind_log),
        ),
        QualityMonitor(
            "user_journeys",
            "users_with_journeys",
            "Users with a live journey, against the trailing four weeks.",
            lambda con, day: reads.daily_journeys_per_user(con, day, trailing),
            lambda day, daily: drift.users_with_journeys(day, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "journeys_per_user",
            "Median number of live journeys of a user.",
            reads.journey_names_of_day,
            lambda day, journeys: metrics.journeys_per_user(journeys, maximum=params.max_journeys_per_user),
        ),
        QualityMonitor(
            "user_journeys",
            "journeys_per_user_shift",
            "Mean number of live journeys of a user, against the trailing four weeks.",
            lambda con, day: reads.daily_journeys_per_user(con, day, trailing),
            lambda day, daily: drift.journeys_per_user_shift(day, daily, params),
        ),
        QualityMonitor(
            "user_journeys",
            "cluster_size_drift",
            "PSI of keywords per live journey against the trailing four weeks.",
            lambda con, day: (
                reads.cluster_size_counts(con, day, trailing),
                reads.live_extent(con, day, trailing),
            ),
            lambda day, found: drift.cluster_size_drift(found[0], found[1], params),
        ),
        QualityMonitor(
            "user_journeys",
            "confidence_drift",
            "PSI of the confidence of live journeys against the trailing four weeks.",
            lambda con, day: (
                reads.confidence_counts(con, day, trailing),
                reads.live_extent(con, day, trailing),
            ),
            lambda day, found: drift.confidence_drift(found[0], found[1], params),
        ),
        QualityMonitor(
            "user_journeys",
            "stage_flapping",
            "Share of live journeys that went back to the stage they had left within a week.",
            lambda con, day: (
                reads.stages_of_flipped_journeys(con, day, params.flapping_days),
                reads.days_with_journeys(con, day, trailing),
            ),
            lambda day, found: drift.stage_flapping(day, found[0], found[1], params),
        ),
        QualityMonitor(
            "user_journeys",
            "name_uniqueness",
            "Share of journeys whose name no other journey of the same user has.",
            reads.journey_names_of_day,
            lambda day, journeys: metrics.name_uniqueness(journeys),
        ),
        QualityMonitor(
            "notification_candidates",
            "candidates_per_user",
            "Most sends of any user within seven days.",
            reads.sends_of_week,
            lambda day, sends: metrics.candidates_per_user(
                sends, weekly_cap=house.algorithm.notifications.weekly_cap_per_user
            ),
        ),
        QualityMonitor(
            "notification_candidates",
            "send_volume",
            "Planned sends, against the trailing four weeks.",
            lambda con, day: reads.daily_sends(con, day, trailing),
            lambda day, daily: drift.send_volume(day, daily, params),
        ),
    ]


def measure(house: Deployment, monitors: Sequence[QualityMonitor[Any]], day: date) -> list[Monitor]:
    """What ``monitors`` say of ``day``, in their order."""
    with house.warehouse.reading() as con:
        found = [monitor.read(con, day) for monitor in monitors]
    return [monitor.judge(day, read) for monitor, read in zip(monitors, found, strict=True)]
