"""Journeys matched with the true themes of a synthetic world, and classification metrics weighted by user.

The parts on kind, stage and seasons share this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.evaluation.statistics.intervals import Statistic, Weights

Doubles = npt.NDArray[np.float64]

MIN_PURITY = 0.6
"""A journey is matched with a true theme if at least this share of its keywords is of that theme."""
_OWN = ["user_id", "journey_id"]


def with_truth(rows: pl.DataFrame, truth: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """The ``rows`` whose journey matches a true theme of its user, with the theme's truth as of the day.

    Returns:
        The rows with theme, true_kind, begun_on, paused_on, resumed_on, ended_on, is_on (begun, neither ended nor
        paused) and has_ended.
    """
    themes = truth["truth_keywords"].select("user_id", keyword="normalised_keyword", theme="theme")
    own = ["day", *_OWN]
    members = (
        rows.select(*own, keyword="keywords").explode("keyword").join(themes, on=["user_id", "keyword"], how="left")
    )
    share = pl.len() / pl.col("n_members").first()
    majority = (
        members.with_columns(n_members=pl.len().over(own))
        .filter(pl.col("theme").is_not_null())
        .group_by(*own, "theme")
        .agg(share=share)
        .filter(pl.col("share") >= MIN_PURITY)
        .sort("share", "theme", descending=[True, False])
        .unique(own, keep="first", maintain_order=True)
    )
    known = truth["truth_journeys"].rename({"kind": "true_kind"}).drop("name")
    day = pl.col("day")
    is_paused = (pl.col("paused_on") <= day) & (pl.col("resumed_on") > day).fill_null(True)
    return (
        rows.join(majority.select(*own, "theme"), on=own)
        .join(known, on=["user_id", "theme"])
        .with_columns(has_ended=(pl.col("ended_on") <= day).fill_null(False))
        .with_columns(
            is_on=(pl.col("begun_on") <= day).fill_null(True) & ~pl.col("has_ended") & ~is_paused.fill_null(False)
        )
        .sort(own)
    )


def average_precision_of(labels: npt.NDArray[np.bool_], scores: Doubles, users: npt.NDArray[np.int64]) -> Statistic:
    """Area under the precision-recall curve by steps (average precision). Rows with equal scores count together."""
    order = np.argsort(-scores, kind="stable")
    positive, owner = labels[order].astype(np.float64), users[order]
    _, group = np.unique(-scores[order], return_inverse=True)

    def average_precision(weights: Weights) -> float:
        weight = weights[owner]
        hits = np.bincount(group, weights=weight * positive)
        taken = np.cumsum(np.bincount(group, weights=weight))
        precision = np.cumsum(hits) / np.maximum(taken, 1e-12)
        return float((precision * hits).sum() / hits.sum()) if hits.sum() else float("nan")

    return average_precision


def quotient_of(numerators: npt.ArrayLike, denominators: npt.ArrayLike, users: npt.NDArray[np.int64]) -> Statistic:
    """Sum of one value divided by the sum of another, over rows, users weighted; NaN if the latter sum is 0."""
    n_users = int(users.max()) + 1
    above = np.bincount(users, weights=np.asarray(numerators, dtype=np.float64), minlength=n_users)
    below = np.bincount(users, weights=np.asarray(denominators, dtype=np.float64), minlength=n_users)

    def quotient(weights: Weights) -> float:
        mine = weights[:n_users]
        total = float((mine * below).sum())
        return float((mine * above).sum()) / total if total else float("nan")

    return quotient


def ratio_of(values: npt.ArrayLike, users: npt.NDArray[np.int64]) -> Statistic:
    """Mean of a value over rows, users weighted."""
    return quotient_of(values, np.ones(users.size), users)


def precision_of(true: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], users: npt.NDArray[np.int64]) -> Statistic:
    """Share of the rows predicted as a class that are of it; 0 if there are none."""
    share = quotient_of(true & said, said, users)
    return lambda weights: float(np.nan_to_num(share(weights)))


def f1_of(true: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], users: npt.NDArray[np.int64]) -> Statistic:
    """F1 of one class, from the true and the predicted rows."""
    return quotient_of(2.0 * (true & said), true.astype(np.float64) + said, users)


def macro_f1_of(true: Sequence[str], said: Sequence[str], users: npt.NDArray[np.int64]) -> Statistic:
    """Mean F1 over the classes that occur in the truth."""
    classes = sorted(set(true))
    n_users = int(users.max()) + 1
    truth, guess = np.array(true), np.array(said)

    def per_user(mask: npt.NDArray[np.bool_]) -> Doubles:
        return np.bincount(users, weights=mask.astype(np.float64), minlength=n_users).astype(np.float64)

    counts = [(per_user((truth == c) & (guess == c)), per_user(truth == c), per_user(guess == c)) for c in classes]

    def macro_f1(weights: Weights) -> float:
        mine = weights[:n_users]
        scores = [
            2.0 * (mine * both).sum() / max(float((mine * (has + says)).sum()), 1e-12) for both, has, says in counts
        ]
        return float(np.mean(scores))

    return macro_f1


def numbered(rows: pl.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """The user of each row as a number from 0, (n,), and the number of users."""
    users = rows["user_id"].rank("dense").to_numpy().astype(np.int64) - 1
    return users, int(users.max()) + 1
