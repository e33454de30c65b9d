"""Fitting the naming weights: what is true is found, order does not matter, and what is released holds up."""

import dataclasses
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.naming_features import FEATURES
from journeys_assets.domain.parameters import NamingParams
from journeys_assets.models import namer

PARAMS = dataclasses.replace(NamingParams(), takeover_margin=0.0)


def world(truth: dict[str, float], *, n_journeys: int = 300, n_members: int = 6, seed: int = 1) -> pl.DataFrame:
    """Members with random features; the one that ``truth`` (weights) puts first is the good name."""
    rng = np.random.default_rng(seed)
    rows = n_journeys * n_members
    features = {name: rng.random(rows).round(3) for name in FEATURES}
    value = sum(weight * features[name] for name, weight in truth.items())
    return (
        pl.DataFrame(features | {"value": value})
        .with_columns(
            user_id=pl.lit("u"),
            user=pl.lit("u"),
            journey_id=pl.Series([f"j{row // n_members:04}" for row in range(rows)]),
            keyword=pl.Series([f"k{row % n_members}" for row in range(rows)]),
            n_queries=pl.lit(0, dtype=pl.Int64),
            first_engaged_at=pl.lit(None, dtype=pl.Datetime("us")),
            is_generic=pl.lit(False),
            journey_weight=pl.lit(1.0),
            day=pl.lit(None, dtype=pl.Date),
            readability=pl.lit(1.0),
        )
        .with_columns(grade=(pl.col("value") == pl.col("value").max().over("journey_id")).cast(pl.Float64))
    )


def test_the_weights_that_made_the_labels_are_found() -> None:
    truth = {"theme_centrality": 2.0, "specificity": 1.0, "several_words": 0.0}
    fitted = namer.fit_weights(world(truth), PARAMS)
    assert fitted.theme_centrality_weight > 1.5 * fitted.specificity_weight > 10 * fitted.several_words_weight
    assert fitted.readability_weight == PARAMS.readability_weight
    unseen = world(truth, seed=2)
    assert namer.mean_grade(namer.named(unseen, fitted)) > 0.9
    assert namer.mean_grade(namer.named(unseen, dataclasses.replace(PARAMS, several_words_weight=99.0))) < 0.4


def test_neither_the_order_of_rows_nor_journeys_without_a_say_matter() -> None:
    rows = world({"theme_centrality": 1.0, "specificity": 1.0}, n_journeys=60)
    fitted = namer.fit_weights(rows, PARAMS)
    assert namer.fit_weights(rows.sample(fraction=1, shuffle=True, seed=3), PARAMS) == fitted
    silent = rows.with_columns(journey_id=pl.col("journey_id") + "s", grade=pl.lit(0.5))
    # A journey whose members are all as good says nothing of the weights, but takes its share of the loss.
    assert namer.fit_weights(pl.concat([rows, silent]), PARAMS) != fitted
    assert namer.fit_weights(pl.concat([rows, silent.with_columns(journey_weight=1e-9)]), PARAMS) == fitted


def test_the_margin_is_the_one_that_renames_least_at_little_cost() -> None:
    # Two keywords take turns at being a little better: the one that came first is as good a name on all days.
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(8)]
    rows = pl.concat(
        [
            world({"specificity": 1.0}, n_journeys=1, n_members=2).with_columns(
                user_id=pl.lit(f"u {day}"),
                day=pl.lit(day),
                grade=pl.lit(1.0),
                **{name: pl.lit(0.5) for name in FEATURES if name != "theme_centrality"},
                theme_centrality=pl.when(pl.col("keyword") == f"k{number % 2}").then(0.53).otherwise(0.5),
                first_engaged_at=pl.when(pl.col("keyword") == "k0").then(days[0]).otherwise(days[1]).cast(pl.Datetime),
            )
            for number, day in enumerate(days)
        ]
    )
    assert namer.share_renamed(namer.named(rows, PARAMS)) == 1.0
    assert namer.choose_margin(rows, PARAMS, [0.05, 0.2], 0.01).takeover_margin == 0.05
    assert namer.share_renamed(namer.named(rows, namer.choose_margin(rows, PARAMS, [0.05], 0.01))) == 0.0
    dear = rows.with_columns(grade=(pl.col("theme_centrality") > 0.5).cast(pl.Float64))
    assert namer.choose_margin(dear, PARAMS, [0.05], 0.01).takeover_margin == 0.0
    assert namer.choose_margin(dear, PARAMS, [0.05], 0.6).takeover_margin == 0.05


def test_wrong_labels_are_refused() -> None:
    rows = world({"specificity": 1.0}, n_journeys=2)
    with pytest.raises(ValueError, match="no labelled"):
        namer.fit_weights(rows.head(0), PARAMS)
    with pytest.raises(ValueError, match="grades"):
        namer.fit_weights(rows.with_columns(grade=pl.lit(1.5)), PARAMS)
    with pytest.raises(ValueError, match="weights"):
        namer.fit_weights(rows.with_columns(journey_weight=pl.lit(0.0)), PARAMS)
