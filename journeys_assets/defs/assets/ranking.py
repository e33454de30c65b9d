"""ranked_journeys: score, confidence and diversified rank of every live journey."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, changed_states, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.ranking.diversification import diversify
from journeys_assets.domain.ranking.feedback import apply_feedback, orphaned
from journeys_assets.domain.ranking.prior import score_by_prior
from journeys_assets.domain.tables.pipeline import JOURNEY_CLUSTERS, RANKED_JOURNEYS
from journeys_assets.models.ranker.release import released
from journeys_assets.storage.queries import inference, tables
from journeys_assets.storage.queries import notifications as notification_queries

CLUSTER_COLUMNS = ("user_id", "journey_id", "last_engaged_at", "centroid")


def build(deployment: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(
        deployment,
        RANKED_JOURNEYS,
        stage="ranking",
        deps=["journey_features", "journey_clusters", "inference_ledger", "stg_journey_feedback"],
        kinds={"lightgbm"},
    )

    @stage_asset(deployment, spec)
    def ranked_journeys(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        params = deployment.algorithm
        days = days_of(context)
        ranked, orphans = RANKED_JOURNEYS.empty(), pl.DataFrame()
        clusters, states_before = JOURNEY_CLUSTERS.empty().select(CLUSTER_COLUMNS), None
        for done, day in enumerate(days, start=1):
            with deployment.warehouse.reading() as con:
                features = tables.partition(con, "journey_features", day)
                states = inference.live_states(con, day, params.keywords.horizon_days)
                known, changed = changed_states(states, states_before)
                fresh = inference.journeys_in(con, changed, CLUSTER_COLUMNS)
                verdicts = notification_queries.feedback_as_of(con, day)
            clusters = pl.concat([fresh, clusters.join(known, on="user_id", how="semi")])
            states_before = states
            release = released(deployment.releases_path, day)
            scored = release.score(features) if release else score_by_prior(features, params.ranking)
            scored = scored.join(clusters, on=["user_id", "journey_id"])
            heard = apply_feedback(scored, verdicts, day, params.ranking)
            ranked = stamped(
                diversify(heard, params.ranking),
                RANKED_JOURNEYS,
                day,
                deployment.version_of("ranking"),
            )
            orphans = orphaned(verdicts, ranked, day)
            deployment.warehouse.replace_partitions(RANKED_JOURNEYS, ranked, [day])
            metadata.report_day(context, "ranked_journeys", day, ranked)
            deployment.progress("ranked_journeys", done, len(days))
        yield StageResult(
            metadata={
                "verdicts_that_hold": ranked["feedback"].count(),
                "verdicts_on_journeys_not_live": orphans.height,
                "scored_by": ", ".join(sorted(ranked["scored_by"].unique())) or "nothing to score",
                "confidence": metadata.histogram(ranked["confidence"], "Confidence, last day"),
                "examples": metadata.examples(ranked),
            }
        )

    return ranked_journeys
