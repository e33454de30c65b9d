"""The command line: ``journeys …``. Each command reads its settings, calls what does the work, and prints."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from journeys_assets.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    import polars as pl

    from journeys_assets.defs.deployment import Deployment
    from journeys_assets.defs.runs import RunSummary
    from journeys_assets.storage.ingest import IngestReport

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    help="""Finds out what users are trying to do, from their logs.

A typical first hour: `journeys demo` to see it work; `journeys ingest PATH` for your own logs; `journeys run`; then
`journeys show USER`. All state lives under `$JOURNEYS_HOME` (default `./.journeys`).""",
)
annotate = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="""Sheets for human judgements of journeys: out, back, and how well annotators agree.

`journeys annotate export sheets/march.html --annotators ann,ben,chi`; each opens one page in a browser and judges with
keys 1-5; `journeys annotate import sheets/*.csv`; then `journeys train`.""",
)
app.add_typer(annotate, name="annotate")
out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True)

DEMO_USERS = 300
DEMO_DAYS = 45


class CommandError(Exception):
    """What the user asked for cannot be done; the message says why and what to do instead."""


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a day; write it as 2026-01-31") from error


def _day_option(help: str, *names: str) -> Any:
    return typer.Option(*names, parser=_day, metavar="YYYY-MM-DD", help=help)


@app.command()
def demo(
    users: Annotated[int, typer.Option(min=1, help="Users of the synthetic world.")] = DEMO_USERS,
    days: Annotated[int, typer.Option(min=1, help="Days of the synthetic world.")] = DEMO_DAYS,
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 7,
) -> None:
    """Make a synthetic world, run every stage over it, and show a few users' journeys."""
    with _errors():
        settings = load_settings()
        world = settings.home / "synthetic"
        first_day = datetime.now(UTC).date() - timedelta(days=days)
        if world.exists():
            out.print(
                f"The world in {_relative(world)} is taken again; for another one, remove {_relative(settings.home)}"
            )
        else:
            _write_world(world, users=users, days=days, seed=seed, first_day=first_day)
        _print_report(_ingest(settings, [world / "landing"], "landing", None))
        house = _deployment(settings)
        summary = _run(house, None, None, full=False)
        _print_summary(summary, settings)
        from journeys_assets.storage import reads

        with house.warehouse.reading() as con:
            examples = reads.users_with_most_journeys(con, summary.last_day, 3)
        for user_id in examples:
            _show(house, user_id, summary.last_day, explain=False, as_json=False)
        another = examples[0] if examples else "USER"
        out.print("[bold]Where to look next[/bold]")
        places = Table.grid(padding=(0, 3))
        places.add_row(f"  {_command()} show {another}", "one user's journeys, with evidence")
        places.add_row("  make ui", "assets, lineage, checks and this run, in the browser")
        places.add_row(
            f"  {_relative(settings.published_path)}", "the output tables: open them with duckdb or any tool"
        )
        places.add_row(f"  {_relative(world / 'truth')}", "what the synthetic users were really up to")
        out.print(places)


@app.command()
def synth(
    folder: Annotated[
        Path, typer.Argument(help="Gets landing/ (what the pipeline reads) and truth/ (what it must not).")
    ],
    users: Annotated[int, typer.Option(min=1)] = DEMO_USERS,
    days: Annotated[int, typer.Option(min=1)] = DEMO_DAYS,
    seed: Annotated[int, typer.Option()] = 7,
    first_day: Annotated[date | None, _day_option("Default: so that the last day is yesterday.")] = None,
) -> None:
    """Write a seeded synthetic world with known truth: landing files, and the truth beside them."""
    with _errors():
        first = first_day or datetime.now(UTC).date() - timedelta(days=days)
        _write_world(folder, users=users, days=days, seed=seed, first_day=first)


