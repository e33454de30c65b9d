"""`journeys train`."""

from datetime import date, timedelta
from typing import Annotated

import typer

from journeys_assets.cli.context import (
    AsJson,
    day_learnt_up_to,
    day_option,
    open_session,
    out,
    relative,
)
from journeys_assets.cli.errors import is_debugging
from journeys_assets.errors import require_extra


def train(
    as_of: Annotated[
        date | None, day_option("Use labels up to this day; releases are live from the day after.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a ranker, a stage model, naming weights and items, and release each that is better than what is live.

    The ranker learns from which journeys users continued, from notification feedback and from judgements. It must order
    the journeys of later days better than the documented prior, and no worse than the live release. The stage model
    learns from how journeys ended. It must predict later days better than the fixed gap does. The naming weights learn
    from names that annotators gave or accepted. They must name journeys of unseen users significantly better. What is
    known of items from all users, and its weights, must predict what users engage with better than content does. The
    exit code is 1 if nothing is released; the reasons are printed, and live releases stay. A daily run never trains.
    """
    require_extra("train", "journeys train")
    from journeys_assets.defs.build import build_definitions
    from journeys_assets.defs.in_process import dagster_instance, train_models

    session = open_session()
    day = day_learnt_up_to(session, as_of)
    with dagster_instance(session.settings.dagster_home) as instance:
        trained = train_models(build_definitions(session.deployment), instance, day, verbose=is_debugging())
    live_from = day + timedelta(days=1)
    if as_json:
        models = [{"model": one.model, "folder": one.folder, "not_released": one.reason} for one in trained]
        out.json({"as_of": day, "live_from": live_from, "models": models})
    else:
        for model in trained:
            if model.folder is not None:
                out.markdown((model.folder / "model_card.md").read_text(encoding="utf-8"))
        for model in trained:
            if model.folder is not None:
                out.write_line(f"Released: {relative(model.folder)}; live from {live_from}")
            else:
                out.write_line(("not released", "yellow"), f" {model.model}: {model.reason}")
    if not any(model.folder for model in trained):
        raise typer.Exit(1)
