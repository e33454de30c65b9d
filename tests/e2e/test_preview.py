"""A change is looked at before it is made: `journeys preview`, `journeys compare`, `journeys versions`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.storage.warehouse.duckdb_file import Warehouse
from tests.sandbox import Sandbox
from tests.support.command_line import Journeys, runner

DAYS = 5
LAST = "2026-03-06"
COARSEST = {"least_log_odds": -1000.0, "min_journey_cohesion": 0.0}
"""Every user has one journey."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("preview") / "home"


@pytest.fixture(scope="module")
def journeys(home: Path) -> Journeys:
    command = runner(home)
    world = home.parent / "world"
    command("synth", world, "--users", 12, "--days", DAYS, "--first-day", "2026-03-02")
    command("ingest", world / "landing")
    command("run")
    return command


def settle(home: Path, **clustering: float) -> str:
    """Make these the settings of the deployment; returns their version."""
    lines = [f"{name} = {value}" for name, value in clustering.items()]
    home.joinpath("journeys.toml").write_text("\n".join(["[algorithm.clustering]", *lines]))
    return Sandbox(home).version_of("user_journeys")


def state(home: Path) -> dict[str, bytes]:
    """Every file of the deployment but those that a preview is there to write."""
    files = [p for p in home.rglob("*") if p.is_file() and "versions" not in p.parts and p.suffix != ".lock"]
    return {str(path.relative_to(home)): path.read_bytes() for path in files}


def stored(home: Path, day: str) -> pl.DataFrame:
    rows = Warehouse(home / "warehouse.duckdb").query("SELECT * FROM main.user_journeys ORDER BY user_id, journey_id")
    return rows.filter(pl.col("partition_date").cast(pl.String) == day)


@pytest.fixture(scope="module")
def coarser(journeys: Journeys, home: Path) -> tuple[str, str]:
    """The version of the warehouse, and that of a preview of one cluster a user."""
    now = settle(home)
    version = settle(home, **COARSEST)
    before = state(home)
    # What a preview that was killed has left is removed.
    (dead := home / "versions" / ".preview-dead").mkdir(parents=True)
    (dead / "warehouse.duckdb").write_text("a copy")
    said = journeys("preview").output
    assert f"Version {version} as of {LAST}" in said
    after = state(home)
    settle(home)
    assert before.keys() == after.keys()
    assert [name for name in before if before[name] != after[name]] == []
    return now, version


def compared(journeys: Journeys, one: str, other: str) -> dict[str, object]:
    found = json.loads(journeys("compare", one, other, "--json").output)
    assert isinstance(found, dict)
    return found


def test_a_preview_leaves_the_deployment_as_it_was_and_keeps_both_versions(
    coarser: tuple[str, str], home: Path
) -> None:
    files = sorted(path.name for path in (home / "versions").iterdir())
    assert files == sorted(f"{version}.parquet" for version in coarser)
    assert_frame_equal(pl.read_parquet(home / "versions" / f"{coarser[0]}.parquet"), stored(home, LAST))
    assert pl.read_parquet(home / "versions" / f"{coarser[1]}.parquet")["algorithm_version"].unique().to_list() == [
        coarser[1]
    ]


def test_a_higher_cut_shows_as_merged_journeys(journeys: Journeys, coarser: tuple[str, str]) -> None:
    found = compared(journeys, *coarser)
    assert found["same_day"]
    assert found["changes"]["merged"] > 0
    assert found["journeys"]["other"] < found["journeys"]["one"]
    assert found["bcubed_f1"] < 1
    shown = journeys("compare", *coarser).output
    example = next(e for e in found["examples"] if e["change"] == "merged")
    assert example["user_id"] in shown
    assert example["detail"][:30] in re.sub(r"\s+", " ", shown)
    back = compared(journeys, *reversed(coarser))
    assert back["bcubed_f1"] == pytest.approx(found["bcubed_f1"])
    assert back["journeys"]["one"] == found["journeys"]["other"]


