"""Docs repeat what the code states, and link to what exists."""

import re
from pathlib import Path

import pytest
import yaml

from docs.generate import SQL_FOLDER, generated, model_yml
from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.domain.parameters import AlgorithmParams
from journeys_assets.storage.sql_models import load_models

README = Path(__file__).parents[1] / "README.md"
TEXTS = generated()
MODELS = load_models(SQL_FOLDER, DEFAULT_ACTIONS)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_generated_files_are_what_the_code_states(path: Path) -> None:
    assert path.read_text() == TEXTS[path], "run `make docs`"


def test_every_yml_of_the_models_is_generated() -> None:
    assert set(SQL_FOLDER.glob("models/*/*.yml")) <= set(TEXTS)


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_generated_files_name_the_command_that_makes_them(path: Path) -> None:
    text = TEXTS[path] if path.name == "dbt_project.yml" else TEXTS[path].splitlines()[0]
    assert "`python docs/generate.py`" in text


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.materialized != "ephemeral"])
def test_a_yml_states_grain_units_and_rules(name: str) -> None:
    table = MODELS[name].table
    described = yaml.safe_load(model_yml(MODELS[name]))["models"][0]
    assert described["description"] == f"{table.description} One row per {', '.join(table.grain)}."
    assert described["data_tests"] == [{"unique_grain": {"arguments": {"columns": list(table.grain)}}}]
    for column, shown in zip(table.columns, described["columns"], strict=True):
        assert (shown["name"], shown["data_type"]) == (column.name, column.sql_type)
        assert shown["description"] == column.description
        assert shown.get("config", {}).get("meta", {}).get("unit") == column.unit
        tests = shown.get("data_tests", [])
        rules = {rule: options["arguments"] for test in tests if test != "not_null" for rule, options in test.items()}
        bounds = rules.get("accepted_range", {})
        assert ("not_null" in tests) is not column.nullable
        assert (bounds.get("min_value"), bounds.get("max_value")) == (column.minimum, column.maximum)
        assert rules.get("accepted_values", {}).get("values") == (column.allowed and list(column.allowed))


def test_variables_of_the_dbt_project_are_the_defaults_of_the_parameters() -> None:
    project = yaml.safe_load((SQL_FOLDER / "dbt_project.yml").read_text())["vars"]
    used = {name for model in MODELS.values() for name in model.variables}
    own = {"partition_date", "algorithm_version"}
    defaults = AlgorithmParams().sql_variables()
    assert {name: value for name, value in project.items() if name not in own} == {n: defaults[n] for n in used - own}
    assert own <= set(project)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text()))))
def test_what_the_readme_links_to_exists(path: str) -> None:
    assert (README.parent / path).exists()
