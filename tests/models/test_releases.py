"""Releases of any kind of model: which one is live, and one that comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from journeys_assets.domain.clustering.params import ClusteringParams
from journeys_assets.models import releases
from journeys_assets.models.calibration import release as calibrations

DAY = date(2026, 3, 2)
PARAMS = ClusteringParams()


def release(folder: Path, threshold: float, live_from: date) -> Path:
    made = calibrations.make(
        replace(PARAMS, least_log_odds=threshold), live_from - timedelta(days=1), {"source": "a test"}
    )
    return calibrations.save(made, folder)


def live(folder: Path, day: date) -> float:
    return calibrations.clustering_on(folder, day, PARAMS).least_log_odds


def test_a_release_is_live_from_its_day_on_and_not_before(tmp_path: Path) -> None:
    release(tmp_path, -2.0, DAY)
    assert live(tmp_path, DAY - timedelta(days=1)) == PARAMS.least_log_odds
    assert live(tmp_path, DAY) == live(tmp_path, date.max) == -2.0


def test_a_calibration_is_the_thresholds_of_journeys_and_of_areas_and_nothing_else(tmp_path: Path) -> None:
    found = replace(PARAMS, least_log_odds=-2.0, area_distance=0.7, min_journey_keywords=9)
    calibrations.save(calibrations.make(found, DAY, {"source": "a test"}), tmp_path)
    assert calibrations.clustering_on(tmp_path, date.max, PARAMS) == replace(
        PARAMS, least_log_odds=-2.0, area_distance=0.7
    )
    other = calibrations.make(replace(found, area_distance=0.71), DAY, {"source": "a test"})
    live = calibrations.released_calibration(tmp_path, date.max)
    assert live is not None
    assert other.version != live.version, "another distance of areas is another version"


@pytest.mark.parametrize("days", [0, 5])
def test_a_model_that_was_replaced_can_be_released_again(tmp_path: Path, days: int) -> None:
    first = release(tmp_path, -2.0, DAY)
    release(tmp_path, 0.5, DAY + timedelta(days=days))
    again = release(tmp_path, -2.0, DAY + timedelta(days=2 * days))
    assert again == first.with_name(f"{first.name}-2")
    assert live(tmp_path, date.max) == -2.0
    assert live(tmp_path, DAY) == -2.0
    if days:
        assert live(tmp_path, DAY + timedelta(days=days)) == 0.5
        # The version is that of the model, whatever was live in between: it is a fingerprint of what shapes the rows.
        assert [version for _, version in releases.live_versions(tmp_path)][::2] == [first.name] * 2
    found = calibrations.released_calibration(tmp_path, date.max)
    assert found is not None
    assert found.version == first.name


def test_a_model_that_is_live_is_not_written_again(tmp_path: Path) -> None:
    first = release(tmp_path, -2.0, DAY)
    before = {path: path.read_bytes() for path in first.iterdir()}
    assert release(tmp_path, -2.0, DAY) == first
    assert release(tmp_path, -2.0, DAY + timedelta(days=3)) == first
    assert [path.name for path in tmp_path.iterdir()] == [first.name]
    assert {path: path.read_bytes() for path in first.iterdir()} == before


def test_the_version_of_a_calibration_is_that_of_its_threshold_and_cut(tmp_path: Path) -> None:
    made = [
        calibrations.make(ClusteringParams(learned_cut=cut, least_log_odds=threshold), day, {"source": source})
        for threshold, cut, day, source in (
            (-2.0, PARAMS.learned_cut, DAY, "a"),
            (-2.0, PARAMS.learned_cut, DAY + timedelta(days=1), "b"),
            (-2.001, PARAMS.learned_cut, DAY, "a"),
            (-2.0, "another", DAY, "a"),
        )
    ]
    versions = [one.version for one in made]
    assert versions[0] == versions[1]
    assert len(set(versions)) == 3
