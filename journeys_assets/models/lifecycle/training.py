"""Trains the stage model: learns P(ended) from what became of journeys, and measures it on a later time slice.

``domain.lifecycle.evidence`` defines features and labels, ``storage.queries.labels`` reads them, and
``models.lifecycle.release`` uses and saves the result.
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
    """Too few journeys whose end is known. The message has their number and the number needed."""


def train_stage_model(rows: pl.DataFrame, *, as_of: date, params: LifecycleParams) -> StageRelease:
    """Fit P(ended) on all rows, calibrate it out of fold, and measure the same recipe on the later quarter of the days.

    :func:`refusal` decides whether the result may be released.

    Args:
        rows: user_id, journey_id, day (the day of the prediction), label (1: ended) and ``FEATURES``, in any order.
        as_of: Last day of the log that is used. The release is live from the day after.

    Raises:
        NotEnoughStageLabels: fewer labels than ``LifecycleParams`` requires, with the counts.
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
    """Fold of each row, (n,). All rows of a user have the same fold, so that no model predicts a user that it saw."""

    def fold(user_id: str) -> int:
        digest = hashlib.blake2b(f"{params.training_seed}\x00{user_id}".encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest(), "big") % params.training_folds

    return np.array([fold(user_id) for user_id in user_ids], dtype=np.int64)


def _checked(rows: pl.DataFrame, as_of: date, params: LifecycleParams) -> pl.DataFrame:
    """The rows in a fixed order, so that their original order does not matter."""
    keys = ("day", "user_id", "journey_id", "label")
    missing = [name for name in (*keys, *FEATURES) if name not in rows.columns]
    if missing:
        raise ValueError(f"training rows lack the columns {', '.join(missing)}")
    if rows.filter(~pl.col("label").is_in([0, 1]).fill_null(False)).height:
        raise ValueError("training rows have labels other than 0 and 1")
    late = rows.filter(pl.col("day") > as_of - timedelta(days=params.label_days))
    if late.height:
        raise ValueError(
            f"{late.height} labels are not known by {as_of}, for instance one of {late['day'].to_list()[0]}: look-ahead"
        )
    n_ended = int(rows["label"].sum())
    if rows.height < params.min_training_labels or min(n_ended, rows.height - n_ended) < params.min_labels_of_each:
        raise NotEnoughStageLabels(
            f"too few labels to train a stage model: {rows.height} journeys of users who stayed active, of which "
            f"{n_ended} ended; at least {params.min_training_labels} are needed, and {params.min_labels_of_each} of "
            "each kind. The fixed gap stays in use; training needs some weeks of log"
        )
    return rows.select(*keys, *FEATURES).sort(*keys)


@dataclass(frozen=True)
class Fitted:
    """A booster for P(ended), with the slope and intercept that calibrate its margins."""

    booster: Any
    calibration: dict[str, float]

    def p_ended(self, rows: pl.DataFrame) -> Doubles:
        """(n,) probabilities for rows with ``FEATURES``."""
        margin = margins(self.booster, rows, list(FEATURES))
        return sigmoid(self.calibration["slope"] * margin + self.calibration["intercept"])


def fit(rows: pl.DataFrame, params: LifecycleParams) -> Fitted:
    """A booster fitted on all rows, calibrated by logistic regression on margins of users outside the booster's fold.

    Args:
        rows: As for :func:`train_stage_model`, checked and in a fixed order.

    Raises:
        NotEnoughStageLabels: all labels are of one kind.
    """
    if rows["label"].n_unique() < 2:
        raise NotEnoughStageLabels(
            "the selected users or days have labels of one kind only, so there is nothing to learn"
        )
    folds = folds_of(rows["user_id"], params)
    out_of_fold = np.zeros(rows.height)
    for fold in np.unique(folds):
        held = folds == fold
        out_of_fold[held] = margins(_boosted(rows.filter(~held), params), rows.filter(held), list(FEATURES))
    return Fitted(_boosted(rows, params), _calibration(out_of_fold, rows["label"].to_numpy()))


def cross_fitted(train: pl.DataFrame, test: pl.DataFrame, params: LifecycleParams) -> Doubles:
    """P(ended) of ``test``, (n,). Each row is predicted by a fit on users of ``train`` in other folds than its own."""
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
    """Platt's logistic calibration. Its slope is at least 0, because a negative slope would reverse the order."""
    from sklearn.linear_model import LogisticRegression

    fit = LogisticRegression(C=1e3).fit(margin[:, None], labels)
    return {"slope": max(float(fit.coef_[0, 0]), 0.0), "intercept": float(fit.intercept_[0])}


def _metrics(data: pl.DataFrame, params: LifecycleParams) -> dict[str, dict[str, float | None]]:
    """Metrics on the later days: of the recipe, fitted on earlier days and users of other folds, and of the fixed gap.

    Labels of the earlier days use the ``label_days`` after them. The days in between are left out, so that nothing from
    the later days is used.
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
    """The reason why the release must not be used; None if it may.

    Its Brier score must be better than that of the fixed gap, with the whole 95 % interval over users above 0.
    """
    measured = release.card["metrics"]["stage model"]
    if measured["low"] is None:
        return "the log is too short to measure it on days later than those that it is trained on"
    if measured["low"] > 0:
        return None
    return (
        f"on later days its Brier score is {measured['gain']:.4f} better than the fixed gap's, but the interval over "
        f"users extends down to {measured['low']:.4f}"
    )


def _lower_bound(gained: Doubles, user_ids: pl.Series, params: LifecycleParams) -> float | None:
    """Lower end of the 95 % interval of the mean gain, users resampled; None if it is undefined, as for one user."""
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
