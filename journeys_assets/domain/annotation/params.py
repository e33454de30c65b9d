"""What sheets for annotators show and how their rows are drawn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnnotationParams:
    """What sheets for annotators show and how their rows are drawn. They shape no stage's output."""

    confidence_bands: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Inner edges of the bands that are sampled apart; a value on an edge belongs to the band above."""
    heavy_quantile: float = 0.9
    """Users with more engagements in 90 days than this share of users are heavy; up to the median they are light."""
    as_of_days: int = 4
    """A sheet shows journeys as of so many days, unless told otherwise: a ranker learns from the earlier ones and is
    judged on the later ones, so that labels of a single day can train none."""
    days_apart: int = 7
    keywords_shown: int = 12
    keywords_kept: int = 200
    """Keywords that a judgement keeps, to tell which journey it was; those of bots have thousands."""
    examples_shown: int = 5
    """Example searches, and example items."""
    weeks_shown: int = 13
