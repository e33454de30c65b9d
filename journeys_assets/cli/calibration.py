"""`journeys pairs` and `journeys calibrate`."""

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from journeys_assets.cli.context import (
    AsJson,
    Session,
    day_learnt_up_to,
    day_option,
    day_run,
    err,
    open_session,
    out,
    relative,
    today,
)
from journeys_assets.cli.errors import CommandError
from journeys_assets.domain.parameters import AlgorithmParams

if TYPE_CHECKING:
    from journeys_assets.cli.render.comparison import Version
    from journeys_assets.domain.history.comparison import Comparison
    from journeys_assets.models.llm.base import Asker
    from journeys_assets.operations.calibrate import Calibrated


class Judge(StrEnum):
    """Who says whether two keywords belong to one aim."""

    PEOPLE = "people"
    LLM = "llm"


def live_params(session: Session) -> AlgorithmParams:
    """The parameters of the deployment, with the threshold of the latest calibration."""
    from journeys_assets.models.calibration.release import clustering_on

    folder = session.deployment.releases("calibration")
    return dataclasses.replace(session.params, clustering=clustering_on(folder, date.max, session.params.clustering))


def pairs(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="[IN] PAIRS",
            help="PAIRS: file to write: .html for a page to judge in, or .csv, .parquet or .jsonl. IN: ask about the "
            "keywords of this file, as for `journeys cluster`; by default about those of the deployment.",
        ),
    ],
    n: Annotated[int, typer.Option("--n", metavar="N", min=1, max=10_000, help="Most pairs.")] = 20,
    as_of: Annotated[date | None, day_option("Without IN. Default: the last day that was run.")] = None,
    judge: Annotated[
        Judge, typer.Option(help="Who fills the column `same`: you, or the language model of the settings.")
    ] = Judge.PEOPLE,
    as_json: AsJson = False,
) -> None:
    """Write the pairs of keywords that are most worth a yes or no: do these two belong to one aim of this user?

    Open a page in a browser, answer with the keys y and n, and save it as CSV. In another file, fill the column `same`
    with yes or no, and leave it empty where you cannot say. Then call `journeys calibrate --pairs PAIRS` for the
    deployment, or `journeys cluster IN OUT --pairs PAIRS` for a file. Twenty answers are worth most.
    """
    from journeys_assets.storage.queries.model_calls import record_calls

    if len(files) > 2:
        raise CommandError("give one or two files: `journeys pairs PAIRS` or `journeys pairs IN PAIRS`")
    session = open_session()
    asker = None
    if judge is Judge.LLM:
        asker = session.deployment.asker(uuid.uuid4().hex)
        if asker is None:
            raise CommandError("no language model is set; name one in the section [llm] of journeys.toml")
    try:
        n_written = write_pairs_to(files[-1], files[:-1], session, n, as_of, asker)
    finally:
        if asker is not None:
            record_calls(session.warehouse, asker.calls())
    if as_json:
        out.json({"file": files[-1], "n_pairs": n_written})
    else:
        then = "open it in a browser and answer with y and n"
        if files[-1].suffix.lower() != ".html":
            then = "fill the column same with yes or no" if asker is None else "see what the model said in same"
        if not n_written:
            then = "no user has two keywords of which it is in doubt whether they belong together"
        out.write_line(f"{n_written:,} pairs → {files[-1]}; {then}")


def write_pairs_to(
    target: Path, sources: Sequence[Path], session: Session, n: int, as_of: date | None, asker: "Asker | None"
) -> int:
    """Write pairs of the first of ``sources``, or of the deployment if there is none; returns how many."""
    from journeys_assets.operations.calibrate import write_pairs
    from journeys_assets.operations.label_keywords import pairs_of_file
    from journeys_assets.operations.sheet_pages import SALT_FILE
    from journeys_assets.storage.outside import note_outside

    params, salt_file = live_params(session), session.settings.home / SALT_FILE
    if sources:
        return pairs_of_file(
            sources[0],
            target,
            n,
            session.deployment.embedder,
            params,
            now=datetime.now(UTC).replace(tzinfo=None),
            progress=partial(session.deployment.progress, "embedding"),
            salt_file=salt_file,
            asker=asker,
        )
    model = session.deployment.embedder().model_version
    day = day_learnt_up_to(session, as_of)
    note_outside(session.settings.home, target)
    return write_pairs(session.warehouse, params.clustering, model, day, target, n, salt_file, asker)


