"""User journeys from raw logs: a Dagster project."""

__version__ = "0.2.0.dev0"
