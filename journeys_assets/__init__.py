"""User journeys from raw logs: a Dagster project."""

__version__ = "0.1.0"
