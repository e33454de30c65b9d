"""What the commands share: consoles, options, and the deployment that the settings describe."""

import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from journeys_assets.cli.errors import CommandError
from journeys_assets.cli.render.screen import Screen, line
from journeys_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from journeys_assets.deployment import Deployment
    from journeys_assets.domain.parameters import AlgorithmParams
    from journeys_assets.pipeline.pipeline import Pipeline
    from journeys_assets.storage.warehouse.duckdb_file import Warehouse

out = Screen()
err = Screen(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else on standard output.")]


def parse_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2026-01-31") from error


def day_option(help: str, *names: str) -> Any:
    return typer.Option(*names, parser=parse_day, metavar="YYYY-MM-DD", help=help)


@dataclass(frozen=True)
class Session:
    """The deployment that the settings describe, and its pipeline."""

    deployment: "Deployment"
    pipeline: "Pipeline"

    @property
    def settings(self) -> Settings:
        return self.deployment.settings

    @property
    def warehouse(self) -> "Warehouse":
        return self.deployment.warehouse

    @property
    def params(self) -> "AlgorithmParams":
        return self.deployment.algorithm


def open_session() -> Session:
    """The session of this command; tables that a warehouse lacks are made."""
    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.deployment import build_deployment
    from journeys_assets.pipeline.pipeline import build_pipeline

    deployment = build_deployment(load_settings(), progress=reporter(err))
    session = Session(deployment, build_pipeline(deployment))
    if session.settings.warehouse_path.exists():
        session.pipeline.prepare()
    return session


def last_day_run(session: Session) -> date:
    """The latest day whose every stage was run.

    Raises:
        CommandError: there is none.
    """
    from journeys_assets.storage.queries import days as day_queries

    if not session.settings.warehouse_path.exists():
        raise CommandError("nothing has been ingested yet; call `journeys ingest PATH`, then `journeys run`")
    with session.warehouse.reading() as con:
        day = day_queries.last_closed_day(con)
    if day is None:
        raise CommandError("nothing has been run yet; call `journeys ingest PATH`, then `journeys run`")
    return day


def day_run(session: Session, as_of: date | None) -> date:
    """The day that a command is asked about: ``as_of``, or the last one that was run.

    Raises:
        CommandError: nothing was run, ``as_of`` was not, or its journeys are no longer kept. Names the days there are.
    """
    from journeys_assets.storage.queries import days as day_queries

    last = last_day_run(session)
    if as_of is None:
        return last
    keep_days = session.settings.output_retention_days
    with session.warehouse.reading() as con:
        kept = day_queries.days_kept(con, keep_days=keep_days)
        was_run = day_queries.was_run(con, as_of)
    if as_of not in kept:
        why = f"is no longer kept (output_retention_days = {keep_days})" if was_run else "was never run"
        raise CommandError(f"{as_of} {why}; the days that can be shown are {day_queries.as_ranges(kept)}")
    return as_of


def day_learnt_up_to(session: Session, as_of: date | None) -> date:
    """The last day that a command learns from: ``as_of``, or the last one that was run.

    Raises:
        CommandError: nothing was run.
        NeverRun: ``as_of`` was not run.
    """
    from journeys_assets.operations.asked_days import asked_day

    last = last_day_run(session)
    return asked_day(session.warehouse, as_of) or last


def confirm(question: str) -> None:
    """Ask on standard error, and go on only after a yes.

    Raises:
        CommandError: the answer is no, or nobody can answer.
    """
    err.print(line(question, " [y/N]: "), end="", soft_wrap=True)
    try:
        answer = sys.stdin.readline()
    except (AttributeError, OSError, ValueError):  # Standard input is closed.
        answer = ""
    if not answer.endswith("\n"):
        err.write_line()
    if answer.strip().lower() not in ("y", "yes"):
        raise CommandError("nothing was deleted, because nobody said yes; add --yes where nobody can answer")


def today() -> date:
    """The UTC day: the last one that may have a partition."""
    return datetime.now(UTC).date()


def command_name() -> str:
    """The command as the user can call it, so that printed commands can be pasted."""
    return "journeys" if shutil.which("journeys") else relative(Path(sys.executable).with_name("journeys"))


def relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
