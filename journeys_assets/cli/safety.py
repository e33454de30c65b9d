"""`journeys safety`: test the rules on your own texts, and see the policy."""

from pathlib import Path
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, open_session, out


def check(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Parquet, CSV or JSON lines with a column `text`; others are kept.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="The same rows with category, decision, score and decided_by. Ends in .parquet, .csv or .jsonl.",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Judge your own texts with the production rules: which are sensitive, and what may be done with them.

    OUT has every row of IN, in the same order, with all of its columns. `decision` is `allow`, `no_notify` (show, but
    never send) or `block` (never show).
    """
    from journeys_assets.cli.render import safety as render_safety
    from journeys_assets.operations.safety_check import check_texts

    done = check_texts(source, target, open_session().deployment.safety_judge())
    if as_json:
        out.json(render_safety.checked_record(done))
    else:
        out.print(render_safety.show_checked(done), soft_wrap=True)


def policy(as_json: AsJson = False) -> None:
    """List the sensitive categories and what is done with journeys of each."""
    from journeys_assets.cli.render import safety as render_safety

    records = render_safety.policy_records(open_session().params.safety)
    if as_json:
        out.json(records)
    else:
        out.print(render_safety.show_policy(records))
