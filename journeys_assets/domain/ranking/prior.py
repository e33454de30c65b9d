"""The features of a ranker, and the prior score that is used without one.

Labels are in ``domain.ranking.labels``, training in ``models.ranker.training``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from journeys_assets.domain.actions import Action, count_columns
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.tables.sql import WINDOWS_DAYS

_SHAPE = ("n_keywords", "cohesion", "separation")
_RHYTHM = (
    "engagement_weight_7d",
    "engagement_weight_28d",
    "engagement_weight_90d",
    "active_days_7d",
    "active_days_28d",
    "active_days_90d",
    "active_weeks_90d",
    "days_since_last_engaged",
    "days_since_first_engaged",
    "span_days",
    "n_sources",
    "share_of_user_engagement_28d",
    "user_active_days_28d",
    "user_engagement_weight_28d",
    "n_user_journeys",
)


def features(actions: Sequence[Action]) -> tuple[str, ...]:
    """Columns of ``journey_features`` that a ranker reads, in the order in which it reads them."""
    counts = (f"{column}_{days}d" for column in count_columns(actions) for days in WINDOWS_DAYS)
    return (*_SHAPE, *counts, *_RHYTHM)


_PARTS: dict[str, tuple[str, ...]] = {
    "recency": ("days_since_last_engaged", "engagement_weight_7d", "active_days_7d"),
    "volume": ("engagement_weight_28d", "engagement_weight_90d"),
    "regularity": ("active_days_28d", "active_days_90d", "active_weeks_90d"),
    "age": ("days_since_first_engaged", "span_days"),
    "coherence": ("cohesion", "separation"),
    "breadth": ("n_keywords", "n_sources"),
    "share of attention": ("share_of_user_engagement_28d", "n_user_journeys"),
    "how active the user is": ("user_active_days_28d", "user_engagement_weight_28d"),
}
_PART_OF = {name: part for part, names in _PARTS.items() for name in names}
_PART_OF_COUNTS = {1: "recency", 7: "recency", 28: "volume", 90: "volume"}

PARTS = tuple(_PARTS)
"""Groups of features, by the names used to explain a score."""


def part_of(feature: str) -> str | None:
    """The one of ``PARTS`` that a feature belongs to; None if it is no feature.

    A release may read counts of actions that are no longer in the registry; the names of their columns suffice.
    """
    count = re.fullmatch(r"n_\w+_(\d+)d", feature)
    return _PART_OF_COUNTS.get(int(count[1])) if count else _PART_OF.get(feature)


BASE = "base"
"""The part of a score that is the same for every journey."""

PRIOR = "prior"
"""Value of ``scored_by`` where no model was used."""


def prior_probability(params: RankingParams) -> pl.Expr:
    """The prior: P(real) x P(current), in (0, 1), as an expression over columns of ``journey_features``.

    P(current) = 0.5 ^ (days_since_last_engaged / half-life). P(real) = logistic(intercept + weights x evidence), where
    the evidence is the logarithms of engagement, active days and size, and the cohesion. The prior rises with each kind
    of evidence and falls with days without engagement. It is not calibrated on data. The first released ranker
    replaces it.
    """
    evidence = pl.lit(params.prior_intercept)
    for term in _prior_evidence(params).values():
        evidence = evidence + term
    return _log_current(params).exp() / (1.0 + (-evidence).exp())


def _prior_evidence(params: RankingParams) -> dict[str, pl.Expr]:
    """The term of each kind of evidence in the log-odds of P(real), without the intercept."""
    return {
        "volume": params.prior_volume_weight * pl.col("engagement_weight_90d").clip(lower_bound=0.0).log1p(),
        "regularity": params.prior_active_days_weight * pl.col("active_days_90d").cast(pl.Float64).log1p(),
        "breadth": params.prior_size_weight * pl.col("n_keywords").cast(pl.Float64).log1p(),
        "coherence": params.prior_cohesion_weight * pl.col("cohesion").clip(-1.0, 1.0),
    }


def _log_current(params: RankingParams) -> pl.Expr:
    """ln P(current)."""
    days_silent = pl.col("days_since_last_engaged").clip(lower_bound=0).cast(pl.Float64)
    return days_silent * (-_LN_2 / params.recency_half_life_days)


_LN_2 = 0.6931471805599453


def prior_parts(features: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """The terms of the prior. Its score is exp(recency) x logistic(base + the other terms).

    Returns:
        user_id, journey_id, recency (ln P(current), at most 0), volume, regularity, breadth, coherence and base
        (terms of the log-odds of P(real)); one row per row of ``features``, in the same order.
    """
    return features.select(
        "user_id",
        "journey_id",
        _log_current(params).alias("recency"),
        *(term.alias(part) for part, term in _prior_evidence(params).items()),
        pl.lit(params.prior_intercept).alias(BASE),
    )


def score_by_prior(features: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """Score and confidence of every journey from the prior alone.

    Args:
        features: Rows of ``journey_features`` of one day.

    Returns:
        user_id, journey_id, score, confidence (both the prior probability, in (0, 1)), scored_by = 'prior'; sorted by
        user_id, journey_id.
    """
    return features.select(
        "user_id",
        "journey_id",
        score=prior_probability(params),
        confidence=prior_probability(params),
        scored_by=pl.lit(PRIOR),
    ).sort("user_id", "journey_id")
