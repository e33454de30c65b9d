"""Calendar habits of a journey by hand, and a log that is too short for seasons."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.evaluation.parts.seasons import OURS, SAME_MONTH, calendar_habits, measure_seasons
from journeys_assets.synthetic.params import WorldParams
from tests.support.lifecycle_world import days_of, make_study


@pytest.mark.parametrize(
    ("days", "is_same_month", "months_share"),
    [
        (["2025-12-03", "2025-12-20", "2026-12-01"], True, 1.0),
        (["2026-01-31", "2026-12-01"], False, 1.0),
        (["2025-11-30", "2026-12-01"], False, 1.0),
        (["2025-12-03", "2026-03-01", "2026-04-01", "2026-05-01", "2026-12-01"], True, 3 / 5),
        (["2026-11-03", "2026-12-01"], False, 0.0),  # too short to know
    ],
)
def test_calendar_habits_by_hand(days: list[str], is_same_month: bool, months_share: float) -> None:
    journeys = pl.DataFrame(
        {"user_id": "ann", "journey_id": "j", "day": [date.fromisoformat(day) for day in days]}
    ).reverse()
    found = calendar_habits(journeys).row(0, named=True)
    assert found[SAME_MONTH] == is_same_month
    assert found["months_share"] == pytest.approx(months_share)


@pytest.mark.parametrize("n_days", [60, 420])
def test_seasons_need_a_day_a_year_after_the_first_one(tmp_path: Path, n_days: int) -> None:
    world = WorldParams(seed=3, n_users=12, n_days=n_days, first_day=date(2025, 6, 2))
    study = make_study(tmp_path / "study.duckdb", world, days_of(world, n_days - 40, 20), name="short")
    if n_days < 365:
        with pytest.raises(ValueError, match="seasons cannot be measured on study short"):
            measure_seasons(study, n_resamples=5)
    else:
        parts, kinds = measure_seasons(study, n_resamples=5)
        results = pl.concat([results for results, _ in parts])
        assert results.filter(pl.col("method") == OURS)["value"].is_between(0.0, 1.0).all()
        judged = study.rows("SELECT count(*) AS n FROM main.stage_labels")["n"][0]
        assert 0 < kinds.select(pl.sum_horizontal(pl.exclude("true_kind"))).sum().item() <= judged
