"""Settings come from the environment and journeys.toml; errors name key, value and cure."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from journeys_assets.domain.parameters import shaping_values
from journeys_assets.settings import SettingsError, load_settings


def test_the_environment_overrides_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "journeys.toml").write_text('embedder = "hashing"\noutput_retention_days = 7\n')
    monkeypatch.setenv("JOURNEYS_HOME", str(tmp_path))
    monkeypatch.setenv("JOURNEYS_OUTPUT_RETENTION_DAYS", "9")
    settings = load_settings()
    assert (settings.home, settings.embedder, settings.output_retention_days) == (tmp_path, "hashing", 9)


def test_parameters_can_be_overridden(tmp_path: Path) -> None:
    (tmp_path / "journeys.toml").write_text("[algorithm.clustering]\nleast_log_odds = 1.1\n")
    changed, plain = load_settings(home=tmp_path), load_settings(home=tmp_path / "other")
    assert changed.algorithm.clustering.least_log_odds == 1.1
    assert shaping_values(changed.algorithm, ["clustering"]) != shaping_values(plain.algorithm, ["clustering"])
    assert shaping_values(changed.algorithm, ["keywords"]) == shaping_values(plain.algorithm, ["keywords"])


@pytest.mark.parametrize(
    ("toml", "named"),
    [
        ("output_retention_days = 0", "output_retention_days = 0"),
        ('embeder = "x"', "embeder"),
        ('[algorithm.clustering]\nleast_log_odds = "wide"', "algorithm.clustering.least_log_odds = 'wide'"),
        ("[algorithm.clustering]\nleast_log_oddss = 1.0", "least_log_oddss"),
    ],
)
def test_errors_name_the_key_and_the_value(tmp_path: Path, toml: str, named: str) -> None:
    (tmp_path / "journeys.toml").write_text(toml)
    with pytest.raises(SettingsError, match=named.replace("[", r"\[")):
        load_settings(home=tmp_path)


def test_the_first_day_is_the_earliest_one_stored(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    for day in (date(2026, 3, 1), date(2026, 2, 1), date(2026, 2, 9)):
        settings.note_first_day(day)
    assert settings.first_day == date(2026, 2, 1)
