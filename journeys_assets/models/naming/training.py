"""Fits the weights of the naming score, on journeys whose theme is known, or on names that annotators gave.

Also chooses the margin in favour of the first keyword, and decides whether weights learnt from annotators may be
released. ``domain.naming.features`` and ``domain.naming.names`` have the features and the naming itself. Labels come
from ``evaluation.data.naming_data`` and ``storage.queries.labels``. ``models.naming.release`` uses a release.

The model is linear with non-negative weights, and so small that the packaged weights are parameters (``NamingParams``).
LightGBM's LambdaMART on the same features was no better out of fold, and its step-shaped scores changed more names;
``benchmarks/fit_naming.py`` shows both.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.naming.features import FEATURES, JOURNEY
from journeys_assets.domain.naming.names import in_naming_order
from journeys_assets.domain.naming.params import NameTrainingParams, NamingParams
from journeys_assets.domain.statistics.resampling import interval, resamples
from journeys_assets.errors import JourneysError
from journeys_assets.models.naming.release import PACKAGED, NamerRelease, weights_of
from journeys_assets.models.releases import sha256

RIDGE = {name: 1e-2 if name in ("coverage", "topicality", "sharing") else 1e-3 for name in FEATURES}
"""Penalty on the squared weights, relative to an expected grade of 0 to 1. Word counts and word overlap differ between
logs, so the features that use words are penalised ten times more. Without that, one of the two judges loses on the
fitting half of CLINC150 what the other gains."""
FITTED = tuple(name for name in FEATURES if name != "readability")
"""Readability keeps its weight: labelled phrases contain neither codes nor junk, so its worth cannot be learnt."""
RIDGES = np.array([RIDGE[name] for name in FITTED])

Doubles = NDArray[np.float64]


def fit_weights(rows: pl.DataFrame, params: NamingParams, *, prior_strength: float = 0.0) -> NamingParams:
    """``params`` with the weights that maximise the expected grade of the name.

    The name is modelled as drawn with softmax(score), which makes the expected grade a smooth function of the weights
    (a listwise loss, as ListNet: Cao et al. 2007, *Learning to rank: from pairwise to listwise approach*).

    Args:
        rows: ``naming_features.candidate_features`` with grade (0 to 1: how well the keyword names the journey) and
            journey_weight (> 0, the same for all members of a journey), in any order.
        prior_strength: With 0, weights are shrunk to 0. Otherwise they are shrunk to those of ``params``: this is the
            cost of their squared distance, in summed grade of journeys of weight 1. So few labels change the weights
            little, and many labels determine them.

    Raises:
        ValueError: there are no rows, or a grade or a weight is out of range.
    """
    from scipy.optimize import minimize

    ordered = _checked(rows)
    sizes = ordered.select(pl.struct(JOURNEY).rle().struct.field("len")).to_series().to_numpy().astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    matrix = ordered.select(FITTED).to_numpy()
    total = float(ordered["journey_weight"].to_numpy()[starts].sum())
    start = np.array([getattr(params, f"{name}_weight") for name in FITTED])
    ridge = np.full(len(FITTED), prior_strength / total) if prior_strength else RIDGES
    centre = start if prior_strength else np.zeros(len(FITTED))
    fixed = ordered["readability"].to_numpy() * params.readability_weight
    grades = ordered["grade"].to_numpy()
    share = ordered["journey_weight"].to_numpy() / total

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        scores = matrix @ weights + fixed
        exps = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        chances = exps / np.repeat(np.add.reduceat(exps, starts), sizes)
        expected = np.repeat(np.add.reduceat(chances * grades, starts), sizes)
        slope = matrix.T @ (share * chances * (grades - expected))
        off = weights - centre
        value = float(-(share * chances * grades).sum() + (ridge * off) @ off)
        return value, -slope + 2 * ridge * off

    best = minimize(
        loss,
        start if prior_strength else np.ones(len(FITTED)),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * len(FITTED),
    )
    fitted: dict[str, Any] = {
        f"{name}_weight": round(float(weight), 2) for name, weight in zip(FITTED, best.x, strict=True)
    }
    return dataclasses.replace(params, **fitted)


def named(rows: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """The row of the keyword that names each journey, from ``candidate_features`` with any further columns."""
    return in_naming_order(rows, params).group_by(JOURNEY, maintain_order=True).first()


def choose_margin(rows: pl.DataFrame, params: NamingParams, margins: Sequence[float], max_loss: float) -> NamingParams:
    """``params`` with the margin that changes the fewest names, among those that cost at most ``max_loss``.

    Args:
        rows: As for ``fit_weights``, with user and day. A journey with the same id and user on two consecutive days of
            the user is the same journey.
        margins: Margins to try. The loss of grade is relative to margin 0.
    """
    measured = []
    for margin in sorted({0.0, *margins}):
        tried = dataclasses.replace(params, takeover_margin=margin)
        names = named(rows, tried)
        measured.append((margin, mean_grade(names), share_renamed(names)))
    least = measured[0][1] - max_loss
    margin, _, _ = min((one for one in measured if one[1] >= least), key=lambda one: (one[2], one[0]))
    return dataclasses.replace(params, takeover_margin=margin)


def mean_grade(names: pl.DataFrame) -> float:
    """Mean grade of names by ``journey_weight``."""
    known = names.drop_nulls("grade")
    return float(np.average(known["grade"].to_numpy(), weights=known["journey_weight"].to_numpy()))


def share_renamed(names: pl.DataFrame) -> float:
    """Share of journeys whose name changes at their user's next inference. Needs user, journey_id, day, keyword."""
    dated = names.drop_nulls("day").sort("user", "journey_id", "day")
    before = pl.col("keyword").shift(1).over("user", "journey_id")
    return float(dated.select((pl.col("keyword") != before).drop_nulls().mean()).item() or 0.0)


