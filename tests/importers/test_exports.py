"""A world as a log of a format gives the landing rows of the world, as far as the format keeps them."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from journeys_assets.storage.ingest.recognition import recognise_format
from journeys_assets.synthetic.exports.write import write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.support.log_files import ACTIONS, SEARCHES, LogSandbox

MICROSECONDS = {"mixpanel": 1_000_000, "matomo": 1_000_000, "snowplow": 1_000}
"""How long the shortest time is that a format keeps, if it does not keep microseconds."""
CATEGORIES = {"amplitude": 99, "mixpanel": 99, "snowplow": 99, "matomo": 5}
"""How many categories of an item a format keeps."""


IN_ONE_CALL = {"matomo"}
"""Formats whose files refer to each other."""


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(WorldParams(seed=5, n_users=40, n_days=3, first_day=date(2026, 1, 5)))


@pytest.mark.parametrize("format", CATEGORIES)
def test_a_world_in_a_format_is_the_world(format: str, world: World, tmp_path: Path) -> None:
    logs = write_export(world, format, tmp_path / "export")
    assert recognise_format([logs]).name == format
    imported, landed = LogSandbox(tmp_path / "imported", format), LogSandbox(tmp_path / "landed", "landing")
    report = imported.load(logs)
    for source in ("search_events", "pin_engagements", "pins"):
        world.landing[source].write_parquet(landed.folder / f"{source}.parquet")
    landed.load()
    assert imported.refused() == []
    assert sum(report.events.values()) == report.n_lines().n_records
    for columns, table in ((SEARCHES, "search_events"), (ACTIONS, "pin_engagements")):
        expected = landed.rows(columns, table)
        if format in MICROSECONDS:
            expected = sorted((*row[:-1], shortened(row[-1], MICROSECONDS[format])) for row in expected)
        assert imported.rows(columns, f"{table} WHERE noise IS NULL") == expected
    acted = {row[1] for row in imported.actions()}
    texts = [
        (pin, title, [title], sorted(interests[: CATEGORIES[format]]))
        for pin, title, interests in landed.rows("pin_id, title, interests", "pins")
        if pin in acted
    ]
    found = [
        (pin, title, annotations, sorted(interests))
        for pin, title, annotations, interests in imported.rows("pin_id, title, annotations, interests", "pins")
    ]
    assert list(dict.fromkeys(map(repr, found))) == list(map(repr, texts))


@pytest.mark.parametrize("format", CATEGORIES)
def test_loading_again_in_any_order_changes_nothing(format: str, world: World, tmp_path: Path) -> None:
    logs = write_export(world, format, tmp_path / "export")
    calls = [[logs]] if format in IN_ONE_CALL else [[path] for path in sorted(logs.iterdir())]
    once, again = LogSandbox(tmp_path / "once", format), LogSandbox(tmp_path / "again", format)
    once.load(logs)
    for paths in [*calls[::-1], [logs], *calls]:
        again.load(*paths)
    assert every_row(once)[0]
    assert every_row(again) == every_row(once)


def shortened(at: datetime, unit: int) -> datetime:
    return at.replace(microsecond=at.microsecond // unit * unit)


def every_row(log: LogSandbox) -> list[list[tuple[Any, ...]]]:
    return [
        log.rows(f"{SEARCHES}, event_id", "search_events"),
        log.rows(f"{ACTIONS}, event_id", "pin_engagements"),
        log.rows("pin_id, title, annotations, interests, updated_at", "pins"),
    ]
