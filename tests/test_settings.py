"""Settings come from the environment and journeys.toml; errors name key, value and cure."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from journeys_assets.domain.actions import DEFAULT_ACTIONS, Action
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


PURCHASE = '[[actions]]\nname = "purchase"\nweight = 2\nstrength = "act"\n'


def test_an_action_is_added_by_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "journeys.toml").write_text(PURCHASE)
    settings, plain = load_settings(home=tmp_path), load_settings(home=tmp_path / "other")
    assert settings.algorithm.actions == (*DEFAULT_ACTIONS, Action("purchase", "purchases", 2.0, "act"))
    assert shaping_values(settings.algorithm, ["actions"]) != shaping_values(plain.algorithm, ["actions"])
    monkeypatch.setenv("JOURNEYS_ACTIONS", '[{"name": "purchase", "weight": 2.0, "strength": "act"}]')
    assert load_settings(home=tmp_path / "other").algorithm == settings.algorithm


def test_an_entry_of_a_known_name_replaces_it(tmp_path: Path) -> None:
    (tmp_path / "journeys.toml").write_text('[[actions]]\nname = "save"\nweight = 3.0\nstrength = "keep"\n')
    assert [(a.name, a.weight) for a in load_settings(home=tmp_path).algorithm.actions] == [
        ("closeup", 0.3),
        ("save", 3.0),
        ("clickthrough", 0.7),
    ]


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('[[actions]]\nname = "board_pin"', "actions.0.*'board_pin' has a landing source of its own"),
        ('[[actions]]\nname = "buy"\nstrength = "own"', "actions.0.strength = 'own': .*'look', 'keep' or 'act'"),
        ('[[actions]]\nname = "buy"\nweight = 0', "actions.0.*must be above 0"),
        ('[[actions]]\nname = "buy"\nwieght = 1', "actions.0.wieght"),
        (PURCHASE + PURCHASE, "actions = .*two actions have the same name"),
        ('[[actions]]\nname = "keep"\nplural = "saves"', "actions = .*have the same plural 'saves'"),
    ],
)
def test_a_wrong_action_is_refused(tmp_path: Path, toml: str, message: str) -> None:
    (tmp_path / "journeys.toml").write_text(toml)
    with pytest.raises(SettingsError, match=message):
        load_settings(home=tmp_path)


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("JOURNEYS_EMBEDER", "did you mean JOURNEYS_EMBEDDER"),
        ("JOURNEYS_ALGORITM__RANKING", "did you mean JOURNEYS_ALGORITHM"),
        ("JOURNEYS_EMBEDDER__NAME", "did you mean JOURNEYS_EMBEDDER"),
        ("JOURNEYS_XYZ", "the settings are JOURNEYS_HOME"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, cure: str) -> None:
    monkeypatch.setenv(name, "hashing")
    with pytest.raises(SettingsError, match=f"{name} is no setting; {cure}"):
        load_settings()


@pytest.mark.parametrize("name", ["JOURNEYS_DBT", "JOURNEYS_DBT_DATABASE", "JOURNEYS_DEBUG"])
def test_variables_that_are_no_settings_on_purpose_pass(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    load_settings()


def test_an_empty_variable_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOURNEYS_HOME", "")
    monkeypatch.setenv("JOURNEYS_EMBEDDER", "")
    assert (load_settings().home, load_settings().embedder) == (tmp_path / ".journeys", "minilm")


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "journeys.toml").write_text('\ufeffembedder = "hashing"\r\n')
    assert load_settings(home=tmp_path).embedder == "hashing"


@pytest.mark.parametrize(
    "content", [b"embedder = hashing", b"= 1", b'embedder = "\xff"', b"\xff\xfee\0", b"[algorithm"]
)
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "journeys.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=str(tmp_path / "journeys.toml")):
        load_settings(home=tmp_path)


def test_a_first_day_that_is_no_day_is_named(tmp_path: Path) -> None:
    (tmp_path / "first_day").write_text("2026-13-01\n")
    settings = load_settings(home=tmp_path)
    with pytest.raises(SettingsError, match="first_day does not hold a day"):
        _ = settings.first_day
    with pytest.raises(SettingsError, match="first_day does not hold a day"):
        settings.note_first_day(date(2026, 1, 1))


@pytest.mark.parametrize("day", ["0", "1767225600", "20260131", "2026-1-31", "0001-01-01", "1969-12-31", "today"])
def test_the_first_day_is_a_day_and_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str) -> None:
    monkeypatch.setenv("JOURNEYS_FIRST_PARTITION_DATE", day)
    with pytest.raises(SettingsError, match=f"first_partition_date = '{day}': .*(write|no event is before)"):
        load_settings(home=tmp_path)


@pytest.mark.parametrize("written", ["20260131", "86400", "1.5", "true", "2026-01-31T12:00:00"])
def test_the_first_day_in_a_file_is_no_number_either(tmp_path: Path, written: str) -> None:
    (tmp_path / "journeys.toml").write_text(f"first_partition_date = {written}\n")
    with pytest.raises(SettingsError, match="first_partition_date = "):
        load_settings(home=tmp_path)
    for right in ("2026-01-31", '"2026-01-31"'):
        (tmp_path / "journeys.toml").write_text(f"first_partition_date = {right}\n")
        assert str(load_settings(home=tmp_path).first_partition_date) == "2026-01-31"


@pytest.mark.parametrize(
    "toml",
    [
        "[algorithm.keywords]\nhorizon_days = -1",
        "[algorithm.keywords]\nhorizon_days = 1000000",
        "[algorithm.keywords]\nsearch_weight = 1e300",
        "[algorithm.ranking]\nresponse_days = inf",
        "[algorithm.ranking]\nrecency_half_life_days = nan",
        "output_retention_days = 999999999",
    ],
)
def test_numbers_with_which_nothing_can_be_computed_are_refused(tmp_path: Path, toml: str) -> None:
    (tmp_path / "journeys.toml").write_text(toml)
    name = toml.partition("]\n")[2].split(" = ")[0]
    with pytest.raises(SettingsError, match=f"{name or 'output_retention_days'} = "):
        load_settings(home=tmp_path)


@pytest.mark.parametrize("name", ["JOURNEYS_ACTIONS", "JOURNEYS_ACTIVATION__TO", "JOURNEYS_LLM"])
def test_a_variable_that_is_no_json_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "secret,value")
    with pytest.raises(SettingsError, match=f"variable {name} is not JSON .*journeys.toml") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


def test_a_home_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="more than 255 bytes"):
        load_settings(home=tmp_path / ("ü" * 128) / "home")
    assert load_settings(home=tmp_path / ("x" * 255)).home.name == "x" * 255


@pytest.mark.parametrize("name", ["q?x", "pct%20", "back\\slash", "esc\x1b", "bad\udcff"])
def test_a_home_that_duckdb_or_sqlite_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="choose another folder"):
        load_settings(home=tmp_path / name)


def test_paths_may_begin_with_the_folder_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JOURNEYS_HOME", "~/of journeys")
    (tmp_path / "of journeys").mkdir()
    (tmp_path / "of journeys/journeys.toml").write_text(
        'embedder = "hashing"\npublic_data = "~/public"\n'
        '[[landing]]\nlocation = "~/logs"\nformat = "generic"\nmapping = "~/log.toml"\n'
    )
    settings = load_settings()
    (place,) = settings.landing
    assert (settings.home, settings.embedder) == (tmp_path / "of journeys", "hashing")
    assert settings.public_data == tmp_path / "public"
    assert (place.location, place.mapping) == (str(tmp_path / "logs"), tmp_path / "log.toml")
    assert load_settings(home="~").home == tmp_path
    assert load_settings(home=tmp_path / "~").home == tmp_path / "~"
