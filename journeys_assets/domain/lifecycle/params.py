"""When a journey is evergreen, seasonal or ended, and how P(ended) is learnt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LifecycleParams:
    """When a journey is evergreen or seasonal, when a situational one has ended, and how P(ended) is learnt."""

    revision: int = 3
    ended_after_days: int = 28
    """The fixed-gap rule: what says that a journey has ended where no stage model is released."""
    ended_min_probability: float = 0.75
    """With a stage model: a journey has ended from here on. One that is wrongly called ended loses the notifications
    about it, one that is told late costs a needless one: the former counts as three times as bad."""
    evergreen_min_span_days: int = 45
    """Fewest days from the first turn to the last one, of the last ``history_days``, for a journey to be evergreen …"""
    evergreen_min_turn_week_share: float = 0.5
    """… if the user turned to it in so many of the weeks in which they came at all …"""
    evergreen_max_gap_days: int = 56
    """… and has not left it alone for so long: nothing is perpetual that was let go for twice the fixed gap."""
    ended_at_latest_days: int = 90
    """With a stage model too, a situational journey ends after so many days; the look-back window of keywords."""
    seasonal_min_quiet_days: int = 120
    """Longest season: the eight months that are left of a year."""
    seasonal_min_probability: float = 0.5
    """A journey is seasonal if that is likelier than that it is not."""
    stray_turn_share: float = 0.02
    """Mean share of visits with a turn to a journey that is not on: it shares words with others."""
    season_tolerance_days: int = 30
    """A season may come so much earlier or later than the year before."""
    intent_min_actions: int = 10
    """Intent is told by the latest week if it has so many actions on items, else by 28 days, else by 90."""
    intent_prior_actions: float = 10.0
    """Actions at the usual mix that every journey counts as having: a few actions say little."""
    usual_keep_share: float = 0.18
    """Share of actions of strength keep in the usual mix."""
    usual_act_share: float = 0.12
    """Share of actions of strength act in the usual mix; the other 0.7 are looks."""
    intent_min_lift: float = 1.2
    """A journey is deciding (acting) from this multiple of the usual share of keeps (acts) on, else it is exploring."""
    history_days: int = 90
    """A journey is judged by its engagements of so many days up to its last one; the look-back window of keywords."""
    usual_gap_days: float = 7.0
    """One more gap, of a week, that every journey counts as having had: a single engagement tells no cadence."""
    label_days: int = 28
    """A journey that is left alone for so long by a user who keeps coming has ended; as long as the fixed gap."""
    label_min_visits: int = 3
    """Fewer visits than this in ``label_days`` say nothing of a journey."""
    training_snapshots: int = 16
    """Days, a week apart, whose journeys a stage model is trained on; the last ones whose label is known."""
    min_training_labels: int = 500
    min_labels_of_each: int = 50
    training_folds: int = 5
    training_seed: int = 20260105
