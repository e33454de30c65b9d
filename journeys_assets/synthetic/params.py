"""What a synthetic world is made from.

What belongs here: the knobs and why they have their value. What does not: using them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class WorldParams:
    """Size and mix of a world. Shares are 0-1.

    Raises:
        ValueError: no users or no days, or a share outside 0-1.
    """

    seed: int = 7
    n_users: int = 300
    """More users leave the first ones as they were."""
    n_days: int = 45
    """More days leave the first ones as they were, but for answers that had not come yet."""
    first_day: date = date(2026, 3, 2)
    bot_share: float = 0.015
    heavy_share: float = 0.03
    """Users with many journeys at once and hundreds of keywords."""
    dropout_share: float = 0.2
    """Users who stop coming at some time within about three months."""
    newcomer_share: float = 0.1
    """Users who sign up within the first two weeks of the world."""
    active_share: float = 0.24
    """Mean share of days on which a normal user comes; users differ widely."""
    translation_share: float = 0.25
    """Searches in the own language of users whose locale is not English."""
    typo_share: float = 0.03
    number_share: float = 0.05
    """Searches with singular for plural, or the reverse."""
    shouting_share: float = 0.12
    """Searches in other cases than lower, or with stray spaces: the same keyword once normalised."""
    noise_search_share: float = 0.07
    """Searches in a session that have nothing to do with any journey."""
    pins_per_theme: int = 25
    off_topic_pins: int = 150
    generic_annotation_share: float = 0.45
    """Pins that carry a word such as 'ideas' beside what they show."""
    journey_arm_share: float = 0.8
    interest_arm_share: float = 0.1
    """The rest of the users are the holdout."""
    sends_per_week: float = 2.5
    """Sends to a user who may be sent any; never more than three in seven days."""
    first_send_day: int = 0
    """Days of the world before anything is sent: what users do unasked."""
    random_slot_share: float = 0.25
    annotation_share: float = 0.06
    """Active days of a user after which the three annotators judge one journey of the user."""
    annotated_users: int = 400
    """Only so many users are ever judged: people's time is dear."""
    feedback_share: float = 0.015
    """Active days on which a user says something of a journey."""

    def __post_init__(self) -> None:
        if self.n_users < 1 or self.n_days < 1:
            raise ValueError(f"a world needs a user and a day; n_users={self.n_users}, n_days={self.n_days}")
        for field in fields(self):
            if field.name.endswith("_share") and not 0.0 <= getattr(self, field.name) <= 1.0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}; it must be from 0 to 1")
        if self.bot_share + self.heavy_share > 1.0 or self.journey_arm_share + self.interest_arm_share > 1.0:
            raise ValueError("bot_share + heavy_share, and journey_arm_share + interest_arm_share, must each be <= 1")

    @property
    def starts_at(self) -> datetime:
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day)

    @property
    def n_local_days(self) -> int:
        """Days to live through: east of Greenwich a day more begins before the world ends in UTC."""
        return self.n_days + 1

    @property
    def ends_at(self) -> datetime:
        """The first moment after the world."""
        return self.starts_at + timedelta(days=self.n_days)
