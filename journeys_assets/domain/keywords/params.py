"""Which keywords count, and how much one action says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeywordParams:
    """Which keywords count, and how much one action says."""

    revision: int = 2
    look_back_days: int = 90
    horizon_days: int = 180
    """A user whose last active day is longer ago has no live journeys."""
    max_keywords_per_user: int = 2000
    """Heaviest keywords kept per user and window; clustering is quadratic."""
    search_weight: float = 1.0
    """What one search says of its keyword; actions on items have weights of their own (``domain.actions``)."""
    board_weight: float = 1.0
    """What one pin put on a board says of the pin's keywords and of the board's name."""
    generic_share: float = 0.01
    """A keyword carried by at least this share of the catalogue's items is generic …"""
    generic_min_items: int = 10
    """… if at least so many items carry it: in a small catalogue a large share may be one item."""
