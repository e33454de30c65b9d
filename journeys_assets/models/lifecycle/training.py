"""The stage model: learning P(ended) from what became of journeys, and measuring it on a later time slice.

What belongs here: fitting on labelled rows, calibration, metrics. What does not: features and labels
(``domain.lifecycle.evidence``), reading them (``storage.queries.labels``) and the files of a release
(``models.lifecycle.release``).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.lifecycle.evidence import FEATURES
from journeys_assets.domain.lifecycle.params import LifecycleParams
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.errors import JourneysError, require_extra
from journeys_assets.models.boosters import Doubles, calibration_error, lightgbm_version, margins, sigmoid
from journeys_assets.models.lifecycle.release import StageRelease
from journeys_assets.models.releases import sha256

ROUNDS = 150
BOOSTER = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 50,
    "lambda_l2": 5.0,
    "feature_fraction": 0.7,
    "monotone_constraints": [1] * len(FEATURES),
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class NotEnoughStageLabels(JourneysError):
    """Too few journeys whose end is known; the message says how many there are and how many are needed."""


def train_stage_model(rows: pl.DataFrame, *, as_of: date, params: LifecycleParams) -> StageRelease:
    """Fit P(ended) on all rows, calibrate it out of fold, and measure the same recipe on the later quarter of the days.

    Whether it may be released is for :func:`refusal` to say.

    Args:
        rows: user_id, journey_id, day (the day that is judged), label (1: ended) and ``FEATURES``. Their order does not
            matter.
        as_of: Last day of which anything is known; the release is live from the day after.

    Raises:
        NotEnoughStageLabels: fewer than the documented bounds of ``LifecycleParams``, with the counts.
        ValueError: a label is not 0 or 1, or is not known by ``as_of``.
        MissingExtra: what training needs is not installed.
    """
    require_extra("train", "training a stage model")
    data = _checked(rows, as_of, params)
    fitted = fit(data, params)
    calibration, model_text = fitted.calibration, str(fitted.booster.model_to_string())
    state = {
        "live_from": as_of + timedelta(days=1),
        "as_of": as_of,
        "features": list(FEATURES),
        "booster": {**BOOSTER, "seed": params.training_seed, "rounds": ROUNDS},
        "parameters": asdict(params),
        "calibration": calibration,
        "lightgbm": lightgbm_version(),
        "data": {"all": _range(data)},
        "model_sha256": sha256(model_text.encode()),
    }
    card: dict[str, Any] = json.loads(json.dumps(state, default=str))
    version = "stage-" + sha256(json.dumps(card, sort_keys=True).encode())[:12]
    return StageRelease(version, as_of + timedelta(days=1), card | {"metrics": _metrics(data, params)}, model_text)


def folds_of(user_ids: pl.Series, params: LifecycleParams) -> npt.NDArray[np.int64]:
    """Fold of each row, (n,); all rows of a user share one, so that no model is judged on a user that it has seen."""

    def fold(user_id: str) -> int:
        digest = hashlib.blake2b(f"{params.training_seed}\x00{user_id}".encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest(), "big") % params.training_folds

    return np.array([fold(user_id) for user_id in user_ids], dtype=np.int64)


def _checked(rows: pl.DataFrame, as_of: date, params: LifecycleParams) -> pl.DataFrame:
    """The rows in an order of their own, so that the order in which they came cannot matter."""
    keys = ("day", "user_id", "journey_id", "label")
    missing = [name for name in (*keys, *FEATURES) if name not in rows.columns]
    if missing:
        raise ValueError(f"training rows lack the columns {', '.join(missing)}")
    if rows.filter(~pl.col("label").is_in([0, 1]).fill_null(False)).height:
        raise ValueError("training rows hold labels other than 0 and 1")
    late = rows.filter(pl.col("day") > as_of - timedelta(days=params.label_days))
    if late.height:
        raise ValueError(
            f"{late.height} labels are not known by {as_of}, such as of {late['day'].to_list()[0]}: look-ahead"
        )
    n_ended = int(rows["label"].sum())
    if rows.height < params.min_training_labels or min(n_ended, rows.height - n_ended) < params.min_labels_of_each:
        raise NotEnoughStageLabels(
            f"too few labels to train a stage model: {rows.height} journeys whose user kept coming, of which {n_ended} "
            f"ended; needed are {params.min_training_labels}, and {params.min_labels_of_each} of each kind. The fixed "
            "gap goes on judging; it takes some weeks of log"
        )
    return rows.select(*keys, *FEATURES).sort(*keys)


@dataclass(frozen=True)
class Fitted:
    """A booster of P(ended), and the slope and intercept that calibrate its margins."""

    booster: Any
    calibration: dict[str, float]

    def p_ended(self, rows: pl.DataFrame) -> Doubles:
        """(n,) probabilities of rows with ``FEATURES``."""
        margin = margins(self.booster, rows, list(FEATURES))
        return sigmoid(self.calibration["slope"] * margin + self.calibration["intercept"])


def fit(rows: pl.DataFrame, params: LifecycleParams) -> Fitted:
    """A booster of all rows, calibrated by logistic regression on margins of users that a fold's booster never saw.

    Args:
        rows: As for :func:`train_stage_model`, checked and in a settled order.

    Raises:
        NotEnoughStageLabels: all labels are of one kind.
    """
    if rows["label"].n_unique() < 2:
        raise NotEnoughStageLabels(
            "the users or days at hand have labels of one kind only: there is nothing to tell apart"
        )
    folds = folds_of(rows["user_id"], params)
    out_of_fold = np.zeros(rows.height)
    for fold in np.unique(folds):
        held = folds == fold
        out_of_fold[held] = margins(_boosted(rows.filter(~held), params), rows.filter(held), list(FEATURES))
    return Fitted(_boosted(rows, params), _calibration(out_of_fold, rows["label"].to_numpy()))


def cross_fitted(train: pl.DataFrame, test: pl.DataFrame, params: LifecycleParams) -> Doubles:
    """P(ended) of ``test``, (n,), each row by a fit on the users of ``train`` in other folds than its own user."""
    train_folds, folds = folds_of(train["user_id"], params), folds_of(test["user_id"], params)
    probability = np.zeros(test.height)
    for fold in np.unique(folds):
        probability[folds == fold] = fit(train.filter(train_folds != fold), params).p_ended(test.filter(folds == fold))
    return probability


def _boosted(rows: pl.DataFrame, params: LifecycleParams) -> Any:
    import lightgbm

    dataset = lightgbm.Dataset(
        rows.select(FEATURES).to_numpy(),
        label=rows["label"].to_numpy(),
        feature_name=list(FEATURES),
        params={"verbosity": -1},
    )
    return lightgbm.train({**BOOSTER, "seed": params.training_seed}, dataset, num_boost_round=ROUNDS)


def _calibration(margin: Doubles, labels: npt.NDArray[Any]) -> dict[str, float]:
    """Platt's logistic calibration; its slope is never below 0, which would turn the order round."""
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=1e3).fit(margin[:, None], labels)
    return {"slope": max(float(fit.coef_[0, 0]), 0.0), "intercept": float(fit.intercept_[0])}


