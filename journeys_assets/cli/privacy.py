"""`journeys erase` and `journeys retention`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, confirm, err, open_session, out, relative
from journeys_assets.settings import LONGEST_DAYS


def erase(
    user: Annotated[str, typer.Argument(help="The user's id, as in the log.")],
    other_id: Annotated[list[str] | None, typer.Option(help="A further id of the same user; may be repeated.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase a user from everything under `$JOURNEYS_HOME`, for good.

    Rows of every table, records of files in the landing folder, quarantined rows, cached answers and vectors of texts
    that nobody else has, and examples in the history of runs are removed. Rows of the user that come later are left
    out. A receipt lists every place. Exit code 1 if something could not be removed.
    """
    from pathlib import Path

    from journeys_assets.operations import erase as operation
    from journeys_assets.storage.ingest.load import INGEST_TABLES

    session = open_session()
    if not yes:
        confirm(f"Erase {user!r} for good?")
    receipt = operation.erase(
        session.settings,
        session.warehouse,
        (*session.pipeline.tables, *INGEST_TABLES),
        user,
        other_id or (),
        now=datetime.now(UTC).replace(tzinfo=None),
        on_wait=lambda: err.write_line("A load or a run is under way; waiting for it to end …"),
    )
    if as_json:
        out.json(receipt)
    else:
        for place in receipt.removed:
            out.write_line(f"{place.removed:>8,}  {place.what:<28} {place.place}")
        if not receipt.removed and not receipt.left:
            out.write_line(("nothing", "yellow"), f" of {user!r} was found; check that the id is written as in the log")
        places = f"{len(receipt.looked_at):,} {'place' if len(receipt.looked_at) == 1 else 'places'}"
        out.write_line(f"Looked at {places}; receipt: {relative(Path(receipt.file))}")
        for file in receipt.outside:
            out.write_line(("outside", "yellow"), f" {file}: lies outside of the home; remove the user there")
        for name in receipt.destinations:
            out.write_line(
                ("outside", "yellow"), f" {name}: has messages about the user; ask it to erase the user, too"
            )
        if receipt.n_shared_ids:
            out.write_line(
                ("shared", "yellow"),
                f"  {receipt.n_shared_ids} ids are linked to other users too: what the user did under them was removed",
            )
        for file in receipt.shared_files:
            out.write_line(
                ("shared", "yellow"), f"  {file}: has records of such an id without a time of the landing contract"
            )
        for name in receipt.releases:
            out.write_line(
                ("release", "yellow"), f" {name}: trained before; `journeys train` makes one without the user"
            )
        for file, reason in receipt.left.items():
            out.write_line(("left", "red"), f"    {file}: {reason}")
    if not receipt.is_complete:
        raise typer.Exit(1)


def retention(
    days: Annotated[
        int,
        typer.Option(min=1, max=LONGEST_DAYS, help="Days of the log to keep, up to the last day that was run."),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete older events, their keywords and the files of the landing folder that they came from, for good.

    Consent, what users said of their journeys, items and judgements are kept, and ids of journeys. At least the horizon
    of keywords must be kept (`algorithm.keywords.horizon_days`).
    """

    from journeys_assets.operations.retention import forget_old

    session = open_session()
    if not yes:
        confirm(f"Delete events of all but the last {days:,} days for good?")
    found = forget_old(
        session.settings,
        session.warehouse,
        session.pipeline.tables,
        days,
        session.deployment.embedder().model_version,
        on_wait=lambda: err.write_line("A load or a run is under way; waiting for it to end …"),
    )
    if as_json:
        out.json(found)
        return
    for table, n in sorted(found.rows.items()):
        out.write_line(f"{n:>10,}  rows of {table}")
    out.write_line(f"{len(found.files):>10,}  files; what is left begins on {found.before}")
