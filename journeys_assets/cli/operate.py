"""`journeys doctor` and `journeys ui`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, open_session, out, today
from journeys_assets.cli.explorer import listening
from journeys_assets.errors import require_extra
from journeys_assets.settings import load_settings


def doctor(as_json: AsJson = False) -> None:
    """Check settings, files and computed days; exit code 1 if something is wrong."""
    from journeys_assets.operations.doctor import examine

    session = open_session()
    findings = examine(session.pipeline, session.settings, session.deployment.embedder, today=today())
    is_well = all(finding.ok for finding in findings)
    if as_json:
        listed = [{"subject": one.subject, "ok": one.ok, "text": one.text} for one in findings]
        out.json({"ok": is_well, "findings": listed})
    else:
        for finding in findings:
            mark = ("ok ", "green") if finding.ok else ("bad", "red")
            out.write_line(mark, f"  {finding.subject}: {finding.text}")
    if not is_well:
        raise typer.Exit(1)


def ui(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open the Dagster UI (webserver and daemon) for this deployment.

    While it runs, log files in `$JOURNEYS_HOME/landing` are loaded automatically.
    """
    require_extra("ui", "journeys ui")
    from journeys_assets.defs.in_process import prepare_dagster_home

    settings = load_settings()
    listening("127.0.0.1", port).close()
    prepare_dagster_home(settings.dagster_home)
    settings.landing_path.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"DAGSTER_HOME": str(settings.dagster_home), "JOURNEYS_HOME": str(settings.home)}
    dagster = str(Path(sys.executable).with_name("dagster"))
    command = [dagster, "dev", "-m", "journeys_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
    os.execve(dagster, command, environment)
