"""A world as a log of PostHog, Segment and RudderStack gives the landing rows of the world itself."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.storage.ingest.recognition import recognise_format
from journeys_assets.synthetic.exports.write import write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.support.log_files import ACTIONS, SEARCHES, LogSandbox

FORMATS = ("posthog", "segment", "rudderstack")
ITEMS = "pin_id, title, annotations, interests"


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(WorldParams(seed=5, n_users=40, n_days=8, first_day=date(2026, 1, 5)))


@pytest.fixture(scope="module", params=FORMATS)
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def landing(world: World, tmp_path_factory: pytest.TempPathFactory) -> LogSandbox:
    """The world in the landing contract, with the text of items that an event has."""
    log = LogSandbox(tmp_path_factory.mktemp("landing"), "landing")
    tables = {name: world.landing[name] for name in ("search_events", "pin_engagements")}
    for name, rows in {**tables, "pins": described_by_events(world)}.items():
        rows.write_parquet(log.folder / f"{name}.parquet")
    log.load()
    return log


def described_by_events(world: World) -> pl.DataFrame:
    """The items that were acted on, with the text that an event has of them."""
    engaged = world.landing["pin_engagements"].select("pin_id").unique()
    pins = world.landing["pins"].join(engaged, on="pin_id", how="semi")
    return pins.select(
        "pin_id", "title", annotations=pl.concat_list("title"), interests=pl.col("interests").list.head(1)
    )


def assert_same_rows(log: LogSandbox, landing: LogSandbox) -> None:
    """The rows are those of the world, each once; an item may have several versions with one text."""
    for columns, table in ((SEARCHES, "search_events"), (ACTIONS, "pin_engagements"), (f"DISTINCT {ITEMS}", "pins")):
        query = f"SELECT {columns} FROM landing.{table} ORDER BY ALL"
        assert_frame_equal(log.warehouse.query(query), landing.warehouse.query(query))


def test_the_rows_are_those_of_the_world_and_loading_again_changes_nothing(
    world: World, landing: LogSandbox, format: str, tmp_path: Path
) -> None:
    logs = write_export(world, format, tmp_path / "export")
    assert recognise_format([logs]).name == format
    log = LogSandbox(tmp_path, format)
    report = log.load(logs)
    assert sum(report.events.values()) == report.n_lines().n_records
    assert log.refused() == []
    assert_same_rows(log, landing)
    log.load(logs)
    assert_same_rows(log, landing)


def test_files_may_come_in_any_order_and_again(world: World, landing: LogSandbox, format: str, tmp_path: Path) -> None:
    logs = write_export(world, format, tmp_path / "export")
    log = LogSandbox(tmp_path, format)
    files = sorted((path for path in logs.rglob("*") if path.is_file() and path.name != "manifest.json"), reverse=True)
    # The export of persons belongs to every call.
    persons = [path for path in files if path.parent.name == "persons"]
    half = len(files) // 2
    for part in (files[:half], files[half:], files[half - 1 : half + 1]):
        log.load(*part, *persons)
    assert_same_rows(log, landing)
