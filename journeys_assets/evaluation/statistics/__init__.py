"""Intervals and estimators."""
