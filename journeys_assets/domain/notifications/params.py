"""Rules of sending: who, what, how often and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotificationParams:
    """Rules of sending: who, what, how often and when. Hours are local hours of the user, 0-23."""

    revision: int = 3
    min_confidence: float = 0.5
    weekly_cap_per_user: int = 2
    """Maximum number of sends to a user in any 7 consecutive days, over all journeys and channels."""
    journey_cool_down_days: int = 14
    """Minimum number of days between two sends about the same journey."""
    memory_penalty: float = 1.0
    """Factor on a journey's score for each recent send about it or a similar one; 1 disables the memory. Lower values
    make sends more varied and less relevant. If variety is wanted, 0.8 is a reasonable start."""
    memory_days: int = 28
    """Number of days whose sends count for ``memory_penalty``."""
    memory_similarity: float = 0.45
    """Two journeys are similar for ``memory_penalty`` if the cosine of their centroids is above this."""
    quiet_start_hour: int = 21
    quiet_end_hour: int = 8
    """Quiet hours last from the start hour up to, but not including, the end hour. There are none if both are equal."""
    send_window_hours: int = 3
    default_send_hour: int = 18
    """Start of the window if the user's habits are unknown; also resolves ties."""
    journey_arm_share: float = 0.8
    interest_arm_share: float = 0.1
    """The remaining users are the holdout."""
    experiment_salt: str = "journeys-1"
    items_per_send: int = 5
    """Most items that a send shows."""
