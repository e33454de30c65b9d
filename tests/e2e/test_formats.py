"""A world as a log of any format gives the journeys of the world in the landing contract, row for row."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from journeys_assets.deployment import note_first_day
from journeys_assets.importers.base import Importer
from journeys_assets.storage.ingest.call import ingest
from journeys_assets.storage.ingest.recognition import importer_by_mapping, recognise_format
from journeys_assets.storage.ingest.report import IngestReport
from journeys_assets.synthetic.exports.kept import kept_landing
from journeys_assets.synthetic.exports.write import LANDING_BESIDE, MAPPING_FILE, write_export
from journeys_assets.synthetic.params import WorldParams
from journeys_assets.synthetic.world import World, generate_world
from tests.sandbox import NOW, Sandbox
from tests.support.outputs import assert_same_output

FIRST = date(2026, 3, 2)
SEED, N_USERS, N_DAYS = 3, 5, 1
LAST = FIRST + timedelta(days=N_DAYS - 1)


@pytest.fixture(scope="module")
def world() -> World:
    """A world that every format keeps whole: times in seconds, and items as events describe them, with one category."""
    made = generate_world(WorldParams(seed=SEED, n_users=N_USERS, n_days=N_DAYS, first_day=FIRST))
    in_seconds = kept_landing(made.landing, "mixpanel")
    events = {name: in_seconds[name].drop("event_id").unique() for name in ("search_events", "pin_engagements")}
    pins = in_seconds["pins"].with_columns(pl.col("interests").list.head(1))
    return replace(made, landing={**made.landing, **events, "pins": pins})


@pytest.fixture(scope="module")
def landed(world: World, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The world in the landing contract."""
    sandbox = Sandbox(tmp_path_factory.mktemp("landed"))
    names = ("search_events", "pin_engagements", "pins", "users")
    sandbox.land({name: world.landing[name] for name in names})
    sandbox.run(FIRST, LAST)
    return sandbox


def load_export(sandbox: Sandbox, world: World, format: str, folder: Path) -> IngestReport:
    """Ingest the world's log of a format, recognised from its content, and what the format does not keep."""
    logs = write_export(world, format, folder)
    sandbox.load(folder / "landing")
    actions = sandbox.settings.algorithm.actions
    chosen: str | Importer
    if format == "generic":
        chosen = importer_by_mapping(folder / MAPPING_FILE, actions, {})
    else:
        chosen = recognise_format([logs]).name
        assert chosen == format
    report = ingest(
        sandbox.deployment.warehouse,
        [logs],
        format=chosen,
        now=NOW,
        actions=actions,
        scratch_dir=sandbox.home / "scratch",
    )
    note_first_day(sandbox.settings, sandbox.deployment.warehouse)
    return report


@pytest.mark.parametrize("format", LANDING_BESIDE)
def test_a_log_of_the_format_gives_the_journeys_of_the_landing_contract(
    format: str, world: World, landed: Sandbox, tmp_path: Path
) -> None:
    imported = Sandbox(tmp_path / "imported")
    report = load_export(imported, world, format, tmp_path / "export")
    assert sum(report.events.values()) == report.n_lines().n_records
    assert all(file.adds_up and not file.n_quarantined for file in report.files)
    imported.run(FIRST, LAST)
    assert_same_output(imported, landed, events=False)
