"""When a new or gone journey counts as the continuation of another one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EvolutionParams:
    """When a new or gone journey counts as the continuation, or a part, of another one. All values are shares (0..1) of
    keywords."""

    revision: int = 1
    min_overlap: float = 0.5
    """A gone and a new journey that are each other's best match are the same journey if they share at least this much
    of the smaller one. The smaller one is the reference because a journey that trebles overnight is still the same."""
    mostly: float = 0.5
    """A new journey is a split if more than this share of its keywords was in earlier journeys, else it is born."""
    min_taken_up: float = 0.4
    """A gone journey is merged if later journeys contain at least this share of its keywords, else it has expired. Less
    than a half, because old keywords leave the look-back window when a user returns."""
