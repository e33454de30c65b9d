"""Warehouse backends."""
