"""Parameters of journey items: how they are found, what is left out, and how they are ranked."""

from __future__ import annotations

from dataclasses import dataclass

from journeys_assets.domain.fields import training_only


@dataclass(frozen=True, slots=True)
class ItemParams:
    """Parameters of journey items.

    Those that are for training only shape the items release, which has a version of its own. The others shape the rows
    of ``journey_items`` and ``interest_items``.
    """

    revision: int = 2
    n_items: int = 10
    """Most items of a journey."""
    cool_down_days: int = 14
    """An item that the user looked at is left out for this many days, counted back from the user's last active day. An
    item that the user kept or acted on (saved, put on a board, bought) is always left out."""
    catalogue_every_days: int = 7
    """The catalogue counts as it was at the end of the last day whose number (days since 0001-01-01) this divides, so
    that journeys of inactive users are ranked anew only that often. 1: every day."""
    n_nearest: int = 50
    """Candidates by vector: this many items nearest the journey's centroid, and as many nearest its medoid item."""
    n_together: int = 50
    """Candidates by co-engagement of a journey."""
    max_items_per_keyword: int = 200
    """A keyword that more items carry gives no candidates by itself."""
    max_engaged_items: int = 50
    """Items of a user that count for medoids and for co-engagement, the heaviest ones. Bounds time."""
    similar_cosine: float = 0.9
    """Two items are near-duplicates if their cosine is at least this."""
    diversity_penalty: float = 0.8
    """Factor on the score of an item for each near-duplicate placed above it."""
    n_diversified: int = 3
    """The best ``n_diversified`` x ``n_items`` candidates compete for the places."""
    prior_keyword_weight: float = 2.0
    """Per share (0-1) of the journey's keyword weight that the item carries."""
    prior_similarity_weight: float = 6.0
    """Per unit of cosine to the journey's centroid."""
    prior_medoid_weight: float = 3.0
    """Per unit of cosine to the journey's medoid item."""
    prior_together_weight: float = 0.0
    """Per unit (0-1) of co-engagement with the items of the journey; needs a release."""
    prior_together_user_weight: float = 0.0
    """Per unit (0-1) of co-engagement with all items of the user; needs a release."""
    prior_popularity_weight: float = 0.0
    """Per unit of ln(1 + recent users of the item); needs a release."""
    prior_intercept: float = -8.0

    min_users: int = training_only(5)
    """Two items belong together only if at least this many users engaged with both, and the popularity of an item of
    fewer recent users is 0. So no count of fewer users is ever stored."""
    n_neighbours: int = training_only(50)
    """Items that belong together with an item, at most."""
    lift_prior_users: float = training_only(10.0)
    """Added below the line of the cosine of two items, so that few users make no strong pair."""
    max_items_per_user: int = training_only(300)
    """Items of one user that count for co-engagement, the most recent ones. Bounds memory."""
    recent_days: int = training_only(28)
    outcome_days: int = training_only(28)
    """The weights predict which new items the user engages with within this many days."""
    max_training_users: int = training_only(1_000)
    min_positives: int = training_only(30)
    """Fewest users who engaged with a candidate; with fewer, nothing is released."""
    l2: float = training_only(1.0)
    """Penalty on the squared distance of the weights from those of the prior."""

    @property
    def prior_weights(self) -> dict[str, float]:
        """Weight of each feature of ``domain.items.ranking.FEATURES`` without a release, and the intercept."""
        names = ("keyword", "similarity", "medoid", "together", "together_user", "popularity")
        weights = {name: float(getattr(self, f"prior_{name}_weight")) for name in names}
        return {**weights, "intercept": self.prior_intercept}
