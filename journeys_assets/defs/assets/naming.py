"""journey_names: the name of every live journey."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import dagster as dg
import polars as pl

from journeys_assets.defs import metadata
from journeys_assets.defs.assets.common import StageResult, changed_states, stage_asset, stage_spec, stamped
from journeys_assets.defs.partitions import days_of
from journeys_assets.deployment import Deployment
from journeys_assets.domain.naming.names import name_journeys
from journeys_assets.domain.tables.pipeline import JOURNEY_NAMES
from journeys_assets.models.naming.release import naming_on
from journeys_assets.storage.queries import inference
from journeys_assets.storage.queries import keywords as keyword_queries
from journeys_assets.storage.queries.labels import NAMING_COLUMNS


def build(deployment: Deployment) -> dg.AssetsDefinition:
    spec = stage_spec(
        deployment,
        JOURNEY_NAMES,
        stage="naming",
        deps=["journey_clusters", "inference_ledger", "keyword_table", "keyword_commonness"],
        kinds=set(),
    )

    @stage_asset(deployment, spec)
    def journey_names(context: dg.AssetExecutionContext) -> Iterator[StageResult]:
        named: Named | None = None
        days = days_of(context)
        for done, day in enumerate(days, start=1):
            named = name_day(deployment, day, named)
            rows = stamped(named.names, JOURNEY_NAMES, day, deployment.version_of("naming"))
            deployment.warehouse.replace_partitions(JOURNEY_NAMES, rows, [day])
            metadata.report_day(context, "journey_names", day, rows)
            deployment.progress("journey_names", done, len(days))
        yield StageResult(
            metadata={
                "named_by": ", ".join(sorted(rows["named_by"].unique())) or "nothing to name",
                "examples": metadata.examples(rows, ["user_id", "journey_name", "keywords"]),
            }
        )

    return journey_names


@dataclass(frozen=True)
class Named:
    """The names of a day and all that they were made from."""

    states: pl.DataFrame
    commonness: tuple[int, int]
    named_by: str
    names: pl.DataFrame


def name_day(deployment: Deployment, day: date, before: Named | None) -> Named:
    """Names as of ``day``; users whose inference, catalogue and weights are those of ``before`` keep those names."""
    params = deployment.algorithm
    naming, named_by = naming_on(deployment.naming_releases_path, day, params.naming)
    with deployment.warehouse.reading() as con:
        states = inference.live_states(con, day, params.keywords.horizon_days)
        commonness = keyword_queries.commonness_fingerprint(con, day)
        basis = (commonness, named_by)
        carried = before if before is not None and (before.commonness, before.named_by) == basis else None
        known, changed = changed_states(states, carried.states if carried else None)
        clusters = inference.journeys_in(con, changed, NAMING_COLUMNS)
        facts = keyword_queries.keyword_facts(con, clusters, day, params.keywords)
    names = name_journeys(clusters, facts, naming).with_columns(named_by=pl.lit(named_by, dtype=pl.String))
    if carried is not None:
        names = pl.concat([names, carried.names.join(known, on="user_id", how="semi")]).sort("user_id", "journey_id")
    return Named(states, commonness, named_by, names)
