"""A world as a log of another format gives the same journeys as the world in the landing contract, row for row."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.deployment import note_first_day
from journeys_assets.storage.ingest.call import IngestReport, ingest
from journeys_assets.storage.ingest.recognition import recognise_format
from journeys_assets.synthetic.exports.write import write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.sandbox import NOW, Sandbox
from tests.support.outputs import assert_same_output

FIRST = date(2026, 3, 2)
N_DAYS = 3
LAST = FIRST + timedelta(days=N_DAYS - 1)
NewSandbox = Callable[[str], Sandbox]


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(WorldParams(seed=3, n_users=15, n_days=N_DAYS, first_day=FIRST))


def land_export(sandbox: Sandbox, world: World, format: str, folder: Path) -> IngestReport:
    """Ingest the world's log of a format, recognised from its content, and what the format does not keep."""
    logs = write_export(world, format, folder)
    sandbox.load(folder / "landing")
    assert recognise_format([logs]).name == format
    report = ingest(
        sandbox.deployment.warehouse,
        [logs],
        format=format,
        now=NOW,
        actions=sandbox.settings.algorithm.actions,
        scratch_dir=sandbox.home / "scratch",
    )
    note_first_day(sandbox.settings, sandbox.deployment.warehouse)
    assert sum(report.events.values()) == report.n_lines().n_records
    assert sum(file.n_quarantined for file in report.files) == 0
    return report


def kept(world: World, pins: pl.DataFrame) -> dict[str, pl.DataFrame]:
    names = ("search_events", "pin_engagements", "users")
    return {name: world.landing[name] for name in names} | {"pins": pins}


def described_by_events(world: World) -> pl.DataFrame:
    """The items that were acted on, with the text that an event of GA4 has of them."""
    engaged = world.landing["pin_engagements"].select("pin_id").unique()
    pins = world.landing["pins"].join(engaged, on="pin_id", how="semi")
    return pins.select(
        "pin_id", "title", annotations=pl.concat_list("title"), interests=pl.col("interests").list.head(5)
    )


@pytest.mark.parametrize("format", ["ga4", "ubi"])
def test_a_log_of_the_format_gives_the_journeys_of_the_landing_contract(
    format: str, world: World, new_sandbox: NewSandbox, tmp_path: Path
) -> None:
    imported, landed = new_sandbox("imported"), new_sandbox("landed")
    report = land_export(imported, world, format, tmp_path / "export")
    landed.land(kept(world, world.landing["pins"] if format == "ubi" else described_by_events(world)))
    n_events = world.landing["search_events"].unique().height + world.landing["pin_engagements"].unique().height
    n_accepted = sum(f.n_accepted for f in report.files if f.source in ("search_events", "pin_engagements"))
    assert n_accepted == n_events
    for sandbox in (imported, landed):
        sandbox.run(FIRST, LAST)
    # An item that only events describe is known from its first event on, and is shown from the next week on.
    assert_same_output(imported, landed, items=format != "ga4")
