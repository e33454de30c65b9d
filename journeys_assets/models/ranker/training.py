"""Trains the journey ranker, a point-wise LightGBM model, and measures it on a later time slice.

``domain.ranking.prior`` and ``storage.queries.labels`` provide labels and features. ``models.ranker.release`` uses and
saves the result; its names can be imported from here too.

Score and confidence answer two questions. ``score`` orders journeys. It learns from all labels: which journeys users
continued (known for every journey in every log), human judgements, and responses to notifications. All have equal
weight: with judgements weighted 3, 5 or 20 times, the order on later days was the same or worse, because they are few
and about users who had just been active. The base rate of each source is removed as an offset.

``confidence`` is the probability that the journey is real and current. Only human judgements say so: neither an
unclicked notification nor a week without engagement proves that it is not. With enough judgements, confidence is a
logistic calibration of out-of-fold scores on judged journeys. With fewer it is the documented prior, and the card says
so. Calibrated on engagement it would be too low: in a world with known truth, 0.35, where 0.42 of the journeys were
current and annotators found 0.55 relevant.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from journeys_assets.domain.ranking.labels import ndcg_by_user
from journeys_assets.domain.ranking.params import RankingParams
from journeys_assets.domain.ranking.prior import PRIOR
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.errors import JourneysError
from journeys_assets.models.boosters import Doubles, calibration_error, lightgbm_version, sigmoid
from journeys_assets.models.ranker.release import Release, load, model_card, prior_of, released, save
from journeys_assets.models.releases import sha256

__all__ = [
    "NotEnoughLabels",
    "Release",
    "load",
    "model_card",
    "refusal",
    "released",
    "save",
    "train_ranker",
]

COMPARED_SOURCES = ("engagement", "annotation", "feedback")
"""Sources of labels that a ranker is compared on. The first has a label for every journey, not only for seen ones."""

NDCG_AT = 5
"""The k of NDCG@k, which measures the order within a user: about as many journeys as fit on a screen."""

N_RESAMPLES = 500

ROUNDS = (25, 50, 100, 150, 200)
"""Numbers of trees to try. The one with the lowest log loss on held-out rows is used."""

MONOTONE = {
    "cohesion": 1,
    "engagement_weight_7d": 1,
    "engagement_weight_28d": 1,
    "engagement_weight_90d": 1,
    "active_days_7d": 1,
    "active_days_28d": 1,
    "active_days_90d": 1,
    "share_of_user_engagement_28d": 1,
    "days_since_last_engaged": -1,
}
"""Monotone constraints: more evidence never lowers a score, and more silence never raises one."""

BOOSTER = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 7,
    "min_data_in_leaf": 20,
    "min_sum_hessian_in_leaf": 1e-3,
    "lambda_l2": 5.0,
    "feature_fraction": 0.7,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class NotEnoughLabels(JourneysError):
    """Too few labels to train on. The message has their number and the number needed."""


# ── training ────────────────────────────────────────────────────────────────────────────────────────────────────────


def train_ranker(
    rows: pl.DataFrame,
    *,
    as_of: date,
    params: RankingParams,
    features: Sequence[str],
    incumbent: Release | None = None,
) -> Release:
    """Fit a ranker on the earlier labels and measure it on the later ones; then fit it in the same way on all labels.

    The metrics and comparisons of the card are those of the first model, which has not seen the later labels. The
    released model has, because the latest labels are the most relevant to the days to come. :func:`refusal` decides
    whether it may be released.

    Args:
        rows: label (0 or 1), weight (> 0), day, user_id, journey_id, ``features``, and optionally source (one of
            ``ranking.SOURCES``; by default ``annotation``) and known_on (by default ``day``), in any order.
        as_of: Last day whose labels may be used. The release is live from the day after.
        features: Columns that the ranker reads, in their order (``ranking.prior.features``).
        incumbent: The release that is live on that day, to compare with.

    Raises:
        NotEnoughLabels: fewer labels than ``RankingParams`` requires, with the counts.
        ValueError: a label is not 0 or 1, a weight is not positive, or a row is later than ``as_of``.
    """
    data = _checked(rows, as_of, features)
    release = _unmeasured(data, as_of, params, features)
    earlier, later = _time_split(data, params)
    earlier_model = _fitted(earlier, release.card["booster"]["rounds"], release.card, params)
    measured = {
        "metrics": _metrics(earlier_model, later, params),
        "comparisons": _comparisons(data, earlier_model, incumbent, later, params),
    }
    return Release(release.version, release.live_from, release.card | measured, release.model_text)


def train_unmeasured(rows: pl.DataFrame, *, as_of: date, params: RankingParams, features: Sequence[str]) -> Release:
    """The release of :func:`train_ranker` without its metrics and comparisons, for which it trains other models.

    Raises:
        NotEnoughLabels, ValueError: as :func:`train_ranker`.
    """
    return _unmeasured(_checked(rows, as_of, features), as_of, params, features)


def _unmeasured(data: pl.DataFrame, as_of: date, params: RankingParams, features: Sequence[str]) -> Release:
    """:func:`train_unmeasured` of checked rows."""
    earlier, later = _time_split(data, params)
    _require(earlier, later, data, params)
    rounds = _rounds(earlier, params)
    card: dict[str, Any] = {
        "live_from": as_of + timedelta(days=1),
        "as_of": as_of,
        "features": list(features),
        "monotone": MONOTONE,
        "booster": BOOSTER | {"seed": params.training_seed, "rounds": rounds},
        "parameters": asdict(params),
        "lightgbm": lightgbm_version(),
        "data": {"earlier": _range(earlier), "later": _range(later)},
    }
    return _fitted(data, rounds, card, params)


def _fitted(rows: pl.DataFrame, rounds: int, card: dict[str, Any], params: RankingParams) -> Release:
    """A release without metrics: the model fitted on all ``rows``, and confidence calibrated on them out of fold."""
    model_text = _fit(rows, rounds, params)
    base_margin = _logit(_rate(rows))
    calibration = _calibration(rows, _out_of_fold(rows, rounds, params) + base_margin, params)
    own = {"base_margin": base_margin, "calibration": calibration, "model_sha256": sha256(model_text.encode())}
    state: dict[str, Any] = json.loads(json.dumps(card | own, default=str))
    version = "ranker-" + sha256(json.dumps(state, sort_keys=True).encode())[:12]
    return Release(version, card["live_from"], state, model_text)


def _rounds(earlier: pl.DataFrame, params: RankingParams) -> int:
    """The number of trees that does best on the last days of the slice if fitted on the days before.

    Days are held out, not users, because with more trees a model learns more of what is true only of its own days,
    which held-out users of the same days do not reveal. If there are too few days, users are held out instead.
    """
    before, after = _time_split(earlier, params)
    if min(_fewest_of_each(before), _fewest_of_each(after)) >= params.min_labels_of_each:
        margins, held = _fit_and_predict(before, after, ROUNDS, params), after
    else:
        margins, held = np.stack([_out_of_fold(earlier, n, params) for n in ROUNDS]), earlier
    offsets = _offsets(held, earlier)
    labels, weights = held["label"].to_numpy().astype(np.float64), held["weight"].to_numpy()
    return ROUNDS[int(np.argmin([_log_loss(labels, sigmoid(margin + offsets), weights) for margin in margins]))]


def _fewest_of_each(rows: pl.DataFrame) -> int:
    n_positive = int(rows["label"].sum())
    return min(n_positive, rows.height - n_positive)


def _out_of_fold(rows: pl.DataFrame, rounds: int, params: RankingParams) -> Doubles:
    """(n,) margins, each from a model that has not seen the row's user."""
    folds = _folds(rows["user_id"], params)
    margins = np.zeros(rows.height)
    for fold in range(params.training_folds):
        held = folds == fold
        if held.any() and not held.all():
            margins[held] = _fit_and_predict(rows.filter(~held), rows.filter(held), [rounds], params)[0]
    return margins


