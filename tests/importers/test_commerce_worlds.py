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


def landed(log: LogSandbox, columns: str, table: str) -> pl.DataFrame:
    return log.warehouse.query(f"SELECT {columns} FROM landing.{table} ORDER BY ALL")


def expected(world: World, columns: str, table: str) -> pl.DataFrame:
    names = columns.split(", ")
    return world.landing[table].select(names).unique().sort(names)


def described_by_events(world: World) -> pl.DataFrame:
    """The items that were acted on, with the text that an event has of them."""
    engaged = world.landing["pin_engagements"].select("pin_id").unique()
    pins = world.landing["pins"].join(engaged, on="pin_id", how="semi")
    return pins.select(
        "pin_id", "title", annotations=pl.concat_list("title"), interests=pl.col("interests").list.head(1)
    ).sort("pin_id")


def test_the_rows_are_those_of_the_world_and_loading_again_changes_nothing(
    world: World, format: str, tmp_path: Path
) -> None:
    logs = write_export(world, format, tmp_path / "export")
    assert recognise_format([logs]).name == format
    log = LogSandbox(tmp_path, format)
    report = log.load(logs)
    assert sum(report.events.values()) == report.n_lines().n_records
    assert log.refused() == []

    def check() -> None:
        assert_frame_equal(landed(log, SEARCHES, "search_events"), expected(world, SEARCHES, "search_events"))
        assert_frame_equal(landed(log, ACTIONS, "pin_engagements"), expected(world, ACTIONS, "pin_engagements"))
        assert_frame_equal(landed(log, ITEMS, "pins"), described_by_events(world))

    check()
    log.load(logs)
    check()


def test_files_may_come_in_any_order(world: World, format: str, tmp_path: Path) -> None:
    logs = write_export(world, format, tmp_path / "export")
    whole, parts = LogSandbox(tmp_path / "whole", format), LogSandbox(tmp_path / "parts", format)
    whole.load(logs)
    files = sorted((path for path in logs.rglob("*") if path.is_file() and path.name != "manifest.json"), reverse=True)
    # The export of persons belongs to every call.
    persons = [path for path in files if path.parent.name == "persons"]
    for file in files:
        if file not in persons:
            parts.load(file, *persons)
    for columns, table in ((SEARCHES, "search_events"), (ACTIONS, "pin_engagements"), (ITEMS, "pins")):
        assert_frame_equal(landed(parts, f"DISTINCT {columns}", table), landed(whole, f"DISTINCT {columns}", table))
    for table in ("search_events", "pin_engagements"):
        assert_frame_equal(landed(parts, "count(*)", table), landed(whole, "count(*)", table))
