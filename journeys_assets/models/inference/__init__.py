"""Asking a language model for the journeys of a user."""
