"""Weights of the naming score, and how they are learnt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamingParams:
    """Weights of the naming score; they need not sum to one (the score is normalised).

    Fitted by ``benchmarks/fit_naming.py``, but for the readability weight: the labelled sets hold neither codes nor
    junk, so it is set by hand.
    """

    revision: int = 2
    theme_centrality_weight: float = 3.02
    coverage_weight: float = 0.37
    topicality_weight: float = 0.44
    specificity_weight: float = 0.87
    several_words_weight: float = 1.2
    readability_weight: float = 0.8
    takeover_margin: float = 0.02
    """By how much a later keyword must score better than the one that holds the name."""
    generic_share: float = 0.01
    """A keyword carried by at least this share of the catalogue's items is no name where there is a better one."""


@dataclass(frozen=True, slots=True)
class NameTrainingParams:
    """How naming weights are learnt from annotators' names. They shape no stage's output: a release does."""

    prior_strength: float = 0.3
    """How strongly the weights of ``NamingParams`` hold: what their squared distance costs, in grades of journeys. The
    best of 0, 0.3, 1, 3 and 10 from 50 to 2,000 labels, on themes that no figure is reported of."""
    accepted_grade: float = 0.5
    """What a name says of itself that an annotator was shown and let stand: it will do, which is about half of what the
    one that they would give says (1)."""
    min_journeys: int = 100
    """Fewest journeys that were named by an annotator who was shown no name, which are what weights are judged by; with
    fewer the interval over users hides any gain that is to be had."""
    min_users: int = 20
    folds: int = 5
    """The users of each are named by weights that were fitted on the others."""
    seed: int = 20260301
