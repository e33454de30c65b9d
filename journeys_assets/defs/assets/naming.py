"""journey_names: the name of every live journey."""

from collections.abc import Iterator

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, stage_asset, stage_spec, stamped
from journeys_assets.defs.deployment import Deployment
from journeys_assets.defs.partitions import days_of
from journeys_assets.domain.naming import name_journeys
from journeys_assets.domain.schemas import JOURNEY_NAMES
from journeys_assets.storage import reads

CLUSTER_COLUMNS = (
    "user_id",
    "journey_id",
    "window_end_date",
    "keywords",
    "keyword_weights",
    "keyword_centralities",
)


def build(house: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(
        house,
        JOURNEY_NAMES,
        stage="naming",
        deps=["journey_clusters", "inference_ledger", "keyword_table", "keyword_commonness"],
        kinds=set(),
    )

    @stage_asset(house, spec)
    def journey_names(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        params = house.algorithm
        days = days_of(context)
        names = JOURNEY_NAMES.empty()
        for done, day in enumerate(days, start=1):
            with house.warehouse.reading() as con:
                clusters = reads.live_clusters(con, day, params.keywords.horizon_days, CLUSTER_COLUMNS)
                facts = reads.keyword_facts(con, clusters, day, params.keywords)
            names = stamped(
                name_journeys(clusters, facts, params.naming), JOURNEY_NAMES, day, house.version_of("naming")
            )
            house.warehouse.replace_partitions(JOURNEY_NAMES, names, [day])
            house.progress("journey_names", done, len(days))
        yield StageResult(
            metadata={
                **metadata.counts(names),
                "examples": metadata.examples(names, ["user_id", "journey_name", "keywords"]),
            }
        )

    return journey_names