_KEYS = ("day", "user_id", "journey_id", "source", "label", "weight", "known_on")


def _features(rows: pl.DataFrame) -> list[str]:
    """Features of rows from :func:`_checked`, in their order."""
    return [name for name in rows.columns if name not in _KEYS]


def _checked(rows: pl.DataFrame, as_of: date, features: Sequence[str]) -> pl.DataFrame:
    """The rows in a fixed order, so that their original order does not matter."""
    if "source" not in rows.columns:
        rows = rows.with_columns(source=pl.lit("annotation"))
    if "known_on" not in rows.columns:
        rows = rows.with_columns(known_on=pl.col("day"))
    missing = [name for name in (*_KEYS, *features) if name not in rows.columns]
    if missing:
        raise ValueError(f"training rows lack the columns {', '.join(missing)}")
    if rows.filter(~pl.col("label").is_in([0, 1]).fill_null(False)).height:
        raise ValueError("training rows have labels other than 0 and 1")
    if rows.filter(~(pl.col("weight").is_finite() & (pl.col("weight") > 0)).fill_null(False)).height:
        raise ValueError("training rows have weights that are not positive and finite")
    late = rows.filter(pl.max_horizontal("day", "known_on") > as_of)
    if late.height:
        raise ValueError(
            f"{late.height} training rows are of days after {as_of}, or became known only after it, for instance one "
            f"of {late['day'].to_list()[0]}: look-ahead"
        )
    return rows.select(*_KEYS, *features).sort(*_KEYS, *features)


