"""What the commands share: consoles, options, known errors, and the deployment that settings describe."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from journeys_assets.errors import JourneysError
from journeys_assets.settings import Settings

if TYPE_CHECKING:
    from journeys_assets.deployment import Deployment

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True)


class CommandError(JourneysError):
    """What the user asked for cannot be done; the message says why and what to do instead."""


def parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2026-01-31") from error


def day_option(help: str, *names: str) -> Any:
    return typer.Option(*names, parser=parse_day, metavar="YYYY-MM-DD", help=help)


# ── what the commands share ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def known_errors() -> Iterator[None]:
    """Errors that a user can mend end as one line and exit code 2; any other keeps its traceback."""
    try:
        yield
    except JourneysError as error:
        err.print(f"[red]error[/red] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def open_deployment(settings: Settings) -> "Deployment":
    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.deployment import build_deployment

    deployment = build_deployment(settings, progress=reporter(err))
    if settings.warehouse_path.exists():
        deployment.prepare()
    return deployment


def definitions_of(deployment: "Deployment") -> Any:
    from journeys_assets.defs.build import build_definitions

    return build_definitions(deployment)


def last_day_run(deployment: "Deployment") -> date:
    from journeys_assets.storage.queries import days as day_queries

    if not deployment.settings.warehouse_path.exists():
        raise CommandError("nothing was ingested yet; `journeys ingest PATH`, then `journeys run`")
    with deployment.warehouse.reading() as con:
        day = day_queries.last_closed_day(con)
    if day is None:
        raise CommandError("nothing was run yet; `journeys ingest PATH`, then `journeys run`")
    return day


def command_name() -> str:
    """How this command was called, so that what is printed can be pasted."""
    return "journeys" if shutil.which("journeys") else relative(Path(sys.executable).with_name("journeys"))


def relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
