"""The Dagster code location."""

from journeys_assets.build import build_definitions

defs = build_definitions()
