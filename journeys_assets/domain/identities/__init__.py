"""Ids of one person: which links stand, and whose events an id's events are."""
