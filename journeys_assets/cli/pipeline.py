"""`journeys demo`, `journeys synth`, `journeys ingest` and `journeys run`."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from journeys_assets.domain.landing.log_options import FormatOptions
from journeys_assets.settings import LONGEST_DAYS, Settings, load_settings
from journeys_assets.storage.ingest.errors import IngestError

if TYPE_CHECKING:
    from journeys_assets.importers.base import Importer
    from journeys_assets.pipeline.run import RunSummary
    from journeys_assets.storage.ingest.report import IngestReport
    from journeys_assets.storage.locations.copies import Logs
    from journeys_assets.synthetic.languages import WorldLanguage

from journeys_assets.cli.context import (
    AsJson,
    Session,
    command_name,
    day_option,
    err,
    open_session,
    out,
    relative,
    today,
)
from journeys_assets.cli.errors import CommandError, is_debugging
from journeys_assets.cli.journeys import show_journeys
from journeys_assets.cli.related import expand_journeys, print_expansion

LANDING, AUTO, GENERIC = "landing", "auto", "generic"
"""What ``--format`` takes beside the names of log formats."""
DEMO_USERS = 300
DEMO_DAYS = 45


def demo(
    users: Annotated[int, typer.Option(min=1, help="Number of users in the synthetic world.")] = DEMO_USERS,
    days: Annotated[
        int, typer.Option(min=2, max=LONGEST_DAYS, help="Number of days in the synthetic world.")
    ] = DEMO_DAYS,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic world.")] = 7,
) -> None:
    """Generate a synthetic world, run every stage over it, and show the journeys of a few users."""
    from journeys_assets.storage.locations.copies import Logs

    settings = load_settings()
    world = settings.home / "synthetic"
    first_day = today() - timedelta(days=days)
    if world.exists():
        out.write_line(
            f"Using the world in {relative(world)} again; to generate another one, delete {relative(settings.home)}"
        )
    else:
        write_synthetic_world(world, users=users, days=days, seed=seed, first_day=first_day)
    print_ingest_report(ingest_paths(settings, Logs((world / "landing",)), "landing", None), settings)
    session = open_session()
    summary = run_through_dagster(session, None, None, full=False)
    print_run_summary(summary, settings)
    # An expansion is live from the day after, so the last day is run again with one as of the day before.
    print_expansion(expand_journeys(session, summary.last_day - timedelta(days=1)))
    run_through_dagster(session, summary.last_day, summary.last_day, full=False)
    examples = example_users(settings, summary.last_day, 3)
    for user_id in examples:
        show_journeys(session, user_id, summary.last_day, explain=False, as_json=False)
    another = examples[0] if examples else "USER"
    out.write_line(("Where to look next", "bold"))
    places = Table.grid(padding=(0, 3))
    places.add_row(f"  {command_name()} show {another}", "one user's journeys, with evidence")
    places.add_row(f"  {command_name()} related --user {another}", "what the user may start next")
    places.add_row(f"  {command_name()} ui", "assets, lineage, checks and this run in the browser")
    places.add_row(f"  {relative(settings.published_path)}", "the output tables, for DuckDB or any tool that reads it")
    places.add_row(f"  {relative(world / 'truth')}", "the true journeys of the synthetic users")
    out.print(places)


def synth(
    folder: Annotated[
        Path, typer.Argument(help="Folder to write landing/ (the pipeline's input) and truth/ (not for it) to.")
    ],
    users: Annotated[int, typer.Option(min=1)] = DEMO_USERS,
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS)] = DEMO_DAYS,
    seed: Annotated[int, typer.Option()] = 7,
    first_day: Annotated[date | None, day_option("Default: such that the last day is yesterday.")] = None,
    language: Annotated[
        str, typer.Option(help="`en`, `written-en` (harder phrases), `de`, `ja` or `mixed` (German and English).")
    ] = "en",
    log_format: Annotated[
        str | None,
        typer.Option(help="Write the searches and actions as a log of this format into logs/, such as `ga4` or `ubi`."),
    ] = None,
) -> None:
    """Write a seeded synthetic world: landing files, and the known truth beside them.

    With --log-format, landing/ has only what a log of that format does not hold, such as the users' consent.
    """
    first = first_day or today() - timedelta(days=days)
    write_synthetic_world(
        folder, users=users, days=days, seed=seed, first_day=first, language=language, log_format=log_format
    )


def ingest(
    locations: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|URL…",
            help="Files, folders, s3://, gs:// and https:// URLs, a DuckDB file, or a postgresql:// URL. The name of a "
            "file, table or folder gives its source.",
        ),
    ],
    format: Annotated[
        str | None,
        typer.Option(
            help="`landing` (the contract, the default), `auto` (recognised from the content), `generic` (with "
            "--mapping), or the name of a log format, such as `ubi` or `ga4`."
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping.toml that says how the records of the log become landing rows.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="Landing source of all files, where their names do not give it.")
    ] = None,
    query: Annotated[
        str | None, typer.Option(help="Read the rows of this SQL query from the database that is given.")
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option(help="Read this table or view of the database; may be given several times.")
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show what would be read as what, and load nothing.")
    ] = False,
    write_mapping: Annotated[
        Path | None, typer.Option(help="Draft a mapping from the data into this file, and load nothing.")
    ] = None,
    then_run: Annotated[bool, typer.Option("--run", help="Then compute what is new, as `journeys run` does.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load log files into the warehouse: all of them, or none if one of them cannot be read.

    Rows that break the contract go to `landing.quarantined_rows` with file, line and reason. Files and events that were
    loaded before are not loaded again. If every row of a file was refused, or no record of a log became a row, the exit
    code is 1, and nothing is run.
    """
    if then_run and (explain or write_mapping is not None or as_json):
        raise CommandError(
            "--run goes with none of --explain, --write-mapping and --json; call `journeys run` afterwards"
        )
    settings = load_settings()
    is_landing = mapping is None and format in (None, LANDING, AUTO)
    with copied_logs(
        settings, locations, source=source, query=query, tables=table or (), leave_out_known=is_landing and not explain
    ) as logs:
        if write_mapping is not None:
            draft_mapping_file(logs, locations, write_mapping)
            if format is None and mapping is None:
                return
        if explain:
            print_explanation(settings, logs, format, mapping, as_json=as_json)
        if explain or write_mapping is not None:
            return
        chosen, why = chosen_importer(settings, logs, format, mapping)
        if format == AUTO:
            err.write_line(why)
        try:
            report = ingest_paths(settings, logs, chosen, source)
        except IngestError as error:
            if format is None and mapping is None and (hint := other_format(logs)):
                raise CommandError(f"{logs.named(str(error))}. {hint}") from error
            raise
        hint = other_format(logs) if report.has_no_use and format not in (None, AUTO) else None
    print_ingest_report(report, settings, as_json=as_json)
    if report.has_no_use:
        err.write_line(
            f"warning no record became a row, as the types of events say. {hint or 'Check the format with --explain'}"
        )
        raise typer.Exit(1)
    if report.all_refused():
        raise typer.Exit(1)
    if then_run:
        run()


