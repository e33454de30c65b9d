"""The quality of the top journeys: weighted, corrected where a table is known, and shown with what it rests on."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from journeys_assets.domain.judging.quality import Table, judge_of, top_quality
from journeys_assets.domain.quality.monitors import top_journey_quality

DAY = date(2026, 3, 2)
SCHEMA = {
    "partition_date": pl.Date,
    "user_id": pl.String,
    "journey_id": pl.String,
    "is_control": pl.Boolean,
    "sampling_weight": pl.Float64,
    "level": pl.Int64,
    "judged_by": pl.String,
}


def rows(*given: tuple[str, str, float, int | None, str]) -> pl.DataFrame:
    full = [(DAY, user, journey, journey == "control", weight, level, by) for user, journey, weight, level, by in given]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def test_a_user_counts_by_weight_a_journey_once_and_a_control_apart() -> None:
    judged = rows(
        ("ann", "j1", 10.0, 5, "m@relevance-1"),
        ("ann", "j1", 10.0, 3, "m@relevance-1"),
        ("ben", "j2", 30.0, 2, "m@relevance-1"),
        ("ben", "j3", 30.0, None, "m@relevance-1"),
        ("ben", "control", 30.0, 1, "m@relevance-1"),
        ("ben", "j2", 30.0, 5, "rubric"),
    )
    found = top_quality(judged, "m@relevance-1", None)
    assert found.mean == found.judge_mean == pytest.approx((10 * 4 + 30 * 2) / 40)
    assert (found.n_journeys, found.n_users, found.n_without_level, found.controls) == (2, 2, 1, 1.0)
    assert not found.is_corrected
    assert found.low < found.mean < found.high


def test_the_model_that_judged_counts_before_the_rubric_and_nothing_is_nobody() -> None:
    rubric, silent = ("ann", "j1", 1.0, 5, "rubric"), ("ann", "j1", 1.0, None, "m@relevance-1")
    assert judge_of(rows(rubric, silent)) == "rubric"
    assert judge_of(rows(rubric, ("ann", "j1", 1.0, 2, "m@relevance-1"))) == "m@relevance-1"
    assert judge_of(rows(silent)) is None
    assert judge_of(rows()) is None


def test_the_table_takes_out_a_bias_and_widens_the_interval() -> None:
    rng = np.random.default_rng(1)
    judged = rows(*((f"u{n}", "j1", 20.0, int(rng.integers(3, 6)), "rubric") for n in range(80)))
    confusion = np.zeros((5, 5))
    confusion[np.arange(4), np.arange(1, 5)] = 60.0  # the judge gives a level more than people
    draws = rng.poisson(confusion, size=(50, 5, 5)).astype(float)
    plain, corrected = (top_quality(judged, "rubric", table) for table in (None, Table(confusion, draws, 60)))
    assert corrected.is_corrected
    assert corrected.mean == pytest.approx(plain.mean - 1.0, abs=0.15)
    assert corrected.judge_mean == pytest.approx(plain.mean)
    assert corrected.low < corrected.mean < corrected.high


def test_the_monitor_never_fires_and_says_what_it_rests_on() -> None:
    judged = rows(("ann", "j1", 10.0, 1, "rubric"), ("ben", "j2", 10.0, 2, "rubric"))
    found = top_journey_quality(top_quality(judged, "rubric", None), ("40 journeys have a human judgement",))
    assert found.passed
    assert found.value == pytest.approx(1.5)
    assert "2 journeys of 2 users by rubric, uncalibrated: 40 journeys have a human judgement" in found.summary
    assert top_journey_quality(None, ()).value is None
    single = top_journey_quality(top_quality(judged[:1], "rubric", None), ())
    assert "interval" not in single.bound
    assert single.bound.endswith("calibrated)")