@app.command()
def ingest(
    paths: Annotated[
        list[Path], typer.Argument(help="Files or folders; a file's source is its folder's or its own name.")
    ],
    format: Annotated[
        str, typer.Option(help="`landing` (the contract: Parquet, CSV, JSON lines) or `online-retail`.")
    ] = ("landing"),
    source: Annotated[str | None, typer.Option(help="The landing source, where names do not tell it.")] = None,
) -> None:
    """Load log files into the warehouse: all of them, or, if one cannot be read, none.

    Rows that break the contract go to `landing.quarantined_rows` with file, line and reason. Files and events that are
    there already are not taken twice.
    """
    with _errors():
        _print_report(_ingest(load_settings(), paths, format, source))


@app.command()
def run(
    from_: Annotated[date | None, _day_option("First day; default: the day after the last one done.", "--from")] = None,
    to: Annotated[date | None, _day_option("Last day; default: the last day that was ingested.", "--to")] = None,
    full: Annotated[
        bool, typer.Option(help="Recompute every user in the horizon, not only those that changed.")
    ] = False,
) -> None:
    """Materialise days in order, through Dagster: `journeys ui` shows the run.

    Earlier days that were ingested and have no keywords yet are filled in first.
    """
    with _errors():
        settings = load_settings()
        _print_summary(_run(_deployment(settings), from_, to, full=full), settings)


@app.command()
def show(
    user: Annotated[str, typer.Argument(help="A user_id.")],
    as_of: Annotated[date | None, _day_option("Default: the last day that was run.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why each journey ranks where it does.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show a user's journeys: name, kind, stage, confidence, keywords, evidence."""
    with _errors():
        _show(_deployment(load_settings()), user, as_of, explain=explain, as_json=as_json)


@app.command()
def cluster(
    source: Annotated[
        Path,
        typer.Argument(metavar="IN", help="Parquet: user_id, keyword[, weight, first_engaged_at, last_engaged_at]."),
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="Parquet: the same rows with journey_id, area_id, journey_name.")
    ],
) -> None:
    """Cluster keywords of your own, with exactly the production code and parameters: to test it on your labels."""
    with _errors():
        import polars as pl

        from journeys_assets.build import cluster_labelled_keywords

        try:
            rows = pl.read_parquet(source)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise CommandError(f"cannot read {source} as Parquet: {error}") from error
        try:
            clustered = cluster_labelled_keywords(rows, _deployment(load_settings()))
        except ValueError as error:
            raise CommandError(f"{source}: {error}") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        clustered.write_parquet(target)
        n_journeys = clustered.select(pl.struct("user_id", "journey_id").n_unique()).item()
        out.print(f"{clustered.height:,} rows in {n_journeys:,} journeys → {target}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Gets user_journeys.parquet and notification_candidates.parquet.")],
    as_of: Annotated[date | None, _day_option("Default: the last day that was run.")] = None,
) -> None:
    """Write the output of one day as Parquet files."""
    with _errors():
        from journeys_assets.storage import reads

        house = _deployment(load_settings())
        last_day = _last_day(house)
        day = as_of or last_day
        folder.mkdir(parents=True, exist_ok=True)
        for table in ("user_journeys", "notification_candidates"):
            with house.warehouse.reading() as con:
                rows = reads.partition(con, table, day)
            if rows.is_empty() and table == "user_journeys":
                raise CommandError(f"no journeys on {day}; days that were run: `journeys doctor`")
            rows.write_parquet(folder / f"{table}.parquet")
            out.print(f"{rows.height:,} rows → {folder / table}.parquet")


