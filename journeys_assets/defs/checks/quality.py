"""Quality monitors: WARN checks that report the value, the bound and offenders of the run's last day."""

from collections.abc import Callable
from datetime import date

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.partitions import days_of
from journeys_assets.domain import metrics
from journeys_assets.storage import reads


def build_quality_monitors(house: Deployment) -> list[dg.AssetChecksDefinition]:
    def embedded(day: date) -> metrics.Monitor:
        with house.warehouse.reading() as con:
            keywords = reads.keywords_of_days(con, [day])["keyword"]
            stored = reads.keywords_embedded(con, keywords.to_list(), house.embedder().model_version)
        return metrics.share_of_keywords_embedded(keywords, stored)

    def partition(table: str, day: date):  # type: ignore[no-untyped-def]
        with house.warehouse.reading() as con:
            return reads.partition(con, table, day)

    def sends(day: date) -> metrics.Monitor:
        week = house.warehouse.query(
            "SELECT user_id FROM main.notification_candidates WHERE decision = 'send' "
            "AND partition_date > $day - 7 AND partition_date <= $day",
            {"day": day},
        )
        return metrics.candidates_per_user(week, weekly_cap=house.algorithm.notifications.weekly_cap_per_user)

    def quarantined(_: date) -> metrics.Monitor:
        total = house.warehouse.query(
            "SELECT coalesce(sum(n_rows), 0)::BIGINT AS n, coalesce(sum(n_quarantined), 0)::BIGINT AS bad "
            "FROM landing.ingest_ledger"
        )
        return metrics.share_quarantined(total["n"][0], total["bad"][0])

    return [
        _monitor(house, "keyword_embeddings", "share_of_keywords_embedded", embedded),
        _monitor(
            house,
            "journey_clusters",
            "singleton_share",
            lambda day: metrics.singleton_share(partition("journey_clusters", day)),
        ),
        _monitor(
            house,
            "user_journeys",
            "journeys_per_user",
            lambda day: metrics.journeys_per_user(partition("user_journeys", day)),
        ),
        _monitor(
            house,
            "user_journeys",
            "name_uniqueness",
            lambda day: metrics.name_uniqueness(partition("user_journeys", day)),
        ),
        _monitor(house, "notification_candidates", "candidates_per_user", sends),
        _monitor(house, "keyword_table", "share_quarantined", quarantined),
    ]


def _monitor(
    house: Deployment, asset: str, name: str, measure: Callable[[date], metrics.Monitor]
) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(asset),
        name=name,
        blocking=False,
        description=f"Monitor of {name}.",
    )
    def monitor(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        result = measure(days_of(context)[-1])
        return dg.AssetCheckResult(
            passed=result.passed,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{result.name} = {result.value:.3f}, expected {result.bound}",
            metadata={
                "value": result.value,
                "bound": result.bound,
                "advice": result.advice,
                **({"offenders": metadata.examples(result.offenders)} if result.offenders.height else {}),
            },
        )

    return monitor
