"""`journeys evaluate` and `journeys readout`."""

import json
from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import AsJson, day_option, err, last_day_run, open_session, out, relative
from journeys_assets.cli.errors import CommandError, is_debugging
from journeys_assets.errors import require_extra


def evaluate(
    only: Annotated[
        list[str] | None, typer.Option(help="Measure only this part. May be repeated. Default: every part.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure the quality of the journeys against baselines, with intervals, and write a report.

    The data are a synthetic world with known truth, your own log, and the public logs and labelled sets in the folder
    of the setting `public_data`, where it has any. The first call runs the pipeline over those logs.
    """
    require_extra("evaluate", "journeys evaluate")
    from journeys_assets.cli.render import tables
    from journeys_assets.defs.build import build_definitions
    from journeys_assets.defs.in_process import dagster_instance
    from journeys_assets.defs.in_process import evaluate as run_evaluation
    from journeys_assets.evaluation.report.section import SECTION_NAMES

    unknown = set(only or ()) - set(SECTION_NAMES)
    if unknown:
        raise CommandError(f"unknown part {', '.join(sorted(unknown))}; the parts are {', '.join(SECTION_NAMES)}")
    session = open_session()
    with dagster_instance(session.settings.dagster_home) as instance:
        page = run_evaluation(
            build_definitions(session.deployment), instance, only or SECTION_NAMES, verbose=is_debugging()
        )
    summary = json.loads(page.with_name("report.json").read_text())["summary"]
    headlines = [row for row in summary if row["is_headline"]]
    if as_json:
        out.json({"report": page, "summary": headlines})
        return
    out.print(tables.show_evaluation(headlines))
    out.write_line(f"Report: {relative(page)}")


def readout(
    from_: Annotated[date | None, day_option("First day. Default: the day of the first logged send.", "--from")] = None,
    to: Annotated[date | None, day_option("Last day. Default: the last day of the log.", "--to")] = None,
    as_json: AsJson = False,
) -> None:
    """Report on the notification experiment: rates by arm, effects with intervals over users, and validity checks.

    The journey arm is compared with the interest arm by opens, clicks and unsubscribes. Both are compared with the
    holdout by engagement. Where there is a log of the days before the first one, it is used to adjust engagement for
    differences between users.
    """
    from journeys_assets.cli.render import experiment
    from journeys_assets.operations.readout import read_out_log

    session = open_session()
    last_day_run(session)
    try:
        found = read_out_log(session.warehouse, session.params.notifications, from_, to)
    except ValueError as error:
        raise CommandError(str(error)) from error
    if as_json:
        out.json(experiment.readout_record(found))
        return
    for warning in found.readout.warnings:
        err.write_line(("warning", "yellow"), f" {warning}")
    out.print(experiment.show_readout(found))
