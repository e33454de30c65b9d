"""notification_candidates: whom to notify about which journey, when, and why not about the others."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import date

import polars as pl

from journeys_assets.domain.keywords.params import KeywordParams
from journeys_assets.domain.notifications.params import NotificationParams
from journeys_assets.domain.notifications.plan import plan_notifications
from journeys_assets.domain.notifications.send_memory import similar_sends
from journeys_assets.domain.notifications.sends import sends_before, sends_of_plan
from journeys_assets.domain.tables.pipeline import NOTIFICATION_CANDIDATES
from journeys_assets.pipeline.stage import EXAMPLE_ROWS, Batch, Notes, Run
from journeys_assets.storage.queries import notifications as queries
from journeys_assets.storage.queries import users as user_queries
from journeys_assets.storage.queries.identities import owned, owners_on
from journeys_assets.storage.queries.shards import Shard
from journeys_assets.storage.warehouse.duckdb_file import Warehouse


@dataclass(frozen=True)
class Notifications:
    """Plans the sends of the day after each partition date."""

    warehouse: Warehouse
    keywords: KeywordParams
    notifications: NotificationParams

    def run(self, run: Run) -> Generator[Batch, None, Notes]:
        params, horizon_days = self.notifications, self.keywords.horizon_days
        examples, n_sends = NOTIFICATION_CANDIDATES.empty(), 0
        reasons: list[pl.DataFrame] = []
        users: dict[date, pl.DataFrame] = {}
        for days, shard in run.pieces():
            with self.warehouse.reading() as con:
                if shard.number == 0:
                    users = user_queries.users_by_day(con, days)
                journeys = queries.journeys_to_send(con, days, shard)
                interests = queries.interests_to_send(con, days, shard)
                hours = {day: queries.active_hours(con, day, self.keywords.look_back_days, shard) for day in days}
                logged = queries.logged_sends(con, days[0], days[-1], params, shard)
                before = queries.planned_before(con, days[0], params, shard)
                later = {day: queries.planned_after(con, day, run.days[-1], params, shard) for day in days}
                owners = owners_on(con, days)
            rows = []
            for day in days:
                # Sends to an id that was linked since count for the user.
                sent = _of_owners(sends_before(before, logged, day, params), owners[day], shard)
                sent_later = _of_owners(later[day], owners[day], shard)
                with self.warehouse.reading() as con:
                    centroids = queries.centroids_to_remember(con, sent, day, params, horizon_days, shard)
                remembered = similar_sends(centroids, sent, day, params)
                said = shard.of_frame(users[day])
                planned = plan_notifications(
                    journeys[day], said, hours[day], sent, remembered, day, params, sent_later, interests[day]
                )
                rows.append(planned.with_columns(partition_date=pl.lit(day)))
                before = pl.concat([before, sends_of_plan(rows[-1])])
                if day == run.days[-1]:
                    sends = planned.filter(pl.col("decision") == "send")
                    n_sends += sends.height
                    reasons.append(planned.group_by("decision", "reason").len("candidates"))
                    examples = sends.head(EXAMPLE_ROWS) if examples.is_empty() else examples
            yield Batch(days, {NOTIFICATION_CANDIDATES.name: pl.concat(rows)}, shard=shard)
        by_reason = pl.concat(reasons).group_by("decision", "reason").agg(pl.col("candidates").sum())
        return Notes(
            {
                "sends_on_last_day": n_sends,
                "reasons": by_reason.sort("candidates", descending=True),
                "examples": examples.select("user_id", "channel", "title_text", "confidence"),
            }
        )


def _of_owners(sends: pl.DataFrame, owners: pl.DataFrame, shard: Shard) -> pl.DataFrame:
    """The sends (user_id, …) that count for the users of ``shard``, by whose they are; distinct, sorted."""
    if owners.is_empty():
        return shard.of_frame(sends)
    return shard.of_frame(owned(sends, owners)).unique().sort(pl.all())