def calibrate(
    pairs: Annotated[
        Path | None, typer.Option(metavar="PAIRS", help="Judged pairs, from `journeys pairs PAIRS`.")
    ] = None,
    as_of: Annotated[date | None, day_option("Use the log up to this day. Default: the last day that was run.")] = None,
    preview: Annotated[
        bool,
        typer.Option(
            "--preview",
            help="Release nothing; show what would change, by one full inference on a copy of the warehouse.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Find out how broad the journeys of this log are, and release that from the day after on.

    It follows from the log alone: keywords of different people do not belong together. Judged pairs make it surer. On
    the first day of a release every user is clustered again. The exit code is 1 if nothing is released, or would be;
    the reason is printed, and what was live stays.
    """
    from journeys_assets.cli.render import comparison
    from journeys_assets.operations import calibrate as operation
    from journeys_assets.operations.sheet_pages import SALT_FILE

    session = open_session()
    day = day_learnt_up_to(session, as_of)
    if preview:
        # A day that can be shown is one whose journeys are there to compare with.
        day = day_run(session, day)
    done = (operation.proposal if preview else operation.calibrate)(
        session.warehouse,
        session.params.clustering,
        session.deployment.embedder().model_version,
        session.deployment.releases("calibration"),
        day,
        None if pairs is None else operation.read_pairs(session.warehouse, pairs, session.settings.home / SALT_FILE),
    )
    found = done.threshold
    seen = preview_of(session, done, day) if preview else None
    if as_json:
        record = None if seen is None else comparison.comparison_record(*seen)
        out.json(
            {
                "least_log_odds": found.least_log_odds,
                "area_distance": found.log.area_distance,
                "before": {name: getattr(done.before, name) for name in ("least_log_odds", "area_distance")},
                "found_from": found.source,
                "n_pairs": found.n_pairs,
                "n_unused_pairs": found.n_unused,
                "folder": done.folder,
                "live_from": done.live_from,
                "not_released": done.refused,
                "comparison": record,
            }
        )
    else:
        new, live = done.threshold.params(session.params.clustering), done.before
        out.write_line(f"Threshold {new.least_log_odds:g}, from {found.source}; live is {live.least_log_odds:g}")
        out.write_line(f"Areas: mean distance below {new.area_distance:g}; live is {live.area_distance:g}")
        if found.n_unused:
            out.write_line(
                (f"{found.n_unused} pairs", "yellow"), " were not used: their user lacks one of the keywords"
            )
        if seen is not None:
            out.print(comparison.show_comparison(*seen))
        if done.refused is not None:
            out.write_line(("not released", "yellow"), f": {done.refused}")
        elif done.folder is not None:
            more = broader_or_finer(new.least_log_odds, live.least_log_odds)
            out.write_line(f"Released: {relative(done.folder)}; live from {done.live_from}. {more}")
        else:
            out.write_line(f"Nothing was released. Without --preview it is live from {done.live_from}")
    if done.refused is not None:
        raise typer.Exit(1)


def broader_or_finer(new: float, live: float) -> str:
    """What another threshold does to the journeys."""
    if new == live:
        return "Journeys stay as they are; areas change"
    return f"Journeys become {'broader' if new < live else 'finer'}"


def preview_of(session: Session, done: "Calibrated", day: date) -> tuple["Version", "Version", "Comparison"]:
    """The journeys of ``day`` as they are, beside those with a proposed calibration."""
    from journeys_assets.domain.history.comparison import compare_versions
    from journeys_assets.models.calibration import release as releases
    from journeys_assets.operations import preview as preview_operations
    from journeys_assets.pipeline.run import days_to_run

    release = dataclasses.replace(done.release, live_from=day, card=done.release.card | {"live_from": str(day)})
    day = days_to_run(session.pipeline, day, day, today=today()).first
    tried = {session.deployment.releases("calibration"): partial(releases.save, release)}
    made = preview_operations.preview(session.pipeline, session.settings.home, day, tried)
    for warning in made.summary.warnings:
        err.write_line(("warning", "yellow"), f" {warning}")
    version = str(made.incumbent_rows["algorithm_version"][0]) if made.incumbent else "no journeys"
    found = compare_versions(made.incumbent_rows, made.new_rows, session.params.evolution)
    return (version, day), (made.new.version, day), found
