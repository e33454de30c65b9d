"""Dagster only: partitions, assets, checks, jobs, schedules. Thin; what computes lives in ``domain``."""
