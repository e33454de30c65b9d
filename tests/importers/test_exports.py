"""A world as a log of a format gives the landing rows of the world, as far as the format keeps them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from journeys_assets.domain.actions import DEFAULT_ACTIONS
from journeys_assets.storage.ingest.recognition import importer_by_mapping, recognise_format
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.synthetic.exports.kept import CATEGORIES, MICROSECONDS, WITH_CATALOGUE, kept_landing
from journeys_assets.synthetic.exports.write import LANDING_BESIDE, MAPPING_FILE, write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.support.log_files import ACTIONS, SEARCHES, LogSandbox

ITEMS = "pin_id, title, list_sort(annotations), list_sort(interests)"
WITH_EVERY_CALL = {"posthog": "persons/"}
"""Files that belong to every call of a format: they say whose the events of the other files are."""
IN_ONE_CALL = {"matomo"}
"""Formats of which every file belongs to every call."""


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(WorldParams(seed=5, n_users=10, n_days=3, first_day=date(2026, 1, 5)))


@pytest.fixture(scope="module", params=LANDING_BESIDE)
def format(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def logs(format: str, world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_export(world, format, tmp_path_factory.mktemp(format))


def sandbox(folder: Path, format: str, logs: Path) -> LogSandbox:
    if format == "generic":
        return LogSandbox(folder, importer_by_mapping(logs.parent / MAPPING_FILE, DEFAULT_ACTIONS, {}))
    return LogSandbox(folder, format)


def rows_of(log: LogSandbox) -> list[pl.DataFrame]:
    """Searches, actions and items; an item may have several versions with one text."""
    queries = [f"{SEARCHES} FROM landing.search_events WHERE noise IS NULL",
               f"{ACTIONS} FROM landing.pin_engagements WHERE noise IS NULL",
               f"DISTINCT {ITEMS} FROM landing.pins"]  # fmt: skip
    return [log.warehouse.query(f"SELECT {query} ORDER BY ALL") for query in queries]


def every_row(log: LogSandbox) -> list[list[tuple[Any, ...]]]:
    return [
        log.rows(f"{SEARCHES}, event_id", "search_events"),
        log.rows(f"{ACTIONS}, event_id", "pin_engagements"),
        log.rows(f"DISTINCT {ITEMS}", "pins"),
        log.rows("DISTINCT user_id, other_id", "identities"),
    ]


@pytest.fixture(scope="module")
def imported(format: str, logs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[LogSandbox, IngestReport]:
    """The log, loaded at once."""
    log = sandbox(tmp_path_factory.mktemp("imported"), format, logs)
    return log, log.load(logs)


@pytest.fixture(scope="module")
def landed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], LogSandbox]:
    """The world in the landing contract as a format keeps it, once for all formats that keep the same."""
    made: dict[tuple[int, int | None, bool], LogSandbox] = {}

    def of(format: str) -> LogSandbox:
        key = (MICROSECONDS.get(format, 1), CATEGORIES.get(format), format in WITH_CATALOGUE)
        if key not in made:
            made[key] = LogSandbox(tmp_path_factory.mktemp("landed"), "landing")
            for source, rows in kept_landing(world.landing, format).items():
                rows.write_parquet(made[key].folder / f"{source}.parquet")
            made[key].load()
        return made[key]

    return of


def test_a_world_in_a_format_is_the_world(
    format: str, logs: Path, imported: tuple[LogSandbox, IngestReport], landed: Callable[[str], LogSandbox]
) -> None:
    log, report = imported
    if format != "generic":
        assert recognise_format([logs]).name == format
    assert log.refused() == []
    assert sum(report.events.values()) == report.n_lines().n_records
    for found, expected in zip(rows_of(log), rows_of(landed(format)), strict=True):
        if format not in WITH_CATALOGUE or found.columns[0] != "pin_id":
            assert_frame_equal(found, expected)


def test_files_may_come_in_any_order_and_again(
    format: str, logs: Path, imported: tuple[LogSandbox, IngestReport], tmp_path: Path
) -> None:
    once, again = imported[0], sandbox(tmp_path / "again", format, logs)
    files = sorted((path for path in logs.rglob("*") if path.is_file() and path.name != "manifest.json"), reverse=True)
    always = [path for path in files if WITH_EVERY_CALL.get(format, "?") in str(path.relative_to(logs))]
    half = len(files) // 2
    calls = [] if format in IN_ONE_CALL else [files[:half], files[half:]]
    for paths in filter(None, [*calls, files]):
        again.load(*dict.fromkeys([*paths, *always]))
    assert every_row(once)[0]
    assert every_row(again) == every_row(once)