def _metrics(data: pl.DataFrame, params: LifecycleParams) -> dict[str, dict[str, float | None]]:
    """The recipe fitted on the earlier days and on the users of other folds, and the fixed gap, on the later days.

    Labels of the earlier days look at ``label_days`` after them; days in between are left out, so that nothing of the
    later days is known.
    """
    first_later = data["day"].quantile(0.75, "lower")
    known = pl.lit(first_later) - timedelta(days=params.label_days)
    earlier, later = data.filter(pl.col("day") <= known), data.filter(pl.col("day") >= first_later)
    labels = later["label"].to_numpy().astype(np.float64)
    by_gap = (later["gap_days"].to_numpy() >= params.ended_after_days).astype(np.float64)
    measured = {"fixed gap": _measured(labels, by_gap)}
    try:
        probability = cross_fitted(earlier, later, params)
    except NotEnoughStageLabels:
        return measured | {"stage model": dict.fromkeys(("auc", "brier", "ece", "gain", "low"))}
    gained = (by_gap - labels) ** 2 - (probability - labels) ** 2
    gain: dict[str, float | None] = {
        "gain": float(gained.mean()),
        "low": _lower_bound(gained, later["user_id"], params),
    }
    return measured | {"stage model": _measured(labels, probability) | gain}


def refusal(release: StageRelease) -> str | None:
    """Why the release must not become what judges journeys; None where it may.

    It must be closer to what happened (Brier score) than the fixed gap, outside the 95 % interval over users.
    """
    measured = release.card["metrics"]["stage model"]
    if measured["low"] is None:
        return "the log is too short to measure it on days after those that it learns from"
    if measured["low"] > 0:
        return None
    return (
        f"on later days its Brier score is {measured['gain']:.4f} better than the fixed gap's, and the interval over "
        f"users reaches down to {measured['low']:.4f}"
    )


def _lower_bound(gained: Doubles, user_ids: pl.Series, params: LifecycleParams) -> float | None:
    """Lower end of the 95 % interval of the mean gain, users resampled; None where a single user tells of it."""
    users = user_ids.rank("dense").to_numpy().astype(np.int64) - 1
    sums, counts = np.bincount(users, weights=gained), np.bincount(users)
    picks = resamples(counts.size, seed=params.training_seed)
    low, _ = interval((picks @ sums) / (picks @ counts), counts.size)
    return None if np.isnan(low) else low


def _measured(labels: Doubles, probability: Doubles) -> dict[str, float | None]:
    from sklearn.metrics import roc_auc_score

    return {
        "auc": float(roc_auc_score(labels, probability)) if 0 < labels.sum() < labels.size else None,
        "brier": float(((probability - labels) ** 2).mean()),
        "ece": calibration_error(labels, probability, np.ones(labels.size)),
    }


def _range(rows: pl.DataFrame) -> dict[str, Any]:
    return {
        "first_day": rows["day"].min(),
        "last_day": rows["day"].max(),
        "n": rows.height,
        "n_ended": int(rows["label"].sum()),
        "n_users": rows["user_id"].n_unique(),
    }
