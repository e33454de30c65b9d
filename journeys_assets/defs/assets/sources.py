"""The landing tables as external assets, so that lineage begins at the logs."""

import dagster as dg

from journeys_assets.defs import metadata
from journeys_assets.domain.tables.landing import LANDING


def build_source_specs() -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            dg.AssetKey(["landing", table.name]),
            group_name="landing",
            description=f"{table.description} Loaded from the landing folder by `ingest_job`, or by `journeys ingest`.",
            owners=metadata.OWNERS,
            kinds={"duckdb"},
            metadata={"dagster/column_schema": metadata.column_schema(table)},
        )
        for table in LANDING.values()
    ]
