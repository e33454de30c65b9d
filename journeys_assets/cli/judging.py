"""`journeys judge-agreement`: how well the judges of journeys agree with people."""

import uuid
from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, day_learnt_up_to, day_option, open_session, out, relative


def judge_agreement(
    as_of: Annotated[
        date | None, day_option("Use judgements of journeys up to this day. Default: the last day that was run.")
    ] = None,
    release: Annotated[
        bool, typer.Option("--release/--no-release", help="Whether the verdicts are stored for the runs of later days.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Compare the judges of journeys with people, with each other's agreement and with chance.

    The rubric, and the language model if there is one, judge every journey that people judged. A judge is calibrated
    where its agreement is shown on enough journeys. Until then its figures are marked as uncalibrated; they block
    nothing in either case.
    """
    from journeys_assets.cli.render import judging as render
    from journeys_assets.operations.judge_agreement import measure_agreement
    from journeys_assets.pipeline.registry import JUDGE, judges_of

    session = open_session()
    day = day_learnt_up_to(session, as_of)
    deployment = session.deployment
    done = measure_agreement(
        judges_of(deployment),
        deployment.asker(uuid.uuid4().hex),
        deployment.releases(JUDGE.folder),
        day,
        is_released=release,
    )
    if as_json:
        out.json(render.agreements_record(done))
        return
    out.print(render.show_agreements(done))
    if done.folder is not None:
        out.write_line(f"Stored: {relative(done.folder)}; the verdicts count from {done.live_from}")
