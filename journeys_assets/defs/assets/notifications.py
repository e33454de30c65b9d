"""notification_candidates: who to notify about which journey, when, and why not the others."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.notifications.plan import plan_notifications
from journeys_assets.domain.notifications.send_memory import similar_sends
from journeys_assets.domain.tables.pipeline import NOTIFICATION_CANDIDATES
from journeys_assets.storage.queries import notifications as notification_queries
from journeys_assets.storage.queries import users as user_queries


def build(deployment: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(
        deployment,
        NOTIFICATION_CANDIDATES,
        stage="notifications",
        deps=[
            "user_journeys",
            "ranked_journeys",
            "journey_clusters",
            "inference_ledger",
            "stg_users",
            "stg_notification_events",
        ],
        kinds=set(),
    )

    @stage_asset(deployment, spec)
    def notification_candidates(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        params = deployment.algorithm
        days = days_of(context)
        planned = NOTIFICATION_CANDIDATES.empty()
        for done, day in enumerate(days, start=1):
            with deployment.warehouse.reading() as con:
                journeys = notification_queries.journeys_to_send(con, day)
                users = user_queries.users(con)
                hours = notification_queries.active_hours(con, day, params.keywords.look_back_days)
                sent = notification_queries.sends_before(con, day, params.notifications)
                centroids = notification_queries.centroids_to_remember(
                    con, sent, day, params.notifications, params.keywords.horizon_days
                )
            remembered = similar_sends(centroids, sent, day, params.notifications)
            planned = stamped(
                plan_notifications(journeys, users, hours, sent, remembered, day, params.notifications),
                NOTIFICATION_CANDIDATES,
                day,
                deployment.version_of("notifications"),
            )
            deployment.warehouse.replace_partitions(NOTIFICATION_CANDIDATES, planned, [day])
            metadata.report_day(context, "notification_candidates", day, planned)
            deployment.progress("notification_candidates", done, len(days))
        reasons = planned.group_by("decision", "reason").len("candidates").sort("candidates", descending=True)
        sends = planned.filter(pl.col("decision") == "send")
        yield StageResult(
            metadata={
                "sends_on_last_day": sends.height,
                "reasons": metadata.examples(reasons),
                "examples": metadata.examples(sends, ["user_id", "channel", "title_text", "confidence"]),
            }
        )

    return notification_candidates
