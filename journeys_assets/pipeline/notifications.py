"""notification_candidates: whom to notify about which journey, when, and why not about the others."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import polars as pl

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.plan import plan_notifications
from journeys_assets.domain.notifications.send_memory import similar_sends
from journeys_assets.domain.notifications.sends import sends_before, sends_of_plan
from journeys_assets.domain.tables.pipeline import NOTIFICATION_CANDIDATES
from journeys_assets.pipeline.stage import Batch, Notes, Run
from journeys_assets.storage.queries import notifications as queries
from journeys_assets.storage.queries import users as user_queries
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Notifications:
    """Plans the sends of the day after each partition date."""

    warehouse: Warehouse
    keywords: KeywordParams
    notifications: NotificationParams

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        planned = NOTIFICATION_CANDIDATES.empty()
        params = self.notifications
        for days in run.chunks():
            with self.warehouse.reading() as con:
                journeys = queries.journeys_to_send(con, days)
                users = user_queries.users_by_day(con, days)
                hours = {day: queries.active_hours(con, day, self.keywords.look_back_days) for day in days}
                logged = queries.logged_sends(con, days[0], days[-1], params)
                before = queries.planned_before(con, days[0], params)
                later = {day: queries.planned_after(con, day, run.days[-1], params) for day in days}
            rows = []
            for day in days:
                sent = sends_before(before, logged, day, params)
                with self.warehouse.reading() as con:
                    centroids = queries.centroids_to_remember(con, sent, day, params, self.keywords.horizon_days)
                remembered = similar_sends(centroids, sent, day, params)
                planned = plan_notifications(
                    journeys[day], users[day], hours[day], sent, remembered, day, params, later[day]
                )
                rows.append(planned.with_columns(partition_date=pl.lit(day)))
                before = pl.concat([before, sends_of_plan(rows[-1])])
            yield Batch(days, {NOTIFICATION_CANDIDATES.name: pl.concat(rows)})
        sends = planned.filter(pl.col("decision") == "send")
        return Notes(
            {
                "sends_on_last_day": sends.height,
                "reasons": planned.group_by("decision", "reason").len("candidates").sort("candidates", descending=True),
                "examples": sends.select("user_id", "channel", "title_text", "confidence"),
            }
        )
