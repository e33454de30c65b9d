"""When a journey that is new or gone counts as another one's continuation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvolutionParams:
    """When a journey that is new or gone counts as another one's continuation, part or whole. Shares of keywords."""

    revision: int = 1
    min_overlap: float = 0.5
    """A gone and a new journey that are each other's best match are one journey if they share this much of the smaller
    one: a journey that trebled overnight is still the same."""
    mostly: float = 0.5
    """A new journey is a split if more than this share of its keywords was in journeys before, else it is born."""
    min_taken_up: float = 0.4
    """A gone journey is merged if later ones hold this share of its keywords, else it has expired. Less than a half,
    because the look-back window moves on with a user who comes back, and leaves keywords behind."""