def _time_split(data: pl.DataFrame, params: RankingParams) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split by whole days. The later slice is the shortest run of last days with ``later_share`` of the labels.

    Labels that were not known at the start of the later slice are in neither slice. They depend on the later days, so a
    model trained on them would have seen what it is measured on (purging: López de Prado 2018, chapter 7).
    """
    counts = data.group_by("day").len("n").sort("day", descending=True)
    enough = counts.filter(pl.col("n").cum_sum() >= params.later_share * data.height)
    if enough.is_empty():
        return data, data.head(0)
    first_later = enough["day"][0]
    return data.filter(pl.col("known_on") < first_later), data.filter(pl.col("day") >= first_later)


def _require(earlier: pl.DataFrame, later: pl.DataFrame, data: pl.DataFrame, params: RankingParams) -> None:
    n_positive = int(earlier["label"].sum())
    have = (
        f"{data.height} labels on {data['day'].n_unique()} days, of which {earlier.height} in the earlier slice "
        f"({n_positive} positive, {earlier.height - n_positive} negative) and {later.height} in the later one"
    )
    if (
        data.height < params.min_training_labels
        or min(n_positive, earlier.height - n_positive) < params.min_labels_of_each
        or later.height < params.min_later_labels
    ):
        raise NotEnoughLabels(
            f"too few labels to train a ranker: {have}; at least {params.min_training_labels} are needed in all, "
            f"{params.min_labels_of_each} of each kind in the earlier slice and {params.min_later_labels} in the later "
            "one. The documented prior stays in use; collect more feedback or judgements"
        )


def _folds(user_ids: pl.Series, params: RankingParams) -> npt.NDArray[np.int64]:
    """Fold of each row. All rows of a user have the same fold, so that no model predicts a user that it has seen."""

    def fold(user_id: str) -> int:
        digest = hashlib.blake2b(f"{params.training_seed}\x00{user_id}".encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest(), "big") % params.training_folds

    return np.array([fold(user_id) for user_id in user_ids], dtype=np.int64)


def _offsets(rows: pl.DataFrame, reference: pl.DataFrame) -> Doubles:
    """Log-odds of the base rate of each row's source. Clicks are rarer than approval, whatever the journey."""
    overall = _logit(_rate(reference))
    by_source = {
        source: _logit(_rate(reference.filter(pl.col("source") == source)))
        for source in reference["source"].unique().to_list()
    }
    return np.array([by_source.get(source, overall) for source in rows["source"]], dtype=np.float64)


def _rate(rows: pl.DataFrame) -> float:
    """Weighted share of positives, kept away from 0 and 1 by one additional label of each kind."""
    weights, labels = rows["weight"].to_numpy(), rows["label"].to_numpy()
    mean = weights.mean()
    return float(((weights * labels).sum() + mean) / (weights.sum() + 2 * mean))


def _train(rows: pl.DataFrame, rounds: int, params: RankingParams) -> Any:
    import lightgbm

    features = _features(rows)
    dataset = lightgbm.Dataset(
        rows.select(pl.col(features).cast(pl.Float64)).to_numpy(),
        label=rows["label"].to_numpy(),
        weight=rows["weight"].to_numpy(),
        init_score=_offsets(rows, rows),
        feature_name=features,
        params={"verbosity": -1},
    )
    settings = BOOSTER | {
        "seed": params.training_seed,
        "monotone_constraints": [MONOTONE.get(name, 0) for name in features],
    }
    return lightgbm.train(settings, dataset, num_boost_round=rounds)


