"""Bounds of the quality monitors."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QualityParams:
    """Bounds of the quality monitors. No other stage depends on them, so changing one needs no inference.

    A bound that compares a day with the weeks before is widened to what chance alone explains (``sigmas``,
    ``chance_quantile``). The minimum shifts here therefore state which shift matters, not which one is significant.
    """

    revision: int = 1
    trailing_days: int = 28
    """Four whole weeks, so that every weekday has the same weight."""
    min_history_days: int = 7
    """A day with less than one whole week before it is not measured, because a weekend would look like a shift."""
    min_history_days_of_sends: int = 14
    """A new deployment starts with a burst of sends. After that, every journey that was sent is in its cool-down."""
    max_psi: float = 0.2
    """The usual threshold of a major shift of a distribution (credit scoring: Siddiqi 2006, *Credit Risk Scorecards*).
    """
    chance_quantile: float = 0.999
    """Monitors run every day. With the 99 % quantile, chance alone would make one fail three times a year."""
    sigmas: float = 3.5
    """Distance of an outlier in robust standard deviations (1.4826 MAD); Iglewicz and Hoaglin 1993."""
    max_singleton_share: float = 0.8
    """The first days of a log, when users have few keywords, have about 0.4. At 0.8 there is almost no structure."""
    min_users_for_share: int = 10
    """A few newcomers with one search each are all singletons; that is not an error."""
    min_singleton_shift: float = 0.1
    """A full inference also includes inactive users, and its share is 4 to 5 percentage points above a usual day."""
    max_journeys_per_user: float = 40.0
    """People do not pursue so many things at once; the heaviest synthetic user has about 20."""
    max_one_area_share: float = 0.6
    """Share of users with four journeys or more. 0 in the synthetic world, 0.48 in a shop with similar items."""
    min_journeys_per_user_shift: float = 0.25
    """Share of the trailing level. Journeys stay live for half a year, so the mean changes by a few percent a month."""
    min_users_shift: float = 0.25
    """Share of the trailing level. Users stay live for half a year."""
    min_volume_shift: float = 0.4
    """Share of the trailing level by which the rows of a source must differ. Weekends and campaigns move a log by a
    third."""
    max_flapping_share: float = 0.01
    """Users who return within a week of the end cause 0.25 % on a busy day. Four times that has another cause."""
    flapping_days: int = 7
    max_id_churn: float = 0.05
    """Share of the journeys that continue. Most users are inactive on a day: a busy day of a real log has 1 to 2
    percent."""
    max_name_churn: float = 0.15
    """Share of the journeys that keep their id. A release that renames everything is reported once."""
    max_days_behind_log: int = 1
    """The day that is not over yet."""
    max_silent_days: int = 3
    """A weekend with a holiday. For a source that had longer pauses, the bound is the longest of them plus one."""
    max_share_quarantined: float = 0.05
    max_share_unanswered: float = 0.1
    """Share of the questions to a language model. Single answers fail; a dead endpoint affects all that follow."""
    max_share_in_doubt: float = 0.1
    """Share of live journeys that are not sent because the safety model is not sure."""
    max_share_names_refused: float = 0.5
    """Share of a language model's names. Where most are refused, the model costs more than it helps."""
    max_unmatched_share: float = 0.2
    """Items come later than their first engagements, and are deleted. A format that changed affects every key."""
    min_keys_without_match: int = 3
    """One user without an event, or one verdict on a journey that is gone, is no mistake; three of three are."""
    max_miswritten_share: float = 0.01
    """Share of the keys that would match if they were written differently. Chance alone makes no two ids differ in a
    trailing .0."""
    max_share_stale_users: float = 0.05
    """There are always a few stale users: those of the day that is not over yet, and those with late events."""
