"""Parameters of the prior score, of ranker training, and of diversification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from journeys_assets.domain.fields import training_only

Diversifier = Literal["penalty", "none", "mmr", "ssd", "dpp"]
DIVERSIFIERS: tuple[str, ...] = get_args(Diversifier)


@dataclass(frozen=True, slots=True)
class RankingParams:
    """Parameters of the prior score, of ranker training, and of diversification.

    The prior is P(real) x P(current). P(current) halves every ``recency_half_life_days``. P(real) is a logistic
    function of four kinds of evidence with the weights below. The weights are set by hand: three keywords with one
    engagement each on one day start near 0.5, a dozen engagements over several days near 0.9.
    """

    revision: int = 4
    recency_half_life_days: float = 14.0
    prior_intercept: float = -2.2
    prior_volume_weight: float = 0.8
    """Per unit of ln(1 + engagement weight in 90 days)."""
    prior_active_days_weight: float = 0.6
    """Per unit of ln(1 + active days in 90 days)."""
    prior_size_weight: float = 0.3
    """Per unit of ln(1 + keywords)."""
    prior_cohesion_weight: float = 1.0
    """Per unit of cohesion."""
    diversifier: Diversifier = "penalty"
    """Method that keeps similar journeys from crowding the top; ``domain.ranking.diversification`` describes each."""
    diversification_penalty: float = 0.95
    similarity_threshold: float = 0.6
    """Two journeys are similar if the cosine of their centroids is above this, with any diversifier."""
    mmr_relevance_weight: float = 0.7
    """0: each place goes to the journey least similar to those before; 1: ranking by score."""
    ssd_gamma: float = 0.25
    """Score that a volume of 1 adds; 0: ranking by score."""
    ssd_window: int = 5
    """Number of places over which the volume is computed, including the place to fill."""
    dpp_similarity_weight: float = 0.8
    """0: ranking by score; 1: a journey with the same direction as an earlier one adds nothing."""
    diversified_places: int = 20
    """Number of places that mmr, ssd and dpp fill; the other journeys follow by score. No user sees more than these."""
    more_boost: float = 0.5
    """When the user asks for more of a journey, score and confidence move this share of the distance to 1. The boost
    halves every ``recency_half_life_days``. With 0.5, such a journey ranks above most journeys without feedback, and
    the ranker still orders several journeys with ``more`` among themselves."""
    response_days: int = training_only(7)
    """A click counts as a response to a send for this many days. More recent sends are not labels yet."""
    max_propensity_weight: float = training_only(20.0)
    """Inverse propensities are clipped here, which trades a little bias for bounded variance."""
    random_slot_only: bool = training_only(False)
    """Train only on sends that were drawn at random, even if propensities are logged."""
    annotation_positive_from: float = training_only(4.0)
    """A journey counts as real and current if the annotators' median relevance is at least this."""
    annotation_min_overlap: float = training_only(0.5)
    """Share of a judgement's keywords that a journey must contain to be the judged journey."""
    engagement_days: int = training_only(7)
    """A journey is a positive of a day if the user engages with it within this many days after. Whole weeks, so that
    every weekday has the same weight."""
    engagement_every_days: int = training_only(7)
    """Every n-th day gets engagement labels. More frequent labels have overlapping windows and add little."""
    max_engagement_labels: int = training_only(200_000)
    """Most engagement labels used, in whole users of a day. Limits the memory and time of training."""
    min_training_labels: int = training_only(150)
    min_labels_of_each: int = training_only(20)
    """Fewest positives and fewest negatives in the earlier slice, and fewest of each for a calibration."""
    min_later_labels: int = training_only(30)
    later_share: float = training_only(0.25)
    """Share of the labels, the latest by whole days, that are used to test the model and not to train it."""
    training_folds: int = training_only(5)
    training_seed: int = training_only(20250801)