def _fit(rows: pl.DataFrame, rounds: int, params: RankingParams) -> str:
    return str(_train(rows, rounds, params).model_to_string())


def _fit_and_predict(rows: pl.DataFrame, held: pl.DataFrame, rounds: Sequence[int], params: RankingParams) -> Doubles:
    """(numbers of trees, held rows) margins."""
    booster = _train(rows, max(rounds), params)
    matrix = held.select(pl.col(_features(rows)).cast(pl.Float64)).to_numpy()
    return np.stack([booster.predict(matrix, raw_score=True, num_iteration=n, num_threads=1) for n in rounds])


def _calibration(rows: pl.DataFrame, margin: Doubles, params: RankingParams) -> dict[str, Any]:
    """Logistic (Platt) calibration of out-of-fold margins on judged rows. Isotonic calibration would need thousands."""
    annotated = (rows["source"] == "annotation").to_numpy()
    labels = rows["label"].to_numpy()[annotated]
    n_positive, n_negative = int(labels.sum()), int((1 - labels).sum())
    counts = {"n_positive": n_positive, "n_negative": n_negative}
    if min(n_positive, n_negative) < params.min_labels_of_each:
        return {"from": "prior", "reason": "too few annotations of each kind", **counts}
    slope, intercept = _platt(margin[annotated], labels, rows["weight"].to_numpy()[annotated])
    return {"from": "annotations", "slope": slope, "intercept": intercept, **counts}


def _platt(margin: Doubles, labels: npt.NDArray[Any], weights: Doubles) -> tuple[float, float]:
    """Slope (at least 0, because a negative one would reverse the order) and intercept, on Platt's smoothed targets."""
    n_positive, n_negative = labels.sum(), (1 - labels).sum()
    targets = np.where(labels == 1, (n_positive + 1) / (n_positive + 2), 1 / (n_negative + 2))
    design = np.stack([margin, np.ones_like(margin)], axis=1)
    ridge = np.diag([1e-3, 1e-9])  # keeps the slope finite where the margins separate the labels
    beta = np.array([1.0, 0.0])
    for _ in range(100):
        probability = sigmoid(design @ beta)
        gradient = design.T @ (weights * (probability - targets)) + ridge @ beta
        curvature = (design * (weights * probability * (1 - probability))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 5.0 / max(1e-12, float(np.abs(step).max())))
        beta = beta - step
        if np.abs(step).max() < 1e-10:
            break
    if beta[0] <= 0:
        return 0.0, _logit(float((weights * targets).sum() / weights.sum()))
    return float(beta[0]), float(beta[1])


# ── whether to release ──────────────────────────────────────────────────────────────────────────────────────────────


def refusal(release: Release) -> str | None:
    """The reason why the ranker must not be released; None if it may.

    It must not be worse; it need not be significantly better. With some hundred users an interval cannot detect gains
    of a realistic size, and the prior would stay for ever. So on the later labels, no metric may be significantly worse
    than that of the prior or the live release, and the gain over the prior by the first source of ``COMPARED_SOURCES``
    with enough labels must not be negative.
    """
    rows = release.card["comparisons"]
    against_prior = [row for row in rows if row["rival"] == PRIOR]
    if not against_prior:
        return "there are too few later labels to compare it with the prior"
    worse = [row for row in rows if row["high"] < 0]
    if worse:
        return "on later days it is worse: " + "; ".join(map(_summary, worse))
    if against_prior[0]["gain"] < 0:
        return f"on later days it is no better than the prior: {_summary(against_prior[0])}"
    return None


def _summary(row: dict[str, Any]) -> str:
    return (
        f"{row['metric']} by {row['source']} {row['value']:.4f}, {row['rival']} {row['rival_value']:.4f} "
        f"(gain {row['gain']:+.4f}, 95 % interval {row['low']:+.4f} … {row['high']:+.4f}, {row['n_users']} users)"
    )


