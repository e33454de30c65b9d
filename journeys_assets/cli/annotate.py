"""`journeys annotate …`: sheets for human judgements."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeys_assets.cli.context import AsJson, Session, day_option, day_run, last_day_run, open_session, out, relative

if TYPE_CHECKING:
    from journeys_assets.domain.annotation.agreement import AnnotatorAgreement


def export_sheet(
    file: Annotated[
        Path,
        typer.Argument(
            help="Path of the sheets: .html for a page to judge in (recommended), or .csv with a guideline beside it."
        ),
    ],
    annotators: Annotated[
        str, typer.Option(help="Names of the annotators, separated by commas. Each gets a file.")
    ] = "annotator",
    rows: Annotated[int, typer.Option(min=1, help="Rows for each annotator.")] = 100,
    overlap: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the rows that every annotator gets, to measure agreement.")
    ] = 0.3,
    unnamed: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of the journeys shown without a name, to ask what people call them."
        ),
    ] = 0.5,
    as_of: Annotated[
        list[date] | None, day_option("May be repeated. Default: the last day that was run and some weeks before it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 1,
    min_users: Annotated[
        int, typer.Option(min=1, help="Show only keywords and searches of at least this many users.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Draw a sample of journeys, and write a sheet for each annotator.

    The sample is stratified by confidence, kind and stage, and by how active the user is. It leaves out journeys that
    were judged before. A sheet shows a key in place of the user, and none of the model's decisions.
    """
    from journeys_assets.cli.render import tables
    from journeys_assets.operations.annotation_sheets import export_sheets
    from journeys_assets.operations.sheet_pages import SALT_FILE
    from journeys_assets.storage.outside import note_outside

    session = open_session()
    last_day = last_day_run(session)
    made = export_sheets(
        session.warehouse,
        session.params.annotation,
        session.params.actions,
        session.settings.home / SALT_FILE,
        file,
        last_day=last_day,
        days=[day_run(session, day) for day in as_of or ()],
        annotators=annotators.split(","),
        rows_each=rows,
        overlap=overlap,
        unnamed=unnamed,
        seed=seed,
        min_users=min_users,
        now=datetime.now(UTC).replace(tzinfo=None),
    )
    note_outside(session.settings.home, *made.files)
    if as_json:
        counts = {"n_rows": made.n_rows, "n_items": made.n_items, "n_shared": made.n_shared}
        out.json({"files": made.files, "days": made.days, **counts, "strata": made.strata.to_dicts()})
        return
    out.print(tables.table_of("Sample", made.strata.rows(), "stratum", "journeys", "drawn"))
    out.write_line(
        f"{made.n_items:,} journeys as of {', '.join(map(str, made.days))}: {made.n_rows:,} rows in all, "
        f"{made.n_shared:,} journeys on every annotator's sheet"
    )
    for path in made.files:
        out.write_line(f"→ {relative(path)}")


def import_sheet(
    files: Annotated[
        list[Path], typer.Argument(help="Filled sheets, as CSV. A later judgement replaces an earlier one.")
    ],
    as_json: AsJson = False,
) -> None:
    """Import filled sheets. Rows with mistakes are listed and quarantined; the others become labels.

    Importing the same sheet twice changes nothing. A sheet may be imported several times while it is being filled. The
    exit code is 1 if a row or file was refused.
    """
    from journeys_assets.cli.render import annotation as render_annotation
    from journeys_assets.operations.annotation_import import import_sheets

    session = open_session()
    last_day_run(session)
    now = datetime.now(UTC).replace(tzinfo=None)
    sheets = import_sheets(session.warehouse, files, now=now, scratch_dir=session.settings.home / "scratch")
    agreement, n_untrainable = _agreement(session)
    if as_json:
        found = render_annotation.agreement_record(agreement, n_untrainable)
        out.json({"sheets": render_annotation.sheet_records(sheets), "agreement": found})
    else:
        out.print(render_annotation.show_sheets(sheets))
        out.print(render_annotation.show_agreement(agreement, n_untrainable))
    if any(sheet.error or sheet.refused.height for sheet in sheets):
        raise typer.Exit(1)


def show_agreement(as_json: AsJson = False) -> None:
    """Show how well annotators agree over all stored judgements, and how well they would agree by chance."""
    from journeys_assets.cli.render import annotation as render_annotation

    session = open_session()
    last_day_run(session)
    agreement, n_untrainable = _agreement(session)
    if as_json:
        out.json(render_annotation.agreement_record(agreement, n_untrainable))
    else:
        out.print(render_annotation.show_agreement(agreement, n_untrainable))


def _agreement(session: Session) -> tuple["AnnotatorAgreement", int]:
    """The agreement over all stored judgements, and how many of them no ranker can learn from."""
    from journeys_assets.domain.annotation.agreement import annotator_agreement
    from journeys_assets.storage.queries import annotation as annotation_queries

    with session.warehouse.reading() as con:
        judgements = annotation_queries.stored_judgements(con)
        n_untrainable = annotation_queries.n_untrainable(con)
    return annotator_agreement(judgements), n_untrainable
