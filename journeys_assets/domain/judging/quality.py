"""The quality of the top journeys as a judge sees it, over some days, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.annotation.agreement import LEVELS
from journeys_assets.domain.judging.rubric import JUDGED_BY as RUBRIC
from journeys_assets.domain.statistics.confusion import from_draws
from journeys_assets.domain.statistics.resampling import interval, resamples

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Table:
    """What people said beside a judge.

    Attributes:
        confusion: (5, 5): how often people gave the row's level and the judge the column's.
        draws: (n, 5, 5): the same over resampled users.
        n_users: Users of the labels.
    """

    confusion: Doubles
    draws: Doubles
    n_users: int


@dataclass(frozen=True, slots=True)
class Quality:
    """Mean relevance of the top journeys.

    Attributes:
        judged_by: The judge.
        mean, low, high: Levels, with a 95 % interval over users; NaN bounds for fewer than two users.
        judge_mean: The judge's own mean; the same as ``mean`` where that is not corrected.
        is_corrected: Whether the mean is corrected by people's judgements.
        controls: Mean level of the controls; None without any.
        n_journeys, n_users: What was judged.
        n_without_level: Journeys of which the judge gave no level.
    """

    judged_by: str
    mean: float
    low: float
    high: float
    judge_mean: float
    is_corrected: bool
    controls: float | None
    n_journeys: int
    n_users: int
    n_without_level: int


def judge_of(judged: pl.DataFrame) -> str | None:
    """The judge that counts: the language model that judged last, or else the rubric; None where nothing is judged."""
    latest = judged.filter((pl.col("judged_by") != RUBRIC) & pl.col("level").is_not_null()).sort(
        "partition_date", "judged_by"
    )
    if latest.height:
        return str(latest["judged_by"][-1])
    return RUBRIC if judged["level"].count() else None


def top_quality(judged: pl.DataFrame, judged_by: str, table: Table | None, *, seed: int = 1) -> Quality:
    """The mean relevance of the journeys that one judge judged.

    A user counts by the number of users that they stand for, and a journey of several draws once.

    Args:
        judged: partition_date, user_id, journey_id, is_control, sampling_weight, level, judged_by.
        table: Corrects the mean; None: the judge's own.

    Raises:
        ValueError: the judge gave no level.
    """
    rows = judged.filter(pl.col("judged_by") == judged_by)
    key = ["partition_date", "user_id", "journey_id"]
    journeys = rows.filter(~pl.col("is_control")).group_by(key).agg(
        level=pl.col("level").mean(), weight=pl.col("sampling_weight").first()
    )  # fmt: skip
    known = journeys.drop_nulls("level").sort(key)
    if known.is_empty():
        raise ValueError(f"{judged_by} gave no level")
    users, owner = np.unique(known["user_id"].to_numpy(), return_inverse=True)
    level, weight = known["level"].to_numpy(), known["weight"].to_numpy()
    picks = resamples(len(users), seed=seed)
    sums = np.zeros((len(users), 2))
    np.add.at(sums, owner, np.stack([weight * level, weight], axis=1))
    total = sums.sum(axis=0)
    mean = judge_mean = float(total[0] / total[1])
    drawn = picks @ sums
    low, high = interval(drawn[:, 0] / drawn[:, 1], len(users))
    if table is not None and table.confusion.sum() > 0:
        counts = np.zeros((len(users), len(LEVELS)))
        np.add.at(counts, (owner, np.clip(np.rint(level), 1, len(LEVELS)).astype(np.int64) - 1), weight)
        cell_draws = table.draws[np.arange(len(picks)) % len(table.draws)]
        n_users = min(len(users), table.n_users)
        found = from_draws(
            table.confusion, cell_draws, counts.sum(axis=0), picks @ counts, by="people", n_users=n_users
        )
        mean, low, high = found.mean, found.low, found.high
    controls = rows.filter("is_control")["level"].drop_nulls().to_list()
    return Quality(
        judged_by,
        mean,
        low,
        high,
        judge_mean,
        table is not None and bool(table.confusion.sum() > 0),
        sum(controls) / len(controls) if controls else None,
        known.height,
        len(users),
        journeys.height - known.height,
    )