def _comparisons(
    data: pl.DataFrame, earlier_model: Release, incumbent: Release | None, later: pl.DataFrame, params: RankingParams
) -> list[dict[str, Any]]:
    """The ranker compared with the prior and with the live release, by each source that has enough labels.

    The live release may have been trained on all but the last days. On those days it is compared with a ranker fitted
    only on labels known before them, because otherwise the one with the newer labels would win.
    """
    found = _compared(later, earlier_model, PRIOR, (prior_of(later, params),) * 2, params)
    if incumbent is not None:
        unseen = data.filter(pl.col("day") >= incumbent.live_from)
        known = data.filter(pl.col("known_on") < unseen["day"].min()) if unseen.height else unseen
        if min(_fewest_of_each(known), _fewest_of_each(unseen)) >= params.min_labels_of_each:
            equal = _fitted(known, earlier_model.card["booster"]["rounds"], earlier_model.card, params)
            found += _compared(unseen, equal, incumbent.version, _scored(incumbent, unseen), params)
    return found


def _compared(
    rows: pl.DataFrame, ranker: Release, rival: str, rivals: tuple[Doubles, Doubles], params: RankingParams
) -> list[dict[str, Any]]:
    """For each source and metric: both figures, the gain, and its 95 % interval over resampled users.

    Engagement gives labels for all journeys of a user, so the order within each user is measured (NDCG). The other
    sources give one or two labels per user, so the overall order is measured (AUC). Confidence is measured on
    judgements only, because it predicts nothing else.

    Args:
        rivals: The rival's score and confidence for each row.
    """
    score, confidence = _scored(ranker, rows)
    pairs = rows.with_columns(
        own_score=pl.Series(score),
        other_score=pl.Series(rivals[0]),
        own_confidence=pl.Series(confidence),
        other_confidence=pl.Series(rivals[1]),
    )
    found = []
    for source in COMPARED_SOURCES:
        part = pairs.filter(pl.col("source") == source)
        if _fewest_of_each(part) < params.min_labels_of_each:
            continue
        metrics = {"engagement": [_ndcg_figures], "annotation": [_auc_figures, _brier_figures]}
        for figures in metrics.get(source, [_auc_figures]):
            metric, n_users, figures_of = figures(part)
            found.append({"source": source, "metric": metric, "rival": rival, **_gain(n_users, figures_of, params)})
    return found


PairOfFigures: TypeAlias = Callable[[Doubles], tuple[float, float]]
"""Computes our figure and the rival's (higher is better) from the number of times that each user counts."""


def _gain(n_users: int, figures_of: PairOfFigures, params: RankingParams) -> dict[str, Any]:
    picks = resamples(n_users, seed=params.training_seed, n_resamples=N_RESAMPLES)
    low, high = interval([own - other for own, other in map(figures_of, picks)], n_users)
    own, other = figures_of(np.ones(n_users))
    return {
        "value": own,
        "rival_value": other,
        "gain": own - other,
        "low": low,
        "high": high,
        "n_users": n_users,
    }


def _ndcg_figures(rows: pl.DataFrame) -> tuple[str, int, PairOfFigures]:
    """Users without a day that has both kinds of labels have no order to measure. They count as 0 for both."""
    named = rows.rename({"day": "partition_date", "label": "is_relevant"})
    users = rows.select("user_id").unique().sort("user_id")
    by_user = [
        users.join(
            ndcg_by_user(named.with_columns(score=column), [NDCG_AT]), on="user_id", how="left", maintain_order="left"
        )[f"ndcg_{NDCG_AT}"]
        for column in ("own_score", "other_score")
    ]
    has_order = by_user[0].is_not_null().cast(pl.Float64).to_numpy()
    own, other = (values.fill_null(0.0).to_numpy() for values in by_user)

    def figures_of(times: Doubles) -> tuple[float, float]:
        n = max(float(times @ has_order), 1e-12)
        return float(times @ own) / n, float(times @ other) / n

    return f"NDCG@{NDCG_AT}", users.height, figures_of


def _auc_figures(rows: pl.DataFrame) -> tuple[str, int, PairOfFigures]:
    owner, n_users = _owners(rows)
    labels, weights = rows["label"].to_numpy().astype(np.float64), rows["weight"].to_numpy()
    own, other = rows["own_score"].to_numpy(), rows["other_score"].to_numpy()

    def figures_of(times: Doubles) -> tuple[float, float]:
        counted = weights * times[owner]
        areas = auc(labels, own, counted), auc(labels, other, counted)
        return (np.nan, np.nan) if areas[0] is None or areas[1] is None else (areas[0], areas[1])

    return "AUC", n_users, figures_of


