"""Quality monitors: numbers that say whether a day's output looks right, each with its bound and offenders.

What belongs here: pure functions from a day's tables to :class:`Monitor` results. What does not: reading tables or
reporting to Dagster.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

OFFENDERS = 5


@dataclass(frozen=True, slots=True)
class Monitor:
    """One measured value against its bound.

    Attributes:
        name: What was measured.
        value: The measurement.
        bound: What it is held against.
        passed: Whether the value is within the bound.
        offenders: A few rows that speak against it; empty where there are none.
        advice: What to look at when it fires.
    """

    name: str
    value: float
    bound: str
    passed: bool
    offenders: pl.DataFrame
    advice: str


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def share_of_keywords_embedded(keywords: pl.Series, embedded: pl.Series, *, minimum: float = 1.0) -> Monitor:
    """Share of the day's distinct keywords that have a vector (1 if the day has none)."""
    distinct = keywords.unique()
    missing = distinct.filter(~distinct.is_in(embedded.implode())).sort()
    value = 1.0 - _share(missing.len(), distinct.len())
    return Monitor(
        "share_of_keywords_embedded",
        value,
        f">= {minimum:g}",
        value >= minimum,
        missing.head(OFFENDERS).to_frame("keyword"),
        "materialise keyword_embeddings for the day again",
    )


def singleton_share(clusters: pl.DataFrame, *, maximum: float = 0.8) -> Monitor:
    """Share of clusters that hold one keyword: high where users are fragmented or the log is thin."""
    singles = clusters.filter(pl.col("n_keywords") == 1)
    value = _share(singles.height, clusters.height)
    worst = (
        singles.group_by("user_id").len("singletons").sort(["singletons", "user_id"], descending=[True, False])
    ).head(OFFENDERS)
    return Monitor(
        "singleton_share",
        value,
        f"<= {maximum:g}",
        value <= maximum,
        worst,
        "look for a new source of noise keywords, or a cut that is too low",
    )


def journeys_per_user(journeys: pl.DataFrame, *, maximum: float = 40.0) -> Monitor:
    """Median number of journeys of users that have any."""
    per_user = journeys.group_by("user_id").len("journeys").sort(["journeys", "user_id"], descending=[True, False])
    median = per_user["journeys"].median()
    value = float(median) if isinstance(median, int | float) else 0.0
    return Monitor(
        "journeys_per_user",
        value,
        f"<= {maximum:g}",
        value <= maximum,
        per_user.head(OFFENDERS),
        "many journeys a user mean a cut that is too low, or bots",
    )


def name_uniqueness(journeys: pl.DataFrame, *, minimum: float = 1.0) -> Monitor:
    """Share of journeys whose name no other journey of the same user has."""
    key = pl.struct("user_id", pl.col("journey_name").str.to_lowercase())
    repeated = journeys.filter(key.is_duplicated())
    value = 1.0 - _share(repeated.height, journeys.height)
    return Monitor(
        "name_uniqueness",
        value,
        f">= {minimum:g}",
        value >= minimum,
        repeated.select("user_id", "journey_id", "journey_name").head(OFFENDERS),
        "materialise journey_names for the day again; names are unique by construction",
    )


def candidates_per_user(sends: pl.DataFrame, *, weekly_cap: int) -> Monitor:
    """Most sends of any one user within seven days, against the cap.

    Args:
        sends: One row per planned send of the last seven days: user_id.
    """
    per_user = sends.group_by("user_id").len("sends").sort(["sends", "user_id"], descending=[True, False])
    value = float(per_user["sends"][0]) if per_user.height else 0.0
    return Monitor(
        "candidates_per_user",
        value,
        f"<= {weekly_cap}",
        value <= weekly_cap,
        per_user.filter(pl.col("sends") > weekly_cap).head(OFFENDERS),
        "days were materialised out of order; run the week again in order",
    )


def share_quarantined(n_rows: int, n_quarantined: int, *, maximum: float = 0.05) -> Monitor:
    """Share of all landed rows that the contract refused."""
    value = _share(n_quarantined, n_rows)
    return Monitor(
        "share_quarantined",
        value,
        f"<= {maximum:g}",
        value <= maximum,
        pl.DataFrame(),
        "see landing.quarantined_rows for file, line and reason",
    )
