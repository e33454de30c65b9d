"""Expansions: related journeys of every name, made offline, and the model that ranks them for a user."""
