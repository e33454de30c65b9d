"""When a journey is evergreen, seasonal or ended, and how P(ended) is trained."""

from __future__ import annotations

from dataclasses import dataclass

from journeys_assets.domain.fields import training_only


@dataclass(frozen=True, slots=True)
class LifecycleParams:
    """When a journey is evergreen or seasonal, when a situational one has ended, and how P(ended) is trained."""

    revision: int = 3
    ended_after_days: int = 28
    """The fixed-gap rule: without a released stage model, a journey ends after this many days without engagement."""
    ended_min_probability: float = 0.75
    """With a stage model, a journey has ended if P(ended) is at least this. A journey that is wrongly called ended
    loses its notifications, a journey that is called ended too late causes a needless one. The former error counts
    three times as much."""
    evergreen_min_span_days: int = 45
    """A journey is evergreen if there are at least this many days between its first and last turn of the last
    ``history_days`` …"""
    evergreen_min_turn_week_share: float = 0.5
    """… if the user turned to it in at least this share of the weeks in which they visited …"""
    evergreen_max_gap_days: int = 56
    """… and if the last engagement is at most this many days ago (twice the fixed gap)."""
    ended_at_latest_days: int = 90
    """Also with a stage model, a situational journey ends after this many days (the look-back window of keywords)."""
    seasonal_min_quiet_days: int = 120
    """Fewest days without a turn between two stretches. A season is therefore at most about eight months long."""
    seasonal_min_probability: float = 0.5
    """A journey is seasonal if the probability is at least this."""
    stray_turn_share: float = 0.02
    """Mean share of visits with a turn to an inactive journey, which happens because journeys share words."""
    season_tolerance_days: int = 30
    """A season may be this many days earlier or later than in the year before."""
    intent_min_actions: int = 10
    """Intent is computed from the latest week if it has at least this many actions on items, else from 28 days, else
    from 90 days."""
    intent_prior_actions: float = 10.0
    """Number of additional actions with the usual mix in every journey, because a few actions are weak evidence."""
    usual_keep_share: float = 0.18
    """Share of actions of strength keep in the usual mix."""
    usual_act_share: float = 0.12
    """Share of actions of strength act in the usual mix. The remaining 0.7 are of strength look."""
    intent_min_lift: float = 1.2
    """A journey is deciding (acting) if its share of keeps (acts) is at least this multiple of the usual share, else
    exploring."""
    history_days: int = 90
    """Number of days up to a journey's last engagement that its features depend on (the look-back window of keywords).
    """
    usual_gap_days: float = 7.0
    """Length of one additional gap in every journey, because a single engagement has no cadence."""
    label_days: int = training_only(28)
    """A journey has ended if its user keeps visiting for this many days without a turn to it; equal to the fixed gap.
    """
    label_min_visits: int = training_only(3)
    """Users with fewer visits in ``label_days`` give no label."""
    training_snapshots: int = training_only(16)
    """Number of days whose journeys train a stage model: the latest ones with known labels, a week apart."""
    min_training_labels: int = training_only(500)
    min_labels_of_each: int = training_only(50)
    training_folds: int = training_only(5)
    training_seed: int = training_only(20260105)

    @property
    def training_days(self) -> int:
        """Days from the earliest snapshot of a training to the day as of which it trains."""
        return self.label_days + 7 * (self.training_snapshots - 1)
