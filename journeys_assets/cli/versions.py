"""`journeys preview`, `journeys compare` and `journeys versions`."""

import json
from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import day_option, known_errors, last_day_run, open_deployment, out, relative
from journeys_assets.settings import load_settings


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

        deployment = open_deployment(load_settings())
        last_day = last_day_run(deployment)
        made = preview_operations.preview(deployment, as_of or last_day)
        for warning in made.summary.warnings:
            out.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
        folder = relative(preview_operations.versions_path(deployment))
        out.print(f"Version {made.new.version} as of {made.new.day} → {folder}")
        if made.incumbent is None:
            out.print(f"user_journeys has no journeys on {made.new.day}, so there is nothing to compare with")
            return
        sides = [(side.version, side.day) for side in (made.incumbent, made.new)]
        found = compare_versions(made.incumbent_rows, made.new_rows, deployment.algorithm.evolution)
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

        deployment = open_deployment(load_settings())
        first, second = preview_operations.find_pair(deployment, one, other)
        rows = [preview_operations.rows_of(deployment, side) for side in (first, second)]
        found = compare_versions(rows[0], rows[1], deployment.algorithm.evolution)
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

        deployment = open_deployment(load_settings())
        now = deployment.version_of("lifecycle")
        rows = [
            (version, days, "current settings" if version == now else "")
            for version, days in preview_operations.days_by_version(
                preview_operations.known_versions(deployment)
            ).items()
        ]
        out.print(tables.table_of("Versions", rows, "version", "days with journeys", ""))
