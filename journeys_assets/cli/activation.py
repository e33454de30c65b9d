"""`journeys activate`."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from journeys_assets.cli.context import AsJson, day_option, day_run, open_session, out

if TYPE_CHECKING:
    from journeys_assets.operations.activation.hand_over import Activation


def activate(
    to: Annotated[
        list[str] | None,
        typer.Option(
            help="segment, a webhook https://…, postgresql://…, csv:FOLDER, parquet:FOLDER or parquet:s3://…; may be "
            "repeated. Default: the setting `activation.to`."
        ),
    ] = None,
    what: Annotated[list[str] | None, typer.Option(help="notifications or traits; default: both.")] = None,
    as_of: Annotated[date | None, day_option("Default: the last day that was run.")] = None,
    retry_refused: Annotated[bool, typer.Option("--retry-refused", help="Try again what was refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand over planned sends, and journeys as traits and audiences, to other systems; only what changed.

    Every message is in the ledger (`activation.handed_over`) and has a key, so nothing is sent twice: not after a
    rerun, a kill or a plan that was made again. Consent, caps and cool-downs are checked once more before a send
    leaves.
    """
    from journeys_assets.operations.activation.base import ActivationError
    from journeys_assets.operations.activation.choose import FORMS, destination_of
    from journeys_assets.operations.activation.hand_over import WHAT
    from journeys_assets.operations.activation.hand_over import activate as hand_over

    session = open_session()
    settings = session.settings.activation
    addresses = to or list(settings.to)
    if not addresses:
        raise ActivationError(f"no destination; give --to, or set activation.to; destinations are {FORMS}")
    chosen = tuple(what or settings.what)
    if unknown := sorted(set(chosen) - set(WHAT)):
        raise typer.BadParameter(f"{', '.join(unknown)} cannot be handed over; choose from {', '.join(WHAT)}")
    day = day_run(session, as_of)
    destinations = [destination_of(address, **settings.secrets) for address in addresses]
    done = [
        hand_over(
            session.warehouse,
            destination,
            day,
            session.params.notifications,
            settings.audiences,
            now=datetime.now(UTC).replace(tzinfo=None),
            run_id=uuid4().hex,
            what=chosen,
            retry_refused=retry_refused,
        )
        for destination in destinations
    ]
    if as_json:
        out.json(done)
        return
    for one in done:
        _show(one)


def _show(done: "Activation") -> None:
    out.write_line(f"{done.destination}, as of {done.day}")
    out.write_line(f"  handed over: {_counts(done.accepted) or 'nothing changed'}")
    if done.withheld:
        out.write_line(f"  held back:   {_counts(done.withheld)}")
    if done.refused:
        out.write_line(
            ("  refused:", "yellow"), f"     {_counts(done.refused)}; for instance {next(iter(done.reasons.values()))}"
        )


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items()) if n)