# ── weights from annotators' names ──────────────────────────────────────────────────────────────────────────────────


class NotEnoughNames(JourneysError):
    """Annotators named too few journeys to learn from."""


def train_namer(
    rows: pl.DataFrame,
    *,
    as_of: date,
    naming: NamingParams,
    params: NameTrainingParams,
    incumbent: NamerRelease | None = None,
) -> NamerRelease:
    """Weights learnt from annotators' names, with a comparison of their names for unseen users.

    Args:
        rows: ``naming_labels.ROW_SCHEMA``, in any order, from judgements up to ``as_of``.
        naming: The weights to start from, to shrink to, and to compare with.
        incumbent: The live release. The weights are compared with it too, on labels that it was not trained on.

    Raises:
        NotEnoughNames: fewer journeys or users than ``params`` requires.
        ValueError: a judgement is later than ``as_of``.
    """
    data = rows.sort(*JOURNEY, "keyword")
    late = data.filter(pl.col("known_on") > as_of)
    if late.height:
        raise ValueError(f"names given after {as_of}, for instance on {late['known_on'].to_list()[0]}: look-ahead")
    blind = data.drop_nulls("blind_grade")
    n_journeys, n_users = (blind.select(pl.struct(c).n_unique()).item() for c in (["user", "journey_id"], ["user"]))
    if n_journeys < params.min_journeys or n_users < params.min_users:
        raise NotEnoughNames(
            f"too few names from annotators who were shown none: {n_journeys} journeys of {n_users} users; at least "
            f"{params.min_journeys} of {params.min_users} are needed. The current weights stay in use; sheets of "
            "`journeys annotate export` have rows without a name"
        )
    weights = weights_of(fit_weights(data, naming, prior_strength=params.prior_strength))
    held_out = names_of_held_out_users(data, naming, params)
    comparisons = [_gain(held_out, named(blind, naming), PACKAGED, params)]
    if incumbent is not None:
        unknown = blind.filter(pl.col("known_on") >= incumbent.live_from)
        if unknown["user"].n_unique() >= params.min_users:
            theirs = named(unknown, incumbent.params(naming))
            comparisons.append(_gain(held_out.join(unknown, on=JOURNEY, how="semi"), theirs, incumbent.version, params))
    state = {
        "live_from": as_of + timedelta(days=1),
        "as_of": as_of,
        "features": list(FEATURES),
        "revision": naming.revision,
        "weights": weights,
        "parameters": dataclasses.asdict(params),
        "data": {
            "journeys": data.select(pl.struct("user", "journey_id").n_unique()).item(),
            "users": data["user"].n_unique(),
            "blind_journeys": n_journeys,
            "first_day": data["day"].min(),
            "last_day": data["day"].max(),
        },
    }
    card: dict[str, Any] = json.loads(json.dumps(state, default=str))
    version = "names-" + sha256(json.dumps(card, sort_keys=True).encode())[:12]
    text = json.dumps(weights, indent=2, sort_keys=True)
    return NamerRelease(version, as_of + timedelta(days=1), card | {"comparisons": comparisons}, text)


