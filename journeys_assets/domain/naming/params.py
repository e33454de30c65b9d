"""Weights of the naming score, and how they are trained."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamingParams:
    """Weights of the naming score. They need not sum to one, because the score is normalised.

    Fitted by ``benchmarks/fit_naming.py``, except the readability weight. It is set by hand, because the labelled sets
    contain neither codes nor unreadable text. The weights of ``sharing`` and ``whole_keyword`` were chosen after the
    others, which were kept, so that the order of keywords among themselves changed little.
    """

    revision: int = 5
    theme_centrality_weight: float = 3.02
    coverage_weight: float = 0.37
    topicality_weight: float = 0.44
    specificity_weight: float = 0.87
    several_words_weight: float = 1.2
    readability_weight: float = 0.8
    sharing_weight: float = 2.0
    whole_keyword_weight: float = 1.0
    takeover_margin: float = 0.014
    """A later candidate takes over the name if its score exceeds that of the current one by more than this. A phrase is
    as old as the second keyword that contains it."""
    generic_share: float = 0.01
    """A keyword carried by at least this share of the catalogue's items names a journey only if there is no other."""
    min_phrase_keywords: int = 2
    """Fewest keywords of a journey that share a phrase that may name it."""
    min_phrase_share: float = 0.5
    """Smallest share of the keywords of a journey that contain a phrase that may name it."""
    least_worth: float = 0.0
    """A language model, where there is one, is asked to name journeys to which its name is worth at least this much, 0
    to 1 (``domain.naming.suggestions.worth``). 0 asks about every journey of two keywords or more; 1 about none."""


@dataclass(frozen=True, slots=True)
class NameTrainingParams:
    """How naming weights are trained on annotators' names. No stage's output depends on them, only on the release."""

    prior_strength: float = 0.3
    """Strength of the penalty on the squared distance from the weights of ``NamingParams``, in grades of journeys. 0.3
    is the best of 0, 0.3, 1, 3 and 10 with 50 to 2,000 labels, on themes that are not used for reported figures."""
    accepted_grade: float = 0.5
    """Value (0 to 1) of a shown name that an annotator accepted without a better one. A name that an annotator gives
    has the value 1; an accepted one is only good enough."""
    min_journeys: int = 100
    """Fewest journeys named by annotators who were shown no name. Weights are evaluated on these; with fewer, the
    interval over users is wider than any realistic gain."""
    min_users: int = 20
    folds: int = 5
    """Number of folds of cross-validation. Journeys of the users in a fold are named with weights fitted on the others.
    """
    seed: int = 20260301