@app.command()
def train(
    as_of: Annotated[date | None, _day_option("Labels up to this day are used; live from the day after.")] = None,
) -> None:
    """Train a ranker, a model of when journeys end and naming weights, and release what is better than what is there.

    The ranker learns from what users went on with, from notification feedback and from annotations; it must order later
    days better than the documented prior, and no worse than the live release. The stage model learns from what became
    of journeys; it must be closer to what happened on later days than the fixed gap. The naming weights learn from
    names that annotators gave or let stand; they must name users that they never saw surely better. Exit code 1 if
    nothing is released: the reasons are shown, and what judged before goes on. A daily run never trains.
    """
    with _errors():
        from journeys_assets.defs.runs import dagster_instance, train_models

        house = _deployment(load_settings())
        last_day = _last_day(house)
        day = as_of or last_day
        with dagster_instance(house) as instance:
            trained = train_models(house, _definitions(house), instance, day)
        for model in trained:
            if model.folder is not None:
                out.print(Markdown((model.folder / "model_card.md").read_text()))
        for model in trained:
            if model.folder is not None:
                out.print(f"Released: {_relative(model.folder)}; live from {day + timedelta(days=1)}")
            else:
                out.print(f"[yellow]not released[/yellow] {model.model}: {model.reason}", highlight=False)
        if not any(model.folder for model in trained):
            raise typer.Exit(1)


@annotate.command("export")
def export_sheet(
    file: Annotated[
        Path, typer.Argument(help="Ends in .html (a page to judge in, best) or .csv (with a guideline beside it).")
    ],
    annotators: Annotated[str, typer.Option(help="Who will judge, separated by commas; one file each.")] = "annotator",
    rows: Annotated[int, typer.Option(min=1, help="Rows of each annotator.")] = 100,
    overlap: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the rows that all judge, to measure agreement.")
    ] = 0.3,
    unnamed: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Share of the journeys that show no name: what would people call them?"),
    ] = 0.5,
    as_of: Annotated[
        list[date] | None, _day_option("May be repeated. Default: the last day that was run and weeks before it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed draws other journeys.")] = 1,
    min_users: Annotated[
        int, typer.Option(min=1, help="Show only keywords and searches that so many users share.")
    ] = 1,
) -> None:
    """Draw journeys to be judged, and write a sheet for each annotator.

    Drawn by confidence, kind and stage, and how active the user is; those judged before are left out. Sheets show a key
    in place of the user, and nothing of what the model thinks.
    """
    with _errors():
        from journeys_assets import display
        from journeys_assets.sheets import export_sheets

        house = _deployment(load_settings())
        made = export_sheets(
            house,
            file,
            last_day=_last_day(house),
            days=as_of or (),
            annotators=annotators.split(","),
            rows_each=rows,
            overlap=overlap,
            unnamed=unnamed,
            seed=seed,
            min_users=min_users,
            now=datetime.now(UTC).replace(tzinfo=None),
        )
        out.print(display.table_of("Sample", made.strata.rows(), "stratum", "journeys", "drawn"))
        out.print(
            f"{made.n_items:,} journeys as of {', '.join(map(str, made.days))}; {made.n_rows:,} rows to be judged, "
            f"{made.n_shared:,} of the journeys by every annotator"
        )
        for path in made.files:
            out.print(f"→ {_relative(path)}")


@annotate.command("import")
def import_sheet(
    files: Annotated[list[Path], typer.Argument(help="Sheets as they came back, as CSV; a later one overrules.")],
) -> None:
    """Take filled sheets back: rows with mistakes are named and set aside, the others become labels.

    The same sheet twice changes nothing; a sheet may come back several times. Exit code 1 if anything was refused.
    """
    with _errors():
        from journeys_assets import display
        from journeys_assets.storage.annotation import import_sheets

        house = _deployment(load_settings())
        _last_day(house)
        now = datetime.now(UTC).replace(tzinfo=None)
        sheets = import_sheets(house.warehouse, files, now=now, staging_dir=house.settings.home / "staging")
        out.print(display.show_sheets(sheets))
        _print_agreement(house)
        if any(sheet.error or sheet.refused.height for sheet in sheets):
            raise typer.Exit(1)


@annotate.command("agreement")
def show_agreement() -> None:
    """Show how well annotators agree, over all judgements that are stored, beside what chance alone would give."""
    with _errors():
        house = _deployment(load_settings())
        _last_day(house)
        _print_agreement(house)


