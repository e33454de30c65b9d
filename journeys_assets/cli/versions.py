"""`journeys preview`, `journeys compare` and `journeys versions`."""

from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, day_option, day_run, err, open_session, out, relative, today


def preview(
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the current settings would change, by one full inference on a copy of the warehouse.

    The warehouse itself stays unchanged. The journeys of both versions are kept for `journeys compare`.
    """
    from journeys_assets.cli.render import comparison
    from journeys_assets.domain.history.comparison import compare_versions
    from journeys_assets.operations import preview as preview_operations
    from journeys_assets.pipeline.run import days_to_run

    session = open_session()
    day = day_run(session, as_of)
    day = days_to_run(session.pipeline, day, day, today=today()).first
    made = preview_operations.preview(session.pipeline, session.settings.home, day)
    warnings = err if as_json else out
    for warning in made.summary.warnings:
        warnings.write_line(("warning", "yellow"), f" {warning}")
    folder = session.settings.home / preview_operations.VERSIONS
    record = {
        "version": made.new.version,
        "day": made.new.day,
        "folder": folder,
        "warnings": made.summary.warnings,
        "comparison": None,
    }
    if not as_json:
        out.write_line(f"Version {made.new.version} as of {made.new.day} → {relative(folder)}")
    if made.incumbent is None:
        if as_json:
            out.json(record)
        else:
            out.write_line(f"user_journeys has no journeys on {made.new.day}, so there is nothing to compare with")
        return
    sides = [(side.version, side.day) for side in (made.incumbent, made.new)]
    found = compare_versions(made.incumbent_rows, made.new_rows, session.params.evolution)
    if as_json:
        out.json(record | {"comparison": comparison.comparison_record(sides[0], sides[1], found)})
        return
    if made.incumbent.version == made.new.version:
        out.write_line("The current settings are those of user_journeys: this is the same version, computed in full")
        out.write_line()
    out.print(comparison.show_comparison(sides[0], sides[1], found))


def compare(
    one: Annotated[str, typer.Argument(help="An algorithm_version of user_journeys or of a preview.")],
    other: Annotated[str, typer.Argument(help="The version to compare with it.")],
    as_json: AsJson = False,
) -> None:
    """Compare the journeys of two algorithm versions: counts, agreement, examples of each difference."""
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
        out.json(comparison.comparison_record(sides[0], sides[1], found))
    else:
        out.print(comparison.show_comparison(sides[0], sides[1], found))


def list_versions(as_json: AsJson = False) -> None:
    """List the algorithm versions whose journeys are kept, with their days."""
    from journeys_assets.cli.render import tables
    from journeys_assets.operations import preview as preview_operations

    session = open_session()
    present = session.pipeline.versions().of("user_journeys", today())
    known = preview_operations.known_versions(session.warehouse, session.settings.home)
    if as_json:
        days: dict[str, list[date]] = {}
        for one in known:
            days.setdefault(one.version, []).append(one.day)
        listed = [{"version": name, "days": mine, "is_current": name == present} for name, mine in days.items()]
        out.json({"current": present, "versions": listed})
        return
    rows = [
        (version, days, "current settings" if version == present else "")
        for version, days in preview_operations.days_by_version(known).items()
    ]
    out.print(tables.table_of("Versions", rows, "version", "days with journeys", ""))
