"""`journeys doctor` and `journeys ui`."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from journeys_assets.cli.context import known_errors, open_session, out, today
from journeys_assets.errors import require_extra
from journeys_assets.settings import load_settings


def doctor() -> None:
    """Check settings, files and computed days; exit code 1 if something is wrong."""
    with known_errors():
        from journeys_assets.operations.doctor import examine

        session = open_session()
        findings = examine(session.pipeline, session.settings, session.deployment.embedder, today=today())
        for finding in findings:
            mark = "[green]ok[/green]  " if finding.ok else "[red]bad[/red] "
            out.print(f"{mark} {finding.subject}: {finding.text}", highlight=False)
        if not all(finding.ok for finding in findings):
            raise typer.Exit(1)


def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open the Dagster UI (webserver and daemon) for this deployment.

    While it runs, log files in `$JOURNEYS_HOME/landing` are loaded automatically.
    """
    with known_errors():
        require_extra("ui", "journeys ui")
        from journeys_assets.defs.in_process import prepare_dagster_home

        settings = load_settings()
        prepare_dagster_home(settings.dagster_home)
        settings.landing_path.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"DAGSTER_HOME": str(settings.dagster_home), "JOURNEYS_HOME": str(settings.home)}
        dagster = str(Path(sys.executable).with_name("dagster"))
        command = [dagster, "dev", "-m", "journeys_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
        os.execve(dagster, command, environment)
