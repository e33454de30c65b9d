"""`journeys annotate …`: sheets for human judgements."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer

from journeys_assets.cli.context import Session, day_option, known_errors, last_day_run, open_session, out, relative


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
) -> None:
    """Draw a sample of journeys, and write a sheet for each annotator.

    The sample is stratified by confidence, kind and stage, and by how active the user is. It leaves out journeys that
    were judged before. A sheet shows a key in place of the user, and none of the model's decisions.
    """
    with known_errors():
        from journeys_assets.cli.render import tables
        from journeys_assets.operations.annotation_sheets import export_sheets

        session = open_session()
        made = export_sheets(
            session.warehouse,
            session.params.annotation,
            session.params.actions,
            session.settings.home / "annotation_salt",
            file,
            last_day=last_day_run(session),
            days=as_of or (),
            annotators=annotators.split(","),
            rows_each=rows,
            overlap=overlap,
            unnamed=unnamed,
            seed=seed,
            min_users=min_users,
            now=datetime.now(UTC).replace(tzinfo=None),
        )
        out.print(tables.table_of("Sample", made.strata.rows(), "stratum", "journeys", "drawn"))
        out.print(
            f"{made.n_items:,} journeys as of {', '.join(map(str, made.days))}: {made.n_rows:,} rows in all, "
            f"{made.n_shared:,} journeys on every annotator's sheet"
        )
        for path in made.files:
            out.print(f"→ {relative(path)}")


def import_sheet(
    files: Annotated[
        list[Path], typer.Argument(help="Filled sheets, as CSV. A later judgement replaces an earlier one.")
    ],
) -> None:
    """Import filled sheets. Rows with mistakes are listed and quarantined; the others become labels.

    Importing the same sheet twice changes nothing. A sheet may be imported several times while it is being filled. The
    exit code is 1 if a row or file was refused.
    """
    with known_errors():
        from journeys_assets.cli.render import annotation as render_annotation
        from journeys_assets.operations.annotation_import import import_sheets

        session = open_session()
        last_day_run(session)
        now = datetime.now(UTC).replace(tzinfo=None)
        sheets = import_sheets(session.warehouse, files, now=now, scratch_dir=session.settings.home / "scratch")
        out.print(render_annotation.show_sheets(sheets))
        _print_agreement(session)
        if any(sheet.error or sheet.refused.height for sheet in sheets):
            raise typer.Exit(1)


def show_agreement() -> None:
    """Show how well annotators agree over all stored judgements, and how well they would agree by chance."""
    with known_errors():
        session = open_session()
        last_day_run(session)
        _print_agreement(session)


def _print_agreement(session: Session) -> None:
    from journeys_assets.cli.render import annotation as render_annotation
    from journeys_assets.domain.annotation.agreement import annotator_agreement
    from journeys_assets.storage.queries import annotation as annotation_queries

    with session.warehouse.reading() as con:
        judgements = annotation_queries.stored_judgements(con)
        n_untrainable = annotation_queries.n_untrainable(con)
    out.print(render_annotation.show_agreement(annotator_agreement(judgements)))
    if n_untrainable:
        out.print(
            f"{n_untrainable:,} judgements are about days whose features were deleted, so no ranker can learn from "
            "them. Import sheets sooner, or raise `output_retention_days`"
        )
