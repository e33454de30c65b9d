"""The Dagster code location."""

from journeys_assets.defs.build import build_definitions

defs = build_definitions(column_lineage=True)
