"""Parameters of themes: how names of journeys are grouped, and where the map shows the groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ThemeParams:
    """Parameters of themes. They shape what the explorer shows, and no table."""

    cosine: float = 0.55
    """A name joins the theme of the nearest name that more users have, from this cosine on."""
    n_names: int = 5_000
    """Most names that are grouped, those of most users; others belong to no theme. Bounds the time to embed them."""
    n_on_map: int = 240
    """Most themes on the map, those of most users."""
    n_groups: int = 8
    """Most groups of similar themes; each has a colour on the map."""
    perplexity: float = 12.0
    """Effective number of neighbours of a theme that the map keeps near it."""
    iterations: int = 400
    """Steps in which the map is improved."""
    n_landmarks_near: int = 3
    """Landmarks of a released map between which a theme is placed."""
    landmark_scale: float = 0.04
    """Difference of cosine at which a landmark counts e times less than the nearest one."""
    least_share_near: float = 0.8
    """A released map is replaced when the themes of a smaller share of users have a landmark at ``cosine``."""
