"""Queries on the warehouse, one module per topic."""