def _brier_figures(rows: pl.DataFrame) -> tuple[str, int, PairOfFigures]:
    owner, n_users = _owners(rows)
    labels, weights = rows["label"].to_numpy().astype(np.float64), rows["weight"].to_numpy()
    errors = [(rows[name].to_numpy() - labels) ** 2 for name in ("own_confidence", "other_confidence")]

    def figures_of(times: Doubles) -> tuple[float, float]:
        counted = weights * times[owner]
        own, other = (1.0 - float(counted @ error) / float(counted.sum()) for error in errors)
        return own, other

    return "1 - Brier of confidence", n_users, figures_of


def _owners(rows: pl.DataFrame) -> tuple[npt.NDArray[np.int64], int]:
    """(n,) number of each row's user, and the number of users."""
    users = rows["user_id"].unique().sort()
    owner = rows["user_id"].replace_strict(users, pl.int_range(users.len(), eager=True))
    return owner.cast(pl.Int64).to_numpy(), users.len()


# ── metrics ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _metrics(release: Release, later: pl.DataFrame, params: RankingParams) -> dict[str, Any]:
    """For each source of labels, on the later slice: the order by score and by prior, and the calibration of both."""
    scores, confidences = _scored(release, later)
    prior = prior_of(later, params)
    metrics: dict[str, Any] = {}
    for source in sorted(later["source"].unique()):
        chosen = (later["source"] == source).to_numpy()
        labels = later["label"].to_numpy()[chosen].astype(np.float64)
        weights = later["weight"].to_numpy()[chosen]
        score, confidence = scores[chosen], confidences[chosen]
        measured: dict[str, Any] = {
            "n": int(chosen.sum()),
            "base_rate": float((labels * weights).sum() / weights.sum()),
            "auc": auc(labels, score, weights),
            "prior_auc": auc(labels, prior[chosen], weights),
        }
        if source == "annotation":  # confidence does not predict clicks
            measured |= {
                "log_loss": _log_loss(labels, confidence, weights),
                "prior_log_loss": _log_loss(labels, prior[chosen], weights),
                "brier": float((weights * (confidence - labels) ** 2).sum() / weights.sum()),
                "prior_brier": float((weights * (prior[chosen] - labels) ** 2).sum() / weights.sum()),
                "ece": calibration_error(labels, confidence, weights),
                "prior_ece": calibration_error(labels, prior[chosen], weights),
            }
        metrics[str(source)] = measured
    return metrics


def _scored(release: Release, rows: pl.DataFrame) -> tuple[Doubles, Doubles]:
    """(n,) scores and (n,) confidences of labelled rows, in the order of ``rows``."""
    keyed = rows.with_row_index("row").with_columns(
        user_id=pl.col("row").cast(pl.String).str.zfill(12), journey_id=pl.lit("")
    )
    scored = release.score(keyed)  # same order: the keys are the row numbers
    return scored["score"].to_numpy(), scored["confidence"].to_numpy()


def auc(labels: Doubles, scores: Doubles, weights: Doubles) -> float | None:
    """Weighted area under the ROC curve; ties count half. None if there is only one kind of label."""
    order = np.argsort(scores, kind="stable")
    _, group = np.unique(scores[order], return_inverse=True)
    positive = np.bincount(group, weights=(weights * labels)[order])
    negative = np.bincount(group, weights=(weights * (1 - labels))[order])
    if positive.sum() == 0 or negative.sum() == 0:
        return None
    below = np.cumsum(negative) - negative
    return float((positive * (below + negative / 2)).sum() / (positive.sum() * negative.sum()))


def _log_loss(labels: Doubles, probabilities: Doubles, weights: Doubles) -> float:
    kept = np.clip(probabilities, 1e-12, 1 - 1e-12)
    losses = labels * np.log(kept) + (1 - labels) * np.log(1 - kept)
    return float(-(weights * losses).sum() / weights.sum())


def _logit(probability: float) -> float:
    return float(np.log(probability / (1.0 - probability)))


def _range(rows: pl.DataFrame) -> dict[str, Any]:
    by_source = rows.group_by("source").len("n").sort("source")
    return {
        "first_day": rows["day"].min(),
        "last_day": rows["day"].max(),
        "n": rows.height,
        "n_positive": int(rows["label"].sum()),
        "n_users": rows["user_id"].n_unique(),
        "sources": dict(zip(by_source["source"].to_list(), by_source["n"].to_list(), strict=True)),
    }
