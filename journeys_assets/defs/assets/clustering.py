"""journey_clusters and inference_ledger: clusters of every user whose log changed."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.clustering.clusters import cluster_users
from journeys_assets.domain.keywords.vectors import KeywordVectors
from journeys_assets.domain.tables.pipeline import INFERENCE_LEDGER, JOURNEY_CLUSTERS
from journeys_assets.domain.tables.table import Table
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries


class InferenceConfig(dg.Config):
    """How much to recompute."""

    full: bool = False
    """Recompute every user within the horizon, not only those whose log or algorithm version changed."""


def build(deployment: Deployment) -> dg.AssetsDefinition:
    def spec(table: Table) -> dg.AssetSpec:
        deps = ["keyword_table", "keyword_embeddings"]
        return stage_spec(deployment, table, stage="clustering", deps=deps, kinds={"numpy"})

    @stage_asset(deployment, spec(JOURNEY_CLUSTERS), spec(INFERENCE_LEDGER))
    def journey_clusters(context: dg.AssetExecutionContext, config: InferenceConfig) -> Iterator[StageResult]:
        days = days_of(context)
        clusters, ledger = JOURNEY_CLUSTERS.empty(), INFERENCE_LEDGER.empty()
        n_users = 0
        for done, day in enumerate(days, start=1):
            clusters, ledger = compute_day(deployment, day, full=config.full)
            deployment.warehouse.replace_together([(JOURNEY_CLUSTERS, clusters), (INFERENCE_LEDGER, ledger)], [day])
            n_users += ledger.height
            metadata.report_day(context, "journey_clusters", day, clusters)
            metadata.report_day(context, "inference_ledger", day, ledger)
            deployment.progress("journey_clusters", done, len(days))
        journeys = clusters.filter("is_journey")
        yield StageResult(
            asset_key="journey_clusters",
            metadata={
                "journeys_on_last_day": journeys.height,
                "users_computed": n_users,
                "cluster_sizes": metadata.histogram(clusters["n_keywords"], "Keywords per cluster, last day"),
                "examples": metadata.examples(journeys, ["user_id", "journey_id", "medoid", "keywords", "cohesion"]),
            },
        )
        yield StageResult(asset_key="inference_ledger")

    return journey_clusters


def compute_day(deployment: Deployment, day: date, *, full: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Clusters and ledger rows of one partition."""
    params, version = deployment.algorithm.keywords, deployment.version_of("clustering")
    with deployment.warehouse.reading() as con:
        users = inference.users_to_cluster(con, day, params, version, full=full)
        keywords = keyword_queries.window_keywords(con, users, params, deployment.algorithm.actions)
        history = keyword_queries.keyword_history(con, users)
        distinct = history["keyword"].unique().sort().to_list()
        vectors = KeywordVectors.from_frame(
            keyword_queries.embedded_keywords(con, distinct, deployment.embedder().model_version)
        )
    clusters = cluster_users(keywords, history, vectors, deployment.algorithm.clustering).join(users, on="user_id")
    per_user = clusters.group_by("user_id").agg(n_keywords=pl.col("n_keywords").sum(), n_clusters=pl.len())
    ledger = users.join(per_user, on="user_id", how="left").with_columns(
        pl.col("n_keywords", "n_clusters").fill_null(0)
    )
    return (
        stamped(clusters, JOURNEY_CLUSTERS, day, version),
        stamped(ledger, INFERENCE_LEDGER, day, version),
    )
