"""What is installed: the wheel is complete, and an extra that is missing is named in one line."""

import subprocess
import sys
import tomllib
import zipfile
from functools import partial
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from journeys_assets.errors import EXTRAS, MissingExtra, require_extra
from journeys_assets.evaluation import run
from journeys_assets.pipeline.training import model_versions
from journeys_assets.settings import load_settings
from tests.sandbox import Sandbox

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_package_and_of_the_dbt_project(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, timeout=240)
    (wheel,) = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "journeys_assets", "dbt_like_sql"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    kept = [name for name in listed if (ROOT / name).exists()]
    assert shipped == {name if name.startswith("journeys_assets/") else f"journeys_assets/{name}" for name in kept}
    assert {Path(name).suffix for name in shipped} == {
        ".py",
        ".sql",
        ".yml",
        ".json",
        ".jinja",
        ".html",
        ".md",
        ".npy",
        ".txt",
        ".css",
        ".js",
        ".svg",
    }


NOT_IN_DEV = ("local-llm",)
"""Extras that the tests do without, because they bring weights."""


def test_each_extra_brings_the_modules_that_its_check_looks_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    brings = metadata.packages_distributions()
    for extra, modules in EXTRAS.items():
        required = " ".join(extras[extra])
        names = [brings.get(module, [module.replace("_", "-")]) for module in modules]
        assert all(any(name.replace("_", "-") in required for name in of_module) for of_module in names), extra
        assert (extra in extras["dev"][0]) != (extra in NOT_IN_DEV)


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_missing_extra_is_named(extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if extra not in NOT_IN_DEV:
        require_extra(extra, "this")
    monkeypatch.setitem(sys.modules, EXTRAS[extra][-1], None)
    with pytest.raises(MissingExtra) as raised:
        require_extra(extra, "this")
    assert str(raised.value) == f"this needs the extra '{extra}': pip install 'user-journeys[{extra}]'"


@pytest.mark.parametrize("command", ["train", "evaluate", "ui"])
def test_a_command_names_the_extra_that_it_needs_in_one_line(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, EXTRAS[command][-1], None)
    home = tmp_path / "home"
    result = CliRunner().invoke(app, [command], env={"JOURNEYS_HOME": str(home)})
    cure = f"pip install 'user-journeys[{command}]'"
    assert result.exit_code == 2
    assert result.output == f"error journeys {command} needs the extra '{command}': {cure}\n"
    assert not home.exists()


def test_no_default_points_outside_of_home(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path)
    paths = [value for value in settings.model_dump().values() if isinstance(value, Path)]
    assert paths == [tmp_path]
    assert settings.public_data is None


def test_public_data_that_is_not_given_is_left_out(tmp_path: Path) -> None:
    from journeys_assets.evaluation.studies import retail_study

    sandbox = Sandbox(tmp_path)
    materials = run.Materials(
        sandbox.settings,
        sandbox.deployment.embedder,
        sandbox.deployment.sql_models,
        sandbox.pipeline,
        sandbox.deployment.asker,
        partial(model_versions, sandbox.deployment),
    )
    assert retail_study(sandbox.settings) is None
    assert materials.phrases is None
