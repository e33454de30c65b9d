"""Scores of journeys without a model, and the labels that a model learns from.

What belongs here: the features that describe a journey to a ranker, the documented prior score, and the pure functions
that turn notification feedback and human annotations into training labels. What does not: fitting or loading a model
(``models.ranker.training``) and re-ordering similar journeys (``domain.ranking.diversification``).
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
"""What the features stand for, in the words that a score is explained with."""


def part_of(feature: str) -> str | None:
    """The one of ``PARTS`` that a feature belongs to; None where it is no feature.

    A release may read counts of actions that are not in the registry any more; their columns say enough.
    """
    count = re.fullmatch(r"n_\w+_(\d+)d", feature)
    return _PART_OF_COUNTS.get(int(count[1])) if count else _PART_OF.get(feature)


BASE = "base"
"""The part of a score that every journey starts from."""

PRIOR = "prior"
"""What ``scored_by`` says where no model was used."""


def prior_probability(params: RankingParams) -> pl.Expr:
    """The prior: P(real) x P(current), in (0, 1), as an expression over columns of ``journey_features``.

    P(current) = 0.5 ^ (days_since_last_engaged / half-life). P(real) = logistic(intercept + weights x evidence) with
    the logarithms of engagement, active days and size, and the cohesion. It rises with each kind of evidence and falls
    with silence. No data has calibrated it: it is a stated belief, bounded, and replaced by the first released ranker.
    """
    evidence = pl.lit(params.prior_intercept)
    for term in _prior_evidence(params).values():
        evidence = evidence + term
    return _log_current(params).exp() / (1.0 + (-evidence).exp())


def _prior_evidence(params: RankingParams) -> dict[str, pl.Expr]:
    """What each kind of evidence adds to the log-odds of P(real), beside the intercept."""
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
    """The terms of the prior, as it has them: its score is exp(recency) x logistic(base + the other terms).

    Returns:
        user_id, journey_id, recency (ln P(current), at most 0), volume, regularity, breadth, coherence and base
        (log-odds of P(real)); a row for each row of ``features``, in their order.
    """
    return features.select(
        "user_id",
        "journey_id",
        _log_current(params).alias("recency"),
        *(term.alias(part) for part, term in _prior_evidence(params).items()),
        pl.lit(params.prior_intercept).alias(BASE),
    )


def score_by_prior(features: pl.DataFrame, params: RankingParams) -> pl.DataFrame:
    """Score and confidence of every journey from the documented prior alone.

    Args:
        features: rows of ``journey_features`` of one day.

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
