"""The content of annotation sheets and the sampling of their rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AnnotationParams:
    """The content of annotation sheets and the sampling of their rows. No stage's output depends on them."""

    confidence_bands: tuple[float, ...] = (0.25, 0.5, 0.75)
    """Inner edges of the confidence bands used as strata; a value on an edge belongs to the band above."""
    heavy_quantile: float = 0.9
    """Users with more engagements in 90 days than this share of users are heavy; up to the median they are light."""
    as_of_days: int = 4
    """Default number of days that a sheet covers. A ranker is trained on the earlier days and tested on the later ones,
    so labels of a single day cannot train one."""
    days_apart: int = 7
    keywords_shown: int = 12
    keywords_kept: int = 200
    """Most keywords stored with a judgement to identify its journey. Journeys of bots have thousands."""
    examples_shown: int = 5
    """Number of example searches, and of example items."""
    weeks_shown: int = 13