def test_what_is_run_after_the_change_is_what_the_preview_showed(
    journeys: Journeys, home: Path, coarser: tuple[str, str], tmp_path: Path
) -> None:
    settle(home, **COARSEST)
    other = tmp_path / "promoted"
    promoted = runner(other)
    other.mkdir()
    for name in ("warehouse.duckdb", "first_day", "journeys.toml"):
        (other / name).write_bytes((home / name).read_bytes())
    settle(home)
    promoted("run", "--from", LAST, "--to", LAST, "--full")
    assert_frame_equal(pl.read_parquet(home / "versions" / f"{coarser[1]}.parquet"), stored(other, LAST))


def test_the_same_settings_change_nothing(journeys: Journeys, home: Path, coarser: tuple[str, str]) -> None:
    said = journeys("preview").output
    assert "the same version" in said
    assert_frame_equal(pl.read_parquet(home / "versions" / f"{coarser[0]}.parquet"), stored(home, LAST))
    # Another version whose parameters differ in a number that shapes nothing here.
    version = settle(home, revision=99)
    journeys("preview")
    settle(home)
    found = compared(journeys, coarser[0], version)
    assert coarser[0] != version
    n = stored(home, LAST).height
    assert found["changes"] == dict.fromkeys(found["changes"], 0) | {"unchanged": n}
    assert (found["bcubed_f1"], found["adjusted_rand"], found["examples"]) == (1.0, 1.0, [])


def test_versions_of_different_days_are_compared_and_said_to_be_so(
    journeys: Journeys, home: Path, coarser: tuple[str, str]
) -> None:
    version = settle(home, least_log_odds=-2.0)
    journeys("preview", "--as-of", "2026-03-04")
    settle(home)
    assert "different days, 2026-03-06 and 2026-03-04" in journeys("compare", coarser[1], version).output
    # The warehouse has the version of now on both days, so that the one that is shared is taken.
    assert compared(journeys, coarser[0], version)["same_day"]
    assert compared(journeys, version, coarser[0])["same_day"]


def test_versions_are_listed_and_an_unknown_one_is_told_which_there_are(
    journeys: Journeys, coarser: tuple[str, str]
) -> None:
    listed = journeys("versions").output
    assert re.search(rf"{coarser[0]} .*{DAYS} days, 2026-03-02 … {LAST} .*current settings", listed)
    assert re.search(rf"{coarser[1]} +{LAST}", listed)
    said = journeys("compare", coarser[0], "nonsense", code=2).stderr
    assert "'nonsense'" in said
    assert f"{coarser[1]} ({LAST})" in said


def test_a_day_that_cannot_be_run_is_refused_and_leaves_nothing(
    journeys: Journeys, home: Path, coarser: tuple[str, str]
) -> None:
    before = sorted((home / "versions").iterdir())
    assert "2020-01-01" in journeys("preview", "--as-of", "2020-01-01", code=2).stderr
    assert sorted((home / "versions").iterdir()) == before


def test_two_previews_at_once_are_refused(journeys: Journeys, home: Path, coarser: tuple[str, str]) -> None:
    code = (
        "import sys; from pathlib import Path; from journeys_assets.storage.locks import exclusive_lock\n"
        "with exclusive_lock(Path(sys.argv[1]), on_wait=exit):\n"
        "    print('locked', flush=True)\n"
        "    input()\n"
    )
    command = [sys.executable, "-c", code, str(home / "preview.lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        said = journeys("preview", code=2).stderr
        other.communicate("\n")
    assert "another preview" in said


def test_a_file_that_no_preview_wrote_is_named(journeys: Journeys, home: Path, coarser: tuple[str, str]) -> None:
    stray = home / "versions" / "stray.parquet"
    stray.write_text("not Parquet")
    assert "stray.parquet" in journeys("compare", *coarser, code=2).stderr
    stray.unlink()
