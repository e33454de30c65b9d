"""Parameters of judging journeys."""

from __future__ import annotations

from dataclasses import dataclass

from journeys_assets.domain.fields import training_only


@dataclass(frozen=True, slots=True)
class JudgingParams:
    """Who is judged each day, what a judge is shown, the rubric, and when a judge counts as calibrated.

    Those that are for training only shape the verdict on a judge, and no row of ``judged_journeys``.
    """

    revision: int = 1
    seed: int = 1
    share_of_users: float = 0.05
    """Share (0 to 1) of the users with journeys that are judged on a day, before the factors below. 0 judges nobody."""
    many_journeys_factor: float = 2.0
    """Users with ``many_journeys`` or more are drawn this many times as often: they are few, and use the top most."""
    inactive_factor: float = 0.5
    """Users without an engagement in 28 days are drawn this many times as often: their journeys change no more."""
    seasonal_factor: float = 2.0
    """Users whose first journey is seasonal are drawn this many times as often: they are few."""
    many_journeys: int = 5
    top_k: int = 5
    """Journeys of each drawn user that are judged, the best ranks."""
    asked_users_per_day: int = 20
    """Most drawn users that a language model is asked about on a day. 0: only the rubric judges."""
    draws: int = 3
    """Questions about each of these users, each with the journeys in another order: the judge's agreement with itself.
    """
    keywords_shown: int = 12
    groups_shown: int = 20
    """Most other groups of keywords of the user that a judge is shown, the largest first."""
    weeks_shown: int = 13
    with_controls: bool = True
    """Whether a control is put among the journeys: keywords that are no journey."""

    # ── rubric ──
    rubric_together: float = 0.15
    """Keywords belong together if they are nearer to each other than to the user's other keywords by this much
    (difference of mean cosines)."""
    rubric_apart: float = 0.06
    """Below this difference they have nothing in common."""
    rubric_unrelated: float = 0.1
    """Mean cosine of unrelated keywords, for users without any other."""
    rubric_recent_days: int = 14
    rubric_over_days: int = 60
    rubric_active_days: int = 3
    """From this many days with an engagement on, a journey was pursued; one day is a passing look."""
    rubric_keywords: int = 3

    # ── verdict ──
    least_labels: int = training_only(200)
    """Judged journeys with a human judgement below which a judge is not calibrated: 200 to 500 give usable intervals.
    """
    least_users: int = training_only(30)
    least_kappa: float = training_only(0.4)
    """A judge is not calibrated while the interval of its weighted kappa with people reaches below this. 0.41 to 0.60
    is called moderate (Landis and Koch 1977)."""