@app.command()
def evaluate(
    only: Annotated[
        list[str] | None, typer.Option(help="Measure this part alone; may be given several times. Default: all.")
    ] = None,
) -> None:
    """Measure how good the journeys are, beside baselines and with intervals, and write one report.

    On a synthetic world with known truth; on the public logs and labelled sets in the folder of the setting
    `public_data`, where they are; and on your own log. The first time it runs the pipeline over those logs.
    """
    with _errors():
        from journeys_assets import display
        from journeys_assets.defs.runs import dagster_instance
        from journeys_assets.defs.runs import evaluate as run_evaluation
        from journeys_assets.evaluation.section import SECTION_NAMES

        unknown = set(only or ()) - set(SECTION_NAMES)
        if unknown:
            raise CommandError(f"no part {', '.join(sorted(unknown))}; there are {', '.join(SECTION_NAMES)}")
        house = _deployment(load_settings())
        with dagster_instance(house) as instance:
            page = run_evaluation(house, _definitions(house), instance, only or SECTION_NAMES)
        summary = json.loads(page.with_name("report.json").read_text())["summary"]
        out.print(display.show_evaluation(row for row in summary if row["is_headline"]))
        out.print(f"Report: {_relative(page)}")


@app.command()
def readout(
    from_: Annotated[date | None, _day_option("First day; default: that of the first logged send.", "--from")] = None,
    to: Annotated[date | None, _day_option("Last day; default: the last day of the log.", "--to")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Read out the notification experiment: rates by arm, effects with intervals over users, and whether to trust them.

    Journey and interest arm are held against each other by opens, clicks and unsubscribes, and against the holdout by
    engagement. Days before the first one explain a part of the engagement, where they were logged.
    """
    with _errors():
        from journeys_assets import display
        from journeys_assets.experiment import read_out_log

        house = _deployment(load_settings())
        if not house.settings.warehouse_path.exists():
            raise CommandError("nothing was ingested yet; `journeys ingest PATH`")
        try:
            found = read_out_log(house, from_, to)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if as_json:
            print(json.dumps(display.readout_record(found), ensure_ascii=False, indent=2))
            return
        for warning in found.readout.warnings:
            err.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
        out.print(display.show_readout(found))


@app.command()
def preview(
    as_of: Annotated[date | None, _day_option("Default: the last day that was run.")] = None,
) -> None:
    """Show what the settings of now would change, before anything is changed: one full inference on a copy.

    The warehouse stays as it is. The journeys of both versions are kept for `journeys compare`.
    """
    with _errors():
        from journeys_assets import display, versions
        from journeys_assets.domain.comparison import compare_versions

        house = _deployment(load_settings())
        last_day = _last_day(house)
        made = versions.preview(house, as_of or last_day)
        for warning in made.summary.warnings:
            out.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
        out.print(f"Version {made.new.version} as of {made.new.day} → {_relative(versions.versions_path(house))}")
        if made.incumbent is None:
            out.print(f"user_journeys has no journeys on {made.new.day}, so there is nothing to compare it with")
            return
        sides = [(side.version, side.day) for side in (made.incumbent, made.new)]
        found = compare_versions(made.incumbent_rows, made.new_rows, house.algorithm.evolution)
        if made.incumbent.version == made.new.version:
            out.print("The settings of now are those of user_journeys: the same version, once more in full\n")
        out.print(display.show_comparison(sides[0], sides[1], found))


@app.command()
def compare(
    one: Annotated[str, typer.Argument(help="An algorithm_version: of user_journeys, or of a preview.")],
    other: Annotated[str, typer.Argument(help="The one to be held against it.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Compare the journeys of two algorithm versions: counts, agreement, examples of each difference."""
    with _errors():
        from journeys_assets import display, versions
        from journeys_assets.domain.comparison import compare_versions

        house = _deployment(load_settings())
        first, second = versions.find_pair(house, one, other)
        rows = [versions.rows_of(house, side) for side in (first, second)]
        found = compare_versions(rows[0], rows[1], house.algorithm.evolution)
        sides = [(side.version, side.day) for side in (first, second)]
        if as_json:
            print(json.dumps(display.comparison_record(sides[0], sides[1], found), ensure_ascii=False, indent=2))
        else:
            out.print(display.show_comparison(sides[0], sides[1], found))


@app.command("versions")
def list_versions() -> None:
    """List the algorithm versions whose journeys are kept, with their days."""
    with _errors():
        from journeys_assets import display, versions

        house = _deployment(load_settings())
        now = house.version_of("staging")
        rows = [
            (version, days, "the settings of now" if version == now else "")
            for version, days in versions.days_by_version(versions.known_versions(house)).items()
        ]
        out.print(display.table_of("Versions", rows, "version", "journeys of", ""))


@app.command()
def doctor() -> None:
    """Check settings, files and what was ingested against what was computed; exit code 1 if something is wrong."""
    with _errors():
        from journeys_assets.doctor import examine

        findings = examine(_deployment(load_settings()))
        for finding in findings:
            mark = "[green]ok[/green]  " if finding.ok else "[red]bad[/red] "
            out.print(f"{mark} {finding.subject}: {finding.text}", highlight=False)
        if not all(finding.ok for finding in findings):
            raise typer.Exit(1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open the Dagster UI (webserver and daemon) on this deployment.

    While it runs, log files that are put into `$JOURNEYS_HOME/landing` are loaded without being asked for.
    """
    with _errors():
        from journeys_assets.defs.runs import prepare_dagster_home

        settings = load_settings()
        prepare_dagster_home(settings.dagster_home)
        settings.landing_path.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"DAGSTER_HOME": str(settings.dagster_home), "JOURNEYS_HOME": str(settings.home)}
        dagster = str(Path(sys.executable).with_name("dagster"))
        command = [dagster, "dev", "-m", "journeys_assets.definitions", "-h", "127.0.0.1", "-p", str(port)]
        os.execve(dagster, command, environment)


# ── what the commands share ─────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _errors() -> Iterator[None]:
    """Known errors end as one line and exit code 2; unknown ones keep their traceback."""
    from journeys_assets.defs.runs import RunError
    from journeys_assets.models.embedder import EmbedderError
    from journeys_assets.models.ranker_release import RankerError
    from journeys_assets.sheets import SheetError
    from journeys_assets.storage.ingest import IngestError
    from journeys_assets.storage.warehouse import WarehouseError
    from journeys_assets.versions import VersionsError

    try:
        yield
    except (
        CommandError,
        SettingsError,
        IngestError,
        RunError,
        WarehouseError,
        EmbedderError,
        RankerError,
        SheetError,
        VersionsError,
    ) as error:
        err.print(f"[red]error[/red] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error


def _deployment(settings: Settings) -> "Deployment":
    from journeys_assets.build import build_deployment
    from journeys_assets.display import reporter

    house = build_deployment(settings, progress=reporter(err))
    if settings.warehouse_path.exists():
        house.prepare()
    return house


def _definitions(house: "Deployment") -> Any:
    from journeys_assets.build import build_definitions

    return build_definitions(house)


def _run(house: "Deployment", first: date | None, last: date | None, *, full: bool) -> "RunSummary":
    from journeys_assets.defs.runs import dagster_instance, days_to_run, run_days

    first, last = days_to_run(house, first, last)
    out.print(f"Running {first} … {last} ({'full' if full else 'incremental'} inference)")
    with dagster_instance(house) as instance:
        return run_days(house, _definitions(house), instance, first, last, full=full)


def _ingest(settings: Settings, paths: list[Path], format: str, source: str | None) -> "IngestReport":
    from journeys_assets.display import reporter
    from journeys_assets.storage.ingest import ingest as ingest_files
    from journeys_assets.storage.warehouse import Warehouse

    report = ingest_files(
        Warehouse(settings.warehouse_path),
        paths,
        format=format,
        now=datetime.now(UTC).replace(tzinfo=None),
        staging_dir=settings.home / "staging",
        source=source,
        progress=partial(reporter(err), "ingest"),
    )
    if report.first_day is not None:
        settings.note_first_day(report.first_day)
    return report


def _write_world(folder: Path, *, users: int, days: int, seed: int, first_day: date) -> None:
    from journeys_assets.synthetic import WorldParams, generate_world, write_world

    world = generate_world(WorldParams(seed=seed, n_users=users, n_days=days, first_day=first_day))
    write_world(world, folder)
    out.print(f"A synthetic world of {users} users and {days} days from {first_day} → {_relative(folder)}")


def _last_day(house: "Deployment") -> date:
    from journeys_assets.storage import reads

    if not house.settings.warehouse_path.exists():
        raise CommandError("nothing was ingested yet; `journeys ingest PATH`, then `journeys run`")
    with house.warehouse.reading() as con:
        day = reads.last_closed_day(con)
    if day is None:
        raise CommandError("nothing was run yet; `journeys ingest PATH`, then `journeys run`")
    return day


def _show(house: "Deployment", user: str, as_of: date | None, *, explain: bool, as_json: bool) -> None:
    from journeys_assets import display
    from journeys_assets.storage import reads

    last_day = _last_day(house)
    day = as_of or last_day
    with house.warehouse.reading() as con:
        journeys = reads.journeys_of_user(con, user, day)
        evidence = reads.evidence_of_user(con, user, day, display.WEEKS_SHOWN * 7)
        known = reads.user_is_known(con, user)
        features = reads.features_of_user(con, user, day)
    if not known:
        raise CommandError(f"user {user!r} is in no log that was ingested")
    records = display.journey_records(journeys, evidence, day)
    if explain:
        display.add_explanations(records, _explained(house, journeys, features))
    if as_json:
        print(json.dumps({"user_id": user, "as_of": str(day), "journeys": records}, ensure_ascii=False, indent=2))
    else:
        out.print(display.show_user(user, day, records))


def _explained(house: "Deployment", journeys: "pl.DataFrame", features: "pl.DataFrame") -> "pl.DataFrame":
    """What each part of the evidence adds to each score, by the release that made it."""
    import polars as pl

    from journeys_assets.domain.ranking import PRIOR
    from journeys_assets.models.ranker_explanation import PARTS_SCHEMA, explain
    from journeys_assets.models.ranker_release import load

    parts = [PARTS_SCHEMA.to_frame()]
    for version in journeys["scored_by"].unique(maintain_order=True):
        release = None if version == PRIOR else load(house.releases_path / version)
        scored = features.join(journeys.filter(pl.col("scored_by") == version), on="journey_id", how="semi")
        parts.append(explain(scored, release, house.algorithm.ranking))
    return pl.concat(parts)


def _print_agreement(house: "Deployment") -> None:
    from journeys_assets import display
    from journeys_assets.domain.annotator_agreement import annotator_agreement
    from journeys_assets.storage import annotation

    with house.warehouse.reading() as con:
        judgements = annotation.stored_judgements(con)
        n_untrainable = annotation.n_untrainable(con)
    out.print(display.show_agreement(annotator_agreement(judgements)))
    if n_untrainable:
        out.print(
            f"{n_untrainable:,} judgements are of days whose features are no longer kept: they train no ranker. "
            "Import sheets sooner, or raise `output_retention_days`"
        )


def _print_report(report: "IngestReport") -> None:
    from journeys_assets import display

    out.print(display.show_ingest(report))


def _print_summary(summary: "RunSummary", settings: Settings) -> None:
    from journeys_assets import display

    rows = [(table, summary.rows[table], summary.total_rows[table]) for table in summary.rows]
    out.print(display.table_of("Rows", rows, "table", f"on {summary.last_day}", "all days"))
    out.print(
        f"{(summary.last_day - summary.first_day).days + 1} days in {summary.seconds:.1f} s, "
        f"peak memory {summary.peak_memory_mib:,.0f} MiB, run {summary.run_id}"
    )
    for warning in summary.warnings:
        out.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
    out.print(f"Published: {_relative(settings.published_path)}\n")


def _command() -> str:
    """How this command was called, so that what is printed can be pasted."""
    return "journeys" if shutil.which("journeys") else _relative(Path(sys.executable).with_name("journeys"))


def _relative(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
