"""Definitions of all tables and landing sources."""
