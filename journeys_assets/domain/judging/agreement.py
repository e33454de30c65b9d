"""Agreement of a judge with people, beside that of people with each other and of the judge with itself, and a verdict.

A judge agrees with people well or badly only in comparison: with chance (the levels of both drawn independently, which
raw agreement hides), with what people reach among each other, and with what it reaches when asked again. A judge that
differs from itself cannot agree with anybody.

Figures are pooled over pairs: of the judge and each person who judged the same journey, of two persons, of two draws.
Pairs of equals count in both directions. Intervals resample users, because journeys of a user are alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.annotation.agreement import LEVELS, quadratic_kappa, share_within
from journeys_assets.domain.judging.params import JudgingParams
from journeys_assets.domain.statistics.confusion import CorrectedMean, corrected_mean
from journeys_assets.domain.statistics.prediction_powered import MeanEstimate, mean_with_judge
from journeys_assets.domain.statistics.resampling import interval, resamples

Doubles = NDArray[np.float64]
K = len(LEVELS)

HUMAN_SCHEMA = pl.Schema(
    {"item": pl.String(), "user_id": pl.String(), "annotator_id": pl.String(), "relevance": pl.Int64()}
)
"""One row per journey (as of a day) and person."""
DRAW_SCHEMA = pl.Schema({"item": pl.String(), "user_id": pl.String(), "draw": pl.Int64(), "level": pl.Int64()})
"""One row per journey and draw of the judge; ``level`` is null where it abstained or gave no answer."""

WITH_PEOPLE, AMONG_PEOPLE, WITH_ITSELF = "judge with people", "people with each other", "judge with itself"
MEASURES: dict[str, Callable[[Doubles], Doubles]] = {
    "kappa": quadratic_kappa,
    "spearman": lambda cells: spearman(cells),
    "exact": lambda cells: share_within(cells, 0),
    "within_one": lambda cells: share_within(cells, 1),
}
"""Each from tables (…, 5, 5) of how often one gave the row's level and the other the column's."""


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """What is known of one judge.

    Attributes:
        figures: One row per comparison (``WITH_PEOPLE``, …) and measure: value, low, high (95 %), by_chance, n_pairs,
            n_items, n_users. A figure that is undefined is null.
        confusion: (5, 5): how often people gave the row's level and the judge the column's, each journey counting 1.
        confusion_draws: (n_resamples, 5, 5): the same over resampled users.
        n_items, n_users: Journeys with a human judgement and a level of the judge, and their users.
        n_abstained: Journeys with a human judgement of which the judge gave no level.
        is_calibrated: Whether the agreement is shown on enough labels.
        reasons: Why it is not; empty where it is.
    """

    figures: pl.DataFrame
    confusion: Doubles
    confusion_draws: Doubles
    n_items: int
    n_users: int
    n_abstained: int
    is_calibrated: bool
    reasons: tuple[str, ...]


def judge_agreement(
    people: pl.DataFrame, draws: pl.DataFrame, params: JudgingParams, *, seed: int = 1, n_resamples: int = 1000
) -> JudgeAgreement:
    """The agreement of a judge with people.

    Args:
        people: ``HUMAN_SCHEMA``, in any order.
        draws: ``DRAW_SCHEMA``, in any order; items without a human judgement count for the judge's agreement with
            itself alone.

    Raises:
        ValueError: a person judged an item twice, a draw is there twice, or a level is not 1-5.
    """
    _check(people, draws)
    given = draws.drop_nulls("level").sort("item", "draw")
    human = people.sort("item", "annotator_id")
    users = sorted(set(human["user_id"]) | set(given["user_id"]))
    index = {user: n for n, user in enumerate(users)}
    picks = resamples(len(users), seed=seed, n_resamples=n_resamples) if users else np.zeros((0, 0))

    both = human.join(given.select("item", "draw", "level"), on="item")
    among = _pairs(human, "annotator_id", "relevance")
    itself = _pairs(given, "draw", "level")
    # A journey of three persons and three draws counts as much as one of one each.
    weight = pl.len().over("item")
    tables = {
        WITH_PEOPLE: _tables(both.with_columns(weight=1.0 / weight), "relevance", "level", index),
        AMONG_PEOPLE: _tables(among, "a", "b", index),
        WITH_ITSELF: _tables(itself, "a", "b", index),
    }
    rows = {WITH_PEOPLE: both, AMONG_PEOPLE: among, WITH_ITSELF: itself}
    figures = _figures(tables, rows, picks)
    labels = tables[WITH_PEOPLE]
    n_items, n_users = both["item"].n_unique(), both["user_id"].n_unique()
    reasons = _reasons(figures, n_items, n_users, params)
    return JudgeAgreement(
        figures,
        labels.sum(axis=0),
        (picks @ labels.reshape(len(users), K * K)).reshape(-1, K, K),
        n_items,
        n_users,
        human["item"].n_unique() - n_items,
        not reasons,
        tuple(reasons),
    )


def _check(people: pl.DataFrame, draws: pl.DataFrame) -> None:
    if people.select("item", "annotator_id").is_duplicated().any():
        raise ValueError("a person judged an item twice; keep only the judgement that counts")
    if draws.select("item", "draw").is_duplicated().any():
        raise ValueError("a draw of an item is there twice")
    for levels in (people["relevance"], draws["level"]):
        if not levels.drop_nulls().is_in(LEVELS).all() or people["relevance"].has_nulls():
            raise ValueError("levels must be from 1 to 5")


def spearman(cells: Doubles) -> Doubles:
    """Spearman's rank correlation of the two levels, with ties at their mean rank.

    Args:
        cells: (…, k, k): how often one gave the row's level and the other the column's.

    Returns:
        (…): from -1 to 1; NaN where either gave a single level.
    """
    rows, columns = cells.sum(axis=-1), cells.sum(axis=-2)
    total = rows.sum(axis=-1)[..., None]

    def centred(margin: Doubles) -> Doubles:
        centred: Doubles = np.cumsum(margin, axis=-1) - margin / 2 - total / 2
        return centred

    a, b = centred(rows), centred(columns)
    covariance = np.einsum("...h,...hj,...j->...", a, cells, b)
    spread = np.sqrt((rows * a**2).sum(axis=-1) * (columns * b**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > 0, covariance / spread, np.nan)


def _pairs(rows: pl.DataFrame, by: str, level: str) -> pl.DataFrame:
    """Both directions of every pair of judgements of an item: item, user_id, a, b, weight; an item counts 1."""
    kept = rows.select("item", "user_id", by, level)
    pairs = kept.join(kept.drop("user_id"), on="item", suffix="_b").filter(pl.col(by) != pl.col(f"{by}_b"))
    return pairs.select("item", "user_id", a=level, b=f"{level}_b").with_columns(weight=1.0 / pl.len().over("item"))


def _tables(pairs: pl.DataFrame, a: str, b: str, index: dict[str, int]) -> Doubles:
    """(n_users, 5, 5): weighted counts by user."""
    tables = np.zeros((len(index), K, K))
    places = np.array([index[user] for user in pairs["user_id"]], dtype=np.int64)
    np.add.at(tables, (places, pairs[a].to_numpy() - 1, pairs[b].to_numpy() - 1), pairs["weight"].to_numpy())
    return tables


def _figures(tables: dict[str, Doubles], rows: dict[str, pl.DataFrame], picks: Doubles) -> pl.DataFrame:
    found: list[dict[str, object]] = []
    for comparison, of_users in tables.items():
        total = of_users.sum(axis=0)
        n_users = rows[comparison]["user_id"].n_unique()
        draws = (picks @ of_users.reshape(len(of_users), K * K)).reshape(-1, K, K) if len(of_users) else None
        for measure, of in MEASURES.items():
            value = float(of(total)) if total.sum() else float("nan")
            low, high = (
                interval(of(draws), n_users) if draws is not None and np.isfinite(value) else (float("nan"),) * 2
            )
            found.append(
                {
                    "comparison": comparison,
                    "measure": measure,
                    "value": value,
                    "low": low,
                    "high": high,
                    "by_chance": _by_chance(total, of, measure),
                    "n_pairs": rows[comparison].height,
                    "n_items": rows[comparison]["item"].n_unique(),
                    "n_users": n_users,
                }
            )
    return pl.DataFrame(found, schema=FIGURE_SCHEMA).with_columns(pl.col(pl.Float64).fill_nan(None))


FIGURE_SCHEMA = pl.Schema(
    {
        "comparison": pl.String(),
        "measure": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "by_chance": pl.Float64(),
        "n_pairs": pl.Int64(),
        "n_items": pl.Int64(),
        "n_users": pl.Int64(),
    }
)


def _by_chance(total: Doubles, of: Callable[[Doubles], Doubles], measure: str) -> float:
    """The figure if the levels of both were independent; 0 by definition for kappa and Spearman."""
    if measure in ("kappa", "spearman"):
        return 0.0
    if not total.sum():
        return float("nan")
    return float(of(np.outer(total.sum(axis=1), total.sum(axis=0)) / total.sum()))


def figure(figures: pl.DataFrame, comparison: str, measure: str) -> dict[str, float | None]:
    """value, low, high, by_chance of one figure."""
    row = figures.row(by_predicate=(pl.col("comparison") == comparison) & (pl.col("measure") == measure), named=True)
    return {name: row[name] for name in ("value", "low", "high", "by_chance")}


def _reasons(figures: pl.DataFrame, n_items: int, n_users: int, params: JudgingParams) -> list[str]:
    """Why a judge is not calibrated."""
    reasons = []
    if n_items < params.least_labels:
        reasons.append(f"{n_items} journeys have a human judgement, {params.least_labels} are needed")
    if n_users < params.least_users:
        reasons.append(f"they are of {n_users} users, {params.least_users} are needed")
    low = figure(figures, WITH_PEOPLE, "kappa")["low"]
    if low is None:
        reasons.append("its weighted kappa with people has no interval")
    elif low < params.least_kappa:
        reasons.append(
            f"the interval of its weighted kappa with people begins at {low:.2f}, below {params.least_kappa:g}"
        )
    return reasons


# ── means ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CorrectedMeans:
    """The mean relevance of what a judge judged, corrected by people.

    Attributes:
        by_confusion: Corrected by the table of people and judge, as where quality changed after the labels.
        by_post_stratification: The same table, as where the labelled journeys are a random part.
        by_ppi: PPI++.
        people: Mean and interval of the human levels alone.
    """

    by_confusion: CorrectedMean
    by_post_stratification: CorrectedMean
    by_ppi: MeanEstimate
    people: MeanEstimate


def corrected_means(labelled: pl.DataFrame, judged: pl.DataFrame) -> CorrectedMeans | None:
    """The corrected means; None where fewer than two users have a label or nothing is judged.

    Args:
        labelled: item, user_id, human (mean level of people), level (of the judge, may be a mean of draws).
        judged: user_id, level, weight (users that the row's user stands for) of journeys without a human judgement.
    """
    if labelled["user_id"].n_unique() < 2 or judged.is_empty():
        return None
    rows, rest = labelled.sort("item"), judged.sort("user_id", "level")
    tables = _by_user(rows["user_id"], _whole(rows["human"]), _whole(rows["level"]))
    counts = _counts_by_user(rest["user_id"], _whole(rest["level"]), rest["weight"].to_numpy())
    human, level = rows["human"].to_numpy(), rows["level"].to_numpy()
    owners = rows["user_id"].to_numpy()
    none = np.empty(0)
    return CorrectedMeans(
        corrected_mean(tables, counts, by="people"),
        corrected_mean(tables, counts, by="judge"),
        mean_with_judge(
            human,
            level,
            rest["level"].to_numpy(),
            users=owners,
            users_unlabelled=rest["user_id"].to_numpy(),
            weights_unlabelled=rest["weight"].to_numpy(),
        ),
        mean_with_judge(human, level, none, users=owners, users_unlabelled=none),
    )


def _whole(levels: pl.Series) -> NDArray[np.int64]:
    """Levels as codes from 0; means are rounded to the nearest level."""
    codes: NDArray[np.int64] = np.clip(np.rint(levels.to_numpy()), 1, K).astype(np.int64) - 1
    return codes


def _by_user(users: pl.Series, human: NDArray[np.int64], judge: NDArray[np.int64]) -> Doubles:
    names, owner = np.unique(users.to_numpy(), return_inverse=True)
    tables = np.zeros((len(names), K, K))
    np.add.at(tables, (owner, human, judge), 1.0)
    return tables


def _counts_by_user(users: pl.Series, judge: NDArray[np.int64], weights: Doubles) -> Doubles:
    names, owner = np.unique(users.to_numpy(), return_inverse=True)
    counts = np.zeros((len(names), K))
    np.add.at(counts, (owner, judge), weights)
    return counts


def levels_of(draws: pl.DataFrame) -> pl.DataFrame:
    """item, user_id, level: the mean of the draws that gave one."""
    return draws.drop_nulls("level").group_by("item", "user_id").agg(pl.col("level").mean()).sort("item")
