"""Another embedding model: whatever is run next embeds what the window and the journeys' history need and lack."""

import shutil
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from click.testing import Result

from journeys_assets.defs.build import build_definitions
from journeys_assets.defs.in_process import dagster_instance
from journeys_assets.defs.jobs import DAILY_JOB
from journeys_assets.defs.partitions import day_range
from journeys_assets.defs.sensors import ACTIVE_USERS_SENSOR
from journeys_assets.deployment import build_deployment
from journeys_assets.settings import load_settings
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import generate_world
from tests.support.command_line import runner

FIRST = date(2026, 3, 2)
N_DAYS = 2
LAST = FIRST + timedelta(days=N_DAYS - 1)
BEFORE, AFTER = "hashing", "minilm"


def journeys(home: Path, embedder: str, *arguments: object) -> Result:
    return runner(home, embedder)(*arguments)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log")
    landing = generate_world(WorldParams(seed=5, n_users=4, n_days=N_DAYS, first_day=FIRST)).landing
    for source, rows in landing.items():
        if rows.height:
            (folder / source).mkdir()
            rows.write_parquet(folder / source / "log.parquet")
    return folder


@pytest.fixture(scope="module")
def reference(log: Path, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The last day's journeys of a deployment that has known the new model alone, with every user inferred."""
    home = tmp_path_factory.mktemp("reference") / "home"
    journeys(home, AFTER, "ingest", log)
    journeys(home, AFTER, "run", "--full")
    return rows_of(home, LAST)


@pytest.fixture(scope="module")
def ran_before(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment in which every day was run with the old model."""
    home = tmp_path_factory.mktemp("before") / "home"
    journeys(home, BEFORE, "ingest", log)
    journeys(home, BEFORE, "run")
    return home


@pytest.fixture
def home(ran_before: Path, tmp_path: Path) -> Path:
    return shutil.copytree(ran_before, tmp_path / "home")


def rows_of(home: Path, day: date) -> pl.DataFrame:
    warehouse = build_deployment(load_settings(home=home), progress=lambda *_: None).warehouse
    return warehouse.query("SELECT * FROM user_journeys WHERE partition_date = $day ORDER BY ALL", {"day": day})


def land_a_search(home: Path, day: date) -> None:
    folder = home.parent / "more" / "search_events"
    folder.mkdir(parents=True)
    at = datetime.combine(day, datetime.min.time()) + timedelta(hours=9)
    rows = pl.DataFrame({"user_id": "newcomer", "query": ["walnut dining table"], "searched_at": [at]})
    rows.write_parquet(folder / "more.parquet")
    journeys(home, AFTER, "ingest", folder.parent)


def test_a_preview_embeds_what_it_needs_and_leaves_the_deployment_as_it_was(
    home: Path, reference: pl.DataFrame
) -> None:
    before = rows_of(home, LAST)
    assert "preview" in journeys(home, AFTER, "preview", "--as-of", LAST).output.lower()
    assert rows_of(home, LAST).equals(before)
    (version,) = reference["algorithm_version"].unique()
    kept = home / "versions" / f"{version}.parquet"
    assert pl.read_parquet(kept).sort(reference.columns).equals(reference.sort(reference.columns))


def test_a_full_run_of_the_last_day_ends_like_a_deployment_that_never_knew_another_model(
    home: Path, reference: pl.DataFrame
) -> None:
    earlier = rows_of(home, LAST - timedelta(days=1))
    journeys(home, AFTER, "run", "--from", LAST, "--to", LAST, "--full")
    assert rows_of(home, LAST).equals(reference)
    assert rows_of(home, LAST - timedelta(days=1)).equals(earlier)


def test_a_plain_run_of_the_next_day_takes_everybody_to_the_new_model(home: Path, reference: pl.DataFrame) -> None:
    land_a_search(home, LAST + timedelta(days=1))
    journeys(home, AFTER, "run")
    rows = rows_of(home, LAST + timedelta(days=1))
    assert set(rows["algorithm_version"]) == set(reference["algorithm_version"])
    assert set(reference["user_id"]) <= set(rows["user_id"])
    columns = ["user_id", "journey_id", "keywords"]
    known = rows.filter(pl.col("user_id").is_in(reference["user_id"].implode()))
    assert known.select(columns).sort(columns).equals(reference.select(columns).sort(columns))


def test_a_run_that_the_sensor_asks_for_takes_everybody_to_the_new_model(home: Path, reference: pl.DataFrame) -> None:
    land_a_search(home, LAST + timedelta(days=1))
    definitions = build_definitions(
        build_deployment(load_settings(home=home, embedder=AFTER), progress=lambda *_: None)
    )
    repository = definitions.get_repository_def()
    with dagster_instance(home / "dagster") as instance:
        context = dg.build_sensor_context(instance=instance, repository_def=repository)
        (request,) = repository.get_sensor_def(ACTIVE_USERS_SENSOR).evaluate_tick(context).run_requests
        day = LAST + timedelta(days=1)
        assert day in (asked := day_range(request.tags) or ()), asked
        job = definitions.resolve_job_def(request.job_name or DAILY_JOB)
        result = job.execute_in_process(instance=instance, tags=dict(request.tags), raise_on_error=False)
        assert result.success
    assert set(rows_of(home, day)["algorithm_version"]) == set(reference["algorithm_version"])
    assert set(reference["user_id"]) <= set(rows_of(home, day)["user_id"])
