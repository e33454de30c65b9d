"""Measures of the lifecycle evaluation by hand and compared with scikit-learn; leaks are refused."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score, f1_score, precision_score, roc_auc_score

from journeys_assets.domain.lifecycle.params import LifecycleParams
from journeys_assets.evaluation.data.stage_truth import (
    average_precision_of,
    f1_of,
    macro_f1_of,
    precision_of,
    quotient_of,
    ratio_of,
    with_truth,
)
from journeys_assets.evaluation.parts.lifecycle import FOLLOW_UP_DAYS, check_split, leads, theme_days
from journeys_assets.evaluation.statistics.intervals import auc_of

FIRST = date(2026, 1, 1)


def on(day: int) -> date:
    return FIRST + timedelta(days=day)


@pytest.fixture
def sample() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = rng.random(300) < 0.4
    scores = np.round(labels + rng.normal(size=300), 1)  # with ties
    return labels, scores, rng.integers(0, 20, 300)


def test_measures_equal_those_of_scikit_learn_with_weights(sample: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    labels, scores, users = sample
    weights = np.random.default_rng(4).integers(0, 4, 20).astype(np.float64)
    each = weights[users]
    assert auc_of(labels, scores, users)(weights) == pytest.approx(roc_auc_score(labels, scores, sample_weight=each))
    assert average_precision_of(labels, scores, users)(weights) == pytest.approx(
        average_precision_score(labels, scores, sample_weight=each)
    )
    assert ratio_of(scores, users)(weights) == pytest.approx(np.average(scores, weights=each))
    called = scores > 0.5
    assert f1_of(labels, called, users)(weights) == pytest.approx(f1_score(labels, called, sample_weight=each))
    precision = precision_of(labels, called, users)(weights)
    assert precision == pytest.approx(precision_score(labels, called, sample_weight=each))
    assert precision_of(labels, np.zeros_like(labels), users)(weights) == 0.0
    assert np.isnan(quotient_of(labels, np.zeros(labels.size), users)(weights))
    names = np.where(labels, "a", "b")
    predicted = np.where(scores > 0.5, "a", "b")
    assert macro_f1_of(names.tolist(), predicted.tolist(), users)(weights) == pytest.approx(
        f1_score(names, predicted, average="macro", sample_weight=each)
    )


def test_a_training_label_that_depends_on_a_test_day_is_a_leak() -> None:
    params = LifecycleParams()
    train = pl.DataFrame({"day": [on(0), on(7)]})
    test = pl.DataFrame({"day": [on(8 + params.label_days), on(90)]})
    check_split(train, test, params)
    with pytest.raises(ValueError, match=f"leak: labels of {on(8)}"):
        check_split(pl.DataFrame({"day": [on(0), on(8)]}), test, params)


TRUTH = {
    "truth_keywords": pl.DataFrame(
        [("ann", "sofa", "home"), ("ann", "lamp", "home"), ("ann", "rug", "home"), ("ann", "ring", "wedding")],
        schema=["user_id", "normalised_keyword", "theme"],
        orient="row",
    ),
    "truth_journeys": pl.DataFrame(
        [
            ("ann", "home", "situational", "home", on(0), on(5), on(8), on(20)),
            ("ann", "wedding", "evergreen", "wedding", None, None, None, None),
        ],
        schema={
            "user_id": pl.String, "theme": pl.String, "kind": pl.String, "name": pl.String, "begun_on": pl.Date,
            "paused_on": pl.Date, "resumed_on": pl.Date, "ended_on": pl.Date,
        },
        orient="row",
    ),
}  # fmt: skip


def judged(day: int, keywords: list[str], *, p_ended: float = 0.0, gap: float = 0.0, name: str = "j") -> pl.DataFrame:
    return pl.DataFrame(
        {
            "day": [on(day)],
            "user_id": ["ann"],
            "journey_id": [name],
            "keywords": [keywords],
            "p_ended": [p_ended],
            "gap_days": [gap],
            "said_kind": ["situational"],
        }
    )


@pytest.mark.parametrize(
    ("day", "is_on", "has_ended"), [(4, True, False), (5, False, False), (8, True, False), (20, False, True)]
)
def test_the_theme_of_a_journey_is_that_of_most_of_its_keywords(day: int, is_on: bool, has_ended: bool) -> None:
    found = with_truth(judged(day, ["sofa", "lamp", "ring"]), TRUTH).row(0, named=True)
    assert (found["theme"], found["is_on"], found["has_ended"]) == ("home", is_on, has_ended)
    assert with_truth(judged(day, ["sofa", "ring"]), TRUTH).is_empty()
    assert with_truth(judged(day, ["sofa", "unknown"]), TRUTH).is_empty()


def test_an_end_is_detected_when_all_journeys_of_the_theme_are_called_ended() -> None:
    days = [
        judged(day, ["sofa", "lamp", "rug"], name=name, p_ended=float(day >= ended_from), gap=float(day))
        for day in range(10, 60)
        for name, ended_from in (("early", 15), ("late", 26))
    ]
    themes = theme_days(with_truth(pl.concat(days), TRUTH))
    by_model = pl.col("p_ended") >= 0.5
    assert leads(themes, by_model, on(59)).rows() == [("ann", "home", 6.0)]
    assert leads(themes, pl.col("gap_days") >= 0, on(59))["days"].to_list() == [0.0]
    assert leads(themes, pl.lit(False), on(59))["days"].to_list() == [float(FOLLOW_UP_DAYS)]
    # Too late in the log to be followed up.
    assert leads(themes, by_model, on(20 + FOLLOW_UP_DAYS - 1)).is_empty()
