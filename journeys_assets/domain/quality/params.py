"""Bounds of the quality monitors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityParams:
    """Bounds of the quality monitors. They shape no other stage's output: changing one asks for no inference.

    The bounds that compare a day with the weeks before are raised to what chance alone explains (``sigmas``,
    ``chance_quantile``). So the least shifts here say what matters to a reader of the output, not what can be told
    from chance.
    """

    revision: int = 1
    trailing_days: int = 28
    """Four whole weeks, so that every weekday weighs the same."""
    min_history_days: int = 7
    """With less than one whole week before it a day is not judged: a weekend would look like a shift."""
    min_history_days_of_sends: int = 14
    """A deployment begins with a burst, as nothing has been sent yet; then every journey waits for its cool-down."""
    max_psi: float = 0.2
    """The usual mark of a major shift of a distribution (credit scoring: Siddiqi 2006, *Credit Risk Scorecards*)."""
    chance_quantile: float = 0.999
    """A monitor is asked every day: at the 99 % point chance alone would fire it three times a year."""
    sigmas: float = 3.5
    """Robust standard deviations (1.4826 MAD) to an outlier; Iglewicz and Hoaglin 1993."""
    max_singleton_share: float = 0.8
    """The first days of a log, when every user is thin, have about 0.4; at 0.8 next to nothing hangs together."""
    min_users_for_share: int = 10
    """A few newcomers with one search each are all singletons, and no fault."""
    min_singleton_shift: float = 0.1
    """A full inference holds inactive users too, and lies 4 to 5 points above a usual day."""
    max_journeys_per_user: float = 40.0
    """People do not pursue so many things at once; the heaviest synthetic user has about 20."""
    max_one_area_share: float = 0.6
    """Of users with four journeys or more. 0 in the synthetic world, 0.48 in a shop whose items are all alike."""
    min_journeys_per_user_shift: float = 0.25
    """Of the trailing level. Journeys stay for half a year, so the mean moves by a few percent in a month."""
    min_users_shift: float = 0.25
    """Of the trailing level, as above: users stay live for half a year."""
    max_flapping_share: float = 0.01
    """Users who come back within a week of the end make 0.25 % on a busy day; four times that is not their doing."""
    flapping_days: int = 7
    max_id_churn: float = 0.05
    """Of the journeys that go on. Most users do nothing on a day: a busy day of a real log has 1 to 2 percent."""
    max_name_churn: float = 0.15
    """Of the journeys that keep their id, as above; a release that renames everything is told once."""
    max_days_behind_log: int = 1
    """The day that is not over yet."""
    max_silent_days: int = 3
    """A weekend with a holiday. A source with longer pauses of its own is held to the longest of them, plus one."""
    max_share_quarantined: float = 0.05
    max_share_stale_users: float = 0.05
    """Users of the day that is not over yet, and late events, are always a few."""
