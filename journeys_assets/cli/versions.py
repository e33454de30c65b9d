"""`journeys preview`, `journeys compare` and `journeys versions`."""

import json
from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import day_option, known_errors, last_day_run, open_session, out, relative, today


def preview(
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
) -> None:
    """Show what the current settings would change, by one full inference on a copy of the warehouse.

    The warehouse itself stays unchanged. The journeys of both versions are kept for `journeys compare`.
    """
    with known_errors():
        from journeys_assets.cli.render import comparison
        from journeys_assets.domain.history.comparison import compare_versions
        from journeys_assets.operations import preview as preview_operations
        from journeys_assets.pipeline.run import days_to_run

        session = open_session()
        last_day = last_day_run(session)
        day = days_to_run(session.pipeline, as_of or last_day, as_of or last_day, today=today()).first
        made = preview_operations.preview(session.pipeline, session.settings.home, day)
        for warning in made.summary.warnings:
            out.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
        folder = relative(session.settings.home / preview_operations.VERSIONS)
        out.print(f"Version {made.new.version} as of {made.new.day} → {folder}")
        if made.incumbent is None:
            out.print(f"user_journeys has no journeys on {made.new.day}, so there is nothing to compare with")
            return
        sides = [(side.version, side.day) for side in (made.incumbent, made.new)]
        found = compare_versions(made.incumbent_rows, made.new_rows, session.params.evolution)
        if made.incumbent.version == made.new.version:
            out.print("The current settings are those of user_journeys: this is the same version, computed in full\n")
        out.print(comparison.show_comparison(sides[0], sides[1], found))


def compare(
    one: Annotated[str, typer.Argument(help="An algorithm_version of user_journeys or of a preview.")],
    other: Annotated[str, typer.Argument(help="The version to compare with it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare the journeys of two algorithm versions: counts, agreement, examples of each difference."""
    with known_errors():
        from journeys_assets.cli.render import comparison
        from journeys_assets.domain.history.comparison import compare_versions
        from journeys_assets.operations import preview as preview_operations

        session = open_session()
        known = preview_operations.known_versions(session.warehouse, session.settings.home)
        first, second = preview_operations.find_pair(known, one, other)
        rows = [preview_operations.rows_of(session.warehouse, side) for side in (first, second)]
        found = compare_versions(rows[0], rows[1], session.params.evolution)
        sides = [(side.version, side.day) for side in (first, second)]
        if as_json:
            print(json.dumps(comparison.comparison_record(sides[0], sides[1], found), ensure_ascii=False, indent=2))
        else:
            out.print(comparison.show_comparison(sides[0], sides[1], found))


def list_versions() -> None:
    """List the algorithm versions whose journeys are kept, with their days."""
    with known_errors():
        from journeys_assets.cli.render import tables
        from journeys_assets.operations import preview as preview_operations

        session = open_session()
        present = session.pipeline.versions().of("user_journeys", today())
        known = preview_operations.known_versions(session.warehouse, session.settings.home)
        rows = [
            (version, days, "current settings" if version == present else "")
            for version, days in preview_operations.days_by_version(known).items()
        ]
        out.print(tables.table_of("Versions", rows, "version", "days with journeys", ""))
