"""The curve of quality against calls: its ends are the names without a model and those of the model."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from journeys_assets.domain.naming.params import NamingParams
from journeys_assets.evaluation.data.naming_data import clinc_pools, pooled
from journeys_assets.evaluation.parts.naming import halved
from journeys_assets.evaluation.parts.naming_dial import AT_RANDOM, BY_WORTH, SHARES, measured_dial, plot_dial
from tests.support.asker import FunctionAsker
from tests.support.labelled_phrases import embed, labelled


def label_of(data: Mapping[str, Any]) -> Any:
    """The word that all keywords of a journey share, in words of a model."""
    names = {}
    for key, keywords in data["journeys"].items():
        shared = set.intersection(*(set(keyword.split()) for keyword in keywords)) - {"of"}
        names[key] = f"All about {' '.join(sorted(shared))}"
    return names


def nothing(data: Mapping[str, Any]) -> Any:
    return None


def points(answer: Any) -> pl.DataFrame:
    keywords, themes = clinc_pools(labelled())
    journeys = pooled(keywords, themes, embed, n_users=12, sizes=(4, 12), seed=1)
    return measured_dial(*halved(journeys), NamingParams(), FunctionAsker(answer), embed)


@pytest.fixture(scope="module")
def helpful() -> pl.DataFrame:
    return points(label_of)


def test_both_orders_have_the_same_ends(helpful: pl.DataFrame) -> None:
    first, second = (helpful.filter(order=order).drop("order") for order in (BY_WORTH, AT_RANDOM))
    assert first["share"].to_list() == list(SHARES)
    assert first.row(0) == second.row(0)
    assert first.row(-1) == second.row(-1)


def test_more_calls_name_more_journeys(helpful: pl.DataFrame) -> None:
    for order in (BY_WORTH, AT_RANDOM):
        rows = helpful.filter(order=order)
        assert rows["n_calls"][0] == rows["n_model_names"][0] == 0
        assert rows["n_calls"].is_sorted()
        assert rows["n_model_names"].is_sorted()
        assert rows["n_model_names"][-1] > 0
        assert rows.select(pl.col("low") <= pl.col("value"), pl.col("value") <= pl.col("high")).to_numpy().all()


def test_without_answers_the_curve_is_flat() -> None:
    rows = points(nothing)
    assert rows["value"].n_unique() == 1
    assert rows["n_model_names"].sum() == 0


def test_the_curve_is_drawn(helpful: pl.DataFrame) -> None:
    plot = plot_dial(helpful, "function")
    assert "function" in plot.caption
    assert "share of journeys" in plot.svg
