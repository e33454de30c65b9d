"""Parameters of related journeys: how they are found, and how they are ranked for a user."""

from __future__ import annotations

from dataclasses import dataclass

from journeys_assets.domain.fields import training_only


@dataclass(frozen=True, slots=True)
class RelatedParams:
    """Parameters of related journeys.

    Those that are for training only shape an expansion, which is a release with a version of its own. The others shape
    the rows of ``related_journeys``.
    """

    revision: int = 2
    n_related: int = 10
    """Most related journeys of a user."""
    same_cosine: float = 0.75
    """A related journey is left out if its cosine to a journey of the user is at least this: the user has it."""
    nearest_cosine: float = 0.5
    """A name that is not in the expansion is looked up by the names in it with at least this cosine."""
    n_nearest: int = 3
    """Most names by which such a name is looked up."""
    n_compared: int = 2_048
    """Most names of the expansion that such a name is compared with, those on the nearest lists of the index."""
    prior_strength_weight: float = 1.0
    """Per unit of -ln(1 - strength x confidence of the journey that it comes from): ln(lift) for a sure journey and
    co-occurrence. With the weight of popularity, the prior is base rate x lift."""
    prior_next_step_weight: float = 0.3
    prior_complement_weight: float = 0.0
    prior_similarity_weight: float = 0.0
    """Per unit of cosine to the nearest ongoing journey."""
    prior_mean_similarity_weight: float = 0.0
    prior_popularity_weight: float = 1.0
    """Per unit of ln(1 + users who started it in the last 28 days)."""
    prior_recency_weight: float = 0.0
    """Per unit of the share (0-1) of its users who started it in the last 28 days."""
    prior_season_weight: float = 0.3
    """Per unit of ln(12 x share of starts in the calendar month), smoothed."""
    prior_support_weight: float = 0.3
    """Per unit of ln(1 + journeys of the user that it is related to)."""
    prior_intercept: float = -6.0

    min_users: int = training_only(5)
    """A name is in an expansion only if at least this many users have it, and two topics are related by co-occurrence
    only if at least this many users have both. So no text and no count of fewer users is ever stored or leaves the
    machine."""
    topic_cosine: float = training_only(0.75)
    """Names with at least this cosine to a more shared name are one topic."""
    sibling_cosine: float = training_only(0.45)
    """Two topics with a cosine from this up to ``topic_cosine`` are siblings, or one is broader."""
    n_neighbours: int = training_only(6)
    """Most siblings of a topic, and most broader ones."""
    max_candidates: int = training_only(20)
    """Most related journeys of a name."""
    n_popular: int = training_only(50)
    """Names that most users started in the last ``recent_days``; they are candidates of every user."""
    list_size: int = training_only(128)
    """Names on one list of the index, on average."""
    lift_prior_users: float = training_only(5.0)
    """Users that are added to the observed and to the expected number, so that few users give a lift near 1."""
    min_log_likelihood: float = training_only(6.63)
    """Least likelihood ratio statistic G2 of a pair of topics; 6.63 is exceeded by chance in 1 % of pairs."""
    order_z: float = training_only(1.96)
    """Standard errors of the interval of the share of users who started one topic after the other."""
    max_lag_days: int = training_only(180)
    """Two starts that are further apart say nothing about order."""
    max_topics_per_user: int = training_only(100)
    """Topics of one user that count, the most recently started ones. Bounds memory."""
    recent_days: int = training_only(28)
    names_per_question: int = training_only(10)
    related_per_name: int = training_only(8)
    """Related journeys that a language model is asked for, for each name."""
    outcome_days: int = training_only(28)
    """The ranking model predicts whether the user starts the related journey within this many days."""
    min_positives: int = training_only(30)
    """Fewest users who started a related journey; with fewer, the prior ranks."""
    l2: float = training_only(1.0)
    """Penalty on the squared distance of the weights from those of the prior."""

    @property
    def prior_weights(self) -> dict[str, float]:
        """Weight of each feature of ``domain.related.ranking.FEATURES`` without a trained model, and the intercept."""
        names = (
            *("strength", "next_step", "complement", "similarity", "mean_similarity"),
            *("popularity", "recency", "season", "support", "intercept"),
        )
        return {
            name: float(getattr(self, f"prior_{name}_weight" if name != "intercept" else f"prior_{name}"))
            for name in names
        }