@contextmanager
def copied_logs(
    settings: Settings,
    locations: Sequence[str],
    *,
    source: str | None = None,
    query: str | None = None,
    tables: Sequence[str] = (),
    leave_out_known: bool,
) -> "Iterator[Logs]":
    """The logs at the locations as files of this machine; see :func:`local_copies`.

    Args:
        leave_out_known: Whether objects whose content was loaded before are left out.
    """
    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.deployment import open_warehouse
    from journeys_assets.storage.locations.copies import local_copies
    from journeys_assets.storage.locations.known import known_objects

    with local_copies(
        locations,
        settings.home / "scratch",
        query=query,
        tables=tables,
        known=lambda: known_objects(open_warehouse(settings), source) if leave_out_known else {},
        progress=partial(reporter(err), "copy"),
    ) as logs:
        yield logs


def run(
    from_: Annotated[
        date | None, day_option("First day. Default: the day after the last day that was run.", "--from")
    ] = None,
    to: Annotated[date | None, day_option("Last day. Default: the last day that was ingested.", "--to")] = None,
    full: Annotated[
        bool, typer.Option(help="Recompute every user in the horizon, not only users that changed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the pipeline on a range of days, in order, through Dagster. `journeys ui` shows the run.

    Earlier days that were ingested and have no keywords yet are computed first.
    """
    from journeys_assets.pipeline.run import NothingToRunYet

    session = open_session()
    try:
        summary = run_through_dagster(session, from_, to, full=full, as_json=as_json)
    except NothingToRunYet as reason:
        if as_json:
            out.json({"nothing_to_run": str(reason)})
        else:
            out.write_line(str(reason))
        return
    print_run_summary(summary, session.settings, as_json=as_json)


def run_through_dagster(
    session: Session, first: date | None, last: date | None, *, full: bool, as_json: bool = False
) -> "RunSummary":
    from journeys_assets.defs.build import build_definitions
    from journeys_assets.defs.in_process import dagster_instance, run_days
    from journeys_assets.pipeline.run import days_to_run

    pipeline, settings = session.pipeline, session.settings
    days = days_to_run(pipeline, first, last, today=today())
    said = err if as_json else out
    for note in days.notes:
        said.write_line(note)
    said.write_line(f"Running {days.first} … {days.last} ({days.size}, {'full' if full else 'incremental'} inference)")
    settings.note_first_day(days.first)
    with dagster_instance(settings.dagster_home) as instance:
        definitions = build_definitions(session.deployment)
        return run_days(pipeline, definitions, instance, days.first, days.last, full=full, verbose=is_debugging())


def chosen_importer(
    settings: Settings, logs: "Logs", format: str | None, mapping: Path | None
) -> "tuple[str | Importer, str]":
    """The format or importer for the files, and why it is that one.

    Raises:
        CommandError: options contradict each other, or the mapping cannot be read.
        IngestError: the format is unknown, or cannot be recognised.
    """
    from journeys_assets.storage.ingest.recognition import chosen_format, importer_by_mapping, recognise_format

    if mapping is not None:
        if format not in (None, GENERIC):
            raise CommandError(f"--mapping goes with --format {GENERIC} only, not with {format}; leave one of them out")
        return importer_by_mapping(mapping, settings.algorithm.actions, settings.formats), f"the mapping is {mapping}"
    if format == GENERIC:
        raise CommandError(
            f"--format {GENERIC} needs --mapping FILE; `journeys ingest PATH --write-mapping mapping.toml` drafts one"
        )
    if format == AUTO and logs.paths:
        recognised = recognise_format(logs.paths, logs.name_of)
        return recognised.name, recognised.why
    # Where nothing is left to read, all of it was loaded as landing files.
    name = LANDING if format in (None, AUTO) else format
    chosen_format(name)
    return name, f"the format is {name}, as --format says"


def other_format(logs: "Logs") -> str | None:
    """The way to read files that are no landing files; None if they are of no other format either."""
    from journeys_assets.storage.ingest.recognition import recognise_format

    try:
        recognised = recognise_format(logs.paths, logs.name_of)
    except IngestError:
        return None  # The error of the landing contract says what is wrong.
    return None if recognised.name == LANDING else f"But {recognised.why}: add --format {recognised.name}"


def print_explanation(
    settings: Settings, logs: "Logs", format: str | None, mapping: Path | None, *, as_json: bool
) -> None:
    from journeys_assets.cli.render.explain import explanation_record, show_explanation
    from journeys_assets.operations.explain_log import explain_log
    from journeys_assets.storage.ingest.recognition import chosen_format

    chosen, why = chosen_importer(settings, logs, format or (None if mapping else AUTO), mapping)
    if isinstance(chosen, str):
        known = chosen_format(chosen)
        if known is None:
            raise CommandError(
                f"{why}: its columns are read as they are, so there is nothing to explain; leave --explain out"
            )
        chosen = known.importer(settings.formats.get(chosen, FormatOptions()), settings.algorithm.actions)
    now = datetime.now(UTC).replace(tzinfo=None)
    explanation = explain_log(logs.paths, chosen, actions=settings.algorithm.actions, now=now, name_of=logs.name_of)
    if as_json:
        out.json(explanation_record(explanation, chosen.name, why))
    else:
        is_chosen = format not in (None, AUTO) or mapping is not None
        load = "leave --explain out" if is_chosen else f"write --format {chosen.name} in place of --explain"
        out.print(show_explanation(explanation, why, load), soft_wrap=True)


def draft_mapping_file(logs: "Logs", locations: Sequence[str], file: Path) -> None:
    """Write a draft of a mapping. A file that exists is never replaced, because it may have been edited.

    Raises:
        CommandError: the file exists.
    """
    from journeys_assets.operations.explain_log import drafted_mapping
    from journeys_assets.storage.locations.address import location_of

    if file.exists():
        raise CommandError(f"{file} exists already; name another file for --write-mapping, or remove it")
    file.write_text(drafted_mapping(logs.paths), encoding="utf-8")
    shown = [location_of(text).name for text in locations]
    out.write_line(
        f"Drafted {file}. Edit it, then: {command_name()} ingest {' '.join(map(shlex.quote, shown))} --mapping "
        f"{shlex.quote(str(file))} --explain"
    )


def ingest_paths(settings: Settings, logs: "Logs", format: "str | Importer", source: str | None) -> "IngestReport":
    from journeys_assets.cli.render.progress import reporter
    from journeys_assets.deployment import note_first_day, open_warehouse
    from journeys_assets.storage.ingest.call import ingest as ingest_files
    from journeys_assets.storage.locations.known import record_copied

    warehouse, now = open_warehouse(settings), datetime.now(UTC).replace(tzinfo=None)
    report = ingest_files(
        warehouse,
        logs.paths,
        format=format,
        now=now,
        actions=settings.algorithm.actions,
        scratch_dir=settings.home / "scratch",
        source=source,
        progress=partial(reporter(err), "ingest"),
        users_are_snapshots=settings.users_are_snapshots,
        list_separator=settings.list_separator,
        options=settings.formats,
        name_of=logs.name_of,
        n_known=logs.n_known,
    )
    record_copied(warehouse, logs, report, now)
    note_first_day(settings, warehouse)
    return logs.renamed(report)


def write_synthetic_world(
    folder: Path,
    *,
    users: int,
    days: int,
    seed: int,
    first_day: date,
    language: str = "en",
    log_format: str | None = None,
) -> None:
    from journeys_assets.synthetic.exports.write import LANDING_BESIDE, write_export
    from journeys_assets.synthetic.params import WorldParams
    from journeys_assets.synthetic.world import generate_world, write_world

    try:
        params = WorldParams(
            seed=seed, n_users=users, n_days=days, first_day=first_day, language=cast("WorldLanguage", language)
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if log_format is not None and log_format not in LANDING_BESIDE:
        raise typer.BadParameter(f"--log-format {log_format!r} is not one of {', '.join(LANDING_BESIDE)}")
    world = generate_world(params)
    if log_format is None:
        write_world(world, folder)
    else:
        write_export(world, log_format, folder)
    out.write_line(f"A synthetic world of {users} users and {days} days from {first_day} → {relative(folder)}")


def print_ingest_report(report: "IngestReport", settings: Settings, *, as_json: bool = False) -> None:
    from journeys_assets.cli.render import ingest as render_ingest
    from journeys_assets.deployment import open_warehouse
    from journeys_assets.operations.log_health import health_of_call

    with open_warehouse(settings).reading() as con:
        about = health_of_call(con, settings.algorithm, report.ingest_seq, today=today())
    if as_json:
        out.json(render_ingest.ingest_record(report, about))
    else:
        out.print(render_ingest.show_ingest(report, about), soft_wrap=True)


def print_run_summary(summary: "RunSummary", settings: Settings, *, as_json: bool = False) -> None:
    from journeys_assets.cli.render import tables

    if as_json:
        out.json({**asdict(summary), "published": settings.published_path})
        return
    rows = [(table, summary.rows[table], summary.total_rows[table]) for table in summary.rows]
    out.print(tables.table_of("Rows", rows, "table", f"on {summary.last_day}", "all days"))
    n_days = (summary.last_day - summary.first_day).days + 1
    out.write_line(
        f"{n_days} {'day' if n_days == 1 else 'days'} in {summary.seconds:.1f} s, "
        f"peak memory {summary.peak_memory_mib:,.0f} MiB, run {summary.run_id}"
    )
    for warning in summary.warnings:
        out.write_line(("warning", "yellow"), f" {warning}")
    out.write_line(f"Published: {relative(settings.published_path)}")
    for user_id in example_users(settings, summary.last_day, 1):
        out.write_line(f"To look at one user: {command_name()} show {shlex.quote(user_id)}")
    out.write_line()


def example_users(settings: Settings, day: date, n: int) -> list[str]:
    """Up to ``n`` users whose journeys of the day are good examples."""
    from journeys_assets.deployment import open_warehouse
    from journeys_assets.storage.queries.users import users_with_most_journeys

    with open_warehouse(settings).reading() as con:
        return users_with_most_journeys(con, day, n)
