"""published_journeys: a copy of the output tables in a file that anyone may open."""

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import GROUPS
from journeys_assets.defs.day_lock import DAY_LOCK
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.storage.queries import days as day_queries

PUBLISHED = ("user_journeys", "current_journeys", "notification_candidates", "journey_events", "quality_metrics")
"""That quality_metrics is among them has a second use: days are measured before retention drops them."""

SNAPSHOT_TABLES = (
    "journey_names",
    "journey_features",
    "ranked_journeys",
    "stage_evidence",
    "stage_labels",
    "user_journeys",
    "notification_candidates",
    "keyword_commonness",
)
"""Tables with a row per live journey and day; only recent snapshots of them are kept. journey_events are few and are
history, which snapshots that are gone no longer tell: they stay."""


def build(deployment: Deployment) -> dg.AssetsDefinition:
    @dg.asset(
        name="published_journeys",
        deps=[*PUBLISHED],
        partitions_def=deployment.partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=GROUPS["published_journeys"],
        description="The output tables, copied to `journeys.duckdb` in one atomic step for outside readers. Days that "
        "another run is in the middle of stay as they were.",
        owners=metadata.OWNERS,
        kinds={"duckdb"},
        code_version="1",
        required_resource_keys={DAY_LOCK},
    )
    def published_journeys(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        days = days_of(context)
        dropped = deployment.warehouse.delete_old_partitions(
            SNAPSHOT_TABLES, keep_days=deployment.settings.output_retention_days
        )
        models = [deployment.sql_models[name] for name in PUBLISHED if name in deployment.sql_models]
        views = {model.name: model.render({}) for model in models if model.materialized == "view"}
        deployment.warehouse.publish(
            [name for name in PUBLISHED if name not in views],
            deployment.settings.published_path,
            views=views,
            unfinished_days=lambda con: day_queries.days_not_finished(con, context.run_id),
        )
        deployment.progress("published_journeys", len(days), len(days))
        return dg.MaterializeResult(
            metadata={
                "path": dg.MetadataValue.path(str(deployment.settings.published_path)),
                "bytes": deployment.settings.published_path.stat().st_size,
                "rows_dropped_by_retention": dropped,
            }
        )

    return published_journeys
