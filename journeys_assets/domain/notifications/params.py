"""Who may be sent what, how often, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotificationParams:
    """Who may be sent what, how often, and when. Hours are local wall-clock hours of the user, 0-23."""

    revision: int = 1
    min_confidence: float = 0.5
    weekly_cap_per_user: int = 2
    """Most sends to a user in any 7 days in a row, over all journeys and channels."""
    journey_cool_down_days: int = 14
    """Fewest days from one send about a journey to the next one about it."""
    memory_penalty: float = 1.0
    """What a journey's standing is multiplied by for each recent send about it or one like it; 1: no memory. It makes
    sends more varied and what is sent less relevant, so it is for those who want that: try 0.8."""
    memory_days: int = 28
    """Sends of so many days are remembered when the next one is chosen."""
    memory_similarity: float = 0.45
    """Cosine of centroids over which two journeys are alike to a reader."""
    quiet_start_hour: int = 21
    quiet_end_hour: int = 8
    """Quiet from the start hour up to, not including, the end hour; no quiet hours where the two are equal."""
    send_window_hours: int = 3
    default_send_hour: int = 18
    """Start of the window where nothing is known of the user's habits, and what settles ties."""
    journey_arm_share: float = 0.8
    interest_arm_share: float = 0.1
    """The rest is holdout."""
    experiment_salt: str = "journeys-1"
