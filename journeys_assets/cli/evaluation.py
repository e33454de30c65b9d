"""`journeys evaluate` and `journeys readout`."""

import json
from datetime import date
from typing import Annotated

import typer

from journeys_assets.cli.context import (
    CommandError,
    day_option,
    definitions_of,
    err,
    known_errors,
    open_deployment,
    out,
    relative,
)
from journeys_assets.errors import require_extra
from journeys_assets.settings import load_settings


def evaluate(
    only: Annotated[
        list[str] | None, typer.Option(help="Measure this part alone; may be given several times. Default: all.")
    ] = None,
) -> None:
    """Measure how good the journeys are, beside baselines and with intervals, and write one report.

    On a synthetic world with known truth; on the public logs and labelled sets in the folder of the setting
    `public_data`, where they are; and on your own log. The first time it runs the pipeline over those logs.
    """
    with known_errors():
        require_extra("evaluate", "journeys evaluate")
        from journeys_assets.cli.render import tables
        from journeys_assets.defs.in_process import dagster_instance
        from journeys_assets.defs.in_process import evaluate as run_evaluation
        from journeys_assets.evaluation.report.section import SECTION_NAMES

        unknown = set(only or ()) - set(SECTION_NAMES)
        if unknown:
            raise CommandError(f"no part {', '.join(sorted(unknown))}; there are {', '.join(SECTION_NAMES)}")
        deployment = open_deployment(load_settings())
        with dagster_instance(deployment) as instance:
            page = run_evaluation(deployment, definitions_of(deployment), instance, only or SECTION_NAMES)
        summary = json.loads(page.with_name("report.json").read_text())["summary"]
        out.print(tables.show_evaluation(row for row in summary if row["is_headline"]))
        out.print(f"Report: {relative(page)}")


def readout(
    from_: Annotated[date | None, day_option("First day; default: that of the first logged send.", "--from")] = None,
    to: Annotated[date | None, day_option("Last day; default: the last day of the log.", "--to")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Read out the notification experiment: rates by arm, effects with intervals over users, and whether to trust them.

    Journey and interest arm are held against each other by opens, clicks and unsubscribes, and against the holdout by
    engagement. Days before the first one explain a part of the engagement, where they were logged.
    """
    with known_errors():
        from journeys_assets.cli.render import experiment
        from journeys_assets.operations.readout import read_out_log

        deployment = open_deployment(load_settings())
        if not deployment.settings.warehouse_path.exists():
            raise CommandError("nothing was ingested yet; `journeys ingest PATH`")
        try:
            found = read_out_log(deployment, from_, to)
        except ValueError as error:
            raise CommandError(str(error)) from error
        if as_json:
            print(json.dumps(experiment.readout_record(found), ensure_ascii=False, indent=2))
            return
        for warning in found.readout.warnings:
            err.print(f"[yellow]warning[/yellow] {warning}", highlight=False)
        out.print(experiment.show_readout(found))