def names_of_held_out_users(rows: pl.DataFrame, naming: NamingParams, params: NameTrainingParams) -> pl.DataFrame:
    """The name of each journey with blind grades, from weights fitted without the journey's user; as ``named``."""
    users = rows["user"].unique().sort()
    shuffled = np.random.default_rng(params.seed).permutation(users.len())
    fold_of = dict(zip(users.to_list(), (shuffled % params.folds).tolist(), strict=True))
    folds = rows["user"].replace_strict(fold_of, return_dtype=pl.Int64)
    names = []
    for fold in folds.unique().sort():
        fitted = fit_weights(rows.filter(folds != fold), naming, prior_strength=params.prior_strength)
        names.append(named(rows.filter(folds == fold).drop_nulls("blind_grade"), fitted))
    return pl.concat(names)


def refusal(release: NamerRelease) -> str | None:
    """The reason why the weights must not be used; None if they may.

    For unseen users, their names must agree better with annotators' names than those of the parameters, with the whole
    95 % interval above 0, because new weights rename journeys that users have got used to. And they must not be worse
    than the live release on labels that it was not trained on.
    """
    by_parameters, *by_release = release.card["comparisons"]
    if not by_parameters["low"] > 0:
        return f"for unseen users the weights are not significantly better: {_summary(by_parameters)}"
    for row in by_release:
        if row["high"] < 0:
            return f"for unseen users the weights are worse: {_summary(row)}"
    return None


def _summary(row: Mapping[str, Any]) -> str:
    return (
        f"agreement with annotators {row['value']:.4f}, {row['rival']} {row['rival_value']:.4f} "
        f"(gain {row['gain']:+.4f}, 95 % interval {row['low']:+.4f} … {row['high']:+.4f}, {row['n_users']} users)"
    )


def _gain(names: pl.DataFrame, rivals: pl.DataFrame, rival: str, params: NameTrainingParams) -> dict[str, Any]:
    """Mean blind grade over users of two sets of names for the same journeys, and the interval of the difference."""
    means = [
        rows.group_by("user")
        .agg(grade=(pl.col("blind_grade") * pl.col("journey_weight")).sum() / pl.col("journey_weight").sum())
        .sort("user")
        for rows in (names, rivals)
    ]
    own, other = (rows["grade"].to_numpy() for rows in means)
    picks = resamples(own.size, seed=params.seed)
    low, high = interval(picks @ (own - other) / own.size, own.size)
    return {
        "rival": rival,
        "value": float(own.mean()),
        "rival_value": float(other.mean()),
        "gain": float((own - other).mean()),
        "low": low,
        "high": high,
        "n_users": int(own.size),
    }


def _checked(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in a fixed order, so that their original order does not matter."""
    if rows.is_empty():
        raise ValueError("no labelled keywords to fit naming weights on")
    if rows.filter(~pl.col("grade").is_between(0, 1).fill_null(False)).height:
        raise ValueError("grades must be from 0 to 1")
    if rows.filter(~(pl.col("journey_weight") > 0).fill_null(False)).height:
        raise ValueError("journey weights must be above 0")
    return rows.select(*JOURNEY, "keyword", "grade", "journey_weight", *FEATURES).sort(*JOURNEY, "keyword")
