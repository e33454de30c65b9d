"""`journeys train`."""

from datetime import date, timedelta
from typing import Annotated

import typer
from rich.markdown import Markdown

from journeys_assets.cli.context import (
    day_option,
    definitions_of,
    known_errors,
    last_day_run,
    open_deployment,
    out,
    relative,
)
from journeys_assets.errors import require_extra
from journeys_assets.settings import load_settings


def train(
    as_of: Annotated[date | None, day_option("Labels up to this day are used; live from the day after.")] = None,
) -> None:
    """Train a ranker, a model of when journeys end and naming weights, and release what is better than what is there.

    The ranker learns from what users went on with, from notification feedback and from annotations; it must order later
    days better than the documented prior, and no worse than the live release. The stage model learns from what became
    of journeys; it must be closer to what happened on later days than the fixed gap. The naming weights learn from
    names that annotators gave or let stand; they must name users that they never saw surely better. Exit code 1 if
    nothing is released: the reasons are shown, and what judged before goes on. A daily run never trains.
    """
    with known_errors():
        require_extra("train", "journeys train")
        from journeys_assets.defs.in_process import dagster_instance, train_models

        deployment = open_deployment(load_settings())
        last_day = last_day_run(deployment)
        day = as_of or last_day
        with dagster_instance(deployment) as instance:
            trained = train_models(deployment, definitions_of(deployment), instance, day)
        for model in trained:
            if model.folder is not None:
                out.print(Markdown((model.folder / "model_card.md").read_text()))
        for model in trained:
            if model.folder is not None:
                out.print(f"Released: {relative(model.folder)}; live from {day + timedelta(days=1)}")
            else:
                out.print(f"[yellow]not released[/yellow] {model.model}: {model.reason}", highlight=False)
        if not any(model.folder for model in trained):
            raise typer.Exit(1)
