"""The evaluation as a whole: one command, one report, and main figures that have not regressed."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from journeys_assets.cli.app import app
from journeys_assets.evaluation import run
from journeys_assets.evaluation.parts.lifecycle import evaluate_lifecycle
from journeys_assets.evaluation.report.section import SECTION_NAMES
from journeys_assets.synthetic.params import WorldParams
from tests.support.lifecycle_world import days_of, make_study

pytestmark = pytest.mark.slow

MAIN_FIGURES = Path(__file__).with_name("main_figures.json")
"""Our figure for each metric that users rely on, as of the last intended change. To change it intentionally: run this
module and copy the output of the failing test."""
TOLERANCE = 0.03
"""Small worlds vary by a few journeys. A larger loss comes from a change."""
SMALL = {
    # The fewest days that are allowed: a month to learn from, and 28 days that show what the users came back to.
    "JOURNEYS_EVALUATION_USERS": "20",
    "JOURNEYS_EVALUATION_DAYS": "60",
    "JOURNEYS_PUBLIC_DATA": "/no public data, so that every machine measures the same",
}
MEASURED = ("clustering", "naming", "ranking")


def test_every_part_has_a_protocol() -> None:
    assert tuple(run.SECTIONS) == SECTION_NAMES


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("evaluation") / "home"
    arguments = [argument for name in MEASURED for argument in ("--only", name)]
    result = CliRunner().invoke(app, ["evaluate", *arguments], env=SMALL | {"JOURNEYS_HOME": str(home)})
    assert result.exit_code == 0, result.output
    assert "report.html" in "".join(result.output.split())
    record: dict[str, Any] = json.loads((home / "evaluation" / "report" / "report.json").read_text())
    return record


@pytest.mark.timeout(900)
def test_the_report_has_every_requested_part(report: dict[str, Any]) -> None:
    assert tuple(report["sections"]) == MEASURED
    for name, section in report["sections"].items():
        assert section["results"], name
        assert section["protocol"], name
        assert {row["role"] for row in section["results"]} >= {"ours", "baseline"}, name


@pytest.fixture(scope="module")
def lifecycle(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Results of the lifecycle part. Running the pipeline on sufficiently long worlds would take too long."""
    folder = tmp_path_factory.mktemp("lifecycle")
    worlds = {
        "weeks": (WorldParams(seed=20260, n_users=60, n_days=120, first_day=date(2025, 10, 6)), 7, 7),
        "seasons": (WorldParams(seed=20270, n_users=30, n_days=600, first_day=date(2025, 6, 2)), 386, 28),
    }
    weeks, seasons = (
        make_study(folder / f"{name}.duckdb", world, days_of(world, first_day, every_days), name=name)
        for name, (world, first_day, every_days) in worlds.items()
    )
    return evaluate_lifecycle([weeks], seasons, n_resamples=20).results


@pytest.mark.timeout(900)
def test_main_figures_have_not_regressed(report: dict[str, Any], lifecycle: pl.DataFrame) -> None:
    known = json.loads(MAIN_FIGURES.read_text())
    sections = {name: report["sections"][name]["results"] for name in MEASURED} | {"lifecycle": lifecycle.to_dicts()}
    rows = {
        f"{name} | {row['dataset']} | {row['regime']} | {row['metric']}": row
        for name, results in sections.items()
        for row in results
        if row["role"] == "ours"
    }
    missing = known.keys() - rows.keys()
    assert not missing, f"no longer measured: {sorted(missing)}; measured are {sorted(rows)}"
    now = {figure: rows[figure]["value"] for figure in known}
    lost = {
        figure: f"{before:.3f} -> {now[figure]:.3f}"
        for figure, before in known.items()
        if (before - now[figure]) * (1 if rows[figure]["is_higher_better"] else -1) > TOLERANCE
    }
    assert not lost, f"regressed: {lost}; all figures now: {json.dumps({k: round(now[k], 4) for k in known}, indent=1)}"


def test_an_unknown_part_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--only", "nothing"], env={"JOURNEYS_HOME": str(tmp_path / "home")})
    assert result.exit_code == 2
    assert "nothing" in result.output
