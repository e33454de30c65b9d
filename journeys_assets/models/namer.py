"""The weights of the naming score, fitted on journeys whose theme is known.

What belongs here: fitting, choosing how much the first keyword may be clung to, and labels from annotators' better
names. What does not: the features and the naming itself (``domain.naming_features``, ``domain.naming``), and where
labels come from (``evaluation.naming_data``, ``storage``).

The model is linear, with weights that are never negative, and so small that the fitted weights are parameters
(``NamingParams``): they are part of the algorithm's version as any other number. LightGBM's LambdaMART on the same
features was no better out of fold, and its steps made more names flip; ``benchmarks/fit_naming.py`` shows both.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from journeys_assets.domain.naming import in_naming_order
from journeys_assets.domain.naming_features import FEATURES, JOURNEY
from journeys_assets.domain.parameters import NamingParams
from journeys_assets.domain.text import normalise

RIDGE = {name: 1e-2 if name in ("coverage", "topicality") else 1e-3 for name in FEATURES}
"""On the squared weights, against an expected grade of 0 to 1. How many words keywords have, and share, differs from
log to log, so what the words say is held back ten times harder: without that, on the fitting half of CLINC150 one judge
loses what the other wins."""
FITTED = tuple(name for name in FEATURES if name != "readability")
"""Readability keeps its weight: labelled phrases hold neither codes nor junk, so they cannot tell what it is worth."""

Doubles = NDArray[np.float64]


def fit_weights(rows: pl.DataFrame, params: NamingParams) -> NamingParams:
    """``params`` with the weights under which the expected grade of the name is highest.

    The name is taken to be drawn with softmax(score), which makes the expected grade a smooth function of the weights
    (a listwise loss, as ListNet: Cao et al. 2007, *Learning to rank: from pairwise to listwise approach*).

    Args:
        rows: ``naming_features.member_features`` with grade (0 to 1: how well the keyword names the journey) and
            journey_weight (> 0, the same for all members of a journey). Their order does not matter.

    Raises:
        ValueError: there are no rows, or a grade or a weight is out of range.
    """
    from scipy.optimize import minimize

    ordered = _checked(rows)
    sizes = ordered.select(pl.struct(JOURNEY).rle().struct.field("len")).to_series().to_numpy().astype(np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    matrix = ordered.select(FITTED).to_numpy()
    ridge = np.array([RIDGE[name] for name in FITTED])
    fixed = ordered["readability"].to_numpy() * params.readability_weight
    grades = ordered["grade"].to_numpy()
    share = ordered["journey_weight"].to_numpy() / ordered["journey_weight"].to_numpy()[starts].sum()

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        scores = matrix @ weights + fixed
        exps = np.exp(scores - np.repeat(np.maximum.reduceat(scores, starts), sizes))
        chances = exps / np.repeat(np.add.reduceat(exps, starts), sizes)
        expected = np.repeat(np.add.reduceat(chances * grades, starts), sizes)
        slope = matrix.T @ (share * chances * (grades - expected))
        value = float(-(share * chances * grades).sum() + (ridge * weights) @ weights)
        return value, -slope + 2 * ridge * weights

    best = minimize(loss, np.ones(len(FITTED)), jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(FITTED))
    fitted: dict[str, Any] = {
        f"{name}_weight": round(float(weight), 2) for name, weight in zip(FITTED, best.x, strict=True)
    }
    return dataclasses.replace(params, **fitted)


def named(rows: pl.DataFrame, params: NamingParams) -> pl.DataFrame:
    """The row of the keyword that names each journey, of ``member_features`` with any further columns."""
    return in_naming_order(rows, params).group_by(JOURNEY, maintain_order=True).first()


def choose_margin(rows: pl.DataFrame, params: NamingParams, margins: Sequence[float], max_loss: float) -> NamingParams:
    """``params`` with the margin under which the fewest names change, among those that cost at most ``max_loss``.

    Args:
        rows: As for ``fit_weights``, with user and day; a journey of the same id and user on two days that follow one
            another (of the user's) is one that goes on.
        margins: To be tried; 0 is what the loss of grade is counted from.
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
    """Share of journeys that have another name at their user's next inference: user, journey_id, day, keyword."""
    dated = names.drop_nulls("day").sort("user", "journey_id", "day")
    before = pl.col("keyword").shift(1).over("user", "journey_id")
    return float(dated.select((pl.col("keyword") != before).drop_nulls().mean()).item() or 0.0)


# ── labels from annotators ──────────────────────────────────────────────────────────────────────────────────────────


def grades_from_better_names(annotations: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """How well each member keyword says what annotators would call the journey.

    A keyword's grade is the F1 of its words with those of a better name (1 where it is that name), the mean over the
    better names that were given for the journey; a journey for which none was given has no grades.

    Args:
        annotations: user_id, journey_id, better_name (nullable).
        members: user_id, journey_id, keyword (normalised).

    Returns:
        user_id, journey_id, keyword, grade (0 to 1); sorted.
    """
    given = annotations.select(*JOURNEY, "better_name").drop_nulls()
    better = given.filter(pl.col("better_name").str.strip_chars() != "")
    pairs = members.select(*JOURNEY, "keyword").join(better, on=JOURNEY)
    grades = [_word_f1(one, normalise(other)) for one, other in pairs.select("keyword", "better_name").iter_rows()]
    return (
        pairs.with_columns(grade=pl.Series(grades, dtype=pl.Float64))
        .sort(*JOURNEY, "keyword", "better_name")
        .group_by(*JOURNEY, "keyword", maintain_order=True)
        .agg(pl.col("grade").mean())
    )


def _word_f1(one: str, other: str) -> float:
    if one == other:
        return 1.0
    words, others = set(one.split()), set(other.split())
    return 2 * len(words & others) / max(1, len(words) + len(others))


def _checked(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in an order of their own, so that the order in which they came cannot matter."""
    if rows.is_empty():
        raise ValueError("no labelled keywords to fit naming weights on")
    if rows.filter(~pl.col("grade").is_between(0, 1).fill_null(False)).height:
        raise ValueError("grades must be from 0 to 1")
    if rows.filter(~(pl.col("journey_weight") > 0).fill_null(False)).height:
        raise ValueError("journey weights must be above 0")
    return rows.select(*JOURNEY, "keyword", "grade", "journey_weight", *FEATURES).sort(*JOURNEY, "keyword")
