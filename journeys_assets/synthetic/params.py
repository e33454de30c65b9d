"""Parameters of a synthetic world."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta

from journeys_assets.synthetic.languages import WORLD_LANGUAGES, WorldLanguage

MIN_DAY, MAX_DAY = date(1971, 1, 1), date(2999, 12, 31)
"""Within the days that may have events, and far from the ends of the calendar."""


@dataclass(frozen=True, slots=True)
class WorldParams:
    """Size and composition of a world. Shares are 0-1.

    Raises:
        ValueError: There are no users or no days, a day is too early or too late, the language is unknown, or a
            share is outside 0-1.
    """

    seed: int = 7
    n_users: int = 300
    """Adding users does not change the first ones."""
    n_days: int = 45
    """Adding days does not change the first ones, except for responses that come later."""
    first_day: date = date(2026, 3, 2)
    language: WorldLanguage = "en"
    """See ``synthetic.languages``."""
    bot_share: float = 0.015
    heavy_share: float = 0.03
    """Users with many journeys at once and hundreds of keywords."""
    dropout_share: float = 0.2
    """Users who stop visiting within about three months."""
    newcomer_share: float = 0.1
    """Users who sign up within the first two weeks of the world."""
    active_share: float = 0.24
    """Mean share of days on which a normal user visits; users differ widely."""
    translation_share: float = 0.25
    """Searches in the user's own language, for users whose locale is not English."""
    typo_share: float = 0.03
    number_share: float = 0.05
    """Searches with the singular instead of the plural, or the reverse."""
    shouting_share: float = 0.12
    """Searches not in lower case, or with additional spaces. Their normalised keyword is the same."""
    noise_search_share: float = 0.07
    """Searches in a session that are unrelated to any journey."""
    pins_per_theme: int = 25
    off_topic_pins: int = 150
    generic_annotation_share: float = 0.45
    """Pins with a generic annotation such as 'ideas' in addition to their own ones."""
    journey_arm_share: float = 0.8
    interest_arm_share: float = 0.1
    """The remaining users are the holdout."""
    sends_per_week: float = 2.5
    """Mean sends per week to a user who has opted in; never more than three in seven days."""
    first_send_day: int = 0
    """First day of the world with sends. Before it, all behaviour is organic."""
    random_slot_share: float = 0.25
    annotation_share: float = 0.06
    """Share of a user's active days after which the three annotators judge one journey of the user."""
    annotated_users: int = 400
    """Number of users whose journeys are judged, limited because annotation is expensive."""
    feedback_share: float = 0.015
    """Share of active days on which a user gives feedback on a journey."""

    def __post_init__(self) -> None:
        if self.n_users < 1 or self.n_days < 1:
            raise ValueError(
                f"a world needs at least one user and one day; n_users is {self.n_users}, n_days is {self.n_days}"
            )
        if not MIN_DAY <= self.first_day <= MAX_DAY or self.n_days > (MAX_DAY - self.first_day).days:
            raise ValueError(
                f"a world lies between {MIN_DAY} and {MAX_DAY}; first_day is {self.first_day}, n_days is {self.n_days}"
            )
        if self.language not in WORLD_LANGUAGES:
            raise ValueError(f"language is {self.language!r}; it must be one of {', '.join(WORLD_LANGUAGES)}")
        for field in fields(self):
            if field.name.endswith("_share") and not 0.0 <= getattr(self, field.name) <= 1.0:
                raise ValueError(f"{field.name} is {getattr(self, field.name)}; it must be from 0 to 1")
        if self.bot_share + self.heavy_share > 1.0 or self.journey_arm_share + self.interest_arm_share > 1.0:
            raise ValueError(
                "bot_share + heavy_share and journey_arm_share + interest_arm_share must each be at most 1"
            )

    @property
    def starts_at(self) -> datetime:
        return datetime(self.first_day.year, self.first_day.month, self.first_day.day)

    @property
    def n_local_days(self) -> int:
        """Number of local days to simulate: one more than UTC days, for users east of Greenwich."""
        return self.n_days + 1

    @property
    def ends_at(self) -> datetime:
        """The first moment after the world."""
        return self.starts_at + timedelta(days=self.n_days)
