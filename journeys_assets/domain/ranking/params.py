"""The prior score, the training of a ranker, and diversification."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from journeys_assets.domain.fields import training_only

Diversifier = Literal["penalty", "none", "mmr", "ssd", "dpp"]
DIVERSIFIERS: tuple[str, ...] = get_args(Diversifier)


@dataclass(frozen=True, slots=True)
class RankingParams:
    """The documented prior score, the training of a ranker, and the published diversification.

    The prior is P(real) x P(current): P(current) halves every ``recency_half_life_days``; P(real) is a logistic
    function of the four evidence weights below. They are set by hand, so that three keywords with one engagement each
    on one day start near 0.5 and a dozen engagements over several days near 0.9.
    """

    revision: int = 4
    recency_half_life_days: float = 14.0
    prior_intercept: float = -2.2
    prior_volume_weight: float = 0.8
    """Per unit of ln(1 + engagement weight of 90 days)."""
    prior_active_days_weight: float = 0.6
    """Per unit of ln(1 + active days of 90 days)."""
    prior_size_weight: float = 0.3
    """Per unit of ln(1 + keywords)."""
    prior_cohesion_weight: float = 1.0
    """Per unit of cohesion."""
    diversifier: Diversifier = "penalty"
    """How similar journeys are kept from crowding the top; ``domain.ranking.diversification`` describes each."""
    diversification_penalty: float = 0.95
    similarity_threshold: float = 0.6
    """Cosine of centroids over which two journeys count as similar, whichever diversifier is chosen."""
    mmr_relevance_weight: float = 0.7
    """0: each place to what is least like those before; 1: by score."""
    ssd_gamma: float = 0.25
    """What a volume of 1 is worth, in score; 0: by score."""
    ssd_window: int = 5
    """Places, the one to be filled with them, over which the volume is taken."""
    dpp_similarity_weight: float = 0.8
    """0: by score; 1: a second journey of the same direction as one before is worth nothing."""
    diversified_places: int = 20
    """Places that mmr, ssd and dpp fill; journeys left over follow by score. Nobody is shown more."""
    more_boost: float = 0.5
    """Share of the way up to 1 that score and confidence go when the user asks for more of a journey; halves every
    ``recency_half_life_days``. Half the way: it beats most of what the log alone says, and leaves the order among
    several journeys that the user wants more of to the ranker."""
    response_days: int = training_only(7)
    """A click counts as an answer to a send for this long; younger sends are not labels yet."""
    max_propensity_weight: float = training_only(20.0)
    """Inverse propensities are clipped here: a little bias against unbounded variance."""
    random_slot_only: bool = training_only(False)
    """Learn only from sends that were drawn at random, whatever propensities are logged."""
    annotation_positive_from: float = training_only(4.0)
    """Median relevance over the annotators from which a journey counts as real and current."""
    annotation_min_overlap: float = training_only(0.5)
    """Share of an annotation's keywords that a journey must hold to be the one that was judged."""
    engagement_days: int = training_only(7)
    """A journey that the user engages with in this many days after a day is a positive of that day: whole weeks, so
    that every weekday counts the same."""
    engagement_every_days: int = training_only(7)
    """One day in so many is labelled with what came after: more often, and the windows overlap and teach little."""
    max_engagement_labels: int = training_only(200_000)
    """Most such labels that are read, whole users of a day at a time: bounds the memory and time of training."""
    min_training_labels: int = training_only(150)
    min_labels_of_each: int = training_only(20)
    """Fewest positives, and fewest negatives, in the earlier slice; and fewest for a calibration."""
    min_later_labels: int = training_only(30)
    later_share: float = training_only(0.25)
    """Share of the labels, the latest ones by whole days, that the model is judged on and never sees."""
    training_folds: int = training_only(5)
    training_seed: int = training_only(20250801)
